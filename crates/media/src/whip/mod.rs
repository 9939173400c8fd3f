//! WHIP (RFC 9725) for publishers and WHEP (draft-ietf-wish-whep) for subscribers.
//!
//! | path | methods |
//! |---|---|
//! | `/whip`, `/whip/`, `/whip/publish/{participant}` | POST an offer to publish |
//! | `/whip/subscribe/{participant}` | POST an offer to receive that participant |
//! | `/whip/session/{name}` | PATCH a trickle fragment, DELETE |
//! | `/whip/session/{name}/events` | POST a list of events, GET them as a stream |
//! | `/whip/session/{name}/layer` | POST the layer that is to be sent |
//!
//! Each also answers OPTIONS, the first three GET and HEAD. Every reply can be read by a page of any origin: what gives access is the
//! token in the request, never a cookie. What is absent: WHEP counter-offers.

mod layer;
mod offer;
mod request;
mod session;
mod stream;

pub(crate) use stream::STREAMS_MAX;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ALLOW,
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, LINK,
};
use http::{HeaderName, HeaderValue, Request, StatusCode};
use model::ParticipantId;
use stage::{Input, Reply};

use crate::plane::Plane;
use crate::problem::Problem;

/// Media type of offers and answers.
const SDP: &str = "application/sdp";
/// Media type of what is not SDP.
const JSON: &str = "application/json";
/// Media type of trickle fragments (RFC 8840, section 9).
const SDP_FRAGMENT: &str = "application/trickle-ice-sdpfrag";

const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

const ENDPOINT_METHODS: &str = "POST, GET, HEAD, OPTIONS";
const SESSION_METHODS: &str = "PATCH, DELETE, GET, HEAD, OPTIONS";
const STREAM_METHODS: &str = "POST, GET, HEAD, OPTIONS";
const LAYER_METHODS: &str = "POST, OPTIONS";

/// The routes.
pub(crate) fn router() -> Router<Arc<Plane>> {
    let publish = || post(offer::publish).get(endpoint).options(endpoint_options);
    Router::new()
        .route("/whip", publish())
        .route("/whip/", publish())
        .route(
            "/whip/publish/{participant}",
            post(offer::publish_as)
                .get(endpoint)
                .options(endpoint_options),
        )
        .route(
            "/whip/subscribe/{participant}",
            post(offer::subscribe)
                .get(endpoint)
                .options(endpoint_options),
        )
        .route(
            "/whip/session/{session}",
            get(session::get)
                .patch(session::patch)
                .delete(session::delete)
                .options(session_options),
        )
        .route(
            "/whip/session/{session}/events",
            get(stream::read)
                .post(stream::choose)
                .options(async || options(STREAM_METHODS, ACCEPT_POST, JSON)),
        )
        .route(
            "/whip/session/{session}/layer",
            post(layer::choose).options(async || options(LAYER_METHODS, ACCEPT_POST, JSON)),
        )
        .layer(map_response(open_to_all_origins))
}

async fn open_to_all_origins(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Location, Link, ETag, Retry-After"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// GET and HEAD: nothing to see, and the type that HEAD is asked for (WHEP).
async fn endpoint() -> Response {
    empty_sdp()
}

fn empty_sdp() -> Response {
    (StatusCode::OK, [(CONTENT_TYPE, SDP)]).into_response()
}

/// OPTIONS of an endpoint. To a client that shows its token it names the ICE servers too (RFC 9725 section 4.6); a preflight
/// never has one.
async fn endpoint_options(
    State(plane): State<Arc<Plane>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let mut response = options(ENDPOINT_METHODS, ACCEPT_POST, SDP);
    let headers = request.headers();
    if headers.contains_key(AUTHORIZATION) && !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        let caller = plane.verify(request::token(&plane, &request)?).await?;
        let grant = caller.grant.clone();
        match plane.ask(Input::Knock { grant }).await? {
            Reply::Done => link_ice_servers(&plane, &caller.grant.participant, &mut response),
            Reply::Refused(refusal) => return Err(refusal.into()),
            Reply::Joined { .. } | Reply::Admitted { .. } | Reply::Exchanged => {
                return Err(Problem::internal());
            }
        }
    }
    Ok(response)
}

/// Adds a `Link` header for each URL of each ICE server.
fn link_ice_servers(plane: &Plane, participant: &ParticipantId, response: &mut Response) {
    for server in plane.ice_servers(participant, plane.now().wall) {
        for link in server.links() {
            response.headers_mut().append(LINK, link);
        }
    }
}

async fn session_options() -> Response {
    options(SESSION_METHODS, ACCEPT_PATCH, SDP_FRAGMENT)
}

fn options(methods: &'static str, accepts: HeaderName, media_type: &'static str) -> Response {
    let headers = [
        (ALLOW, methods),
        (accepts, media_type),
        (ACCESS_CONTROL_ALLOW_METHODS, methods),
        (
            ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type, Accept, If-Match",
        ),
        // Browsers cut it to two hours (Chromium) or a day (Firefox).
        (ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::OK, headers).into_response()
}
