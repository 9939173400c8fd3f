//! The events WebSocket: `GET /events/{topic}` with a participant token as the only subprotocol. Connecting is joining.
//!
//! The token decides; `Origin` does not matter, since a browser adds no credential of its own. What is refused before the
//! upgrade: a request without a token that verifies (401), and a token for another topic (403). What `stage` refuses is
//! told on the open socket, so that a browser, which sees no status, learns why.
//!
//! What is absent: compression, and binary messages.

mod message;
mod socket;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderValue, Request};
use model::Grant;

use crate::client_info;
use crate::plane::Plane;
use crate::problem::Problem;

pub(crate) use message::stage_state;

/// Longest message of a client.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// What waits for a client that reads slowly: a few snapshots of a full stage (12 publishers with 1 KiB of attributes each
/// make 20 KiB).
const UNSENT_BYTES_MAX: usize = 256 << 10;

/// The routes.
pub(crate) fn router() -> Router<Arc<Plane>> {
    Router::new().route("/events/{topic}", get(events))
}

async fn events(
    State(plane): State<Arc<Plane>>,
    Path(topic): Path<String>,
    request: Request<Body>,
) -> Result<Response, Response> {
    let token = presented(&plane, &request).map_err(IntoResponse::into_response)?;
    let grant = admit(&plane, &topic, &token).await;
    let grant = grant.map_err(IntoResponse::into_response)?;
    let mark = plane.socket_mark().map_err(IntoResponse::into_response)?;
    let client = client_info::from_headers(request.headers());
    let (mut parts, _) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &())
        .await
        .map_err(IntoResponse::into_response)?;
    let mut upgrade = upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .read_buffer_size(16 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(UNSENT_BYTES_MAX);
    // A browser fails the connection unless the subprotocol it offered comes back.
    upgrade.set_selected_protocol(token);
    Ok(upgrade.on_upgrade(async move |socket| {
        socket::run(plane, socket, grant, client).await;
        drop(mark);
    }))
}

/// The token that the request presents, if it may try one.
fn presented<B>(plane: &Plane, request: &Request<B>) -> Result<HeaderValue, Problem> {
    plane.may_try(request.extensions())?;
    subprotocol(request)
}

async fn admit(plane: &Plane, topic: &str, token: &HeaderValue) -> Result<Grant, Problem> {
    let caller = plane.verify(token.to_str().unwrap_or_default()).await?;
    if caller.grant.stage.id.as_str() == topic {
        Ok(caller.grant)
    } else {
        Err(Problem::forbidden("the token is for another topic"))
    }
}

fn subprotocol<B>(request: &Request<B>) -> Result<HeaderValue, Problem> {
    let mut values = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    match (values.next(), values.next()) {
        (Some(value), None) if !value.as_bytes().contains(&b',') => Ok(value.clone()),
        _ => Err(Problem::token_missing(
            "the only subprotocol must be a participant token",
        )),
    }
}
