//! What a viewer's connection sees.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::Url;
use str0m::Event;

use crate::clock::Wall;
use crate::histogram::Histogram;
use crate::options::Bearer;
use crate::peer::Peer;
use crate::pictures::{Layer, Pictures, Seen, Sequence};
use crate::receive::{Packet, STREAMS_MAX};
use crate::report::Counts;
use crate::rtp::{Datagram, Head};
use crate::shim::Shim;
use crate::stamp::{self, Stamp};

/// A viewer without a picture asks for a key frame so often.
const REQUEST_INTERVAL: Duration = Duration::from_secs(1);

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
    pub(crate) profile: Option<srtp::Profile>,
    /// Whether the capture time in a packet's header is the publisher's own.
    trusts_capture: bool,
    /// Where media comes from; the shim does not keep it with each datagram.
    source: Option<SocketAddr>,
    streams: Vec<Stream>,
    requested: Option<Instant>,
    /// NACKs and PLIs sent when counting began, and what the shim had dropped.
    sent_before: (u64, u64),
    dropped_before: u64,
}

struct Stream {
    ssrc: u32,
    sequence: Sequence,
    /// `None` for audio.
    pictures: Option<Pictures>,
}

impl Connection {
    pub(crate) fn new(
        viewer: usize,
        bearer: Option<Bearer>,
        shim: Option<Shim>,
        trusts_capture: bool,
    ) -> Self {
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
            profile: None,
            trusts_capture,
            source: None,
            streams: Vec::new(),
            requested: None,
            sent_before: (0, 0),
            dropped_before: 0,
        }
    }

    /// Takes a datagram from the socket.
    pub(crate) fn receive(
        &mut self,
        peer: &mut Peer,
        source: SocketAddr,
        bytes: &mut [u8],
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
        while let Some(mut bytes) = self.shim.as_mut().and_then(|shim| shim.give(now)) {
            if let Some(source) = self.source {
                self.datagram(peer, source, &mut bytes, wall, now);
            }
        }
    }

    /// Takes a datagram that is through the shim.
    fn datagram(
        &mut self,
        peer: &mut Peer,
        source: SocketAddr,
        bytes: &mut [u8],
        wall: &Wall,
        now: Instant,
    ) {
        match Datagram::of(bytes) {
            Datagram::Rtp(head) => self.media(peer, source, (bytes, &head), wall, now),
            Datagram::Rtcp => peer.report(bytes, now),
            Datagram::Other => {
                peer.take(source, bytes, now, &mut |event| self.event(&event, now));
                self.profile = peer.receiver.as_ref().map(|receiver| receiver.profile());
            }
        }
    }

    fn media(
        &mut self,
        peer: &mut Peer,
        source: SocketAddr,
        (bytes, head): (&mut [u8], &Head),
        wall: &Wall,
        now: Instant,
    ) {
        let Some(packet) = peer.media(source, bytes, head, now) else {
            self.counts.discarded += 1;
            return;
        };
        self.packet(&packet, wall, now);
        if packet.is_video {
            self.request_key_frame(peer, now);
        }
    }

    /// Takes what happened without a packet.
    pub(crate) fn event(&mut self, event: &Event, now: Instant) {
        if matches!(event, Event::Connected) {
            self.connected.get_or_insert(now);
        }
    }

    fn packet(&mut self, packet: &Packet<'_>, wall: &Wall, now: Instant) {
        let Some(place) = self.stream(packet.ssrc, packet.is_video) else {
            return;
        };
        let Some(stream) = self.streams.get_mut(place) else {
            return;
        };
        let is_late = stream.sequence.take(packet.sequence);
        self.counts.packets += 1;
        self.counts.bytes += packet.payload.len() as u64;
        self.counts.late += u64::from(is_late);
        self.counts.retransmissions += u64::from(packet.is_repair);
        let at = if packet.is_video {
            stamp::IN_VIDEO
        } else {
            stamp::IN_AUDIO
        };
        let stamp = Stamp::read(packet.payload, at);
        let captured = packet.captured.filter(|_| self.trusts_capture);
        let made = stamp.map(|stamp| stamp.made).or(captured);
        if let Some(made) = made {
            self.latency.add(wall.at(now).saturating_sub(made));
        }
        if let Some(pictures) = &mut stream.pictures {
            let seen = Seen {
                sequence: packet.sequence,
                marker: packet.marker,
                begins_key: begins_key_frame(packet.payload),
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
    }

    /// The place of a stream.
    fn stream(&mut self, ssrc: u32, is_video: bool) -> Option<usize> {
        let known = self.streams.iter().position(|stream| stream.ssrc == ssrc);
        if known.is_some() {
            return known;
        }
        if self.streams.len() >= STREAMS_MAX {
            return None;
        }
        self.streams.push(Stream {
            ssrc,
            sequence: Sequence::default(),
            pictures: is_video.then(Pictures::default),
        });
        self.streams.len().checked_sub(1)
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
        for stream in waiting {
            peer.request_key_frame(stream.ssrc);
            self.requested = Some(now);
        }
    }

    /// Begins to count.
    pub(crate) fn reset(&mut self, peer: Option<&Peer>) {
        self.counts = Counts::default();
        self.latency = Histogram::default();
        self.picture_latency = Histogram::default();
        self.sent_before = sent(peer);
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
    pub(crate) fn settle(&self, peer: Option<&Peer>, counts: &mut Counts) {
        counts.lost = self
            .streams
            .iter()
            .map(|stream| stream.sequence.lost())
            .sum();
        let (nacks, plis) = sent(peer);
        counts.nacks = nacks.saturating_sub(self.sent_before.0);
        counts.plis = plis.saturating_sub(self.sent_before.1);
        let dropped = self.shim.as_ref().map_or(0, |shim| shim.dropped);
        counts.impaired = dropped - self.dropped_before;
    }
}

/// NACKs and PLIs that a viewer has sent so far.
fn sent(peer: Option<&Peer>) -> (u64, u64) {
    let receiver = peer.and_then(|peer| peer.receiver.as_ref());
    receiver.map_or((0, 0), |receiver| (receiver.nacks, receiver.plis))
}

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
