//! What a viewer's connection sees.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::Url;
use str0m::media::KeyframeRequestKind;
use str0m::rtp::{RtpPacket, Ssrc};
use str0m::stats::MediaIngressStats;
use str0m::{Event, media::Mid};

use crate::clock::Wall;
use crate::histogram::Histogram;
use crate::options::Bearer;
use crate::peer::Peer;
use crate::pictures::{Layer, Pictures, Seen, Sequence};
use crate::report::Counts;
use crate::shim::Shim;
use crate::stamp::{self, Stamp};

/// A viewer without a picture asks for a key frame so often.
const REQUEST_INTERVAL: Duration = Duration::from_secs(1);
/// Streams of one connection, at most; more are a server at fault.
const STREAMS_MAX: usize = 64;

/// One connection of a viewer.
pub(crate) struct Connection {
    /// Whose it is.
    pub(crate) viewer: usize,
    pub(crate) bearer: Option<Bearer>,
    pub(crate) resource: Option<Url>,
    pub(crate) asked: Option<Instant>,
    pub(crate) answered: Option<Instant>,
    pub(crate) connected: Option<Instant>,
    pub(crate) first_key_frame: Option<Instant>,
    pub(crate) fault: Option<String>,
    pub(crate) shim: Option<Shim>,
    pub(crate) counts: Counts,
    pub(crate) latency: Histogram,
    pub(crate) picture_latency: Histogram,
    pub(crate) tag_bytes: Option<usize>,
    /// Where media comes from; the shim does not keep it with each datagram.
    source: Option<SocketAddr>,
    streams: Vec<Stream>,
    requested: Option<Instant>,
    /// Feedback sent so far, and when counting began.
    feedback: Vec<(Mid, Feedback)>,
    feedback_before: Feedback,
    dropped_before: u64,
}

#[derive(Clone, Copy, Default)]
struct Feedback {
    nacks: u64,
    plis: u64,
}

struct Stream {
    ssrc: Ssrc,
    sequence: Sequence,
    /// `None` for audio.
    pictures: Option<Pictures>,
}

/// What a datagram is, by its cleartext head (RFC 7983, RFC 5761).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Datagram {
    Rtp { payload_type: u8, head: usize },
    Rtcp,
    Other,
}

impl Datagram {
    /// Whether it goes through the shim: ICE and DTLS are spared.
    fn is_media(self) -> bool {
        self != Self::Other
    }

    pub(crate) fn of(bytes: &[u8]) -> Self {
        let (Some([first @ 128..=191, second]), Some(_)) =
            (bytes.first_chunk::<2>(), bytes.get(12))
        else {
            return Self::Other;
        };
        if (192..=223).contains(second) {
            return Self::Rtcp;
        }
        let sources = 12 + usize::from(first & 0x0f) * 4;
        let extension = if first & 0x10 == 0 {
            0
        } else {
            let words = bytes
                .get(sources + 2..sources + 4)
                .and_then(|words| words.first_chunk::<2>())
                .map_or(0, |words| u16::from_be_bytes(*words));
            4 + usize::from(words) * 4
        };
        Self::Rtp {
            payload_type: second & 0x7f,
            head: sources + extension,
        }
    }
}

impl Connection {
    pub(crate) fn new(viewer: usize, bearer: Option<Bearer>, shim: Option<Shim>) -> Self {
        Self {
            viewer,
            bearer,
            resource: None,
            asked: None,
            answered: None,
            connected: None,
            first_key_frame: None,
            fault: None,
            shim,
            counts: Counts::default(),
            latency: Histogram::default(),
            picture_latency: Histogram::default(),
            tag_bytes: None,
            source: None,
            streams: Vec::new(),
            requested: None,
            feedback: Vec::new(),
            feedback_before: Feedback::default(),
            dropped_before: 0,
        }
    }

    /// Takes a datagram from the socket.
    pub(crate) fn receive(
        &mut self,
        peer: &mut Peer,
        source: SocketAddr,
        bytes: &[u8],
        wall: &Wall,
        now: Instant,
    ) {
        match &mut self.shim {
            Some(shim) if Datagram::of(bytes).is_media() => {
                shim.take(bytes, now);
                self.source = Some(source);
                self.release(peer, wall, now);
            }
            _ => self.datagram(peer, source, bytes, wall, now),
        }
    }

    /// Takes what the shim held back until now.
    pub(crate) fn release(&mut self, peer: &mut Peer, wall: &Wall, now: Instant) {
        while let Some(bytes) = self.shim.as_mut().and_then(|shim| shim.give(now)) {
            if let Some(source) = self.source {
                self.datagram(peer, source, &bytes, wall, now);
            }
        }
    }

    /// Takes a datagram that is through the shim.
    fn datagram(
        &mut self,
        peer: &mut Peer,
        source: SocketAddr,
        bytes: &[u8],
        wall: &Wall,
        now: Instant,
    ) {
        let kind = Datagram::of(bytes);
        let mut packets = 0;
        peer.take(source, bytes, now, &mut |event| {
            if let Event::RtpPacket(packet) = event {
                packets += 1;
                self.packet(&packet, kind, bytes.len(), wall, now);
            } else {
                self.event(event, now);
            }
        });
        if matches!(kind, Datagram::Rtp { .. }) && packets == 0 {
            self.counts.discarded += 1;
        }
        if packets > 0 {
            self.request_key_frame(peer, now);
        }
    }

    /// Takes what happened without a packet.
    pub(crate) fn event(&mut self, event: Event, now: Instant) {
        if matches!(event, Event::Connected) {
            self.connected.get_or_insert(now);
        } else if let Event::MediaIngressStats(stats) = event {
            self.stats(&stats);
        }
    }

    fn stats(&mut self, stats: &MediaIngressStats) {
        let feedback = Feedback {
            nacks: stats.nacks,
            plis: stats.plis,
        };
        match self.feedback.iter_mut().find(|(mid, _)| *mid == stats.mid) {
            Some((_, known)) => *known = feedback,
            None => self.feedback.push((stats.mid, feedback)),
        }
    }

    fn feedback(&self) -> Feedback {
        let sum = |of: fn(&Feedback) -> u64| self.feedback.iter().map(|(_, each)| of(each)).sum();
        Feedback {
            nacks: sum(|each| each.nacks),
            plis: sum(|each| each.plis),
        }
    }

    fn packet(
        &mut self,
        packet: &RtpPacket,
        kind: Datagram,
        length: usize,
        wall: &Wall,
        now: Instant,
    ) {
        let is_video = *packet.header.payload_type != OPUS;
        let Some(stream) = self.stream(packet.header.ssrc, is_video) else {
            return;
        };
        let is_late = stream.sequence.take(*packet.seq_no);
        let mut pictures = stream.pictures.take();
        self.counts.packets += 1;
        self.counts.bytes += packet.payload.len() as u64;
        self.counts.late += u64::from(is_late);
        if let Datagram::Rtp { payload_type, head } = kind {
            if payload_type != *packet.header.payload_type {
                self.counts.retransmissions += 1;
            } else if !packet.header.has_padding {
                let rest = length.checked_sub(head + packet.payload.len());
                self.tag_bytes = self.tag_bytes.or(rest);
            }
        }
        let at = if is_video {
            stamp::IN_VIDEO
        } else {
            stamp::IN_AUDIO
        };
        let stamp = Stamp::read(&packet.payload, at);
        let made = stamp.map(|stamp| stamp.made).or_else(|| {
            let time = packet.header.ext_vals.abs_capture_time?.capture_time;
            time.duration_since(std::time::UNIX_EPOCH).ok()
        });
        if let Some(made) = made {
            self.latency.add(wall.at(now).saturating_sub(made));
        }
        if let Some(pictures) = &mut pictures {
            let seen = Seen {
                sequence: *packet.seq_no,
                marker: packet.header.marker,
                begins_key: begins_key_frame(&packet.payload),
                is_empty: packet.payload.is_empty(),
                made,
                layer: stamp.map(|stamp| Layer {
                    publisher: stamp.publisher,
                    layer: stamp.layer,
                }),
            };
            let (latency, first) = (&mut self.picture_latency, &mut self.first_key_frame);
            pictures.take(seen, now, &mut self.counts, &mut |picture| {
                if picture.is_key {
                    first.get_or_insert(now);
                }
                if let Some(made) = picture.made {
                    latency.add(wall.at(now).saturating_sub(made));
                }
            });
        }
        if let Some(stream) = self.stream(packet.header.ssrc, is_video) {
            stream.pictures = pictures;
        }
    }

    fn stream(&mut self, ssrc: Ssrc, is_video: bool) -> Option<&mut Stream> {
        if let Some(at) = self.streams.iter().position(|stream| stream.ssrc == ssrc) {
            return self.streams.get_mut(at);
        }
        if self.streams.len() >= STREAMS_MAX {
            return None;
        }
        self.streams.push(Stream {
            ssrc,
            sequence: Sequence::default(),
            pictures: is_video.then(Pictures::default),
        });
        self.streams.last_mut()
    }

    /// Asks for a key frame where a video has none to begin with, as a player's decoder would.
    fn request_key_frame(&mut self, peer: &mut Peer, now: Instant) {
        let is_recent = self
            .requested
            .is_some_and(|at| now.saturating_duration_since(at) < REQUEST_INTERVAL);
        if is_recent {
            return;
        }
        let waiting = self.streams.iter().filter(|stream| {
            let pictures = stream.pictures.as_ref();
            pictures.is_some_and(Pictures::needs_key_frame)
        });
        let mut has_asked = false;
        for stream in waiting {
            if let Some(stream) = peer.rtc.direct_api().stream_rx(&stream.ssrc) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
                has_asked = true;
            }
        }
        if has_asked {
            self.requested = Some(now);
            peer.timeout(now, &mut |event| self.event(event, now));
        }
    }

    /// Begins to count.
    pub(crate) fn reset(&mut self) {
        self.counts = Counts::default();
        self.latency = Histogram::default();
        self.picture_latency = Histogram::default();
        self.feedback_before = self.feedback();
        self.dropped_before = self.shim.as_ref().map_or(0, |shim| shim.dropped);
        for stream in &mut self.streams {
            stream.sequence.reset();
        }
    }

    /// Ends counting, but for what is still under way.
    pub(crate) fn end(&mut self, now: Instant) {
        for stream in &self.streams {
            if let Some(pictures) = &stream.pictures {
                pictures.end(now, &mut self.counts);
            }
        }
    }

    /// Adds what only the end shows to the counts of [`Self::end`].
    pub(crate) fn settle(&self, counts: &mut Counts) {
        counts.lost = self
            .streams
            .iter()
            .map(|stream| stream.sequence.lost())
            .sum();
        let feedback = self.feedback();
        counts.nacks = feedback.nacks - self.feedback_before.nacks;
        counts.plis = feedback.plis - self.feedback_before.plis;
        let dropped = self.shim.as_ref().map_or(0, |shim| shim.dropped);
        counts.impaired = dropped - self.dropped_before;
    }
}

/// Opus in str0m's default table and in every browser's.
const OPUS: u8 = 111;

/// Whether a payload of H.264 (RFC 6184) begins a key frame: parameter sets, or the first part of an IDR slice.
fn begins_key_frame(payload: &[u8]) -> bool {
    const IDR: u8 = 5;
    const SPS: u8 = 7;
    let kind = |byte: &u8| byte & 0x1f;
    match payload.first().map(kind) {
        Some(IDR | SPS) => true,
        // STAP-A: the first unit stands behind its length.
        Some(24) => matches!(payload.get(3).map(kind), Some(IDR | SPS)),
        // FU-A with its start bit.
        Some(28) => payload.get(1).is_some_and(|head| head & 0x9f == 0x80 | IDR),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_are_told_apart_by_their_heads() {
        let mut rtp = vec![0; 64];
        (rtp[0], rtp[1]) = (0x80, 0x80 + 108);
        let seen = |bytes: &[u8]| Datagram::of(bytes);
        let rtp_with = |head| Datagram::Rtp {
            payload_type: 108,
            head,
        };
        assert_eq!(seen(&rtp), rtp_with(12));
        (rtp[0], rtp[15]) = (0x90, 3);
        assert_eq!(seen(&rtp), rtp_with(28));
        rtp[1] = 200;
        assert_eq!(seen(&rtp), Datagram::Rtcp);
        rtp[0] = 22;
        assert_eq!(seen(&rtp), Datagram::Other);
        assert_eq!(seen(&[0x90, 108]), Datagram::Other);
        assert_eq!(seen(&[]), Datagram::Other);
    }

    #[test]
    fn the_beginnings_of_key_frames_are_known() {
        for (payload, expected) in [
            (&[0x65, 0x88][..], true),
            (&[0x67, 0x42], true),
            (&[0x78, 0, 9, 0x67, 0x42], true),
            (&[0x7c, 0x85, 0x88], true),
            (&[0x7c, 0x05, 0x88], false),
            (&[0x7c, 0x81, 0x9a], false),
            (&[0x61, 0x9a], false),
            (&[], false),
        ] {
            assert_eq!(begins_key_frame(payload), expected, "{payload:x?}");
        }
    }
}
