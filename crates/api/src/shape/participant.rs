//! A participant of a session.

use model::Participant;
use wire::types;

use crate::token::whole_seconds;

/// `Participant`. Nobody is recorded or replicated in this build.
pub(crate) fn participant(participant: Participant) -> types::Participant {
    let client = participant.client;
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
        ..types::Participant::default()
    }
}

/// `ParticipantSummary`.
pub(crate) fn participant_summary(participant: Participant) -> types::ParticipantSummary {
    types::ParticipantSummary {
        participant_id: Some(participant.id.to_string()),
        user_id: Some(participant.user_id),
        state: types::ParticipantState::parse(participant.state.as_str()),
        first_join_time: Some(whole_seconds(participant.first_join)),
        published: Some(participant.published),
        recording_state: Some(types::ParticipantRecordingState::Disabled),
        replication_type: Some(types::ReplicationType::None),
        ..types::ParticipantSummary::default()
    }
}
