//! What the machine is told.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{
    ClientInfo, ConnectionId, ErrorCode, Grant, IngestConfigurationArn, IngestGrant, IngestPart,
    LiveSession, ParticipantId, StageArn, limits,
};

use crate::LeftReason;

/// What an operator may tune.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a session outlives its last connected participant.
    pub session_grace: Duration,
    /// Longest publish or subscription.
    pub stream_duration_max: Duration,
    /// Publishers on a stage at once.
    pub publishers_per_stage_max: u32,
    /// Subscribers (participants that receive at least one publisher) on a stage at once.
    pub subscribers_per_stage_max: u32,
    /// Publishers of an account at once on all its stages in a region.
    pub publishers_per_region_max: u32,
    /// Subscriptions of an account at once on all its stages in a region; who receives three publishers has three.
    pub subscriptions_per_region_max: u32,
    /// Replications of a participant at once.
    pub replicas_per_participant_max: u32,
    /// How long an admitted publish or subscription may take until its media is up.
    pub setup_timeout: Duration,
    /// Participants that have left a session of which the machine still knows; beyond that, who left first is forgotten first.
    pub disconnected_remembered_max: u32,
    /// How old what a door knows of an ingest configuration may be when it asks for [`Input::Ingest`].
    pub ingest_lookup_max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            session_grace: limits::SESSION_GRACE,
            stream_duration_max: limits::STREAM_DURATION_MAX,
            publishers_per_stage_max: limits::PUBLISHERS_PER_STAGE_MAX,
            subscribers_per_stage_max: limits::SUBSCRIBERS_PER_STAGE_MAX,
            publishers_per_region_max: limits::PUBLISHERS_PER_REGION_MAX,
            subscriptions_per_region_max: limits::SUBSCRIPTIONS_PER_REGION_MAX,
            replicas_per_participant_max: limits::REPLICAS_PER_PARTICIPANT_MAX,
            setup_timeout: Duration::from_secs(30),
            disconnected_remembered_max: limits::DISCONNECTED_REMEMBERED_MAX,
            ingest_lookup_max: Duration::from_secs(10),
        }
    }
}

/// One thing that happened. Each input gets exactly one [`crate::Reply`], as an output of the same `handle` call.
#[derive(Clone, Debug)]
pub enum Input {
    /// A stage exists: made by the API, or found in the store at start.
    StageOpened {
        /// Which.
        stage: StageArn,
        /// Participants that may not join any more.
        banned: Vec<ParticipantId>,
    },
    /// A stage is gone: everybody on it is disconnected.
    StageDeleted {
        /// Which.
        stage: StageArn,
    },
    /// Every stage is gone, also one that only this machine knew: everybody is disconnected.
    AllStagesDeleted,
    /// A session that a crash left open; it is closed at the last time the process was known to live.
    /// Follows `StageOpened` of its stage.
    Restored(LiveSession),
    /// The API bans a participant from a stage (the ban is stored already) and disconnects it if it is there.
    Disconnect {
        /// From which stage.
        stage: StageArn,
        /// Whom.
        participant: ParticipantId,
    },
    /// The API has attached an ingest configuration to a stage, detached or deleted it, or changed of which streams it is: its
    /// publishes that are none of these or on any other stage are closed, and so is all else of their participants. Nothing keeps
    /// them from coming back once it is attached again.
    IngestDetached {
        /// Which.
        configuration: IngestConfigurationArn,
        /// How it is attached now.
        unless: Option<Attachment>,
    },
    /// Somebody asks whether a join with the token would be refused. Nothing changes.
    Knock {
        /// The verified token.
        grant: Grant,
    },
    /// A participant opens its events socket: this is the join. An older socket of the same token is closed.
    Join {
        /// The socket.
        connection: ConnectionId,
        /// The verified token.
        grant: Grant,
        /// What its client says of itself.
        client: ClientInfo,
    },
    /// A participant offers media by WHIP. Without an events socket this joins it too.
    Publish {
        /// The publish.
        connection: ConnectionId,
        /// The verified token.
        grant: Grant,
        /// What its client says of itself.
        client: ClientInfo,
        /// What makes the offer unacceptable, if anything (a codec that is missing).
        fault: Option<ErrorCode>,
    },
    /// A participant asks for another's media by WHEP. Without an events socket this joins it too.
    Subscribe {
        /// The subscription.
        connection: ConnectionId,
        /// The verified token.
        grant: Grant,
        /// What its client says of itself.
        client: ClientInfo,
        /// Whose media.
        publisher: ParticipantId,
    },
    /// An encoder offers media with a stream key. This joins its participant too.
    Ingest {
        /// The publish.
        connection: ConnectionId,
        /// What the key allows.
        grant: Box<IngestGrant>,
        /// What makes it unacceptable, if anything (a protocol that is not taken).
        fault: Option<ErrorCode>,
    },
    /// The media of a publish or a subscription is up (ICE and DTLS are done, or what an encoder sends is complete).
    Connected {
        /// Which.
        connection: ConnectionId,
    },
    /// A connection ended on its own account. One that the machine has closed already is ignored.
    Closed {
        /// Which.
        connection: ConnectionId,
        /// Why.
        cause: CloseCause,
    },
    /// A participant says by its events socket what it has muted, for all of its publishes until it leaves.
    Mute {
        /// Its socket.
        connection: ConnectionId,
        /// What is muted.
        mute: Mute,
    },
    /// A participant exchanges the token of its events socket for another. It stays who it is and where it is.
    Exchange {
        /// Its socket.
        connection: ConnectionId,
        /// The other token, verified.
        grant: Grant,
    },
    /// The API has a publishing participant appear on another stage too.
    Replicate(Replicate),
    /// Whoever asked for a replication knows that it runs. Until then the same start once more is the same one, and after it a conflict.
    ReplicationAnswered(ReplicationKey),
    /// The API ends one.
    StopReplication(ReplicationKey),
    /// The shell puts a participant out by its socket: everything of it is closed. Nothing keeps it from coming back.
    PutOut {
        /// The socket.
        connection: ConnectionId,
        /// What its clients are told.
        reason: LeftReason,
    },
    /// The process shuts down: everybody leaves, every session ends.
    Shutdown,
}

/// Which replication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicationKey {
    /// Where the participant is.
    pub source: StageArn,
    /// Where it appears.
    pub destination: StageArn,
    /// Who.
    pub participant: ParticipantId,
}

/// A replication that is to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replicate {
    /// Who is to appear where.
    pub of: ReplicationKey,
    /// How long after the end of its publish the participant may publish again and appear again. What is longer than
    /// [`limits::RECONNECT_WINDOW_MAX`] counts as that.
    pub window: Duration,
    /// What it has there beside the attributes of its token, and in place of those of the same name.
    pub attributes: BTreeMap<String, String>,
}

/// Where an ingest configuration publishes, and with which streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The stage.
    pub stage: StageArn,
    /// The participants of its two streams, which peers see as one; empty where it is of one stream. Two streams that are given up
    /// and made anew are others.
    pub legs: Vec<ParticipantId>,
}

impl Attachment {
    /// Whether a participant that is this of its configuration has a place on that stage.
    pub fn takes(&self, stage: &StageArn, part: IngestPart, participant: &ParticipantId) -> bool {
        let is_of_it = match part {
            IngestPart::Whole => self.legs.is_empty(),
            IngestPart::Virtual => !self.legs.is_empty(),
            IngestPart::Leg => self.legs.contains(participant),
        };
        self.stage == *stage && is_of_it
    }
}

/// What a publisher has muted. It is told to others and changes nothing about media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mute {
    /// Its audio.
    pub audio: bool,
    /// Its video.
    pub video: bool,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCause {
    /// The client said so: DELETE, socket close, DTLS close.
    Client,
    /// The client fell silent.
    Timeout,
    /// Media broke a rule, or the server failed.
    Fault(ErrorCode),
}
