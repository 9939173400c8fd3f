//! Audio: AAC-LC frames with timestamps in, Opus packets on the line of time out.

use std::time::Duration;

use bytes::Bytes;
use model::ErrorCode;

use super::aac::Config;
use super::decode::{Decoder, FRAME_SAMPLES};
use super::encode::{Encoder, PACKET_SAMPLES, SAMPLE_RATE};
use super::follow::{Follower, Step};
use super::level;
use super::resample::Resampler;
use super::splice::Splice;
use super::{Unit, Violation};

/// Frames in a row that cannot be decoded until the stream is given up: about a second.
const UNDECODABLE_MAX: u32 = 50;

/// An Opus packet, how loud it is in -dBov, and the media time of its first sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) bytes: Bytes,
    pub(super) level: u8,
    pub(super) at: Duration,
}

impl Packet {
    pub(super) fn into_unit(self) -> Unit {
        Unit::Opus {
            packet: self.bytes,
            level: self.level,
            at: self.at,
        }
    }
}

/// What was counted since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) frames: u64,
    pub(super) concealed: u64,
    pub(super) packets: u64,
    pub(super) gaps: u64,
    pub(super) overlaps: u64,
}

/// The audio of a stream.
#[derive(Debug)]
pub(super) struct Audio {
    bitrate_bps: u32,
    follower: Follower,
    path: Option<Path>,
    /// Where the next packet may lie at the earliest, in samples: behind the one before.
    floor: i64,
    counts: Counts,
    made: Vec<Packet>,
}

/// What a configuration decides.
#[derive(Debug)]
struct Path {
    record: Bytes,
    config: Config,
    decoder: Decoder,
    resampler: Resampler,
    splice: Splice,
    encoder: Encoder,
    /// Where the next packet lies, in samples of 48 kHz; none before the first frame and after a jump.
    next: Option<i64>,
    /// Samples of what comes next that have no place.
    skip: usize,
    last: Option<(i64, Bytes)>,
    is_leaving_out: bool,
    undecodable: u32,
}

impl Audio {
    pub(super) fn new(opus_bitrate_bps: u32) -> Self {
        Self {
            bitrate_bps: opus_bitrate_bps,
            follower: Follower::default(),
            path: None,
            floor: 0,
            counts: Counts::default(),
            made: Vec::new(),
        }
    }

    /// How frames are to be decoded from here on. Says whether it is another way than before.
    pub(super) fn configure(&mut self, record: Bytes) -> Result<bool, Violation> {
        // Encoders repeat it.
        if self.path.as_ref().is_some_and(|path| path.record == record) {
            return Ok(false);
        }
        let config = Config::read(&record).map_err(|fault| {
            Violation::new(ErrorCode::InvalidAudioCodec, format!("the audio {fault}"))
        })?;
        self.finish()?;
        // The encoder is kept: a change of channels or rate is none for it.
        let mut encoder = match self.path.take() {
            Some(path) => path.encoder,
            None => Encoder::new(self.bitrate_bps).map_err(|_| failed())?,
        };
        encoder
            .set_mono(config.channels == 1)
            .map_err(|_| failed())?;
        let channels = usize::from(config.channels);
        self.path = Some(Path {
            record,
            config,
            decoder: Decoder::new(config),
            resampler: Resampler::new(config.sample_rate, channels),
            splice: Splice::new(channels, config.sample_rate),
            encoder,
            next: None,
            skip: 0,
            last: None,
            is_leaving_out: false,
            undecodable: 0,
        });
        Ok(true)
    }

    /// Takes a frame whose first sample belongs at `at_ms` of media time.
    pub(super) fn frame(&mut self, frame: &Bytes, at_ms: i64) -> Result<(), Violation> {
        let Some(path) = &mut self.path else {
            return Ok(());
        };
        // The same frame twice is an encoder's slip; silence that is packed with one timestamp is made good by what follows.
        let is_again = path
            .last
            .as_ref()
            .is_some_and(|(last_ms, last)| *last_ms == at_ms && last == frame);
        if frame.is_empty() || is_again {
            return Ok(());
        }
        path.last = Some((at_ms, frame.clone()));
        self.counts.frames += 1;
        let at = seconds(at_ms);
        match self.step(at) {
            Step::Play => {}
            Step::Jump => {
                if self.path.as_ref().is_some_and(|path| path.next.is_some()) {
                    self.counts.gaps += 1;
                }
                self.finish()?;
                self.begin(at);
            }
            Step::Fill(gap) => {
                self.counts.gaps += 1;
                if let Some(path) = &mut self.path {
                    path.fill(gap);
                }
            }
            Step::Drop => {
                self.counts.overlaps += 1;
                if let Some(path) = &mut self.path {
                    path.leave_out(frame);
                }
                return Ok(());
            }
        }
        self.append(frame)?;
        self.drain()
    }

    /// What is made of the frames so far.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Packet> {
        self.made.drain(..)
    }

    pub(super) fn config(&self) -> Option<Config> {
        self.path.as_ref().map(|path| path.config)
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// How much faster the encoder counts samples than time, in parts per million.
    #[expect(clippy::cast_possible_truncation, reason = "a thousand at most")]
    pub(super) fn drift_ppm(&self) -> i32 {
        (self.follower.drift() * 1e6).round() as i32
    }

    /// Compares the timestamp of a frame with where it would come to lie.
    fn step(&mut self, at: f64) -> Step {
        let Some(path) = &mut self.path else {
            return Step::Jump;
        };
        let Some(next) = path.next else {
            return Step::Jump;
        };
        let place = in_seconds(next) + path.delay() + path.waiting();
        let step = self.follower.step(at - place, path.frame_seconds());
        path.resampler.stretch(self.follower.stretch());
        step
    }

    /// The first sample that is appended next belongs at `at`.
    fn begin(&mut self, at: f64) {
        let Some(path) = &mut self.path else {
            return;
        };
        self.follower.settle();
        let rate = f64::from(path.config.sample_rate);
        let wanted = at - path.delay();
        // Packets never overlap: of what belongs before the end of the last one, nothing can be heard.
        let late = in_seconds(self.floor) - wanted;
        let skip = if late > 0.0 {
            (late * rate).ceil()
        } else {
            0.0
        };
        path.skip = to_count(skip);
        path.next = Some(to_samples(wanted + skip / rate).max(self.floor));
        path.splice.cut();
    }

    /// Decodes a frame and appends it, or what conceals it.
    fn append(&mut self, frame: &Bytes) -> Result<(), Violation> {
        let Some(path) = &mut self.path else {
            return Ok(());
        };
        path.is_leaving_out = false;
        if let Ok(samples) = path.decoder.decode(frame) {
            path.undecodable = 0;
            let samples = path.splice.join(samples);
            path.resampler.push(samples);
        } else {
            self.counts.concealed += 1;
            path.undecodable += 1;
            if path.undecodable > UNDECODABLE_MAX {
                let what =
                    format!("{UNDECODABLE_MAX} AAC frames in a row could not be decoded as AAC-LC");
                return Err(Violation::new(ErrorCode::InvalidAudioCodec, what));
            }
            let samples = path.splice.conceal(FRAME_SAMPLES);
            path.resampler.push(samples);
        }
        if path.skip > 0 {
            let skip = path.skip.min(path.resampler.waiting_samples());
            path.resampler.skip(skip);
            path.skip -= skip;
        }
        Ok(())
    }

    /// Encodes all that is complete.
    fn drain(&mut self) -> Result<(), Violation> {
        while self.pop()? {}
        Ok(())
    }

    /// Encodes what is left, completed with silence. What comes next begins anew.
    fn finish(&mut self) -> Result<(), Violation> {
        let Some(next) = self.path.as_mut().and_then(|path| {
            path.decoder.reset();
            let next = path.next?;
            let fade = path.splice.fade();
            path.resampler.push(fade);
            Some(next)
        }) else {
            return Ok(());
        };
        let left = self.path.as_ref().map_or(0.0, Path::waiting);
        if let Some(path) = &mut self.path {
            let silence = to_count(f64::from(path.config.sample_rate) * (left + 0.1));
            path.resampler.push_silence(silence);
        }
        let end = next + to_samples(left);
        while self
            .path
            .as_ref()
            .and_then(|path| path.next)
            .is_some_and(|next| next < end)
            && self.pop()?
        {}
        if let Some(path) = &mut self.path {
            path.resampler.clear();
            path.next = None;
        }
        Ok(())
    }

    /// Encodes one packet; false if there are not samples enough.
    fn pop(&mut self) -> Result<bool, Violation> {
        let Some(path) = &mut self.path else {
            return Ok(false);
        };
        let Some(next) = path.next else {
            return Ok(false);
        };
        let Some(samples) = path.resampler.pop() else {
            return Ok(false);
        };
        let level = level::of(samples);
        let bytes = path
            .encoder
            .encode(samples, usize::from(path.config.channels))
            .map_err(|_| failed())?;
        let after = next + i64::try_from(PACKET_SAMPLES).unwrap_or_default();
        path.next = Some(after);
        self.floor = after;
        // What lies before the beginning of time has no listener.
        if let Ok(at) = u64::try_from(next) {
            self.counts.packets += 1;
            self.made.push(Packet {
                bytes,
                level,
                at: Duration::from_nanos(at / 3 * NANOS_PER_THREE),
            });
        }
        Ok(true)
    }
}

impl Path {
    fn frame_seconds(&self) -> f64 {
        let samples = u32::try_from(FRAME_SAMPLES).unwrap_or_default();
        f64::from(samples) / f64::from(self.config.sample_rate)
    }

    /// For how long a sample is under way to a listener's ear, in seconds.
    fn delay(&self) -> f64 {
        self.resampler.delay() + f64::from(self.encoder.delay_samples()) / f64::from(SAMPLE_RATE)
    }

    /// What was appended and not made into packets, in seconds; negative where some of what comes next has no place.
    fn waiting(&self) -> f64 {
        let rate = self.config.sample_rate;
        in_rate(self.resampler.waiting_samples(), rate) - in_rate(self.skip, rate)
    }

    fn fill(&mut self, gap: f64) {
        self.decoder.reset();
        let samples = to_count(gap * f64::from(self.config.sample_rate));
        let fade = self.splice.fade();
        let faded = fade.first().map_or(0, Vec::len);
        self.resampler.push(fade);
        self.resampler.push_silence(samples.saturating_sub(faded));
    }

    /// Leaves a frame out. The first one of several is decoded for what goes over into the next that is heard; the others cost nothing.
    fn leave_out(&mut self, frame: &Bytes) {
        if self.is_leaving_out {
            return;
        }
        self.is_leaving_out = true;
        if let Ok(samples) = self.decoder.decode(frame) {
            self.splice.leave_out(samples);
        }
        self.decoder.reset();
    }
}

/// Three samples of 48 kHz in nanoseconds: the fewest that are a whole number, so that packets lie exactly 20 ms apart.
const NANOS_PER_THREE: u64 = 62_500;

fn failed() -> Violation {
    Violation::new(
        ErrorCode::InternalServerException,
        "the audio could not be encoded",
    )
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a day has 2^33 samples, and a million years 2^53 milliseconds"
)]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "a day has 2^33 samples")]
fn in_seconds(samples: i64) -> f64 {
    samples as f64 / f64::from(SAMPLE_RATE)
}

fn in_rate(samples: usize, rate: u32) -> f64 {
    f64::from(u32::try_from(samples).unwrap_or(u32::MAX)) / f64::from(rate)
}

/// Samples of 48 kHz, in threes.
#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` saturates, at six million years"
)]
fn to_samples(seconds: f64) -> i64 {
    (seconds * f64::from(SAMPLE_RATE) / 3.0).round() as i64 * 3
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and what is below 0 is 0"
)]
fn to_count(samples: f64) -> usize {
    samples as usize
}
