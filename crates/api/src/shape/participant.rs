//! A participant of a session.

use model::{Ingest, Participant};
use wire::types;

use crate::token::whole_seconds;

/// `Participant`. Nobody is recorded or replicated in this build.
pub(crate) fn participant(participant: Participant) -> types::Participant {
    let client = participant.client;
    let (redundant_ingest, ingest_configuration_arn) = ingest(participant.ingest.as_deref());
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
        replication_type: Some(types::ReplicationType::None),
        redundant_ingest,
        ingest_configuration_arn,
        ..types::Participant::default()
    }
}

/// `ParticipantSummary`.
pub(crate) fn participant_summary(participant: Participant) -> types::ParticipantSummary {
    let (redundant_ingest, ingest_configuration_arn) = ingest(participant.ingest.as_deref());
    types::ParticipantSummary {
        participant_id: Some(participant.id.to_string()),
        user_id: Some(participant.user_id),
        state: types::ParticipantState::parse(participant.state.as_str()),
        first_join_time: Some(whole_seconds(participant.first_join)),
        published: Some(participant.published),
        recording_state: Some(types::ParticipantRecordingState::Disabled),
        replication_type: Some(types::ReplicationType::None),
        redundant_ingest,
        ingest_configuration_arn,
        ..types::ParticipantSummary::default()
    }
}

/// `redundantIngest` and `ingestConfigurationArn`, of those who came through an ingest configuration.
fn ingest(ingest: Option<&Ingest>) -> (Option<bool>, Option<String>) {
    ingest
        .map(|ingest| (ingest.redundant, ingest.configuration.to_string()))
        .unzip()
}
