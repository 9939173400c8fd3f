//! From bytes to an operation: route, body, signature, rate; then policy, shape and the operation itself.
//!
//! The order is that of the service: nothing of a request is read before its signature holds, and nothing is looked up
//! before its policy allows it. The path is read once, raw, for both routing and the signature.
//!
//! What is absent: deadlines and limits of connections and headers, which belong to the HTTP server.

use std::sync::Arc;

use auth::sigv4::{self, SignatureError, SignedRequest};
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::{Method, request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use model::Now;
use tokio::sync::SemaphorePermit;
use tracing::field::Empty;
use tracing::{Instrument, Span, debug, info_span};
use wire::{Operation, RequestParts};

use crate::app::{App, Call, Caller};
use crate::error::Refusal;
use crate::ops;
use crate::reply::{Reply, RequestIds};

/// A request body at most, in bytes. The largest that the model allows (twelve token configurations and fifty tags) has
/// some 60 KB.
pub(crate) const BODY_BYTES_MAX: usize = 1024 * 1024;

/// A request body that needs no place, in bytes: all but the largest real ones.
const SMALL_BODY_BYTES_MAX: u64 = 16 * 1024;

/// Larger bodies that are being read at a time. Nobody has proved who they are until the body is there, so that the memory
/// of all connections together has to have a bound.
pub(crate) const LARGE_BODIES_MAX: usize = 32;

/// Answers one request.
pub(crate) async fn serve(app: Arc<App>, request: Request) -> Response {
    let now = (app.settings.clock)();
    let ids = RequestIds::new(app.random(), now.wall);
    let span = info_span!(
        "api",
        request = ids.request,
        operation = Empty,
        account = Empty
    );
    let reply = answer(app, request, now).instrument(span).await;
    reply.into_response(&ids)
}

async fn answer(app: Arc<App>, request: Request, now: Now) -> Reply {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let calls = Arc::clone(&app.settings.calls);
    let Some(routed) = wire::route(head.method.as_str(), path) else {
        if head.method == Method::OPTIONS && is_a_path(path) {
            return Reply::preflight();
        }
        let reply = Refusal::NoRoute.reply();
        calls.count(None, reply.outcome);
        return reply;
    };
    let operation = routed.operation;
    Span::current().record("operation", operation.name());
    let reply = match admit(&app, &head, body, operation, now).await {
        Ok((caller, body)) => {
            let parts = RequestParts {
                body: &body,
                label: routed.label,
                query: head.uri.query().unwrap_or_default(),
            };
            ops::serve(&Call { app, caller, now }, operation, &parts).await
        }
        Err(refusal) => refusal.reply(),
    };
    calls.count(Some(operation), reply.outcome);
    debug!(
        status = reply.status(),
        outcome = reply.outcome.as_str(),
        "answered"
    );
    reply
}

/// Whether any operation has the path.
fn is_a_path(path: &str) -> bool {
    ["GET", "POST", "DELETE"]
        .iter()
        .any(|method| wire::route(method, path).is_some())
}

/// Reads the body, verifies the signature over exactly its bytes and takes the request out of the caller's rate.
async fn admit(
    app: &App,
    head: &request::Parts,
    body: Body,
    operation: Operation,
    now: Now,
) -> Result<(Caller, Bytes), Refusal> {
    if is_encoded(&head.headers) {
        return Err(Refusal::BodyEncoded);
    }
    let _place = place(app, &body)?;
    let body = read(body).await?;
    let sent = SignedRequest {
        method: &head.method,
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body: &body,
    };
    let secret_of = |id: &str| app.keys.get(id).map(|key| key.secret.clone());
    let signer = sigv4::verify(&sent, &secret_of, now.wall).map_err(Refusal::Signature)?;
    let regions = &app.settings.regions;
    if !regions.is_empty() && !regions.contains(&signer.region) {
        let what = "the credential scope's region";
        return Err(Refusal::Signature(SignatureError::Invalid { what }));
    }
    let key = app
        .keys
        .get(&signer.access_key)
        .ok_or(Refusal::Signature(SignatureError::UnrecognizedClient))?;
    let caller = Caller {
        key: Arc::clone(key),
        region: signer.region,
    };
    let account = &key.account;
    Span::current().record("account", account.as_str());
    if app.settings.rates && !app.rates.take(account, &caller.region, operation, now.mono) {
        return Err(Refusal::Throttled);
    }
    if !body.is_empty() && !is_json(&head.headers) {
        return Err(Refusal::BodyNotJson);
    }
    Ok((caller, body))
}

/// No SDK compresses requests of this API, so a coding other than `identity` is refused before it can inflate.
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// A body without a type counts as JSON.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let essence = content_type.as_bytes().split(|byte| *byte == b';').next();
    essence
        .map(<[u8]>::trim_ascii)
        .is_some_and(|essence| essence.eq_ignore_ascii_case(b"application/json"))
}

/// A place for a body that is, or may become, large; it is held until the signature is verified.
fn place<'a>(app: &'a App, body: &Body) -> Result<Option<SemaphorePermit<'a>>, Refusal> {
    let size = body.size_hint();
    if size.lower() > BODY_BYTES_MAX as u64 {
        return Err(Refusal::BodyTooLarge);
    }
    if size
        .upper()
        .is_some_and(|upper| upper <= SMALL_BODY_BYTES_MAX)
    {
        return Ok(None);
    }
    let place = app.large_bodies.try_acquire();
    place.map(Some).map_err(|_| Refusal::Crowded)
}

async fn read(body: Body) -> Result<Bytes, Refusal> {
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::BodyTooLarge),
        Err(_) => Err(Refusal::BodyBroken),
    }
}
