//! One encoder's stream: tags in, units out, and the rules that hold for all of it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use model::ErrorCode;
use rtmp::flv;
use sfu::{InletDescription, InletVideo, LayerLabel, Share};

use super::audio::Audio;
use super::held::Held;
use super::meter::{Flow, Meter};
use super::timeline::{Source, Timeline};
use super::video::Track;
use super::{AudioFigures, Figures, Limits, Unit, VideoFigures, Violation};

/// Tracks of video: as many as there are simulcast layers.
const TRACKS_MAX: usize = 3;
/// Pictures of a track in a second: twice as many as are allowed, because clocks are not alike.
const PICTURES_PER_SECOND_MAX: u64 = 120;
/// Changes of configuration in a second, of all tracks.
const CHANGES_PER_SECOND_MAX: u64 = 1;
/// Names of layers, lowest first, by how many there are.
const LABELS: [&[&str]; TRACKS_MAX] = [&[LayerLabel::ONLY], &["low", "hi"], &["low", "mid", "hi"]];
/// Figures of rates are of no use any more when nothing has come for so long.
const STALE: Duration = Duration::from_secs(3);

/// The media of one connection, from its publish on.
#[derive(Debug)]
pub struct Stream {
    limits: Limits,
    timeline: Timeline,
    flow: Flow,
    changes: Flow,
    audio: Audio,
    audio_meter: Meter,
    audio_flow: Flow,
    tracks: Vec<Metered>,
    /// Numbers of the tracks in the order of layers, once the stream is ready.
    layers: Option<Vec<u8>>,
    held: Held,
    /// The part of all that is held, until the stream is ready.
    share: Option<Share>,
    units: VecDeque<Unit>,
    seen: Option<Instant>,
}

/// A track, how much comes of it, and the parameter sets of its newest configuration.
#[derive(Debug)]
struct Metered {
    track: Track,
    meter: Meter,
    flow: Flow,
    sps: Vec<Bytes>,
    pps: Vec<Bytes>,
}

impl Stream {
    /// A stream of which nothing has come.
    pub fn new(limits: Limits) -> Self {
        Self {
            timeline: Timeline::default(),
            flow: Flow::default(),
            changes: Flow::default(),
            audio: Audio::new(limits.opus_bitrate_bps),
            audio_meter: Meter::default(),
            audio_flow: Flow::default(),
            tracks: Vec::new(),
            layers: None,
            held: Held::default(),
            share: Some(limits.held.share()),
            units: VecDeque::new(),
            seen: None,
            limits,
        }
    }

    /// Takes a tag of audio. `at_ms` is stream time.
    pub fn audio(&mut self, audio: flv::Audio, at_ms: u64, now: Instant) -> Result<(), Violation> {
        match audio {
            flv::Audio::AacConfig(record) => {
                if self.audio.configure(record)? {
                    self.check_changes(now)?;
                }
                self.take_packets();
                self.begin_if_whole();
                Ok(())
            }
            flv::Audio::Aac(frame) => self.frame(&frame, at_ms, now),
            flv::Audio::EndOfSequence => Ok(()),
            flv::Audio::Other { codec } => {
                let what = format!("the audio is {codec}, and only AAC-LC is taken");
                Err(Violation::new(ErrorCode::InvalidAudioCodec, what))
            }
        }
    }

    /// Takes a tag of video. `at_ms` is stream time of decoding.
    pub fn video(&mut self, video: flv::Video, at_ms: u64, now: Instant) -> Result<(), Violation> {
        match video {
            flv::Video::AvcConfig { track, record } => self.configure(track, &record, now),
            flv::Video::Avc {
                track,
                composition_ms,
                nals,
                ..
            } => self.picture(track, composition_ms, nals, at_ms, now),
            flv::Video::EndOfSequence { .. } => Ok(()),
            flv::Video::Other { codec, .. } => {
                let what = format!("the video is {codec}, and only H.264 is taken");
                Err(Violation::new(ErrorCode::InvalidVideoCodec, what))
            }
        }
    }

    /// Whether audio and video have both come, so that [`Self::description`] stands and [`Self::poll`] gives units.
    pub fn is_ready(&self) -> bool {
        self.layers.is_some()
    }

    /// What is missing, for who has waited long enough.
    pub fn missing(&self) -> Violation {
        let video = if self.tracks.is_empty() {
            Some("no video has come")
        } else if self.tracks.iter().any(|track| !track.track.has_begun()) {
            Some("no key frame with its parameter sets has come")
        } else {
            None
        };
        let audio = self.audio.config().is_none().then_some("no audio has come");
        let what = match (video, audio) {
            (Some(video), Some(_)) if self.tracks.is_empty() => {
                format!("{video}, and no audio; a stream has to have both")
            }
            (Some(one), Some(other)) => format!("{one}, and {other}; a stream has to have both"),
            (Some(one), None) | (None, Some(one)) => {
                format!("{one}; a stream has to have both audio and video")
            }
            (None, None) => "nothing is missing".to_owned(),
        };
        Violation::new(ErrorCode::InvalidInput, what)
    }

    /// What the stream is made of, once it is ready.
    pub fn description(&self) -> InletDescription {
        let numbers = self.layers.as_deref().unwrap_or_default();
        let labels = numbers
            .len()
            .checked_sub(1)
            .and_then(|index| LABELS.get(index))
            .copied()
            .unwrap_or_default();
        let video = numbers
            .iter()
            .zip(labels)
            .filter_map(|(number, label)| {
                let sps = self.find(*number)?.track.largest()?;
                Some(InletVideo {
                    label: LayerLabel::parse(label)?,
                    profile_level: sps.profile_level,
                })
            })
            .collect();
        InletDescription { audio: true, video }
    }

    /// The next unit; `None` until the stream is ready, and when all that came is handed out. To be asked after each tag.
    pub fn poll(&mut self) -> Option<Unit> {
        self.units.pop_front()
    }

    /// What is known of the stream.
    pub fn figures(&self, now: Instant) -> Figures {
        let is_live = self
            .seen
            .is_some_and(|seen| now.saturating_duration_since(seen) < STALE);
        let live = |rate: u64| if is_live { rate } else { 0 };
        let mut video = VideoFigures {
            bitrate_bps: live(
                self.tracks
                    .iter()
                    .map(|track| track.meter.bits_per_second())
                    .sum(),
            ),
            layers: u8::try_from(self.tracks.len()).unwrap_or(u8::MAX),
            pictures: self.tracks.iter().map(|track| track.track.pictures()).sum(),
            dropped: self.tracks.iter().map(|track| track.track.dropped()).sum(),
            ..VideoFigures::default()
        };
        let largest = self.tracks.iter().max_by_key(|track| track.rank());
        if let Some((track, sps)) = largest.and_then(|track| Some((track, track.track.largest()?)))
        {
            let [profile, constraints, level] = sps.profile_level;
            video.width = sps.width;
            video.height = sps.height;
            video.codec = format!("avc1.{profile:02x}{constraints:02x}{level:02x}");
            video.key_frame_interval_ms = track.track.key_interval_ms();
            if is_live {
                video.frames_per_second = track.meter.messages_per_second();
            }
        }
        let counts = self.audio.counts();
        let config = self.audio.config();
        let audio = AudioFigures {
            codec: config.map_or_else(String::new, |_| "mp4a.40.2".to_owned()),
            sample_rate: config.map_or(0, |config| config.sample_rate),
            channels: config.map_or(0, |config| config.channels),
            bitrate_bps: live(self.audio_meter.bits_per_second()),
            frames: counts.frames,
            concealed: counts.concealed,
            packets: counts.packets,
            gaps: counts.gaps,
            overlaps: counts.overlaps,
            drift_ppm: self.audio.drift_ppm(),
        };
        Figures { video, audio }
    }

    fn frame(&mut self, frame: &Bytes, at_ms: u64, now: Instant) -> Result<(), Violation> {
        let Some(config) = self.audio.config().filter(|_| !frame.is_empty()) else {
            return Ok(());
        };
        if !self.audio_flow.add(1, config.frames_per_second_max(), now) {
            return Err(too_fast());
        }
        let place = self.timeline.place(Source::Audio, at_ms, now);
        if place.is_leap {
            self.audio_meter.clear();
        }
        self.audio_meter.add(place.at_ms, frame.len());
        self.check_bitrate(frame.len(), now)?;
        self.audio.frame(frame, place.at_ms)?;
        self.take_packets();
        Ok(())
    }

    /// Takes the configuration of a track; a track begins with one.
    fn configure(&mut self, number: u8, record: &Bytes, now: Instant) -> Result<(), Violation> {
        if self.find(number).is_none() {
            if self.is_ready() {
                let what = format!("track {number} of video has begun after the stream had");
                return Err(Violation::new(ErrorCode::InvalidInput, what));
            }
            if self.tracks.len() == TRACKS_MAX {
                let what = format!("there are more than {TRACKS_MAX} tracks of video");
                return Err(Violation::new(ErrorCode::InvalidInput, what));
            }
            self.tracks.push(Metered {
                track: Track::new(number),
                meter: Meter::default(),
                flow: Flow::default(),
                sps: Vec::new(),
                pps: Vec::new(),
            });
        }
        let layer = self.layer(number);
        let Some(metered) = self
            .tracks
            .iter_mut()
            .find(|track| track.track.number() == number)
        else {
            return Ok(());
        };
        let Some(read) = metered.track.configure(record, &self.limits)? else {
            return Ok(());
        };
        (metered.sps, metered.pps) = (read.sps, read.pps);
        match layer {
            Some(layer) => self.units.push_back(metered.parameter_sets(layer)),
            None => self.held.forget(number),
        }
        self.check_changes(now)
    }

    fn picture(
        &mut self,
        number: u8,
        composition_ms: i32,
        bytes: Bytes,
        at_ms: u64,
        now: Instant,
    ) -> Result<(), Violation> {
        let size = bytes.len();
        let layer = self.layer(number);
        let Some(metered) = self
            .tracks
            .iter_mut()
            .find(|track| track.track.number() == number)
        else {
            return Ok(());
        };
        if bytes.is_empty() {
            return Ok(());
        }
        if !metered.flow.add(1, PICTURES_PER_SECOND_MAX, now) {
            return Err(too_fast());
        }
        let place = self.timeline.place(Source::Video(number), at_ms, now);
        if place.is_leap {
            metered.meter.clear();
        }
        metered.meter.add(place.at_ms, size);
        let picture = metered
            .track
            .picture(place, composition_ms, bytes, &self.limits)?;
        self.check_bitrate(size, now)?;
        match (picture, layer) {
            (Some(picture), Some(layer)) => self.units.push_back(picture.into_unit(layer)),
            (Some(picture), None) => {
                self.held.picture(number, picture);
                self.trim_held();
                self.begin_if_whole();
            }
            (None, _) => {}
        }
        Ok(())
    }

    fn take_packets(&mut self) {
        let is_ready = self.is_ready();
        for packet in self.audio.take() {
            if is_ready {
                self.units.push_back(packet.into_unit());
            } else {
                self.held.packet(packet);
            }
        }
        self.trim_held();
    }

    /// Until both audio and video have come, no more is held than is allowed.
    fn trim_held(&mut self) {
        let Some(share) = &self.share else {
            return;
        };
        if self.held.bytes() > self.limits.held_bytes_max.min(share.bytes()) {
            self.held = Held::default();
            self.tracks
                .iter_mut()
                .for_each(|track| track.track.await_key());
        }
    }

    /// Begins as soon as there is audio, and a key frame of every track.
    fn begin_if_whole(&mut self) {
        let is_whole = self.audio.config().is_some()
            && !self.tracks.is_empty()
            && self.tracks.iter().all(|track| track.track.has_begun());
        if self.is_ready() || !is_whole {
            return;
        }
        self.tracks.sort_by_key(Metered::rank);
        let numbers: Vec<u8> = self
            .tracks
            .iter()
            .map(|track| track.track.number())
            .collect();
        for (layer, track) in self.tracks.iter().enumerate() {
            self.units.push_back(track.parameter_sets(layer));
        }
        self.units
            .extend(std::mem::take(&mut self.held).into_units(&numbers));
        self.layers = Some(numbers);
        self.share = None;
    }

    fn find(&self, number: u8) -> Option<&Metered> {
        self.tracks
            .iter()
            .find(|track| track.track.number() == number)
    }

    /// The layer of a track, once the stream is ready.
    fn layer(&self, number: u8) -> Option<usize> {
        self.layers
            .as_ref()?
            .iter()
            .position(|layer| *layer == number)
    }

    /// Whether configurations change no more often than an encoder can mean it: each costs as much as seconds of media.
    fn check_changes(&mut self, now: Instant) -> Result<(), Violation> {
        if self.changes.add(1, CHANGES_PER_SECOND_MAX, now) {
            return Ok(());
        }
        let what = "the configuration of audio or video changes more than once a second";
        Err(Violation::new(ErrorCode::InvalidInput, what))
    }

    /// Whether what comes is within the bitrate, by timestamps and by the clock.
    fn check_bitrate(&mut self, bytes: usize, now: Instant) -> Result<(), Violation> {
        self.seen = Some(now);
        let most = self.limits.bitrate_bps_max;
        let video: u64 = self
            .tracks
            .iter()
            .map(|track| track.meter.bits_per_second())
            .sum();
        let all = video.saturating_add(self.audio_meter.bits_per_second());
        if all > most {
            let what = format!("{all} bit/s came over two seconds, and {most} are the most");
            return Err(Violation::new(ErrorCode::BitrateExceeded, what));
        }
        let bits = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(8);
        if !self.flow.add(bits, most, now) {
            let what = format!(
                "the stream comes faster than its timestamps say, at more than {most} bit/s"
            );
            return Err(Violation::new(ErrorCode::BitrateExceeded, what));
        }
        Ok(())
    }
}

/// The stream would keep the server busier than its bitrate tells.
fn too_fast() -> Violation {
    let what = "the stream comes faster than it plays; send it in real time (FFmpeg: `-re`), with 60 pictures a second at most";
    Violation::new(ErrorCode::InvalidInput, what)
}

impl Metered {
    /// What layers are ordered by: pixels; among equals, the first track is the highest.
    fn rank(&self) -> (u64, u8) {
        let pixels = self.track.largest().map_or(0, |sps| sps.pixels());
        (pixels, u8::MAX - self.track.number())
    }

    fn parameter_sets(&self, layer: usize) -> Unit {
        Unit::ParameterSets {
            layer,
            sps: self.sps.clone(),
            pps: self.pps.clone(),
        }
    }
}
