//! Why somebody may not publish, or not any longer: in a word of a fixed set for counters, and in a sentence for people.
//!
//! Nothing here repeats what a client sent.

use std::time::Duration;

use model::ErrorCode;
use model::limits::STREAM_DURATION_MAX;
use rtmp::{Status, StatusCode};
use stage::{LeftReason, Refusal};

use crate::key::KeyFault;
use crate::media::Violation;

/// A refusal, or the end of a stream that its encoder did not want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// The API's error code where there is one, else one of [`OWN_CODES`].
    pub(crate) code: &'static str,
    /// A sentence, with the bound that was passed.
    pub(crate) what: String,
    status: StatusCode,
}

/// Codes that the API does not have.
const OWN_CODES: &[&str] = &[
    CROWDED,
    TLS_FAILED,
    PROTOCOL_FAULT,
    TIMED_OUT,
    INVALID_APP,
    NOT_ATTACHED,
    TOO_MANY_ATTEMPTS,
    STAGE_NOT_FOUND,
    UNAVAILABLE,
];

const CROWDED: &str = "TOO_MANY_CONNECTIONS";
const TLS_FAILED: &str = "TLS_FAILED";
const PROTOCOL_FAULT: &str = "PROTOCOL_FAULT";
const TIMED_OUT: &str = "TIMED_OUT";
const INVALID_APP: &str = "INVALID_APP";
const NOT_ATTACHED: &str = "NOT_ATTACHED";
const TOO_MANY_ATTEMPTS: &str = "TOO_MANY_ATTEMPTS";
const STAGE_NOT_FOUND: &str = "STAGE_NOT_FOUND";
const UNAVAILABLE: &str = "UNAVAILABLE";
/// No refusal, and so not counted as one.
const DISCONNECTED: &str = "DISCONNECTED";

/// Every code that a refusal can have.
pub(crate) fn codes() -> impl Iterator<Item = &'static str> {
    let of_api = ErrorCode::ALL.iter().map(|code| code.as_str());
    of_api.chain(OWN_CODES.iter().copied())
}

impl Reason {
    fn new(code: &'static str, status: StatusCode, what: impl Into<String>) -> Self {
        Self {
            code,
            what: what.into(),
            status,
        }
    }

    /// What an encoder is told.
    pub(crate) fn status(&self) -> Status {
        Status::new(self.status, format!("{}: {}", self.code, self.what))
    }

    pub(crate) fn crowded(what: &str) -> Self {
        Self::new(CROWDED, StatusCode::Denied, what)
    }

    pub(crate) fn tls(what: impl Into<String>) -> Self {
        Self::new(TLS_FAILED, StatusCode::Denied, what)
    }

    pub(crate) fn timed_out(what: impl Into<String>) -> Self {
        Self::new(TIMED_OUT, StatusCode::Idle, what)
    }

    pub(crate) fn app() -> Self {
        let what = "the application must be `app`: rtmp://HOST:PORT/app/STREAM_KEY";
        Self::new(INVALID_APP, StatusCode::Denied, what)
    }

    pub(crate) fn malformed_key() -> Self {
        let what = "the stream key must be that of an ingest configuration: rt_…";
        Self::new(
            ErrorCode::InvalidStreamKey.as_str(),
            StatusCode::BadName,
            what,
        )
    }

    pub(crate) fn unknown_key() -> Self {
        let what = "there is no ingest configuration with this stream key";
        Self::new(
            ErrorCode::InvalidStreamKey.as_str(),
            StatusCode::BadName,
            what,
        )
    }

    pub(crate) fn attempts() -> Self {
        let what = "too many stream keys were tried from this address; wait some seconds";
        Self::new(TOO_MANY_ATTEMPTS, StatusCode::Denied, what)
    }

    pub(crate) fn unavailable(what: &str) -> Self {
        Self::new(UNAVAILABLE, StatusCode::Denied, what)
    }

    /// What `stage` said to a newcomer.
    pub(crate) fn refused(refusal: &Refusal) -> Self {
        let denied =
            |code: ErrorCode, what: String| Self::new(code.as_str(), StatusCode::Denied, what);
        match refusal {
            Refusal::StageNotFound => {
                let what = "the stage of the ingest configuration does not exist any more";
                Self::new(STAGE_NOT_FOUND, StatusCode::Denied, what)
            }
            Refusal::IngestDetached => KeyFault::Detached.into(),
            Refusal::StreamKeyInUse => Self::new(
                ErrorCode::ReuseOfStreamKey.as_str(),
                StatusCode::BadName,
                "somebody publishes with this stream key already",
            ),
            Refusal::QuotaExceeded => denied(
                ErrorCode::QuotaExceeded,
                "the stage, or all stages of the account, have as many publishers as they may".to_owned(),
            ),
            Refusal::Offer(ErrorCode::InvalidProtocol) => denied(
                ErrorCode::InvalidProtocol,
                "the ingest configuration takes RTMPS only; use the RTMPS address, or one with insecureIngest".to_owned(),
            ),
            Refusal::Offer(code) => denied(*code, refusal.to_string()),
            Refusal::ParticipantDisconnected
            | Refusal::TokenExpired
            | Refusal::InsufficientCapabilities
            | Refusal::PublisherNotFound
            | Refusal::PublisherNotPublishing { .. }
            | Refusal::SelfSubscribe
            | Refusal::Exchange(_)
            | Refusal::ReplicaPresent
            | Refusal::Replication(_)
            | Refusal::ShuttingDown => Self::unavailable(&refusal.to_string()),
        }
    }

    /// What an encoder is told whose stream is ended, and nothing is wrong with it.
    fn disconnected(what: &str) -> Self {
        Self::new(DISCONNECTED, StatusCode::Unpublished, what)
    }
}

/// How `stage` ends a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The API has asked for it: whoever looks for the cause finds it with the configuration.
    Asked(Reason),
    /// The server goes down.
    Down(Reason),
    /// The stream has broken a rule.
    Broken(Reason),
}

impl Ending {
    /// `lasted` is how long the stream was there, from before `stage` let it in.
    pub(crate) fn of(reason: LeftReason, lasted: Duration) -> Self {
        match reason {
            LeftReason::StageDeleted => {
                Self::Asked(Reason::disconnected("the stage has been deleted"))
            }
            LeftReason::ParticipantDisconnected => Self::Asked(Reason::disconnected(
                "the participant has been disconnected: its ingest configuration is detached, deleted or changed",
            )),
            LeftReason::Unknown if lasted >= STREAM_DURATION_MAX => {
                let hours = STREAM_DURATION_MAX.as_secs() / 3_600;
                Self::Broken(Reason::new(
                    ErrorCode::StreamDurationExceeded.as_str(),
                    StatusCode::Unpublished,
                    format!("the stream has lasted for {hours} hours; it may be begun anew"),
                ))
            }
            LeftReason::Unknown
            | LeftReason::UserInitiated
            | LeftReason::TokenReused
            | LeftReason::FailedExchange
            | LeftReason::ConnectionTokenRevoked => Self::Down(Reason::disconnected(
                "the server ends the stream: it goes down",
            )),
        }
    }
}

impl From<KeyFault> for Reason {
    fn from(fault: KeyFault) -> Self {
        match fault {
            KeyFault::Unknown => Self::unknown_key(),
            KeyFault::Detached => Self::new(
                NOT_ATTACHED,
                StatusCode::Denied,
                "the ingest configuration is not attached to a stage",
            ),
        }
    }
}

impl From<&Violation> for Reason {
    fn from(violation: &Violation) -> Self {
        Self::new(
            violation.code.as_str(),
            StatusCode::Failed,
            violation.what.clone(),
        )
    }
}

impl From<&rtmp::Fault> for Reason {
    fn from(fault: &rtmp::Fault) -> Self {
        Self::new(PROTOCOL_FAULT, StatusCode::Failed, fault.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_code_that_is_counted_and_says_it_to_the_encoder() {
        let violation = Violation {
            code: ErrorCode::BFramePresent,
            what: "B-frames".to_owned(),
        };
        let refusals = [
            Refusal::StageNotFound,
            Refusal::IngestDetached,
            Refusal::StreamKeyInUse,
            Refusal::QuotaExceeded,
            Refusal::Offer(ErrorCode::InvalidProtocol),
            Refusal::ShuttingDown,
        ];
        let mut reasons: Vec<Reason> = refusals.iter().map(Reason::refused).collect();
        reasons.extend([
            Reason::crowded("crowd"),
            Reason::tls("tls"),
            Reason::timed_out("slow"),
            Reason::app(),
            Reason::malformed_key(),
            Reason::unknown_key(),
            Reason::attempts(),
            Reason::unavailable("busy"),
            KeyFault::Detached.into(),
            (&violation).into(),
            (&rtmp::Fault::Version(6)).into(),
        ]);
        for reason in reasons {
            assert!(codes().any(|code| code == reason.code), "{}", reason.code);
            let told = reason.status().description;
            assert!(
                told.starts_with(reason.code) && told.contains(": "),
                "{told}"
            );
        }
    }

    #[test]
    fn the_end_of_a_stream_is_no_refusal_unless_it_has_lasted_too_long() {
        let day = Duration::from_hours(24);
        let end = |reason, lasted| Ending::of(reason, lasted);
        for (reason, lasted) in [
            (LeftReason::StageDeleted, day),
            (LeftReason::ParticipantDisconnected, Duration::ZERO),
        ] {
            assert!(matches!(end(reason, lasted), Ending::Asked(_)));
        }
        let before = day.checked_sub(Duration::from_millis(1)).unwrap();
        let Ending::Down(down) = end(LeftReason::Unknown, before) else {
            panic!("the server goes down");
        };
        assert!(codes().all(|code| code != down.code));
        let Ending::Broken(broken) = end(LeftReason::Unknown, day) else {
            panic!("a day is too long");
        };
        assert_eq!(broken.code, "STREAM_DURATION_EXCEEDED");
    }
}
