//! The media of one encoder's connection: what comes is checked against the service's limits, AAC becomes Opus, and everything gets
//! its place on one line of time.
//!
//! [`Stream`] is fed tags and gives [`Unit`]s for `sfu::Packetiser`. It has no sockets, and the clock is an argument. Whatever an
//! encoder sends costs at most its own stream: a broken rule is a [`Violation`], after which the stream is of no more use.
//!
//! Terms: *stream time* is what the encoder writes, in milliseconds; *media time* is where a unit belongs for viewers, counted from
//! a little before the first unit. A *track* is a video track of enhanced RTMP by its number; a *layer* is a track's rank by size,
//! lowest first.

mod aac;
mod audio;
mod avcc;
mod bits;
mod decode;
mod encode;
mod figures;
mod follow;
mod held;
mod level;
mod meter;
mod resample;
mod splice;
mod stream;
#[cfg(test)]
mod tests;
mod timeline;
mod video;

use std::time::Duration;

use bytes::Bytes;
use model::ErrorCode;
use sfu::Room;

pub use figures::{AudioFigures, Figures, VideoFigures};
pub use stream::Stream;

/// What a stream may be. The bounds are those of the service (`model::limits`) unless an operator has set others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pixels of a picture of any layer, by area.
    pub pixels_max: u32,
    /// Bits in a second, of all tracks together, averaged over two seconds.
    pub bitrate_bps_max: u64,
    /// Bits in a second that Opus is encoded with.
    pub opus_bitrate_bps: u32,
    /// Bytes of a stream's media that are held until both audio and video have come.
    pub held_bytes_max: usize,
    /// What is held of all streams together. Clones of the limits share it.
    pub held: Room,
}

/// For how long one of both may be missing, in seconds: until the stream is given up.
const HELD_SECONDS: u64 = 10;
/// Bytes that are held of all streams together: 50 at the highest bitrate.
const HELD_BYTES: usize = 512 << 20;

impl Default for Limits {
    fn default() -> Self {
        let bytes = model::limits::PUBLISH_BITRATE_BPS_MAX / 8 * HELD_SECONDS;
        Self {
            pixels_max: model::limits::PUBLISH_PIXELS_MAX,
            bitrate_bps_max: model::limits::PUBLISH_BITRATE_BPS_MAX,
            opus_bitrate_bps: 128_000,
            held_bytes_max: usize::try_from(bytes).unwrap_or(usize::MAX),
            held: Room::new(HELD_BYTES),
        }
    }
}

/// Something for `sfu::Packetiser`, in the order in which it is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// What a decoder needs for the pictures of this layer from here on. Comes before the key frame that is the first to use them.
    ParameterSets {
        /// Which layer; 0 is the lowest.
        layer: usize,
        /// Sequence parameter sets, as whole NAL units.
        sps: Vec<Bytes>,
        /// Picture parameter sets, as whole NAL units.
        pps: Vec<Bytes>,
    },
    /// One picture.
    Picture {
        /// Which layer; 0 is the lowest.
        layer: usize,
        /// Its NAL units without lengths and start codes, in order. Parameter sets that the encoder puts in front of it are among
        /// them.
        nals: Vec<Bytes>,
        /// Whether a decoder can begin here.
        is_key: bool,
        /// Media time of its presentation.
        at: Duration,
    },
    /// 20 ms of audio.
    Opus {
        /// The packet.
        packet: Bytes,
        /// How loud it is, in -dBov from 0 to 127 (RFC 6464 section 3).
        level: u8,
        /// Media time of its first sample, as a decoder gives it: the delay of all codecs is taken off.
        at: Duration,
    },
}

/// A rule that the stream breaks. It ends the stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Violation {
    /// As events name it.
    pub code: ErrorCode,
    /// A sentence for people, with the bound.
    pub what: String,
}

impl Violation {
    /// A broken rule.
    pub(crate) fn new(code: ErrorCode, what: impl Into<String>) -> Self {
        Self {
            code,
            what: what.into(),
        }
    }
}
