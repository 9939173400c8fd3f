//! A generated H.264 source: 30 pictures a second of nine RTP packets each, 2.5 Mbit/s, a key frame every two seconds.
//!
//! The pictures are not decodable, but their NAL units are framed as real ones (SPS and PPS of 1280x720 Baseline in a
//! STAP-A, slices in FU-A fragments, RFC 6184), so that the server reads them as it reads any. Each packet carries the
//! time at which it was made.

use std::time::{Duration, Instant};

/// Pictures per second.
const RATE: u32 = 30;
/// Packets per picture.
const PACKETS: u32 = 9;
/// Bytes of payload in a packet: 30 * 9 * 1160 * 8 = 2.5 Mbit/s.
const PAYLOAD: usize = 1160;
/// Pictures between two key frames.
const KEY_INTERVAL: u64 = 60;
/// Packets of voice per second.
const VOICE_RATE: u32 = 50;
/// Bytes of payload in each: 64 kbit/s.
const VOICE_PAYLOAD: usize = 160;
/// Where in a packet its time stands.
const STAMP_AT: usize = 16;

/// Baseline, level 3.1, 1280x720.
const SPS: &[u8] = &[
    0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xec, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40,
    0x00, 0x00, 0x0f, 0x03, 0xc6, 0x0c, 0xa8,
];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];

/// One packet to send.
pub(crate) struct Packet {
    pub(crate) payload: Vec<u8>,
    pub(crate) marker: bool,
}

/// When packets leave, and what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Pictures; all packets of one at once, as encoders without a pacer send them.
    Burst,
    /// Pictures; their packets evenly over time.
    Spaced,
    /// No pictures, but a voice: [`VOICE_RATE`] packets a second of [`VOICE_PAYLOAD`] bytes.
    Voice,
}

/// The source.
pub(crate) struct Source {
    epoch: Instant,
    shape: Shape,
    pictures: u64,
    /// Packets of the next picture that have left.
    part: u32,
}

impl Source {
    pub(crate) fn new(epoch: Instant, shape: Shape) -> Self {
        Self {
            epoch,
            shape,
            pictures: 0,
            part: 0,
        }
    }

    /// When something is due next.
    pub(crate) fn due(&self) -> Instant {
        let (ticks, rate) = match self.shape {
            Shape::Burst => (self.pictures, RATE),
            Shape::Spaced => {
                let ticks = self.pictures * u64::from(PACKETS) + u64::from(self.part);
                (ticks, RATE * PACKETS)
            }
            Shape::Voice => (self.pictures, VOICE_RATE),
        };
        self.epoch + Duration::from_secs(ticks) / rate
    }

    /// RTP time of what is due next, at 90 kHz.
    pub(crate) fn time(&self) -> u32 {
        let rate = match self.shape {
            Shape::Burst | Shape::Spaced => RATE,
            Shape::Voice => VOICE_RATE,
        };
        u32::try_from((self.pictures * 90_000 / u64::from(rate)) & u64::from(u32::MAX)).unwrap_or(0)
    }

    /// Makes what is due next: a picture, a part of one, or a piece of voice.
    pub(crate) fn packets(&mut self, now: Instant) -> Vec<Packet> {
        let stamp = u64::try_from(now.duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX);
        if self.shape == Shape::Voice {
            self.pictures += 1;
            return vec![Packet {
                payload: stamped(VOICE_PAYLOAD, stamp),
                marker: false,
            }];
        }
        let key = self.pictures.is_multiple_of(KEY_INTERVAL);
        let parts = match self.shape {
            Shape::Spaced => self.part..self.part + 1,
            Shape::Burst | Shape::Voice => 0..PACKETS,
        };
        let mut packets = Vec::with_capacity(PACKETS as usize + 1);
        if key && parts.start == 0 {
            packets.push(Packet {
                payload: parameter_sets(),
                marker: false,
            });
        }
        self.part = parts.end;
        if self.part == PACKETS {
            self.part = 0;
            self.pictures += 1;
        }
        let kind = if key { 5 } else { 1 };
        for index in parts {
            let (first, last) = (index == 0, index + 1 == PACKETS);
            let mut payload = stamped(PAYLOAD, stamp);
            payload[0] = 0x7c; // FU-A, nal_ref_idc 3
            payload[1] = kind | if first { 0x80 } else { 0 } | if last { 0x40 } else { 0 };
            // first_mb_in_slice 0 and slice_type 7 (I) or 5 (P), both Exp-Golomb.
            payload[2] = if key { 0x88 } else { 0x9a };
            packets.push(Packet {
                payload,
                marker: last,
            });
        }
        packets
    }

    /// How long ago a packet was made; `None` for a packet without a time.
    pub(crate) fn age(&self, payload: &[u8], now: Instant) -> Option<Duration> {
        if payload.len() != PAYLOAD && payload.len() != VOICE_PAYLOAD {
            return None;
        }
        let stamp = u64::from_be_bytes(payload.get(STAMP_AT..STAMP_AT + 8)?.try_into().ok()?);
        now.checked_duration_since(self.epoch + Duration::from_nanos(stamp))
    }
}

/// A payload with its time in it.
fn stamped(length: usize, stamp: u64) -> Vec<u8> {
    let mut payload = vec![0xa5; length];
    payload[STAMP_AT..STAMP_AT + 8].copy_from_slice(&stamp.to_be_bytes());
    payload
}

fn parameter_sets() -> Vec<u8> {
    let mut payload = vec![0x78]; // STAP-A, nal_ref_idc 3
    for unit in [SPS, PPS] {
        payload.extend(u16::try_from(unit.len()).unwrap_or(0).to_be_bytes());
        payload.extend(unit);
    }
    payload
}
