//! A generated source: H.264 pictures and Opus packets, each with the time at which it was made.
//!
//! The pictures are not decodable, but their NAL units are framed as real ones (SPS and PPS in a STAP-A, slices whole or in FU-A
//! fragments, RFC 6184), so that servers read them as they read any. All pictures are of one size, so that the load is even.

pub(crate) mod h264;

use std::time::{Duration, Instant};

use crate::options::{Layer, Pacing, Source};
use crate::stamp::{self, Stamp};

/// Rate of RTP time of video.
const VIDEO_HZ: u64 = 90_000;
/// Rate of RTP time of Opus, whatever it was sampled at (RFC 7587, section 4.1).
const AUDIO_HZ: u64 = 48_000;
/// Packets of 20 ms.
const OPUS_PER_SECOND: u32 = 50;
/// 32 kbit/s.
const OPUS_BYTES: usize = 80;
/// A hybrid, full-band, mono packet of 20 ms (RFC 6716, table 2: configuration 15).
const OPUS_CONTENTS: u8 = 0x78;
/// The smallest fragment: the stamp must have its place in it.
const FRAGMENT_MIN: usize = stamp::IN_VIDEO + stamp::BYTES;
/// After a stall longer than this the source goes on from the present instead of catching up.
const STALL: Duration = Duration::from_millis(500);
/// Key frames that were asked for come no closer than this.
const REQUEST_INTERVAL: Duration = Duration::from_millis(300);

/// A packet to send.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Which video layer; `None` is audio.
    pub layer: Option<usize>,
    /// What RTP carries.
    pub payload: Vec<u8>,
    /// RTP time, at 90 kHz for video and 48 kHz for audio.
    pub timestamp: u32,
    /// The last of a picture; the first of a talk spurt.
    pub marker: bool,
    /// Whether its picture is a key frame.
    pub is_key: bool,
}

/// The source of one publisher, for programs that send it by themselves. [`age`] reads when its packets were made.
#[derive(Debug)]
pub struct Generator {
    publisher: u8,
    fragment_bytes: usize,
    pacing: Pacing,
    answers_requests: bool,
    tracks: Vec<Track>,
    audio: Option<Track>,
}

/// How long before `wall` (since the Unix epoch) a packet of a [`Generator`] was made; `None` for other payloads.
pub fn age(payload: &[u8], wall: Duration) -> Option<Duration> {
    let stamp = Stamp::read(payload, stamp::IN_VIDEO);
    let made = stamp
        .or_else(|| Stamp::read(payload, stamp::IN_AUDIO))?
        .made;
    Some(wall.saturating_sub(made))
}

/// One layer, or audio.
#[derive(Debug)]
struct Track {
    /// Of all fragments of a picture together.
    bytes: usize,
    sps: Vec<u8>,
    per_second: u32,
    key_interval: Duration,
    /// When the first picture was due, moved on by stalls.
    epoch: Instant,
    pictures: u64,
    /// The next packet of the picture.
    at: usize,
    is_key: bool,
    last_key: Option<Instant>,
    is_key_wanted: bool,
}

impl Generator {
    /// A source that begins at `now`.
    pub fn new(source: &Source, publisher: usize, now: Instant) -> Self {
        let per_second = source.frames_per_second.max(1);
        let video = |layer: &Layer| {
            let bits = layer.bitrate_bps / u64::from(per_second);
            Track {
                bytes: usize::try_from(bits / 8).unwrap_or(0).max(FRAGMENT_MIN),
                sps: h264::sps(layer.width, layer.height),
                per_second,
                key_interval: source.key_frame_interval,
                ..Track::audio(now)
            }
        };
        Self {
            publisher: u8::try_from(publisher).unwrap_or(u8::MAX),
            fragment_bytes: source.payload_bytes,
            pacing: source.pacing,
            answers_requests: source.answers_requests,
            tracks: source.layers.iter().map(video).collect(),
            audio: source.audio.then(|| Track::audio(now)),
        }
    }

    /// When the next packet is due.
    pub fn due(&self) -> Option<Instant> {
        let video = self.tracks.iter().map(|track| self.due_of(track));
        video
            .chain(self.audio.as_ref().map(Track::picture_due))
            .min()
    }

    fn due_of(&self, track: &Track) -> Instant {
        let begin = track.picture_due();
        match self.pacing {
            Pacing::Burst => begin,
            Pacing::Spaced => {
                let parts = u32::try_from(self.packets_of(track)).unwrap_or(1).max(1);
                begin + track.interval() * u32::try_from(track.at).unwrap_or(0) / parts
            }
        }
    }

    fn packets_of(&self, track: &Track) -> usize {
        fragments(track.bytes, self.fragment_bytes) + usize::from(track.is_key)
    }

    /// Asks for a key frame of a layer.
    pub fn want_key_frame(&mut self, layer: usize, now: Instant) {
        let Some(track) = self.tracks.get_mut(layer) else {
            return;
        };
        let is_early = track
            .last_key
            .is_some_and(|last| now.saturating_duration_since(last) < REQUEST_INTERVAL);
        track.is_key_wanted |= self.answers_requests && !is_early;
    }

    /// Gives the packets that are due, audio first; `wall` is the time that they say, since the Unix epoch.
    pub fn take(&mut self, now: Instant, wall: Duration, out: &mut Vec<Packet>) {
        if let Some(audio) = &mut self.audio {
            audio.skip_stall(now);
            while audio.picture_due() <= now {
                out.push(audio_packet(audio, self.publisher, wall));
                audio.pictures += 1;
            }
        }
        for layer in 0..self.tracks.len() {
            if let Some(track) = self.tracks.get_mut(layer) {
                track.skip_stall(now);
            }
            while let Some(track) = self.tracks.get(layer) {
                if self.due_of(track) > now {
                    break;
                }
                out.extend(self.next(layer, now, wall));
            }
        }
    }

    /// The next packet of a layer.
    fn next(&mut self, layer: usize, now: Instant, wall: Duration) -> Option<Packet> {
        let (fragment_bytes, publisher) = (self.fragment_bytes, self.publisher);
        let track = self.tracks.get_mut(layer)?;
        if track.at == 0 {
            track.begin(now);
        }
        let count = fragments(track.bytes, fragment_bytes);
        let total = count + usize::from(track.is_key);
        let at = track.at;
        let timestamp = track.timestamp(VIDEO_HZ);
        let payload = match at.checked_sub(usize::from(track.is_key)) {
            None => h264::parameter_sets(&track.sps),
            Some(fragment) => {
                let bytes = if fragment + 1 == count {
                    track.bytes - (count - 1) * fragment_bytes
                } else {
                    fragment_bytes
                };
                let mut payload = h264::fragment(bytes, track.is_key, fragment, count);
                let stamp = Stamp {
                    publisher,
                    layer: u8::try_from(layer).unwrap_or(u8::MAX),
                    picture: wrapped(track.pictures),
                    made: wall,
                };
                stamp.write(&mut payload, stamp::IN_VIDEO);
                payload
            }
        };
        let packet = Packet {
            layer: Some(layer),
            payload,
            timestamp,
            marker: at + 1 == total,
            is_key: track.is_key,
        };
        track.at += 1;
        if packet.marker {
            track.at = 0;
            track.pictures += 1;
            track.is_key = false;
        }
        Some(packet)
    }
}

impl Track {
    fn audio(now: Instant) -> Self {
        Self {
            bytes: OPUS_BYTES,
            sps: Vec::new(),
            per_second: OPUS_PER_SECOND,
            key_interval: Duration::MAX,
            epoch: now,
            pictures: 0,
            at: 0,
            is_key: false,
            last_key: None,
            is_key_wanted: false,
        }
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(1) / self.per_second
    }

    fn picture_due(&self) -> Instant {
        self.epoch + Duration::from_secs(self.pictures) / self.per_second
    }

    fn skip_stall(&mut self, now: Instant) {
        let behind = now.saturating_duration_since(self.picture_due());
        if behind > STALL {
            self.epoch += behind;
        }
    }

    /// Decides what the picture is that begins.
    fn begin(&mut self, now: Instant) {
        // Half a picture early, so that the distance in pictures is the same however late the clock is looked at.
        let is_due = self.last_key.is_none_or(|last| {
            now.saturating_duration_since(last) + self.interval() / 2 >= self.key_interval
        });
        self.is_key = is_due || self.is_key_wanted;
        if self.is_key {
            self.is_key_wanted = false;
            self.last_key = Some(now);
        }
    }

    /// RTP time of the picture.
    fn timestamp(&self, hz: u64) -> u32 {
        let ticks = self.pictures.wrapping_mul(hz) / u64::from(self.per_second);
        u32::try_from(ticks & u64::from(u32::MAX)).unwrap_or(0)
    }
}

/// Into how many fragments a picture goes: all full but the last, which joins the one before if it were too short.
fn fragments(bytes: usize, fragment_bytes: usize) -> usize {
    let rest = bytes % fragment_bytes.max(1);
    let full = bytes / fragment_bytes.max(1);
    full.max(1).max(full + usize::from(rest >= FRAGMENT_MIN))
}

fn audio_packet(track: &Track, publisher: u8, wall: Duration) -> Packet {
    let mut payload = vec![0xa5; track.bytes];
    if let Some(first) = payload.first_mut() {
        *first = OPUS_CONTENTS;
    }
    let stamp = Stamp {
        publisher,
        layer: 0,
        picture: wrapped(track.pictures),
        made: wall,
    };
    stamp.write(&mut payload, stamp::IN_AUDIO);
    Packet {
        layer: None,
        payload,
        timestamp: track.timestamp(AUDIO_HZ),
        // The first of a talk spurt (RFC 3551, section 4.1).
        marker: track.pictures == 0,
        is_key: false,
    }
}

fn wrapped(count: u64) -> u16 {
    u16::try_from(count & u64::from(u16::MAX)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
