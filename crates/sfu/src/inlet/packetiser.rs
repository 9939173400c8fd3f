//! Pictures and Opus frames into packets (RFC 6184, RFC 7587).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::line::{Line, Moment};
use super::sets::Sets;
use crate::codec::Codec;
use crate::h264;
use crate::packet::{Packet, Passed, Track};
use crate::relay::Relayed;
use crate::voice;

/// Largest payload that is made, bytes. Equal ones leave together (UDP segmentation offload), and all of them fit any way.
const PAYLOAD_BYTES_MAX: usize = 1_200;
/// Largest Opus packet of one frame (RFC 6716 section 3.4, R2).
const OPUS_BYTES_MAX: usize = 1_275;
/// What a fragment takes beside its part: indicator and header (RFC 6184 section 5.8).
const FRAGMENT_BYTES: usize = 2;

/// Makes shared packets of what one publisher without a connection sends. It lives outside of the worker, and has the numbers and
/// the time line of its source.
pub struct Packetiser {
    audio: Numbers,
    layers: Vec<Layer>,
    line: Line,
    epoch: u32,
    made: Vec<Arc<Packet>>,
}

/// One encoding.
#[derive(Debug)]
struct Layer {
    numbers: Numbers,
    sets: Sets,
}

/// The numbers of one track.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    track: Track,
    next: u64,
}

impl Numbers {
    fn new(track: Track) -> Self {
        Self { track, next: 1 }
    }

    fn take(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }
}

impl Packetiser {
    /// For a publisher with so many encodings of its video, up to three.
    pub fn new(layers: usize) -> Self {
        let layer = |place| {
            Some(Layer {
                numbers: Numbers::new(Track::video(place)?),
                sets: Sets::default(),
            })
        };
        Self {
            audio: Numbers::new(Track::AUDIO),
            layers: (0..layers.min(Track::LAYERS_MAX))
                .filter_map(layer)
                .collect(),
            line: Line::default(),
            epoch: 0,
            made: Vec::new(),
        }
    }

    /// Takes the parameter sets of an encoding in the place of all that it had: NAL units without lengths or start codes. They go
    /// in front of each key frame from here on, with what the pictures themselves bring.
    pub fn parameter_sets<S: AsRef<[u8]>>(&mut self, layer: usize, sps: &[S], pps: &[S]) {
        if let Some(layer) = self.layers.get_mut(layer) {
            layer.sets.clear();
            for nal in sps.iter().chain(pps) {
                layer.sets.take(nal.as_ref());
            }
        }
    }

    /// Takes a picture of an encoding, from 0 on as in the description.
    ///
    /// `nals` are its NAL units without lengths or start codes, in order; access unit delimiters and filler are left out of what
    /// is sent. `at` is its media time, on the clock that audio and video of the source share.
    pub fn picture(
        &mut self,
        layer: usize,
        nals: &[&[u8]],
        is_key: bool,
        at: Duration,
        now: Instant,
    ) {
        let Some(layer) = self.layers.get_mut(layer) else {
            return;
        };
        let moment = self.line.place(layer.numbers.track, at, now);
        let is_idr = nals.iter().any(|nal| h264::is_idr(nal));
        let is_key = is_key || is_idr;
        let mut wanted = Vec::with_capacity(nals.len());
        for nal in nals.iter().filter(|nal| h264::is_sent(nal)) {
            let is_set = layer.sets.take(nal);
            if !(is_set && is_key) {
                wanted.push(*nal);
            }
        }
        if wanted.is_empty() {
            return;
        }
        let mut payloads = Payloads::default();
        if is_key {
            for set in layer.sets.iter() {
                payloads.push(set);
            }
        }
        for nal in wanted {
            payloads.push(nal);
        }
        let payloads = payloads.finish();
        let is_start = is_idr && layer.sets.are_whole();
        let last = payloads.len().saturating_sub(1);
        for (at, payload) in payloads.into_iter().enumerate() {
            let packet = Packet {
                marker: at == last,
                is_start: is_start && at == 0,
                ..packet(&mut layer.numbers, Codec::H264, self.epoch, moment, now)
            };
            self.made.push(Arc::new(Packet { payload, ..packet }));
        }
    }

    /// Takes an Opus packet. `level` is how loud it is, in -dBov from 0 to 127 (RFC 6464 section 3); `at` is its media time, on the
    /// clock that audio and video of the source share.
    pub fn opus(&mut self, packet: &[u8], level: u8, at: Duration, now: Instant) {
        let moment = self.line.place(Track::AUDIO, at, now);
        if packet.is_empty() || packet.len() > OPUS_BYTES_MAX {
            return;
        }
        self.made.push(Arc::new(Packet {
            payload: packet.into(),
            extensions: Passed {
                audio_level: Some(voice::octet(level)),
                ..Passed::default()
            },
            ..self::packet(&mut self.audio, Codec::Opus, self.epoch, moment, now)
        }));
    }

    /// Another source goes on in the place of this one: its parameter sets, numbers and times begin anew, and viewers go over to it
    /// at its next key frame.
    pub fn next_source(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.line = Line::default();
        self.audio.next = 1;
        for layer in &mut self.layers {
            layer.numbers.next = 1;
            layer.sets.clear();
        }
    }

    /// What has been made since it was asked for last, in order.
    pub fn take(&mut self) -> impl Iterator<Item = Relayed> + use<> {
        let made = std::mem::take(&mut self.made);
        let parts: Vec<_> = Relayed::parts(&made).collect();
        parts.into_iter()
    }
}

impl fmt::Debug for Packetiser {
    /// Leaves the media out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packetiser")
            .field("layers", &self.layers.len())
            .field("epoch", &self.epoch)
            .field("made", &self.made.len())
            .finish_non_exhaustive()
    }
}

/// The next packet of a track, without its payload.
fn packet(numbers: &mut Numbers, codec: Codec, epoch: u32, moment: Moment, now: Instant) -> Packet {
    Packet {
        track: numbers.track,
        codec,
        epoch,
        sequence: numbers.take(),
        timestamp: ticks(moment.media, codec.clock_rate()),
        marker: false,
        is_start: false,
        picture: None,
        red: None,
        extensions: Passed::default(),
        captured: moment.captured,
        arrived: now,
        payload: Arc::from([]),
    }
}

/// A media time in ticks of a clock, to the nearest one, modulo their range.
fn ticks(media: Duration, rate: u32) -> u32 {
    let ticks = (media.as_nanos() * u128::from(rate) + 500_000_000) / 1_000_000_000;
    u32::try_from(ticks & u128::from(u32::MAX)).unwrap_or(0)
}

/// The payloads of one picture: small NAL units together, large ones in parts of one size.
#[derive(Debug, Default)]
struct Payloads<'a> {
    made: Vec<Arc<[u8]>>,
    /// Where parts get their heads; shared memory cannot grow.
    part: Vec<u8>,
    small: Vec<&'a [u8]>,
    /// What they take together in one payload.
    bytes: usize,
}

impl<'a> Payloads<'a> {
    /// Takes a NAL unit that is not empty.
    fn push(&mut self, nal: &'a [u8]) {
        // Each after its length in 16 bits, all after one header (RFC 6184 section 5.7.1).
        if !self.small.is_empty() && self.bytes + 2 + nal.len() > PAYLOAD_BYTES_MAX {
            self.flush();
        }
        if nal.len() > PAYLOAD_BYTES_MAX {
            self.fragment(nal);
            return;
        }
        self.bytes += 2 + nal.len() + usize::from(self.small.is_empty());
        self.small.push(nal);
    }

    fn finish(mut self) -> Vec<Arc<[u8]>> {
        self.flush();
        self.made
    }

    fn flush(&mut self) {
        let small = std::mem::take(&mut self.small);
        let bytes = std::mem::take(&mut self.bytes);
        match small.as_slice() {
            [] => {}
            [nal] => self.made.push(Arc::from(*nal)),
            nals => self.made.push(h264::aggregate_of(nals, bytes).into()),
        }
    }

    fn fragment(&mut self, nal: &[u8]) {
        let Some((header, body)) = nal.split_first() else {
            return;
        };
        let count = body.len().div_ceil(PAYLOAD_BYTES_MAX - FRAGMENT_BYTES);
        let size = body.len().div_ceil(count.max(1)).max(1);
        let parts = body.len().div_ceil(size);
        for (at, part) in body.chunks(size).enumerate() {
            self.part.clear();
            self.part
                .extend(h264::fragment_head(*header, at == 0, at + 1 == parts));
            self.part.extend_from_slice(part);
            self.made.push(Arc::from(self.part.as_slice()));
        }
    }
}
