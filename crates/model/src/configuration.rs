//! Ingest, encoder and storage configurations as the control API keeps them.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use crate::{
    EncoderConfigurationArn, IngestConfigurationArn, ParticipantId, StageArn,
    StorageConfigurationArn, Tags,
};

/// By which protocol an ingest configuration takes media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IngestProtocol {
    /// RTMP.
    Rtmp,
    /// RTMP over TLS.
    Rtmps,
}

impl IngestProtocol {
    /// The API's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rtmp => "RTMP",
            Self::Rtmps => "RTMPS",
        }
    }

    /// Reads the API's word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Rtmp, Self::Rtmps]
            .into_iter()
            .find(|protocol| protocol.as_str() == word)
    }
}

/// A stream key: who has it may publish. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamKey(String);

impl StreamKey {
    /// Takes the text of a key.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself, for the customer who owns it and for comparison.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKey(..)")
    }
}

/// One of the two streams of a redundant ingest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestCredential {
    /// The stream's own participant.
    pub participant: ParticipantId,
    /// The stream's own key.
    pub stream_key: StreamKey,
}

/// An ingest configuration: a stream key for encoders that speak RTMP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestConfiguration {
    /// Its identity.
    pub arn: IngestConfigurationArn,
    /// The customer's name for it, empty if none; not unique.
    pub name: String,
    /// How media comes in.
    pub protocol: IngestProtocol,
    /// Whether plain RTMP is taken.
    pub insecure: bool,
    /// The stage to which it publishes, of its own account and region; without one its keys open nothing.
    pub stage: Option<StageArn>,
    /// The participant as which it publishes, for its whole life.
    pub participant: ParticipantId,
    /// Its key.
    pub stream_key: StreamKey,
    /// Whether a stream of it is connected to its stage; none is when the process starts.
    pub active: bool,
    /// Empty, or the two credentials of a redundant ingest; the first has the key of the configuration.
    pub credentials: Vec<IngestCredential>,
    /// The customer's name for the user, empty if none.
    pub user_id: String,
    /// The customer's attributes.
    pub attributes: BTreeMap<String, String>,
    /// Its tags.
    pub tags: Tags,
    /// When it was made.
    pub created: Timestamp,
}

/// `Video` of an encoder configuration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Video {
    /// Pixels, even, 2 to 1920.
    pub width: u32,
    /// Pixels, even, 2 to 1920.
    pub height: u32,
    /// Frames per second, 1 to 60.
    pub framerate: f64,
    /// Bits per second, 1 to 8,500,000.
    pub bitrate: u32,
}

impl Default for Video {
    fn default() -> Self {
        Self {
            width: 1280,
            height: 720,
            framerate: 30.0,
            bitrate: 2_500_000,
        }
    }
}

/// An encoder configuration: what a composition looks like.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderConfiguration {
    /// Its identity.
    pub arn: EncoderConfigurationArn,
    /// The customer's name for it, empty if none; not unique.
    pub name: String,
    /// The picture.
    pub video: Video,
    /// Its tags.
    pub tags: Tags,
    /// When it was made.
    pub created: Timestamp,
}

/// A storage configuration: where recordings go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageConfiguration {
    /// Its identity.
    pub arn: StorageConfigurationArn,
    /// The customer's name for it, empty if none; not unique.
    pub name: String,
    /// A bucket of the object store, 3 to 63 of `[a-z0-9-.]`.
    pub bucket: String,
    /// Its tags.
    pub tags: Tags,
    /// When it was made.
    pub created: Timestamp,
}
