//! What the stage machine asks the store to remember, and what the store gives back after a crash.

use jiff::Timestamp;

use crate::{
    Event, IngestConfigurationArn, Participant, ParticipantId, Replica, Session, SessionId,
    StageArn,
};

/// One fact to write. Facts are applied in the order in which they come; all that one input caused belongs in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A session began; it becomes the stage's active one.
    SessionStarted(Session),
    /// The session ended; the stage has no active one.
    SessionEnded {
        /// On which stage.
        stage: StageArn,
        /// Which session.
        session: SessionId,
        /// When.
        end: Timestamp,
    },
    /// A participant's record as it stands from here on.
    Participant(Participant),
    /// An event, to be appended.
    Event(Event),
    /// An ingest configuration becomes ACTIVE on a stage, or is so no more. It says nothing once the configuration is not
    /// attached to that stage any more.
    Ingest {
        /// On which stage.
        stage: StageArn,
        /// Which configuration.
        configuration: IngestConfigurationArn,
        /// Whether a connection of it is there.
        active: bool,
    },
    /// A replication as it stands from here on.
    Replica(Replica),
}

impl Record {
    /// The stage the fact is about.
    pub fn stage(&self) -> &StageArn {
        match self {
            Self::SessionStarted(session) => &session.stage,
            Self::SessionEnded { stage, .. } | Self::Ingest { stage, .. } => stage,
            Self::Participant(participant) => &participant.stage,
            Self::Event(event) => &event.stage,
            Self::Replica(replica) => &replica.source_stage,
        }
    }
}

/// A session that had no end when the process began: what a crash left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSession {
    /// The session.
    pub session: Session,
    /// Its participants that were connected.
    pub connected: Vec<LiveParticipant>,
    /// Those that were not, and whose replication was active nevertheless: they could have come back.
    pub away: Vec<Participant>,
    /// The replications from this session that were active.
    pub replicas: Vec<Replica>,
    /// The highest event sequence in it, 0 if none.
    pub last_sequence: u64,
    /// The last time at which the process is known to have lived: the later of its last sign of life and the last event.
    pub last_seen: Timestamp,
}

/// A participant that was connected at the crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveParticipant {
    /// Its record.
    pub participant: Participant,
    /// The publishers it was receiving: started and not stopped.
    pub subscribed: Vec<ParticipantId>,
}
