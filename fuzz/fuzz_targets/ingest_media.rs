//! The media of one encoder: bodies of audio and video at any times, from nothing or from a stream that has begun, up to the packets
//! that viewers are sent.

#![no_main]

use std::time::{Duration, Instant};

use bytes::Bytes;
use ingest::media::{Limits, Stream, Unit, Violation};
use libfuzzer_sys::fuzz_target;
use rtmp::flv::{Audio, Video};
use sfu::Packetiser;

const TRACKS_MAX: usize = 16;
const PACKET: Duration = Duration::from_millis(20);
/// 160x96, as x264 writes it for the baseline profile, with its picture parameter set.
const RECORD: &[u8] = &[
    1, 0x42, 0xc0, 0x0a, 0xff, 0xe1, 0, 23, 0x67, 0x42, 0xc0, 0x0a, 0xd9, 0x02, 0x8d, 0xb0, 0x11,
    0, 0, 3, 0, 1, 0, 0, 3, 0, 0x14, 0x0f, 0x12, 0x26, 0x48, 1, 0, 5, 0x68, 0xcb, 0x83, 0xcb, 0x20,
];
const IDR: &[u8] = &[0, 0, 0, 8, 0x65, 0x88, 0x84, 0x1d, 0xf1, 0x08, 0x8a, 0xc1];
/// AAC-LC, 48 kHz, stereo.
const AAC: &[u8] = &[0x11, 0x90];

/// A stream, and what becomes of what it gives.
struct Scene {
    stream: Stream,
    now: Instant,
    at_ms: u64,
    packetiser: Option<Packetiser>,
    layers: usize,
    /// Where the next packet of sound may lie at the earliest.
    floor: Duration,
}

impl Scene {
    /// With so many tracks that have begun.
    fn new(tracks: u8) -> Self {
        let mut scene = Self {
            stream: Stream::new(Limits::default()),
            now: Instant::now(),
            at_ms: 0,
            packetiser: None,
            layers: 0,
            floor: Duration::ZERO,
        };
        if tracks > 0 {
            let config = Audio::AacConfig(Bytes::from_static(AAC));
            scene.audio(config).expect("it is sound");
        }
        let configs = (0..tracks).map(|track| Video::AvcConfig {
            track,
            record: Bytes::from_static(RECORD),
        });
        let keys = (0..tracks).map(|track| Video::Avc {
            track,
            composition_ms: 0,
            is_key: true,
            nals: Bytes::from_static(IDR),
        });
        for video in configs.chain(keys) {
            scene.video(video).expect("it is sound");
        }
        assert_eq!(scene.stream.is_ready(), tracks > 0);
        scene
    }

    fn audio(&mut self, audio: Audio) -> Result<(), Violation> {
        self.stream.audio(audio, self.at_ms, self.now)?;
        self.drain();
        Ok(())
    }

    fn video(&mut self, video: Video) -> Result<(), Violation> {
        self.stream.video(video, self.at_ms, self.now)?;
        self.drain();
        Ok(())
    }

    fn drain(&mut self) {
        if self.stream.is_ready() && self.packetiser.is_none() {
            self.layers = self.stream.description().video.len();
            assert!((1..=3).contains(&self.layers));
            self.packetiser = Some(Packetiser::new(self.layers));
        }
        let _ = self.stream.figures(self.now);
        while let Some(unit) = self.stream.poll() {
            self.unit(unit);
        }
    }

    fn unit(&mut self, unit: Unit) {
        let packetiser = self
            .packetiser
            .as_mut()
            .expect("units come of what is whole");
        match unit {
            Unit::ParameterSets { layer, sps, pps } => {
                assert!(layer < self.layers && !sps.is_empty() && !pps.is_empty());
                packetiser.parameter_sets(layer, &sps, &pps);
            }
            Unit::Picture {
                layer,
                nals,
                is_key,
                at,
            } => {
                assert!(layer < self.layers && !nals.is_empty());
                let nals: Vec<&[u8]> = nals.iter().map(AsRef::as_ref).collect();
                packetiser.picture(layer, &nals, is_key, at, self.now);
            }
            Unit::Opus { packet, level, at } => {
                assert!((1..=1_275).contains(&packet.len()) && level <= 127);
                assert!(at >= self.floor, "packets never overlap");
                self.floor = at + PACKET;
                packetiser.opus(&packet, level, at, self.now);
            }
        }
        assert!(
            packetiser
                .take()
                .all(|packets| (1..=64).contains(&packets.len()))
        );
    }
}

/// The next message: whether it is video, how far its timestamp and the clock go on, and its body.
fn message<'a>(data: &mut &'a [u8]) -> Option<(bool, i64, u64, &'a [u8])> {
    let (&[kind, high, low, clock, long, length], rest) = data.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes([long, length])).min(rest.len());
    let (body, rest) = rest.split_at(length);
    *data = rest;
    let step = i64::from(i16::from_be_bytes([high, low]));
    Some((kind & 1 == 1, step, u64::from(clock) * 4, body))
}

fuzz_target!(
    init: {
        // The decoder of AAC stands behind a wall: what it breaks on costs a frame.
        let abort = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let is_walled = |file: &str| file.contains("symphonia");
            if !panic.location().is_some_and(|place| is_walled(place.file())) {
                abort(panic);
            }
        }));
    },
    |data: &[u8]| {
        let Some((&tracks, mut data)) = data.split_first() else {
            return;
        };
        let mut scene = Scene::new(tracks % 4);
        while let Some((is_video, step, clock, body)) = message(&mut data) {
            scene.at_ms = scene.at_ms.saturating_add_signed(step);
            scene.now += Duration::from_millis(clock);
            let body = Bytes::copy_from_slice(body);
            let done = if is_video {
                let videos = Video::read(&body, TRACKS_MAX).unwrap_or_default();
                videos.into_iter().try_for_each(|video| scene.video(video))
            } else {
                let audios = Audio::read(&body, TRACKS_MAX).unwrap_or_default();
                audios.into_iter().try_for_each(|audio| scene.audio(audio))
            };
            if done.is_err() {
                return;
            }
        }
    }
);
