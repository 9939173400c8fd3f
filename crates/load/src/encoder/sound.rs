//! What is heard of an encoder: AAC-LC frames of a file, again and again.

use std::sync::LazyLock;

use bytes::Bytes;

/// Two seconds of AAC-LC in stereo at 128 kbit/s, in ADTS: see `fixtures/make.sh`.
static SOUND: &[u8] = include_bytes!("../../fixtures/sound.aac");
/// Of ADTS without a checksum.
const HEAD_BYTES: usize = 7;

/// AAC-LC, 48 kHz, two channels (ISO/IEC 14496-3, section 1.6.2.1).
pub(super) const CONFIG: [u8; 2] = [0x11, 0x90];
/// Samples in a second, and in a frame.
pub(super) const HZ: u64 = 48_000;
pub(super) const SAMPLES: u64 = 1_024;

/// The frames, without the first ones, in which an encoder begins.
static FRAMES: LazyLock<Vec<Bytes>> = LazyLock::new(|| frames(SOUND).into_iter().skip(4).collect());

/// The frame of a number, from 0 on without end.
pub(super) fn frame(number: u64) -> Bytes {
    let place = number % FRAMES.len().max(1) as u64;
    let place = usize::try_from(place).unwrap_or(0);
    FRAMES.get(place).cloned().unwrap_or_default()
}

/// Frames of an ADTS file, without their heads.
fn frames(mut adts: &'static [u8]) -> Vec<Bytes> {
    let mut found = Vec::new();
    while let Some([_, _, _, high, middle, low, _]) = adts.first_chunk::<HEAD_BYTES>() {
        let length = u32::from_be_bytes([0, high & 3, *middle, *low]) >> 5;
        let length = usize::try_from(length).unwrap_or(0);
        let Some((frame, rest)) = adts.split_at_checked(length.max(HEAD_BYTES)) else {
            break;
        };
        found.push(Bytes::from_static(
            frame.get(HEAD_BYTES..).unwrap_or_default(),
        ));
        adts = rest;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sound_has_the_bitrate_that_it_says_and_goes_on() {
        let count = 2 * FRAMES.len() as u64;
        let bytes: usize = (0..count).map(|number| frame(number).len()).sum();
        let bps = bytes as u64 * 8 * HZ / SAMPLES / count;
        assert!((120_000..136_000).contains(&bps), "{bps}");
        assert_eq!(frame(0), frame(FRAMES.len() as u64));
        assert!(FRAMES.len() > 80);
    }
}
