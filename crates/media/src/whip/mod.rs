//! WHIP (RFC 9725) for publishers and WHEP (draft-ietf-wish-whep) for subscribers.
//!
//! | path | methods |
//! |---|---|
//! | `/whip`, `/whip/`, `/whip/publish/{participant}` | POST an offer to publish |
//! | `/whip/subscribe/{participant}` | POST an offer to receive that participant |
//! | `/whip/session/{name}` | PATCH a trickle fragment, DELETE |
//!
//! Each also answers GET, HEAD and OPTIONS. Every reply can be read by a page of any origin: what gives access is the
//! token in the request, never a cookie. What is absent: `Link: rel="ice-server"` (candidates are reachable without a
//! relay, over TCP where UDP is blocked) and WHEP counter-offers.

mod offer;
mod request;
mod session;

use std::sync::Arc;

use axum::Router;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE,
};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::plane::Plane;

/// Media type of offers and answers.
const SDP: &str = "application/sdp";
/// Media type of trickle fragments (RFC 8840, section 9).
const SDP_FRAGMENT: &str = "application/trickle-ice-sdpfrag";

const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

const ENDPOINT_METHODS: &str = "POST, GET, HEAD, OPTIONS";
const SESSION_METHODS: &str = "PATCH, DELETE, GET, HEAD, OPTIONS";

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

async fn endpoint_options() -> Response {
    options(ENDPOINT_METHODS, ACCEPT_POST, SDP)
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
