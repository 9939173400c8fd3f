//! Offers: a publish or a subscription begins.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ETAG, LINK, LOCATION};
use http::{HeaderValue, Request, StatusCode};
use model::{ErrorCode, ParticipantId};
use sfu::{Direction, Offer};
use stage::Input;

use super::{SDP, link_ice_servers, request, stream};
use crate::admission::{Admission, Established};
use crate::client_info;
use crate::connections::{Kind, SessionKey};
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
    admission.ask(input, &grant.stage).await?;
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
    let source = admission.ask(input, &caller.grant.stage).await?;
    let source = source.ok_or_else(Problem::internal)?;
    let established = admission.establish(&caller, offer, Some(source)).await?;
    let video_mid = video_mid(&established.answer.sdp).map(str::to_owned);
    plane
        .connections
        .session_answered(established.key, video_mid);
    let extensions = extension_links(&plane, established.key);
    let mut response = created(&plane, &caller.grant.participant, established);
    for link in extensions {
        if let Ok(link) = HeaderValue::try_from(link) {
            response.headers_mut().append(LINK, link);
        }
    }
    Ok(response)
}

/// Where a subscription's events are, and where its layer is chosen.
fn extension_links(plane: &Plane, key: SessionKey) -> [String; 2] {
    let session = format!("{}/whip/session/{key}", plane.public_url);
    [
        format!(
            "<{session}/events>; rel=\"urn:ietf:params:whep:ext:core:server-sent-events\"; events=\"{}\"",
            stream::EVENTS
        ),
        format!("<{session}/layer>; rel=\"urn:ietf:params:whep:ext:core:layer\""),
    ]
}

/// The `mid` of the section in which an answer sends video.
fn video_mid(answer: &str) -> Option<&str> {
    let mut sections = answer.split("\r\nm=").skip(1);
    let video = sections
        .find(|section| section.starts_with("video ") && !section.starts_with("video 0 "))?;
    video.lines().find_map(|line| line.strip_prefix("a=mid:"))
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

#[cfg(test)]
mod tests {
    use super::video_mid;

    #[test]
    fn video_is_found_where_it_is_sent() {
        let audio = "v=0\r\nm=audio 9 X 111\r\na=mid:0\r\n";
        for (video, expected) in [
            ("m=video 9 X 96\r\na=mid:1\r\n", Some("1")),
            ("m=video 0 X 96\r\na=mid:1\r\n", None),
            ("", None),
        ] {
            assert_eq!(video_mid(&format!("{audio}{video}")), expected);
        }
    }
}
