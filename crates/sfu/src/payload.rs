//! What limits and forwarding need to know of one RTP payload.

use crate::codec::Codec;
use crate::red::Red;
use crate::vp8::Picture;
use crate::{h264, vp8};

pub(crate) use crate::h264::Holds;

/// The payload does not follow its payload format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Facts of one payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// A decoder can start with this packet: it begins a key frame, or the parameter sets before one.
    pub(crate) is_start: bool,
    /// Picture size, where the payload declares one.
    pub(crate) size: Option<Size>,
    /// It begins a slice with bidirectional prediction.
    pub(crate) is_b_slice: bool,
    /// H.264: it says what the stream is, and whether such slices may be in it.
    pub(crate) allows_b: Option<bool>,
    /// VP8: what the descriptor numbers.
    pub(crate) picture: Option<Picture>,
    /// Opus: what the payload repeats.
    pub(crate) red: Option<Red>,
}

/// Width and height of a picture, pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Size {
    /// How many pixels.
    pub(crate) fn area(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// Reads a payload that is not empty.
pub(crate) fn inspect(codec: Codec, payload: &[u8]) -> Result<Facts, Malformed> {
    match codec {
        // RFC 7587: any byte is a valid first byte; FEC, DTX and frame counts are the decoder's.
        Codec::Opus => Ok(Facts::default()),
        Codec::H264 => h264::inspect(payload),
        Codec::Vp8 => vp8::inspect(payload),
    }
}

/// What of that which a decoder needs to begin a packet brings: for H.264 its parameter sets, which may be in packets of their
/// own, and the key frame. `is_start` says whether a decoder can start with it at all.
pub(crate) fn holds(codec: Codec, payload: &[u8], is_start: bool) -> Holds {
    match codec {
        Codec::H264 => h264::holds(payload),
        Codec::Opus | Codec::Vp8 if is_start => Holds::ALL,
        Codec::Opus | Codec::Vp8 => Holds::default(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        // T42.
        #[test]
        fn t42_arbitrary_payloads_never_panic(payload in prop::collection::vec(any::<u8>(), 0..300)) {
            for codec in [Codec::Opus, Codec::H264, Codec::Vp8] {
                let _ = inspect(codec, &payload);
                let _ = holds(codec, &payload, true);
            }
        }

        #[test]
        fn t42_arbitrary_parameter_sets_never_panic(rest in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut sps = vec![0x67, 66, 0xe0, 31];
            sps.extend(rest);
            let _ = inspect(Codec::H264, &sps);
        }
    }
}
