//! A participant of a session.

use model::{Ingest, Participant, Replication};
use wire::types;

use super::replica;

use crate::token::whole_seconds;

/// `Participant`. Nobody is recorded in this build.
pub(crate) fn participant(participant: Participant) -> types::Participant {
    let client = participant.client;
    let (redundant_ingest, ingest_configuration_arn) = ingest(participant.ingest.as_deref());
    let replication = replication(participant.replication);
    types::Participant {
        participant_id: Some(participant.id.to_string()),
        user_id: Some(participant.user_id),
        state: types::ParticipantState::parse(participant.state.as_str()),
        first_join_time: Some(whole_seconds(participant.first_join)),
        attributes: Some(participant.attributes),
        published: Some(participant.published),
        isp_name: Some(client.isp_name),
        os_name: Some(client.os_name),
        os_version: Some(client.os_version),
        browser_name: Some(client.browser_name),
        browser_version: Some(client.browser_version),
        sdk_version: Some(client.sdk_version),
        recording_s3_bucket_name: Some(String::new()),
        recording_s3_prefix: Some(String::new()),
        recording_state: Some(types::ParticipantRecordingState::Disabled),
        protocol: types::ParticipantProtocol::parse(participant.protocol.as_str()),
        replication_type: Some(replication.kind),
        replication_state: replication.state,
        source_stage_arn: replication.source_stage,
        source_session_id: replication.source_session,
        redundant_ingest,
        ingest_configuration_arn,
    }
}

/// `ParticipantSummary`.
pub(crate) fn participant_summary(participant: Participant) -> types::ParticipantSummary {
    let (redundant_ingest, ingest_configuration_arn) = ingest(participant.ingest.as_deref());
    let replication = replication(participant.replication);
    types::ParticipantSummary {
        participant_id: Some(participant.id.to_string()),
        user_id: Some(participant.user_id),
        state: types::ParticipantState::parse(participant.state.as_str()),
        first_join_time: Some(whole_seconds(participant.first_join)),
        published: Some(participant.published),
        recording_state: Some(types::ParticipantRecordingState::Disabled),
        replication_type: Some(replication.kind),
        replication_state: replication.state,
        source_stage_arn: replication.source_stage,
        source_session_id: replication.source_session,
        redundant_ingest,
        ingest_configuration_arn,
    }
}

/// `redundantIngest` and `ingestConfigurationArn`, of those who came through an ingest configuration.
fn ingest(ingest: Option<&Ingest>) -> (Option<bool>, Option<String>) {
    ingest
        .map(|ingest| (ingest.redundant, ingest.configuration.to_string()))
        .unzip()
}

/// What a participant's members say of replication.
struct Members {
    kind: types::ReplicationType,
    state: Option<types::ReplicationState>,
    source_stage: Option<String>,
    source_session: Option<String>,
}

/// Who has nothing to do with replication has the type only; a source's members for where it comes from are empty.
fn replication(replication: Option<Replication>) -> Members {
    let state = replication
        .as_ref()
        .map(|replication| replica::state(replication.is_active()));
    let (kind, source) = match replication {
        None => (types::ReplicationType::None, None),
        Some(Replication::Source { .. }) => (
            types::ReplicationType::Source,
            Some((String::new(), String::new())),
        ),
        Some(Replication::Replica {
            source_stage,
            source_session,
            ..
        }) => (
            types::ReplicationType::Replica,
            Some((source_stage.to_string(), source_session.to_string())),
        ),
    };
    let (source_stage, source_session) = source.unzip();
    Members {
        kind,
        state,
        source_stage,
        source_session,
    }
}
