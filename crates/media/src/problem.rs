//! Every way in which a door says no, and its status.
//!
//! The body is small JSON, `{"code":"…","message":"…"}`; `code` is a stable word, `message` is for people.

use std::time::Duration;

use auth::token::TokenError;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use model::ErrorCode;
use sfu::{OfferError, PatchFault, PeerFault};
use stage::{LeftReason, Refusal};

/// How long a client should stay away from a server that has too much to do.
const BUSY: Duration = Duration::from_secs(1);
/// How long a client should stay away from a server that is going down.
const GOING_DOWN: Duration = Duration::from_secs(5);

/// A refusal on its way to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// A stable word.
    pub(crate) code: &'static str,
    /// For people. Never repeats what the client sent.
    pub(crate) message: String,
    /// When to ask again.
    pub(crate) retry_after: Option<Duration>,
    /// Challenge of a 401 (RFC 6750, section 3).
    challenge: Option<&'static str>,
}

impl Problem {
    /// A refusal without further headers.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
            challenge: None,
        }
    }

    fn after(mut self, retry: Duration) -> Self {
        self.retry_after = Some(retry);
        self
    }

    fn unauthorized(message: impl Into<String>, challenge: &'static str) -> Self {
        let mut problem = Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message);
        problem.challenge = Some(challenge);
        problem
    }

    /// 401: no token came along.
    pub(crate) fn token_missing(message: &'static str) -> Self {
        Self::unauthorized(message, "Bearer")
    }

    /// What is wrong, for people.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Whether it is the token that does not do.
    pub(crate) fn is_about_token(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    /// 401: the connection token has ended.
    pub(crate) fn token_expired() -> Self {
        Refusal::TokenExpired.into()
    }

    /// 401: the connection token is revoked.
    pub(crate) fn token_revoked() -> Self {
        let message = "the token has been revoked";
        Self::unauthorized(message, "Bearer error=\"invalid_token\"")
    }

    /// 403: a valid token, and not for this.
    pub(crate) fn forbidden(message: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", message)
    }

    /// 404: no such session, or not any more.
    pub(crate) fn session_not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "SESSION_NOT_FOUND",
            "there is no such session",
        )
    }

    /// 429: too many attempts from one address.
    pub(crate) fn too_many_attempts() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "TOO_MANY_REQUESTS",
            "too many requests from this address",
        )
        .after(BUSY)
    }

    /// 429: too many requests about the events and layers of one subscription.
    pub(crate) fn too_many_choices() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "TOO_MANY_REQUESTS",
            "too many requests about this subscription",
        )
        .after(BUSY)
    }

    /// 503: a queue is full, or an answer did not come in time.
    pub(crate) fn overloaded() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "OVERLOADED",
            "the server has too much to do at the moment",
        )
        .after(BUSY)
    }

    /// 503: the keys that customers have imported cannot be read.
    pub(crate) fn keys_unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "KEYS_UNAVAILABLE",
            "the key of the token cannot be looked up at the moment",
        )
        .after(BUSY)
    }

    /// 503: the process is going down.
    pub(crate) fn shutting_down() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "SHUTTING_DOWN",
            "the server is shutting down",
        )
        .after(GOING_DOWN)
    }

    /// 500: a bug of ours.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL_SERVER_EXCEPTION",
            "the server failed",
        )
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        Self::unauthorized(error.to_string(), "Bearer error=\"invalid_token\"")
    }
}

impl From<OfferError> for Problem {
    fn from(error: OfferError) -> Self {
        let (status, code) = match error {
            OfferError::Malformed { .. } => (StatusCode::BAD_REQUEST, "OFFER_MALFORMED"),
            OfferError::Unacceptable { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "OFFER_UNACCEPTABLE")
            }
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::StageNotFound => Self::new(StatusCode::NOT_FOUND, "STAGE_NOT_FOUND", message),
            Refusal::TokenExpired => Self::unauthorized(message, "Bearer error=\"invalid_token\""),
            Refusal::ParticipantDisconnected => {
                Self::new(StatusCode::FORBIDDEN, "PARTICIPANT_DISCONNECTED", message)
            }
            Refusal::InsufficientCapabilities => {
                let code = ErrorCode::InsufficientCapabilities.as_str();
                Self::new(StatusCode::FORBIDDEN, code, message)
            }
            Refusal::QuotaExceeded => Self::new(
                StatusCode::FORBIDDEN,
                ErrorCode::QuotaExceeded.as_str(),
                message,
            ),
            Refusal::Offer(code) => Self::new(StatusCode::BAD_REQUEST, code.as_str(), message),
            Refusal::PublisherNotFound => {
                let code = ErrorCode::PublisherNotFound.as_str();
                Self::new(StatusCode::NOT_FOUND, code, message)
            }
            Refusal::PublisherNotPublishing { retry_after } => {
                Self::new(StatusCode::CONFLICT, "PUBLISHER_NOT_PUBLISHING", message)
                    .after(retry_after)
            }
            Refusal::SelfSubscribe => Self::new(StatusCode::BAD_REQUEST, "SELF_SUBSCRIBE", message),
            Refusal::ShuttingDown => Self::shutting_down(),
            Refusal::ReplicaPresent => Self::new(StatusCode::CONFLICT, "REPLICA_PRESENT", message),
            // No request exchanges or replicates, or has a stream key.
            Refusal::Exchange(_)
            | Refusal::Replication(_)
            | Refusal::StreamKeyInUse
            | Refusal::IngestDetached => Self::internal(),
        }
    }
}

impl From<PeerFault> for Problem {
    fn from(fault: PeerFault) -> Self {
        let message = fault.to_string();
        match fault {
            PeerFault::PublisherGone => {
                Self::new(StatusCode::CONFLICT, "PUBLISHER_NOT_PUBLISHING", message).after(BUSY)
            }
            PeerFault::Offer => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "OFFER_UNACCEPTABLE",
                message,
            ),
            // An offer is answered at once: nothing has closed or fallen silent before it.
            PeerFault::Fault(ErrorCode::InternalServerException)
            | PeerFault::ClosedByPeer
            | PeerFault::Timeout => Self::internal(),
            PeerFault::Fault(code) => Self::new(StatusCode::BAD_REQUEST, code.as_str(), message),
        }
    }
}

impl From<PatchFault> for Problem {
    fn from(fault: PatchFault) -> Self {
        let (status, code) = match fault {
            PatchFault::NotFound => return Self::session_not_found(),
            PatchFault::Malformed => (StatusCode::BAD_REQUEST, "FRAGMENT_MALFORMED"),
            PatchFault::RestartNotAllowed => {
                (StatusCode::PRECONDITION_REQUIRED, "RESTART_NOT_ALLOWED")
            }
            PatchFault::RestartFailed => (StatusCode::UNPROCESSABLE_ENTITY, "RESTART_FAILED"),
        };
        Self::new(status, code, fault.to_string())
    }
}

impl From<LeftReason> for Problem {
    /// `stage` closed the connection while its door was still busy with it.
    fn from(reason: LeftReason) -> Self {
        match reason {
            LeftReason::StageDeleted => Refusal::StageNotFound.into(),
            LeftReason::ParticipantDisconnected => Refusal::ParticipantDisconnected.into(),
            LeftReason::TokenReused => Self::new(
                StatusCode::CONFLICT,
                "TOKEN_REUSED",
                "a newer connection with the same token took over",
            ),
            LeftReason::Unknown
            | LeftReason::UserInitiated
            | LeftReason::FailedExchange
            | LeftReason::ConnectionTokenRevoked => Self::overloaded(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "code": self.code, "message": self.message });
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(retry) = self.retry_after {
            // Whole seconds (RFC 9110, section 10.2.3), never zero: that would ask for a storm.
            let seconds = retry.as_millis().div_ceil(1_000).max(1);
            let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_the_stage_has_its_status() {
        let wait = Duration::from_millis(1_500);
        for (refusal, status) in [
            (Refusal::StageNotFound, 404),
            (Refusal::TokenExpired, 401),
            (Refusal::ParticipantDisconnected, 403),
            (Refusal::InsufficientCapabilities, 403),
            (Refusal::QuotaExceeded, 403),
            (Refusal::Offer(ErrorCode::InvalidVideoCodec), 400),
            (Refusal::PublisherNotFound, 404),
            (Refusal::PublisherNotPublishing { retry_after: wait }, 409),
            (Refusal::SelfSubscribe, 400),
            (Refusal::ShuttingDown, 503),
        ] {
            let problem = Problem::from(refusal.clone());
            assert_eq!(problem.status.as_u16(), status, "{refusal:?}");
        }
    }

    #[test]
    fn a_refusal_carries_its_challenge_or_the_time_to_come_back() {
        let response = Problem::from(Refusal::TokenExpired).into_response();
        assert!(
            response.headers()[WWW_AUTHENTICATE]
                .to_str()
                .unwrap()
                .starts_with("Bearer")
        );
        for (wait, seconds) in [(0, "1"), (1_500, "2"), (3_000, "3")] {
            let retry_after = Duration::from_millis(wait);
            let problem = Problem::from(Refusal::PublisherNotPublishing { retry_after });
            assert_eq!(problem.into_response().headers()[RETRY_AFTER], seconds);
        }
    }
}
