//! An encoder that talks to a stream, with a clock of its own.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rtmp::flv::{Audio, Video};

use super::super::{Limits, Stream, Unit, Violation};
use super::fixture::{self, Aac};
use super::h264;

/// A stream, and what came out of it.
pub(super) struct Scene {
    pub(super) stream: Stream,
    pub(super) now: Instant,
    pub(super) units: Vec<Unit>,
    pub(super) aac: Aac,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(super) fn with(limits: Limits) -> Self {
        Self {
            stream: Stream::new(limits),
            #[expect(
                clippy::disallowed_methods,
                reason = "there is no other source of an instant; it is never read again"
            )]
            now: Instant::now(),
            units: Vec::new(),
            aac: fixture::tone_48000_stereo(),
        }
    }

    /// A stream that has begun: both configurations, and a key frame at 0 ms.
    pub(super) fn begun() -> Self {
        let mut scene = Self::new();
        scene.configure_audio().unwrap();
        scene
            .configure_video(0, &h264::sps(66, 1_280, 720))
            .unwrap();
        scene.key(0, 0).unwrap();
        scene
    }

    pub(super) fn configure_audio(&mut self) -> Result<(), Violation> {
        self.audio(Audio::AacConfig(self.aac.record.clone()), 0)
    }

    pub(super) fn configure_video(&mut self, track: u8, sps: &Bytes) -> Result<(), Violation> {
        let record = h264::record(4, std::slice::from_ref(sps), &[h264::pps()]);
        self.video(Video::AvcConfig { track, record }, 0)
    }

    /// Time goes on.
    pub(super) fn pass(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }

    pub(super) fn audio(&mut self, audio: Audio, at_ms: u64) -> Result<(), Violation> {
        let result = self.stream.audio(audio, at_ms, self.now);
        self.drain();
        result
    }

    pub(super) fn video(&mut self, video: Video, at_ms: u64) -> Result<(), Violation> {
        let result = self.stream.video(video, at_ms, self.now);
        self.drain();
        result
    }

    /// A frame of the tone by its number.
    pub(super) fn frame(&mut self, number: usize, at_ms: u64) -> Result<(), Violation> {
        let frame = self.aac.endless(number).clone();
        self.audio(Audio::Aac(frame), at_ms)
    }

    pub(super) fn key(&mut self, track: u8, at_ms: u64) -> Result<(), Violation> {
        self.picture(track, at_ms, 0, &[h264::idr()])
    }

    pub(super) fn p(&mut self, track: u8, at_ms: u64) -> Result<(), Violation> {
        self.picture(track, at_ms, 0, &[h264::p_slice()])
    }

    pub(super) fn picture(
        &mut self,
        track: u8,
        at_ms: u64,
        composition_ms: i32,
        nals: &[Bytes],
    ) -> Result<(), Violation> {
        let video = Video::Avc {
            track,
            composition_ms,
            is_key: nals.contains(&h264::idr()),
            nals: h264::lengthed(4, nals),
        };
        self.video(video, at_ms)
    }

    /// Layer, key and milliseconds of each picture so far.
    pub(super) fn pictures(&self) -> Vec<(usize, bool, u128)> {
        let picture = |unit: &Unit| match unit {
            Unit::Picture {
                layer, is_key, at, ..
            } => Some((*layer, *is_key, at.as_millis())),
            Unit::ParameterSets { .. } | Unit::Opus { .. } => None,
        };
        self.units.iter().filter_map(picture).collect()
    }

    /// Times of the Opus packets so far.
    pub(super) fn packets(&self) -> Vec<Duration> {
        let packet = |unit: &Unit| match unit {
            Unit::Opus { at, .. } => Some(*at),
            Unit::ParameterSets { .. } | Unit::Picture { .. } => None,
        };
        self.units.iter().filter_map(packet).collect()
    }

    fn drain(&mut self) {
        self.units.extend(std::iter::from_fn(|| self.stream.poll()));
    }
}
