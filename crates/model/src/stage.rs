//! Stages as the control API keeps them.

use jiff::Timestamp;

use crate::{SessionId, StageArn, Tags};

/// A stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Its identity.
    pub arn: StageArn,
    /// The customer's name for it, empty if none; not unique.
    pub name: String,
    /// Its tags.
    pub tags: Tags,
    /// When it was made.
    pub created: Timestamp,
    /// The session that is live on it, if any.
    pub active_session: Option<SessionId>,
    /// How participants are recorded.
    pub recording: RecordingConfiguration,
}

/// `AutoParticipantRecordingConfiguration`; its `Default` is what the service fills in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingConfiguration {
    /// Where recordings go; empty means that recording is off.
    pub storage_configuration_arn: String,
    /// `AUDIO_VIDEO`, `AUDIO_ONLY` or `NONE`; at most one.
    pub media_types: Vec<String>,
    /// Thumbnails.
    pub thumbnail: ThumbnailConfiguration,
    /// How long a gap is stitched into the same recording, in seconds, 0 to 300.
    pub reconnect_window_seconds: u32,
    /// Length of an HLS segment, in seconds, 2 to 10.
    pub segment_seconds: u32,
    /// Whether replicas are recorded too.
    pub record_replicas: bool,
}

/// `ParticipantThumbnailConfiguration`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThumbnailConfiguration {
    /// Seconds between two thumbnails, 1 to 86400.
    pub interval_seconds: u32,
    /// `SEQUENTIAL`, `LATEST` or both.
    pub storage: Vec<String>,
    /// `INTERVAL` or `DISABLED`.
    pub recording_mode: String,
}

impl Default for RecordingConfiguration {
    fn default() -> Self {
        Self {
            storage_configuration_arn: String::new(),
            media_types: vec!["AUDIO_VIDEO".to_owned()],
            thumbnail: ThumbnailConfiguration::default(),
            reconnect_window_seconds: 0,
            segment_seconds: 6,
            record_replicas: true,
        }
    }
}

impl Default for ThumbnailConfiguration {
    fn default() -> Self {
        Self {
            interval_seconds: 60,
            storage: vec!["SEQUENTIAL".to_owned()],
            recording_mode: "DISABLED".to_owned(),
        }
    }
}
