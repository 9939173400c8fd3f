//! Replication: a publishing participant that appears on another stage too.

use crate::{ParticipantId, SessionId, StageArn};

/// One replication, as `ListParticipantReplicas` lists it. Its key is the source's session, the participant and the
/// destination; one that begins anew in the same session takes the place of the older one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// Where the participant is itself.
    pub source_stage: StageArn,
    /// In which session.
    pub source_session: SessionId,
    /// Who; the same id on both stages.
    pub participant: ParticipantId,
    /// Where it appears.
    pub destination_stage: StageArn,
    /// In which session.
    pub destination_session: SessionId,
    /// Whether it goes on: it does, while the participant may come back, even if that does not publish.
    pub is_active: bool,
}

/// What a participant's record says of replication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replication {
    /// The participant appears on other stages, or did.
    Source {
        /// Whether it does on any.
        is_active: bool,
    },
    /// It is the appearance of a participant of another stage, or was.
    Replica {
        /// Whether it is still.
        is_active: bool,
        /// Where the participant is itself.
        source_stage: StageArn,
        /// In which session.
        source_session: SessionId,
    },
}

impl Replication {
    /// Whether it goes on.
    pub fn is_active(&self) -> bool {
        match self {
            Self::Source { is_active } | Self::Replica { is_active, .. } => *is_active,
        }
    }
}
