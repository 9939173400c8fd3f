//! The bodies of audio and video messages: FLV's tags, and those of enhanced RTMP (v2) with a FourCC.

mod aggregate;
mod audio;
mod codec;
mod enhanced;
mod video;

pub(crate) use aggregate::split as split_aggregate;
pub use codec::{AudioCodec, VideoCodec};

use bytes::Bytes;

/// What one track of an audio message holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audio {
    /// An AudioSpecificConfig (ISO/IEC 14496-3).
    AacConfig(Bytes),
    /// One AAC frame without a header.
    Aac(Bytes),
    /// No more audio comes.
    EndOfSequence,
    /// Audio of another codec; not looked into.
    Other {
        /// Which.
        codec: AudioCodec,
    },
}

/// What one track of a video message holds. A message that is not of a multitrack stream is of track 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Video {
    /// An AVCDecoderConfigurationRecord (ISO/IEC 14496-15).
    AvcConfig {
        /// Number of the track.
        track: u8,
        /// The record.
        record: Bytes,
    },
    /// One picture of H.264.
    Avc {
        /// Number of the track.
        track: u8,
        /// Presentation time less decoding time, in milliseconds.
        composition_ms: i32,
        /// Whether the encoder calls it a key frame.
        is_key: bool,
        /// NAL units, each behind its length in as many bytes as the configuration says.
        nals: Bytes,
    },
    /// No more pictures come.
    EndOfSequence {
        /// Number of the track.
        track: u8,
    },
    /// Video of another codec; not looked into.
    Other {
        /// Number of the track.
        track: u8,
        /// Which.
        codec: VideoCodec,
    },
}
