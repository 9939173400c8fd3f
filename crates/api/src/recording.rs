//! The recording configuration of a stage, for CreateStage and UpdateStage.
//!
//! Nobody is recorded in this build: what is asked for is kept, checked and echoed.

use model::{RecordingConfiguration, StorageConfigurationArn, ThumbnailConfiguration};
use wire::types::{
    AutoParticipantRecordingConfiguration, ParticipantRecordingMediaType,
    ParticipantThumbnailConfiguration, ThumbnailRecordingMode, ThumbnailStorageType,
};

use crate::app::Call;
use crate::error::Absent;

/// What a caller asks of recording.
pub(crate) type Wish = AutoParticipantRecordingConfiguration;

/// Reads the whole object: members that are absent, or empty lists, take their defaults, whatever was set before. An empty
/// ARN turns recording off, and with it everything else goes back to its default.
///
/// Whether the storage configuration is there is for the store to say, in the transaction that writes the stage.
pub(crate) fn read(call: &Call, wish: Wish) -> Result<RecordingConfiguration, Absent> {
    let default = RecordingConfiguration::default();
    if wish.storage_configuration_arn.is_empty() {
        return Ok(default);
    }
    let storage = call.own_arn(
        &wish.storage_configuration_arn,
        StorageConfigurationArn::parse,
        Absent::StorageConfiguration,
    )?;
    let media_types = words(
        wish.media_types.unwrap_or_default(),
        ParticipantRecordingMediaType::as_str,
    );
    let hls = wish.hls_configuration.unwrap_or_default();
    Ok(RecordingConfiguration {
        storage_configuration_arn: storage.to_string(),
        media_types: or_default(media_types, default.media_types),
        thumbnail: thumbnail(wish.thumbnail_configuration.unwrap_or_default()),
        reconnect_window_seconds: seconds(
            wish.recording_reconnect_window_seconds,
            default.reconnect_window_seconds,
        ),
        segment_seconds: seconds(hls.target_segment_duration_seconds, default.segment_seconds),
        record_replicas: wish
            .record_participant_replicas
            .unwrap_or(default.record_replicas),
    })
}

/// The interval has a meaning in the mode `INTERVAL` only, and shows its default otherwise.
fn thumbnail(wish: ParticipantThumbnailConfiguration) -> ThumbnailConfiguration {
    let default = ThumbnailConfiguration::default();
    let interval = wish
        .target_interval_seconds
        .filter(|_| wish.recording_mode == Some(ThumbnailRecordingMode::Interval));
    let storage = words(
        wish.storage.unwrap_or_default(),
        ThumbnailStorageType::as_str,
    );
    ThumbnailConfiguration {
        interval_seconds: seconds(interval, default.interval_seconds),
        storage: or_default(storage, default.storage),
        recording_mode: wish
            .recording_mode
            .map_or(default.recording_mode, |mode| mode.as_str().to_owned()),
    }
}

/// The words of a list, each once.
fn words<T>(list: Vec<T>, as_str: fn(T) -> &'static str) -> Vec<String> {
    let mut words = Vec::with_capacity(list.len());
    for word in list.into_iter().map(as_str) {
        if !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words
}

fn or_default(words: Vec<String>, default: Vec<String>) -> Vec<String> {
    if words.is_empty() { default } else { words }
}

fn seconds(wish: Option<i32>, default: u32) -> u32 {
    wish.and_then(|seconds| u32::try_from(seconds).ok())
        .unwrap_or(default)
}
