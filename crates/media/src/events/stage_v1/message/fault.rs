//! What did not work, in words that a client can act on.

use model::ErrorCode;
use serde::Serialize;
use sfu::{OfferError, PeerFault};
use stage::Refusal;

use super::Pid;

/// A failure on its way to a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in super::super) struct Fault {
    pub(in super::super) code: Code,
    pub(in super::super) category: Category,
    /// For people. Never repeats what the client sent.
    pub(in super::super) message: String,
    /// Whom it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) pid: Option<Pid>,
}

/// What is wrong. Those that `StageErrorCode` of the Web Broadcast SDK reference has are called as there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in super::super) enum Code {
    TokenExpired,
    StageAtCapacity,
    CodecMismatch,
    TokenNotAllowed,
    StageDeleted,
    ParticipantDisconnected,
    Failed,
    OfferMalformed,
    OfferUnacceptable,
    OfferPending,
    FeedEnded,
    MessageMalformed,
    MessageUnexpected,
    TooManySubs,
    TokenExchangeFailed,
    ExchangePending,
}

/// What was being done: the words of `StageErrorCategory`, and one for what is no message of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(in super::super) enum Category {
    #[serde(rename = "JOIN_ERROR")]
    Join,
    #[serde(rename = "SUBSCRIBE_ERROR")]
    Subscribe,
    #[serde(rename = "PROTOCOL_ERROR")]
    Protocol,
}

impl Fault {
    pub(in super::super) fn new(
        code: Code,
        category: Category,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            category,
            message: message.into(),
            pid: None,
        }
    }

    /// A message that is none, or not now.
    pub(in super::super) fn protocol(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Category::Protocol, message)
    }

    /// A refusal of `stage`.
    pub(in super::super) fn refused(category: Category, refusal: &Refusal) -> Self {
        let code = match refusal {
            Refusal::StageNotFound => Code::StageDeleted,
            Refusal::TokenExpired => Code::TokenExpired,
            Refusal::ParticipantDisconnected => Code::ParticipantDisconnected,
            Refusal::InsufficientCapabilities => Code::TokenNotAllowed,
            Refusal::QuotaExceeded => Code::StageAtCapacity,
            Refusal::Offer(_)
            | Refusal::PublisherNotFound
            | Refusal::PublisherNotPublishing { .. }
            | Refusal::SelfSubscribe
            | Refusal::StreamKeyInUse
            | Refusal::IngestDetached
            | Refusal::Exchange(_)
            | Refusal::ReplicaPresent
            | Refusal::Replication(_)
            | Refusal::ShuttingDown => Code::Failed,
        };
        Self::new(code, category, refusal.to_string())
    }

    /// About a participant.
    pub(in super::super) fn about(mut self, pid: Pid) -> Self {
        self.pid = Some(pid);
        self
    }

    /// The server could not do it.
    pub(in super::super) fn failed(category: Category) -> Self {
        let message = "the server has too much to do, or has failed";
        Self::new(Code::Failed, category, message)
    }

    /// A feed has ended on its own account.
    pub(in super::super) fn feed_ended(fault: PeerFault) -> Self {
        Self::new(Code::FeedEnded, Category::Subscribe, fault.to_string())
    }
}

impl From<OfferError> for Fault {
    fn from(error: OfferError) -> Self {
        let code = match error {
            OfferError::Malformed { .. } => Code::OfferMalformed,
            OfferError::Unacceptable { .. } => Code::OfferUnacceptable,
        };
        Self::new(code, Category::Subscribe, error.to_string())
    }
}

/// An offer that was not answered.
impl From<PeerFault> for Fault {
    fn from(fault: PeerFault) -> Self {
        let code = match fault {
            PeerFault::Fault(ErrorCode::InvalidVideoCodec | ErrorCode::InvalidAudioCodec) => {
                Code::CodecMismatch
            }
            PeerFault::Offer => Code::OfferUnacceptable,
            PeerFault::ClosedByPeer
            | PeerFault::Timeout
            | PeerFault::PublisherGone
            | PeerFault::Fault(_) => Code::Failed,
        };
        Self::new(code, Category::Subscribe, fault.to_string())
    }
}
