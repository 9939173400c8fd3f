//! What encoders have written: see `fixtures/make.sh`.

use bytes::Bytes;

/// A file of AAC frames.
pub(super) struct Aac {
    /// Hertz.
    pub(super) rate: u32,
    pub(super) record: Bytes,
    pub(super) frames: Vec<Bytes>,
}

pub(super) fn tone_44100_stereo() -> Aac {
    aac(include_bytes!("../../../fixtures/tone-44100-stereo.aac"))
}

pub(super) fn tone_48000_stereo() -> Aac {
    aac(include_bytes!("../../../fixtures/tone-48000-stereo.aac"))
}

pub(super) fn tone_48000_mono() -> Aac {
    aac(include_bytes!("../../../fixtures/tone-48000-mono.aac"))
}

/// A beep of 1 kHz from 0.5 s to 0.6 s; the first frame is what the encoder puts in front.
pub(super) fn beep_44100_stereo() -> Aac {
    aac(include_bytes!("../../../fixtures/beep-44100-stereo.aac"))
}

pub(super) fn beep_48000_stereo() -> Aac {
    aac(include_bytes!("../../../fixtures/beep-48000-stereo.aac"))
}

impl Aac {
    /// Time of a frame's first sample, in seconds.
    pub(super) fn seconds(&self, frame: usize) -> f64 {
        f64::from(u32::try_from(frame).unwrap()) * 1_024.0 / f64::from(self.rate)
    }

    /// The same, as an encoder writes it: rounded to milliseconds.
    pub(super) fn ms(&self, frame: usize) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "some hours")]
        let ms = (self.seconds(frame) * 1_000.0).round() as i64;
        ms
    }

    /// A frame of a tone that goes on for ever: those in the middle, again and again.
    pub(super) fn endless(&self, frame: usize) -> &Bytes {
        const FIRST: usize = 8;
        const COUNT: usize = 8;
        match frame {
            0..FIRST => &self.frames[frame],
            _ => &self.frames[FIRST + (frame - FIRST) % COUNT],
        }
    }
}

fn aac(mut adts: &'static [u8]) -> Aac {
    const RATES: [u32; 5] = [96_000, 88_200, 64_000, 48_000, 44_100];
    let (index, channels) = (adts[2] >> 2 & 15, (adts[2] & 1) << 2 | adts[3] >> 6);
    let record = [2 << 3 | index >> 1, index << 7 | channels << 3];
    let mut frames = Vec::new();
    while !adts.is_empty() {
        let length =
            usize::from(adts[3] & 3) << 11 | usize::from(adts[4]) << 3 | usize::from(adts[5] >> 5);
        let header = if adts[1] & 1 == 1 { 7 } else { 9 };
        frames.push(Bytes::from_static(&adts[header..length]));
        adts = &adts[length..];
    }
    Aac {
        rate: RATES[usize::from(index)],
        record: Bytes::copy_from_slice(&record),
        frames,
    }
}
