//! Participant events, as `ListParticipantEvents` returns them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{Capabilities, ParticipantId, SessionId, StageArn};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The API's word for it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Reads the API's word.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }
    };
}

words! {
    /// What happened (`EventName` of the API model).
    EventName {
        /// Joined the stage.
        Joined = "JOINED",
        /// Left, was disconnected or timed out.
        Left = "LEFT",
        /// Its media began to flow.
        PublishStarted = "PUBLISH_STARTED",
        /// Its media ended.
        PublishStopped = "PUBLISH_STOPPED",
        /// Began to receive one publisher.
        SubscribeStarted = "SUBSCRIBE_STARTED",
        /// Stopped receiving one publisher.
        SubscribeStopped = "SUBSCRIBE_STOPPED",
        /// A publish was refused or killed.
        PublishError = "PUBLISH_ERROR",
        /// A subscribe was refused or killed.
        SubscribeError = "SUBSCRIBE_ERROR",
        /// A join was refused.
        JoinError = "JOIN_ERROR",
        /// Another token took the place of the one before.
        TokenExchanged = "TOKEN_EXCHANGED",
        /// Began to appear on another stage.
        ReplicationStarted = "REPLICATION_STARTED",
        /// Does not appear there any more, nor will it by itself.
        ReplicationStopped = "REPLICATION_STOPPED",
    }
}

words! {
    /// Why (`EventErrorCode` of the API model).
    ErrorCode {
        /// The token lacks the capability.
        InsufficientCapabilities = "INSUFFICIENT_CAPABILITIES",
        /// Publishers or subscribers over the quota.
        QuotaExceeded = "QUOTA_EXCEEDED",
        /// Subscribe to a publisher that is not there.
        PublisherNotFound = "PUBLISHER_NOT_FOUND",
        /// Over 8.5 Mbit/s.
        BitrateExceeded = "BITRATE_EXCEEDED",
        /// Over 921,600 pixels.
        ResolutionExceeded = "RESOLUTION_EXCEEDED",
        /// Over 24 hours.
        StreamDurationExceeded = "STREAM_DURATION_EXCEEDED",
        /// No Opus on offer.
        InvalidAudioCodec = "INVALID_AUDIO_CODEC",
        /// No H.264 on offer.
        InvalidVideoCodec = "INVALID_VIDEO_CODEC",
        /// The stream has B-frames.
        BFramePresent = "B_FRAME_PRESENT",
        /// The stream came by a protocol that its ingest configuration does not take.
        InvalidProtocol = "INVALID_PROTOCOL",
        /// The stream key is not valid.
        InvalidStreamKey = "INVALID_STREAM_KEY",
        /// The stream key is in use.
        ReuseOfStreamKey = "REUSE_OF_STREAM_KEY",
        /// The stream is not one that can be taken, e.g. it has no audio or no video.
        InvalidInput = "INVALID_INPUT",
        /// The server failed.
        InternalServerException = "INTERNAL_SERVER_EXCEPTION",
    }
}

/// One event in a participant's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// On which stage.
    pub stage: StageArn,
    /// In which session.
    pub session: SessionId,
    /// Whose list it is in.
    pub participant: ParticipantId,
    /// Order within the session: later events have higher numbers, also where times are equal.
    pub sequence: u64,
    /// When. Never before the event that precedes it in the session, even if the wall clock steps back.
    pub time: Timestamp,
    /// What happened.
    pub name: EventName,
    /// The publisher, for subscribe events.
    pub remote: Option<ParticipantId>,
    /// Why, for error events.
    pub error: Option<ErrorCode>,
    /// Which token took whose place, for exchanges.
    pub exchange: Option<Box<Exchange>>,
    /// Whether the participant is a replica; `remote` where there is one.
    pub replica: bool,
    /// Where the participant appears too, for replications.
    pub destination: Option<(StageArn, SessionId)>,
}

/// One token takes the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What counted before.
    pub previous: ExchangedToken,
    /// What counts from then on.
    pub new: ExchangedToken,
}

/// What can differ between two tokens that are exchanged (`ExchangedParticipantToken` of the API model).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangedToken {
    /// What the participant may do.
    pub capabilities: Capabilities,
    /// The customer's name for the user, empty if none.
    pub user_id: String,
    /// The customer's attributes.
    pub attributes: BTreeMap<String, String>,
    /// When the token ends.
    pub expires: Timestamp,
}
