//! A replication of a participant.

use model::Replica;
use wire::types::{ParticipantReplica, ReplicationState};

/// `ParticipantReplica`.
pub(crate) fn replica(replica: &Replica) -> ParticipantReplica {
    ParticipantReplica {
        source_stage_arn: replica.source_stage.to_string(),
        source_session_id: replica.source_session.to_string(),
        participant_id: replica.participant.to_string(),
        destination_stage_arn: replica.destination_stage.to_string(),
        destination_session_id: replica.destination_session.to_string(),
        replication_state: state(replica.is_active),
    }
}

/// `ReplicationState`.
pub(crate) fn state(is_active: bool) -> ReplicationState {
    if is_active {
        ReplicationState::Active
    } else {
        ReplicationState::Stopped
    }
}
