//! Somebody who listens: packets are decoded and laid down at the times that they carry.

use opus::{Channels, Decoder};

use super::super::audio::Packet;

const RATE: f64 = 48_000.0;
const PACKET: usize = 960;

/// What was heard, from some time on; left and right.
pub(super) struct Heard {
    /// Seconds of media time at the first sample.
    begin: f64,
    left: Vec<f32>,
    right: Vec<f32>,
    /// Packets whose time is not 20 ms after that of the one before.
    pub(super) jumps: usize,
    /// Packets that are encoded with one channel.
    pub(super) mono_packets: usize,
    pub(super) packets: usize,
}

impl Heard {
    /// Listens to packets. Time without a packet is silence.
    pub(super) fn new(packets: &[Packet]) -> Self {
        let mut decoder = Decoder::new(48_000, Channels::Stereo).unwrap();
        let begin = packets[0].at;
        let mut heard = Self {
            begin: begin.as_secs_f64(),
            left: Vec::new(),
            right: Vec::new(),
            jumps: 0,
            mono_packets: 0,
            packets: packets.len(),
        };
        let mut samples = vec![0.0; PACKET * 2];
        for packet in packets {
            let nanos = packet.at.saturating_sub(begin).as_nanos();
            assert_eq!(nanos % 62_500, 0, "packets lie on whole threes of samples");
            let at = usize::try_from(nanos / 62_500 * 3).unwrap();
            assert!(at >= heard.left.len(), "packets never overlap");
            if at > heard.left.len() {
                heard.jumps += 1;
            }
            heard.left.resize(at, 0.0);
            heard.right.resize(at, 0.0);
            // RFC 6716 section 3.1: the bit of stereo.
            heard.mono_packets += usize::from(packet.bytes[0] & 4 == 0);
            assert_eq!(
                decoder
                    .decode_float(&packet.bytes, &mut samples, false)
                    .unwrap(),
                PACKET
            );
            heard.left.extend(samples.iter().step_by(2));
            heard.right.extend(samples.iter().skip(1).step_by(2));
        }
        heard
    }

    /// Seconds of media time at the end.
    pub(super) fn end(&self) -> f64 {
        self.begin + length(self.left.len())
    }

    pub(super) fn left(&self, from: f64, to: f64) -> &[f32] {
        &self.left[self.index(from)..self.index(to)]
    }

    pub(super) fn right(&self, from: f64, to: f64) -> &[f32] {
        &self.right[self.index(from)..self.index(to)]
    }

    /// When the sound of `hertz` begins and ends, as it passes half of its loudest, in seconds of media time.
    pub(super) fn beep(&self, hertz: f64) -> (f64, f64) {
        const WINDOW: usize = 240;
        const STEP: usize = 12;
        let envelope: Vec<f64> = self
            .left
            .windows(WINDOW)
            .step_by(STEP)
            .map(|window| amplitude(window, hertz))
            .collect();
        let half = envelope.iter().copied().fold(0.0, f64::max) / 2.0;
        let first = envelope.iter().position(|value| *value > half).unwrap();
        let last = envelope.iter().rposition(|value| *value > half).unwrap();
        let middle = length(WINDOW) / 2.0;
        (
            self.begin + length(first * STEP) + middle,
            self.begin + length(last * STEP) + middle,
        )
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a test's own times"
    )]
    fn index(&self, at: f64) -> usize {
        ((at - self.begin) * RATE).round() as usize
    }
}

#[expect(clippy::cast_precision_loss, reason = "a test's own lengths")]
fn length(samples: usize) -> f64 {
    samples as f64 / RATE
}

/// Amplitude of one tone.
pub(super) fn amplitude(samples: &[f32], hertz: f64) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (index, sample) in samples.iter().enumerate() {
        let angle = length(index) * hertz * std::f64::consts::TAU;
        re += f64::from(*sample) * angle.cos();
        im += f64::from(*sample) * angle.sin();
    }
    2.0 * re.hypot(im) / (length(samples.len()) * RATE)
}

/// Largest second difference: a click is a step in what is otherwise a slow tone.
pub(super) fn roughness(samples: &[f32]) -> f32 {
    samples
        .windows(3)
        .map(|window| (window[0] - 2.0 * window[1] + window[2]).abs())
        .fold(0.0, f32::max)
}
