//! What a packet says of itself: who made it, when, and which layer and picture it belongs to.
//!
//! It stands in the payload, because many servers do not pass on the header extension for times. Times are wall-clock, so that
//! publisher and viewer may be two processes of one machine.

use std::time::Duration;

/// Where it stands in a video payload: behind the NAL and slice headers.
pub(crate) const IN_VIDEO: usize = 16;
/// Where it stands in an audio payload: behind the table of contents of Opus.
pub(crate) const IN_AUDIO: usize = 4;
/// How long it is.
pub(crate) const BYTES: usize = 20;

const MAGIC: [u8; 4] = *b"dsld";

/// See above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) publisher: u8,
    pub(crate) layer: u8,
    /// Counts pictures, or packets of audio; wraps.
    pub(crate) picture: u16,
    /// When it was made, since the Unix epoch.
    pub(crate) made: Duration,
}

impl Stamp {
    /// Writes it at an offset of a payload; a shorter payload stays as it is.
    pub(crate) fn write(self, payload: &mut [u8], at: usize) {
        let Some(place) = payload.get_mut(at..at + BYTES) else {
            return;
        };
        let nanos = u64::try_from(self.made.as_nanos()).unwrap_or(u64::MAX);
        let words = [
            &MAGIC[..],
            &[self.publisher, self.layer],
            &self.picture.to_be_bytes(),
            &nanos.to_be_bytes(),
            &MAGIC,
        ];
        place.copy_from_slice(&words.concat());
    }

    /// Reads it at an offset, if it is there.
    pub(crate) fn read(payload: &[u8], at: usize) -> Option<Self> {
        let (magic, rest) = payload.get(at..at + BYTES)?.split_first_chunk::<4>()?;
        let (about, rest) = rest.split_first_chunk::<4>()?;
        let (nanos, end) = rest.split_first_chunk::<8>()?;
        let [publisher, layer, high, low] = *about;
        (*magic == MAGIC && *end == MAGIC).then(|| Self {
            publisher,
            layer,
            picture: u16::from_be_bytes([high, low]),
            made: Duration::from_nanos(u64::from_be_bytes(*nanos)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let stamp = Stamp {
            publisher: 63,
            layer: 2,
            picture: 65_535,
            made: Duration::from_nanos(1_790_000_000_123_456_789),
        };
        let mut payload = [0; 64];
        stamp.write(&mut payload, IN_VIDEO);
        assert_eq!(Stamp::read(&payload, IN_VIDEO), Some(stamp));
        assert_eq!(Stamp::read(&payload, IN_AUDIO), None);
        assert_eq!(
            Stamp::read(&payload[..IN_VIDEO + BYTES - 1], IN_VIDEO),
            None
        );
        let mut short = [7; 10];
        stamp.write(&mut short, IN_VIDEO);
        assert_eq!(short, [7; 10]);
    }
}
