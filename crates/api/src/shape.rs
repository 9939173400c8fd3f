//! Our records in the API's shapes.
//!
//! Optional texts are sent as `""` and tags as `{}` where there are none; other members that have no value are left out.

use model::{Event, Participant, RecordingConfiguration, Session, Stage};
use wire::types;

use crate::Endpoints;
use crate::token::whole_seconds;

/// `Stage`.
pub(crate) fn stage(stage: Stage, endpoints: &Endpoints) -> types::Stage {
    types::Stage {
        arn: stage.arn.to_string(),
        name: Some(stage.name),
        active_session_id: stage.active_session.map(|session| session.to_string()),
        tags: Some(stage.tags),
        auto_participant_recording_configuration: Some(recording(stage.recording)),
        endpoints: Some(types::StageEndpoints {
            events: Some(endpoints.events.clone()),
            whip: Some(endpoints.whip.clone()),
            rtmp: Some(endpoints.rtmp.clone()),
            rtmps: Some(endpoints.rtmps.clone()),
        }),
    }
}

/// `StageSummary`.
pub(crate) fn stage_summary(stage: Stage) -> types::StageSummary {
    types::StageSummary {
        arn: stage.arn.to_string(),
        name: Some(stage.name),
        active_session_id: stage.active_session.map(|session| session.to_string()),
        tags: Some(stage.tags),
    }
}

/// `AutoParticipantRecordingConfiguration`. The record's words are the API's.
fn recording(recording: RecordingConfiguration) -> types::AutoParticipantRecordingConfiguration {
    let thumbnail = recording.thumbnail;
    types::AutoParticipantRecordingConfiguration {
        storage_configuration_arn: recording.storage_configuration_arn,
        media_types: Some(words(
            &recording.media_types,
            types::ParticipantRecordingMediaType::parse,
        )),
        thumbnail_configuration: Some(types::ParticipantThumbnailConfiguration {
            target_interval_seconds: i32::try_from(thumbnail.interval_seconds).ok(),
            storage: Some(words(
                &thumbnail.storage,
                types::ThumbnailStorageType::parse,
            )),
            recording_mode: types::ThumbnailRecordingMode::parse(&thumbnail.recording_mode),
        }),
        recording_reconnect_window_seconds: i32::try_from(recording.reconnect_window_seconds).ok(),
        hls_configuration: Some(types::ParticipantRecordingHlsConfiguration {
            target_segment_duration_seconds: i32::try_from(recording.segment_seconds).ok(),
        }),
        record_participant_replicas: Some(recording.record_replicas),
    }
}

fn words<T>(words: &[String], parse: fn(&str) -> Option<T>) -> Vec<T> {
    words.iter().filter_map(|word| parse(word)).collect()
}

/// `StageSession`.
pub(crate) fn session(session: &Session) -> types::StageSession {
    types::StageSession {
        session_id: Some(session.id.to_string()),
        start_time: Some(whole_seconds(session.start)),
        end_time: session.end.map(whole_seconds),
    }
}

/// `StageSessionSummary`.
pub(crate) fn session_summary(session: &Session) -> types::StageSessionSummary {
    types::StageSessionSummary {
        session_id: Some(session.id.to_string()),
        start_time: Some(whole_seconds(session.start)),
        end_time: session.end.map(whole_seconds),
    }
}

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

/// `Event`. Every event of this build is about joining, publishing or subscribing, and so says whether it is about a replica.
pub(crate) fn event(event: Event) -> types::Event {
    types::Event {
        name: types::EventName::parse(event.name.as_str()),
        participant_id: Some(event.participant.to_string()),
        event_time: Some(whole_seconds(event.time)),
        remote_participant_id: event.remote.map(|remote| remote.to_string()),
        error_code: event
            .error
            .and_then(|code| types::EventErrorCode::parse(code.as_str())),
        replica: Some(false),
        ..types::Event::default()
    }
}

#[cfg(test)]
mod tests {
    use model::{ErrorCode, EventName, ParticipantState, Protocol};

    use super::*;

    #[test]
    fn every_word_of_ours_is_a_word_of_the_api() {
        for name in EventName::ALL {
            assert!(types::EventName::parse(name.as_str()).is_some(), "{name:?}");
        }
        for code in ErrorCode::ALL {
            assert!(
                types::EventErrorCode::parse(code.as_str()).is_some(),
                "{code:?}"
            );
        }
        for state in [ParticipantState::Connected, ParticipantState::Disconnected] {
            assert!(types::ParticipantState::parse(state.as_str()).is_some());
        }
        for protocol in [
            Protocol::Unknown,
            Protocol::Whip,
            Protocol::Rtmp,
            Protocol::Rtmps,
        ] {
            assert!(types::ParticipantProtocol::parse(protocol.as_str()).is_some());
        }
    }

    #[test]
    fn the_default_recording_configuration_is_printed_whole() {
        let shown = recording(RecordingConfiguration::default());
        let thumbnail = shown.thumbnail_configuration.unwrap();
        assert_eq!(
            shown.media_types,
            Some(vec![types::ParticipantRecordingMediaType::AudioVideo])
        );
        assert_eq!(
            thumbnail.storage,
            Some(vec![types::ThumbnailStorageType::Sequential])
        );
        assert_eq!(
            thumbnail.recording_mode,
            Some(types::ThumbnailRecordingMode::Disabled)
        );
    }
}
