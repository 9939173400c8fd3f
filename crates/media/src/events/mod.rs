//! The events WebSocket: `GET /events/{topic}`, in two dialects that the subprotocols tell apart.
//!
//! With a participant token as the only subprotocol it is the dialect of IVS: connecting is joining, and what changes comes as
//! whole snapshots. With `stage.v1` and a token, in that order, it is the protocol of `docs/stage-v1.md` (`stage_v1`). At
//! `GET /events/_connection` a connection token opens one socket for several sessions of `stage.v1`.
//!
//! The token decides; `Origin` does not matter, since a browser adds no credential of its own. What is refused before the
//! upgrade: a request without a token that verifies (401), and a token for another topic (403). What `stage` refuses is
//! told on the open socket, so that a browser, which sees no status, learns why.
//!
//! What is absent: compression, and binary messages.

mod message;
mod socket;
mod stage_v1;

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
pub(crate) use stage_v1::{Sessions, Tenants, TokenName};

/// Longest message of a client in the dialect of IVS.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Longest message of a client in `stage.v1`: a browser's offer of as many sections as there may be, with all its codecs,
/// makes one of 110 KB (Chromium 156), and the longest SDP that is read one of 140 KB.
const STAGE_V1_MESSAGE_BYTES_MAX: usize = 160 << 10;
/// What waits for a client that reads slowly: a few snapshots of a full stage (12 publishers with 1 KiB of attributes each
/// make 20 KiB).
const UNSENT_BYTES_MAX: usize = 256 << 10;

/// The routes.
pub(crate) fn router() -> Router<Arc<Plane>> {
    Router::new()
        .route(stage_v1::CONNECTION_PATH, get(stage_v1::connect))
        .route("/events/{topic}", get(events))
}

async fn events(
    State(plane): State<Arc<Plane>>,
    Path(topic): Path<String>,
    request: Request<Body>,
) -> Result<Response, Response> {
    plane
        .may_try(request.extensions())
        .map_err(IntoResponse::into_response)?;
    let (dialect, token) = dialect(&request).map_err(IntoResponse::into_response)?;
    let grant = admit(&plane, &topic, &token).await;
    let grant = grant.map_err(IntoResponse::into_response)?;
    let mark = plane.socket_mark().map_err(IntoResponse::into_response)?;
    let client = client_info::from_headers(request.headers());
    let mut upgrade = upgrade(request, dialect).await?;
    Ok(match dialect {
        Dialect::Ivs => {
            // A browser fails the connection unless a subprotocol that it offered comes back.
            upgrade.set_selected_protocol(token);
            upgrade.on_upgrade(async move |socket| {
                socket::run(plane, socket, grant, client).await;
                drop(mark);
            })
        }
        Dialect::StageV1 => upgrade.on_upgrade(async move |socket| {
            Box::pin(stage_v1::knock(plane, socket, grant, client)).await;
            drop(mark);
        }),
    })
}

/// A WebSocket with the bounds of its dialect, and in `stage.v1` with that as the subprotocol.
async fn upgrade(request: Request<Body>, dialect: Dialect) -> Result<WebSocketUpgrade, Response> {
    let (mut parts, _) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &())
        .await
        .map_err(IntoResponse::into_response)?;
    let (read_buffer_bytes, message_bytes_max) = match dialect {
        Dialect::Ivs => (16 << 10, MESSAGE_BYTES_MAX),
        // Of thousands of viewers each says something long once, and then next to nothing.
        Dialect::StageV1 => (4 << 10, STAGE_V1_MESSAGE_BYTES_MAX),
    };
    let mut upgrade = upgrade
        .max_message_size(message_bytes_max)
        .max_frame_size(message_bytes_max)
        .read_buffer_size(read_buffer_bytes)
        .write_buffer_size(0)
        .max_write_buffer_size(UNSENT_BYTES_MAX);
    if dialect == Dialect::StageV1 {
        upgrade.set_selected_protocol(HeaderValue::from_static(stage_v1::PROTOCOL));
    }
    Ok(upgrade)
}

/// What a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Ivs,
    StageV1,
}

async fn admit(plane: &Plane, topic: &str, token: &HeaderValue) -> Result<Grant, Problem> {
    let caller = plane.verify(token.to_str().unwrap_or_default()).await?;
    if caller.grant.stage.id.as_str() == topic {
        Ok(caller.grant)
    } else {
        Err(Problem::forbidden("the token is for another topic"))
    }
}

/// The dialect and the token of the subprotocols.
fn dialect<B>(request: &Request<B>) -> Result<(Dialect, HeaderValue), Problem> {
    let missing = || {
        Problem::token_missing(
            "the subprotocols must be a participant token, or stage.v1 and a participant token",
        )
    };
    let mut offered = Vec::new();
    for value in request.headers().get_all(SEC_WEBSOCKET_PROTOCOL) {
        let list = value.as_bytes().split(|byte| *byte == b',');
        offered.extend(list.map(<[u8]>::trim_ascii));
    }
    let (dialect, token) = match *offered.as_slice() {
        [token] if token != stage_v1::PROTOCOL.as_bytes() => (Dialect::Ivs, token),
        [protocol, token] if protocol == stage_v1::PROTOCOL.as_bytes() => (Dialect::StageV1, token),
        _ => return Err(missing()),
    };
    let token = HeaderValue::from_bytes(token).map_err(|_| missing())?;
    Ok((dialect, token))
}
