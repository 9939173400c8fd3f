//! A stage and what is recorded of it.

use model::{RecordingConfiguration, Stage};
use wire::types;

use crate::Endpoints;

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
            rtmp: endpoints.rtmp.clone(),
            rtmps: endpoints.rtmps.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

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
