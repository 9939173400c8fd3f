//! What a server knows at a moment of those who publish by RTMP, for its operators: what comes, and what was refused and why.
//!
//! It is kept in memory only. A stream key is in none of it.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::{IngestConfigurationArn, IngestProtocol, ParticipantId};

/// Everything that is known of ingest.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct IngestReport {
    /// Every configuration by which somebody publishes or was refused of late; once each.
    pub configurations: Vec<IngestStatus>,
    /// The newest refusals of those whose key named no configuration, newest first.
    pub refusals: Vec<IngestRefusal>,
}

/// One ingest configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct IngestStatus {
    /// Which.
    pub configuration: IngestConfigurationArn,
    /// What comes in by its keys: two streams at most, of a redundant pair.
    pub streams: Vec<IngestStream>,
    /// Who was refused, cut off, or ended by the API, last.
    pub last_refusal: Option<IngestRefusal>,
}

/// One stream that an encoder sends, as it was measured over the last seconds.
///
/// Figures of media are 0, and texts empty, until there is something to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct IngestStream {
    /// As whom it publishes; each stream of a redundant pair has its own.
    pub participant: ParticipantId,
    /// By which port it came.
    pub protocol: IngestProtocol,
    /// From where.
    pub address: IpAddr,
    /// What the encoder calls itself, 128 printable characters at most.
    pub encoder: String,
    /// When it was admitted.
    pub since: Timestamp,
    /// Pixels, of the largest layer.
    pub width: u32,
    /// Pixels, of the largest layer.
    pub height: u32,
    /// Pictures of one layer in a second.
    pub frames_per_second: f64,
    /// Milliseconds from one key frame to the next, or since the newest where that is long; 0 while it is not known.
    pub key_frame_interval_ms: u32,
    /// Bits per second as they come, of all layers together.
    pub video_bitrate_bps: u64,
    /// Bits per second as they come, before transcoding.
    pub audio_bitrate_bps: u64,
    /// Hertz.
    pub audio_sample_rate: u32,
    /// 1 or 2.
    pub audio_channels: u8,
    /// As RFC 6381 names it: `avc1.64001f`.
    pub video_codec: String,
    /// Simulcast layers; 1 without.
    pub layers: u8,
    /// Whether viewers see this one: always, but for the second stream of a redundant pair.
    pub is_active_leg: bool,
}

/// Why somebody may not publish, or not any longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestRefusal {
    /// When.
    pub at: Timestamp,
    /// A word of a fixed set: the API's error code where there is one, such as `B_FRAME_PRESENT`.
    pub code: String,
    /// A sentence for people, with the bound that was passed. It repeats nothing of a key.
    pub what: String,
    /// From where.
    pub address: IpAddr,
}
