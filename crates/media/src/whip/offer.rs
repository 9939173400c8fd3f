//! Offers: a publish or a subscription begins.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::{Request, StatusCode};
use model::{ErrorCode, ParticipantId};
use sfu::{Direction, Offer};
use stage::Input;

use super::{SDP, link_ice_servers, request};
use crate::admission::{Admission, Established};
use crate::client_info;
use crate::connections::Kind;
use crate::plane::Plane;
use crate::problem::Problem;

/// POST to the bare endpoint: the token says who publishes where.
pub(super) async fn publish(
    State(plane): State<Arc<Plane>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    publish_offer(&plane, None, request).await
}

/// POST that names the participant too.
pub(super) async fn publish_as(
    State(plane): State<Arc<Plane>>,
    Path(participant): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    publish_offer(&plane, Some(participant), request).await
}

async fn publish_offer(
    plane: &Arc<Plane>,
    named: Option<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let caller = plane.verify(request::token(plane, &request)?).await?;
    let grant = &caller.grant;
    if named.is_some_and(|named| named != grant.participant.as_str()) {
        return Err(Problem::forbidden("the token is another participant's"));
    }
    request::accepts(request.headers(), SDP)?;
    let client = client_info::from_headers(request.headers());
    let sdp = request::text(request, SDP).await?;
    let offer = Offer::parse(&sdp, Direction::Publish)?;
    plane.confirm(&caller).await?;
    let mut admission = Admission::open(plane, Kind::Publish);
    let input = Input::Publish {
        connection: admission.connection(),
        grant: grant.clone(),
        client,
        fault: offer.fault(),
    };
    admission.ask(input).await?;
    let established = admission.establish(&caller, offer, None).await?;
    Ok(created(plane, &grant.participant, established))
}

/// POST to receive a participant.
pub(super) async fn subscribe(
    State(plane): State<Arc<Plane>>,
    Path(publisher): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let caller = plane.verify(request::token(&plane, &request)?).await?;
    let publisher = ParticipantId::parse(&publisher).map_err(|error| {
        let code = ErrorCode::PublisherNotFound.as_str();
        Problem::new(StatusCode::NOT_FOUND, code, error.to_string())
    })?;
    request::accepts(request.headers(), SDP)?;
    let client = client_info::from_headers(request.headers());
    let sdp = request::text(request, SDP).await?;
    let offer = Offer::parse(&sdp, Direction::Subscribe)?;
    plane.confirm(&caller).await?;
    let mut admission = Admission::open(&plane, Kind::Subscribe);
    let input = Input::Subscribe {
        connection: admission.connection(),
        grant: caller.grant.clone(),
        client,
        publisher,
    };
    let publish = admission.ask(input).await?.ok_or_else(Problem::internal)?;
    let established = admission.establish(&caller, offer, Some(publish)).await?;
    Ok(created(&plane, &caller.grant.participant, established))
}

fn created(plane: &Plane, participant: &ParticipantId, established: Established) -> Response {
    let location = format!("{}/whip/session/{}", plane.public_url, established.key);
    let headers = [
        (CONTENT_TYPE, SDP.to_owned()),
        (LOCATION, location),
        (ETAG, established.etag),
    ];
    let mut response = (StatusCode::CREATED, headers, established.answer.sdp).into_response();
    link_ice_servers(plane, participant, &mut response);
    response
}
