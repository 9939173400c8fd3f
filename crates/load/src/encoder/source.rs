//! The media of an encoder: the pictures of [`crate::Generator`] as FLV has them, and AAC.

use std::time::Duration;

use bytes::Bytes;
use rtmp::client::Session;
use rtmp::{Metadata, flv};

use super::sound;
use crate::options::Source;
use crate::report::Sent;
use crate::source::h264;
use crate::stamp::{self, Stamp};

/// Of the payload of a packet: a slice that does not fit goes in fragments, whose heads have a byte more than that of the NAL unit.
const PAYLOAD_BYTES: usize = 1_200;
/// Bytes of the length in front of a NAL unit.
const LENGTH_BYTES: usize = 4;

/// What one encoder sends, message by message. It knows no clock: [`Self::due`] says when the next one leaves.
#[derive(Debug)]
pub struct EncoderSource {
    publisher: u8,
    layers: Vec<Encoded>,
    pictures_per_second: u32,
    /// From one key frame to the next.
    pictures_per_group: u64,
    has_audio: bool,
    metadata: Metadata,
    pictures: u64,
    frames: u64,
}

/// One layer, as a track of its own.
#[derive(Debug)]
struct Encoded {
    track: u8,
    record: Bytes,
    /// A whole message each: the length of the slice, and the slice.
    key: Vec<u8>,
    delta: Vec<u8>,
}

impl EncoderSource {
    /// What `source` describes; the payload bytes, the pacing and answers to requests are of WebRTC only.
    pub fn new(source: &Source, publisher: usize) -> Self {
        let per_second = source.frames_per_second.max(1);
        let layers = source.layers.iter().zip(0..).map(|(layer, track)| {
            let bits = layer.bitrate_bps / u64::from(per_second);
            let bytes = usize::try_from(bits / 8).unwrap_or(0);
            let bytes = bytes.max(stamp::IN_VIDEO + stamp::BYTES);
            Encoded {
                track,
                record: h264::record(layer.width, layer.height).into(),
                key: message(&h264::fragment(bytes, true, 0, 1)),
                delta: message(&h264::fragment(bytes, false, 0, 1)),
            }
        });
        let group = source.key_frame_interval.as_secs_f64() * f64::from(per_second);
        let largest = source.layers.last();
        let kbps = |bps: u64| f64::from(u32::try_from(bps / 1_000).unwrap_or(u32::MAX));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an interval is at most an hour"
        )]
        let pictures_per_group = group.round().max(1.0) as u64;
        Self {
            publisher: u8::try_from(publisher).unwrap_or(u8::MAX),
            layers: layers.collect(),
            pictures_per_second: per_second,
            pictures_per_group,
            has_audio: source.audio,
            metadata: Metadata {
                encoder: Some("downstage load".to_owned()),
                width: largest.map(|layer| layer.width.into()),
                height: largest.map(|layer| layer.height.into()),
                frames_per_second: Some(per_second.into()),
                video_kbps: largest.map(|layer| kbps(layer.bitrate_bps)),
                audio_kbps: source.audio.then_some(128.0),
                audio_sample_rate: source.audio.then_some(48_000.0),
                audio_channels: source.audio.then_some(2.0),
            },
            pictures: 0,
            frames: 0,
        }
    }

    /// Says what will come: metadata and configurations.
    pub fn begin(&self, session: &mut Session) {
        session.send_metadata(&self.metadata);
        for layer in &self.layers {
            let (track, record) = (layer.track, layer.record.clone());
            session.send_video(0, &flv::Video::AvcConfig { track, record });
        }
        if self.has_audio {
            let config = Bytes::from_static(&sound::CONFIG);
            session.send_audio(0, &flv::Audio::AacConfig(config));
        }
    }

    /// When the next message leaves, since the beginning.
    pub fn due(&self) -> Duration {
        match (self.picture_due(), self.frame_due()) {
            (Some(picture), Some(frame)) => picture.min(frame),
            (picture, frame) => picture.or(frame).unwrap_or(Duration::MAX),
        }
    }

    fn picture_due(&self) -> Option<Duration> {
        let due = Duration::from_secs(self.pictures) / self.pictures_per_second;
        (!self.layers.is_empty()).then_some(due)
    }

    fn frame_due(&self) -> Option<Duration> {
        let samples = self.frames * sound::SAMPLES;
        let rest = Duration::from_nanos(samples % sound::HZ * 1_000_000_000 / sound::HZ);
        let due = Duration::from_secs(samples / sound::HZ) + rest;
        self.has_audio.then_some(due)
    }

    /// Sends what is due next: a frame of audio, or a picture in all layers. `made` is the time that pictures say, since the Unix
    /// epoch. Gives what was sent.
    pub fn send(&mut self, session: &mut Session, made: Duration) -> Sent {
        let at_ms = u64::try_from(self.due().as_millis()).unwrap_or(0);
        if self.frame_due() == Some(self.due()) {
            let frame = sound::frame(self.frames);
            self.frames += 1;
            let bytes = frame.len() as u64;
            session.send_audio(at_ms, &flv::Audio::Aac(frame));
            return Sent {
                packets: 1,
                bytes,
                ..Sent::default()
            };
        }
        let is_key = self.pictures.is_multiple_of(self.pictures_per_group);
        let mut sent = Sent::default();
        for layer in &self.layers {
            let mut nals = if is_key { &layer.key } else { &layer.delta }.clone();
            let stamp = Stamp {
                publisher: self.publisher,
                layer: layer.track,
                picture: u16::try_from(self.pictures & u64::from(u16::MAX)).unwrap_or(0),
                made,
            };
            stamp.write(&mut nals, place(layer.key.len()));
            sent.packets += 1;
            sent.bytes += nals.len() as u64;
            sent.pictures += 1;
            sent.key_frames += u64::from(is_key);
            let video = flv::Video::Avc {
                track: layer.track,
                composition_ms: 0,
                is_key,
                nals: nals.into(),
            };
            session.send_video(at_ms, &video);
        }
        self.pictures += 1;
        sent
    }
}

/// Where the stamp stands in a message, so that viewers find it in the first packet of the picture.
fn place(message_bytes: usize) -> usize {
    let is_whole = message_bytes - LENGTH_BYTES <= PAYLOAD_BYTES;
    LENGTH_BYTES + stamp::IN_VIDEO - usize::from(!is_whole)
}

fn message(slice: &[u8]) -> Vec<u8> {
    let length = u32::try_from(slice.len()).unwrap_or(0).to_be_bytes();
    [&length, slice].concat()
}
