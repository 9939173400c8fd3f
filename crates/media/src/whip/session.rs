//! The session resource: what `Location` of an answer names.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use http::{Extensions, HeaderMap, Request, StatusCode};
use sfu::{PatchFault, Patched};
use stage::{CloseCause, Input};
use tokio::time::timeout;

use super::{SDP_FRAGMENT, empty_sdp, request};
use crate::admission::new_etag;
use crate::connections::{NotAsked, Session, SessionKey};
use crate::plane::Plane;
use crate::problem::Problem;
use crate::worker::{Awaited, Fragment, Order, Unanswered};

/// How long a DELETE waits until `stage` has taken note; the session is gone either way.
const NOTED_PATIENCE: Duration = Duration::from_secs(2);

/// GET and HEAD: it exists.
pub(super) async fn get(
    State(plane): State<Arc<Plane>>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    find(&plane, &name)?;
    Ok(empty_sdp())
}

/// PATCH: candidates of the client, or an ICE restart (RFC 9725, section 4.3).
pub(super) async fn patch(
    State(plane): State<Arc<Plane>>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    own(&plane, &name, request::token(&plane, &request)?).await?;
    let headers = request.headers().clone();
    let fragment = request::text(request, SDP_FRAGMENT).await?;
    // Looked up again: while the body came in, the session may have restarted or ended.
    let (key, session) = find(&plane, &name)?;
    let restart = precondition(&headers, &session.etag)?;
    let (mut patched, reply, claim) = Awaited::new();
    let order = Order::Patch {
        connection: session.connection,
        fragment: Fragment(fragment),
        restart: restart == Restart::Allowed,
        claim,
        reply,
    };
    let worker = plane
        .workers
        .get(session.worker)
        .ok_or_else(Problem::internal)?;
    worker.try_order(order).map_err(|_| Problem::overloaded())?;
    // The sender goes with a peer that ends meanwhile.
    let patched = match patched.outcome().await {
        Ok(patched) => patched?,
        Err(Unanswered::Gone) => return Err(PatchFault::NotFound.into()),
        Err(Unanswered::GivenUp) => return Err(Problem::overloaded()),
    };
    Ok(match patched {
        // No entity tag here (RFC 9725, section 4.3.2): the ICE session is the same one.
        Patched::Candidates => StatusCode::NO_CONTENT.into_response(),
        Patched::Restarted { fragment } => {
            let etag = new_etag(&plane);
            plane.connections.session_restarted(key, &etag);
            let headers = [(CONTENT_TYPE, SDP_FRAGMENT.to_owned()), (ETAG, etag)];
            (StatusCode::OK, headers, fragment).into_response()
        }
    })
}

/// DELETE: the client is done.
pub(super) async fn delete(
    State(plane): State<Arc<Plane>>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (_, session) = own(&plane, &name, request::token(&plane, &request)?).await?;
    let connection = session.connection;
    if !plane.connections.peer_abandon(connection) {
        return Err(Problem::session_not_found());
    }
    let noted = plane.facts.push(Input::Closed {
        connection,
        cause: CloseCause::Client,
    });
    let _ = timeout(NOTED_PATIENCE, noted).await;
    Ok(StatusCode::OK.into_response())
}

fn find(plane: &Plane, name: &str) -> Result<(SessionKey, Session), Problem> {
    let found = SessionKey::parse(name)
        .and_then(|key| plane.connections.session(key).map(|session| (key, session)));
    found.ok_or_else(Problem::session_not_found)
}

/// The session, for the participant that made it: by the token that opened it, even if its key has been deleted since, or by
/// another that verifies. Knowing its URL is not enough.
pub(super) async fn own(
    plane: &Plane,
    name: &str,
    token: &str,
) -> Result<(SessionKey, Session), Problem> {
    let found = find(plane, name);
    if let Ok((key, session)) = &found
        && session.token.is(token)
    {
        return Ok((*key, session.clone()));
    }
    let caller = plane.verify(token).await?;
    let (key, session) = found?;
    if session.is_of(&caller.grant) {
        Ok((key, session))
    } else {
        Err(Problem::forbidden("the session is another participant's"))
    }
}

/// The subscription that a request for its events or its layer is about. Such requests are counted by subscription; as an
/// attempt to use a token count only those whose token has to be verified.
pub(super) async fn subscription(
    plane: &Plane,
    name: &str,
    parts: (&HeaderMap, &Extensions),
) -> Result<(SessionKey, Session), Problem> {
    let (headers, extensions) = parts;
    plane.may_enter()?;
    let token = request::bearer(headers)?;
    let found = find(plane, name).ok();
    let opened = found.filter(|(_, session)| session.token.is(token));
    let (key, session) = if let Some(opened) = opened {
        opened
    } else {
        plane.may_try(extensions)?;
        own(plane, name, token).await?
    };
    match plane.connections.news_ask(key, plane.now().mono) {
        Ok(()) => Ok((key, session)),
        Err(NotAsked::NoSubscription) => Err(not_a_subscription()),
        Err(NotAsked::TooOften) => Err(Problem::too_many_choices()),
    }
}

/// 404: what is asked for belongs to subscriptions.
pub(super) fn not_a_subscription() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "NOT_A_SUBSCRIPTION",
        "the session is not one that receives",
    )
}

/// Whether the preconditions of a PATCH let it restart ICE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Restart {
    Allowed,
    Refused,
}

/// `If-Match: *` goes with a restart, the session's entity tag with candidates (RFC 9725, section 4.3.1).
fn precondition(headers: &HeaderMap, etag: &str) -> Result<Restart, Problem> {
    let mut tags = headers
        .get_all(IF_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|tag| !tag.is_empty())
        .peekable();
    if tags.peek().is_none() {
        return Err(Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "PRECONDITION_REQUIRED",
            "the request needs If-Match: the session's ETag, or * to restart ICE",
        ));
    }
    let mut found = Err(Problem::new(
        StatusCode::PRECONDITION_FAILED,
        "PRECONDITION_FAILED",
        "the entity tag is not that of the current ICE session",
    ));
    for tag in tags {
        if tag == "*" {
            return Ok(Restart::Allowed);
        }
        // Strong comparison: a weak tag, `W/"…"`, never matches.
        if tag == etag {
            found = Ok(Restart::Refused);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn preconditions_are_compared_strongly() {
        for (values, expected) in [
            (&["\"a\""][..], Ok(Restart::Refused)),
            (&["\"b\", \"a\""], Ok(Restart::Refused)),
            (&["\"b\"", "\"a\""], Ok(Restart::Refused)),
            (&["*"], Ok(Restart::Allowed)),
            (&[], Err(428)),
            (&[""], Err(428)),
            (&["\"b\""], Err(412)),
            (&["W/\"a\""], Err(412)),
            (&["a"], Err(412)),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IF_MATCH, HeaderValue::from_static(value));
            }
            let found = precondition(&headers, "\"a\"").map_err(|problem| problem.status.as_u16());
            assert_eq!(found, expected, "{values:?}");
        }
    }
}
