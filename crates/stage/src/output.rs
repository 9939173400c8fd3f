//! What the machine wants done.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{ConnectionId, ErrorCode, ParticipantId, Record, SessionId, StageArn, StageId};

use crate::Mute;

/// One effect. The shell carries them out in order.
///
/// What one call causes comes in the order records, reply, closes, rosters: the client of an older connection and the
/// peers are told what is a fact already.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "most outputs are records, and each lives until the shell has taken it"
)]
pub enum Output {
    /// The answer to the input that is being handled. Exactly one for each input, after the records it caused.
    Reply(Reply),
    /// A fact to store. All records of one `handle` or `handle_timeout` call belong in one transaction.
    Record(Record),
    /// A connection is to be closed; the machine has forgotten it already.
    Close {
        /// Which.
        connection: ConnectionId,
        /// What its client is told.
        reason: LeftReason,
    },
    /// The publishing participants of a stage changed, who they are, or what they have muted; every events socket named gets the whole roster. A socket that
    /// joins in the same call is not among them: its [`Reply::Joined`] has the roster.
    Roster {
        /// The sockets.
        to: Vec<ConnectionId>,
        /// What they are told.
        roster: Roster,
    },
}

/// The answer to one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Noted.
    Done,
    /// The events socket is in.
    Joined {
        /// In which session.
        session: SessionId,
        /// Who publishes.
        roster: Roster,
    },
    /// The publish or subscription may go on.
    Admitted {
        /// In which session.
        session: SessionId,
        /// For a subscription: the publish whose media it gets.
        publisher: Option<ConnectionId>,
        /// The stage that publish belongs to, if it is another one: the publisher is a replica here.
        source: Option<StageArn>,
    },
    /// The other token counts from now on.
    Exchanged,
    /// It may not.
    Refused(Refusal),
}

/// Why a join, publish, subscribe, exchange or replication may not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such stage (any more).
    #[error("the stage does not exist")]
    StageNotFound,
    /// The token had expired when it was used to join, or to take the place of another.
    #[error("the token has expired")]
    TokenExpired,
    /// The API has disconnected this participant for good.
    #[error("the participant has been disconnected and its token can no longer be used")]
    ParticipantDisconnected,
    /// The token lacks the capability.
    #[error("the token does not have the capability for this")]
    InsufficientCapabilities,
    /// The stage is full, or all that its account has in the region.
    #[error("the stage or its account is at capacity")]
    QuotaExceeded,
    /// The offer, or the stream of an encoder, cannot be accepted.
    #[error("the offer is not acceptable: {}", .0.as_str())]
    Offer(ErrorCode),
    /// A stream with this key is there already, and stays.
    #[error("the stream key is in use")]
    StreamKeyInUse,
    /// The ingest configuration does not publish to this stage any more.
    #[error("the ingest configuration is not attached to the stage")]
    IngestDetached,
    /// No such publisher in the session.
    #[error("there is no such publisher on the stage")]
    PublisherNotFound,
    /// The publisher is known and not publishing.
    #[error("the publisher is not publishing at the moment")]
    PublisherNotPublishing {
        /// When to ask again.
        retry_after: Duration,
    },
    /// A participant cannot receive itself.
    #[error("a participant cannot subscribe to itself")]
    SelfSubscribe,
    /// One token cannot take the place of the other.
    #[error("the token cannot be exchanged: {0}")]
    Exchange(ExchangeFault),
    /// On this stage the participant is the replica of one of another stage.
    #[error("a replica of the participant is on the stage")]
    ReplicaPresent,
    /// The participant cannot appear there, or never did.
    #[error("{0}")]
    Replication(ReplicationFault),
    /// The process is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
}

/// What keeps one token from taking the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeFault {
    /// Its participant is not on a stage by that socket (any more).
    #[error("its participant is not on the stage by this socket")]
    NotJoined,
    /// One of the two is not signed by a customer.
    #[error("both must be signed with an imported key")]
    NotSelfSigned,
    /// The other is for another stage.
    #[error("resource differs")]
    OtherStage,
    /// The other is for another participant.
    #[error("jti differs")]
    OtherParticipant,
}

/// What keeps a participant from appearing on another stage, or a replication from being stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplicationFault {
    /// There is no such source stage (any more).
    #[error("the source stage does not exist")]
    SourceNotFound,
    /// There is no such destination stage (any more), or it is not of the source's account and region.
    #[error("the destination stage does not exist")]
    DestinationNotFound,
    /// Both are one stage.
    #[error("the source and the destination are the same stage")]
    SameStage,
    /// The source has no active session, or the session does not know the participant.
    #[error("the participant is not on the source stage")]
    ParticipantNotFound,
    /// Its media is not up.
    #[error("the participant is not publishing")]
    NotPublishing,
    /// It is a replica itself.
    #[error("the participant is a replica on the source stage")]
    IsReplica,
    /// It appears there already, or will if it publishes again.
    #[error("the participant is replicated to the destination stage already")]
    AlreadyReplicated,
    /// A participant of the same id is on the destination, or comes back there.
    #[error("a participant of the same id is on the destination stage")]
    Present,
    /// DisconnectParticipant has put it out of the destination for good.
    #[error("the participant has been disconnected from the destination stage")]
    Banned,
    /// It appears on as many stages as it may.
    #[error("the participant is replicated to as many stages as it may be")]
    TooManyReplicas,
    /// The destination has as many publishers as it may, or its account in the region.
    #[error("the destination stage or its account has as many publishers as it may have")]
    DestinationFull,
    /// It was not replicated there, as far as the machine remembers.
    #[error("the participant has not been replicated to the destination stage")]
    NeverReplicated,
}

/// What a client is told when its connection is closed; the words of `StageLeftReason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftReason {
    /// The server closes without a reason of the client's.
    Unknown,
    /// The client asked for it.
    UserInitiated,
    /// A newer connection with the same token took over.
    TokenReused,
    /// DisconnectParticipant.
    ParticipantDisconnected,
    /// DeleteStage.
    StageDeleted,
    /// The token for which it wanted to exchange its own was refused.
    FailedExchange,
    /// RevokeConnectionToken, of the connection by which it joined.
    ConnectionTokenRevoked,
}

impl LeftReason {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::UserInitiated => "user-initiated",
            Self::TokenReused => "token-reused",
            Self::ParticipantDisconnected => "participant-disconnected",
            Self::StageDeleted => "stage-deleted",
            Self::FailedExchange => "failed-exchange",
            Self::ConnectionTokenRevoked => "real-time-connection-token-revocation",
        }
    }
}

/// The participants of a stage that publish: all that peers may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// On which stage.
    pub stage: StageId,
    /// In order of participant id.
    pub participants: Vec<RosterEntry>,
}

/// One publishing participant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterEntry {
    /// Who.
    pub id: ParticipantId,
    /// The customer's name for the user, empty if none.
    pub user_id: String,
    /// The customer's attributes.
    pub attributes: BTreeMap<String, String>,
    /// By which publish; another one where it has published anew.
    pub publish: ConnectionId,
    /// What it says it has muted.
    pub mute: Mute,
    /// The stage that its publish belongs to, if it is another one: the participant is a replica here.
    pub source: Option<StageArn>,
}
