//! A publisher: what comes in, checked and put in order for all its subscribers at once.
//!
//! Each of its streams is a [`Track`]: the audio, and one for each simulcast encoding of the video. Packets of all tracks wait
//! together in the order of their arrival; each track has its own numbers, its own packets kept, and its own key frame requests.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{ConnectionId, ErrorCode};
use str0m::media::Rid;

use crate::answer::Agreed;
use crate::clock::Clock;
use crate::codec::{Codec, Kind, Payload};
use crate::incoming::Incoming;
use crate::io::{Counters, LayerLabel, Settings};
use crate::keyframe::Requests;
use crate::layer::{Counted, Layers, VideoLayer};
use crate::meter::Meter;
use crate::packet::{Packet, Track};
use crate::payload::{self, Facts};
use crate::ring::Ring;
use crate::room::Share;
use crate::simulcast;
use crate::source::Source;
use crate::start::Starts;
use crate::voice::Voice;
use form::Form;

mod form;
mod inlet;
mod mirror;
#[cfg(test)]
mod tests;

/// Largest RTP payload that is forwarded: what is left of a 1,500-byte way after IPv6 (40 bytes), UDP (8), the RTP header (12),
/// header extensions (32: a `mid` of 16 bytes, transport-wide number, playout delay, orientation and audio level, each with its
/// byte of id and length, make 28, after 4 of the block's own), the sequence number in front of a retransmission (2, RFC 4588
/// section 4) and the tag of `AEAD_AES_128_GCM` (16, RFC 7714). Encoders stay well below: FFmpeg and Chromium make packets of
/// about 1,200 bytes, GStreamer's payloaders of 1,400 with 12 of header.
const PAYLOAD_BYTES_MAX: usize = 1_390;
/// How many times the highest bitrate a publisher's datagrams may take, over the same window. Headers, tags, feedback and a
/// retransmission of every packet are legitimate beside the media and stay below twice as much.
const DATAGRAM_BITRATE_FACTOR: u64 = 2;
/// Most packets of a publisher that wait for the next round of forwarding.
const PENDING_MAX: usize = 4_096;
/// Over which time the bitrate of a stream is averaged.
const STREAM_WINDOW: Duration = Duration::from_secs(2);

/// What a packet has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It waits to be forwarded, or was dropped.
    Fine,
    /// The publisher has broken a rule.
    Broken(ErrorCode),
}

/// A publishing peer.
#[derive(Debug)]
pub(crate) struct Publisher {
    /// What has come since the last round of forwarding, all tracks, in the order of arrival. Empty without subscribers.
    pub(crate) pending: Vec<Arc<Packet>>,
    pub(crate) subscribers: BTreeSet<ConnectionId>,
    /// The workers that get its packets.
    pub(crate) relays: BTreeSet<usize>,
    /// How many of the pending packets they have got.
    relayed: usize,
    /// Another worker has its connection.
    is_mirror: bool,
    /// It has none, here or elsewhere: nobody can be asked for a key frame.
    is_inlet: bool,
    /// Of an inlet: the shares of its encodings in what is kept of all.
    shares: Vec<Share>,
    payloads: Vec<Payload>,
    /// The payload types that media came with: what a new subscriber is offered.
    audio_sent: Option<u8>,
    video_sent: Option<u8>,
    audio: Option<Stream>,
    /// The encodings of the video in the order of the offer.
    video: Vec<Stream>,
    layers: Layers,
    voice: Voice,
    clock: Clock,
    meter: Meter,
    /// Counts whole datagrams, whatever is in them.
    datagrams: Meter,
    bitrate_bps_max: u64,
    pixels_max: u64,
    #[cfg(test)]
    pub(crate) panics_next: bool,
}

/// One track as it comes in.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) track: Track,
    /// By which the encoding is told apart; `None` without simulcast.
    rid: Option<Rid>,
    source: Option<Source>,
    ring: Ring,
    key_frames: Requests,
    starts: Starts,
    /// H.264: whether slices with bidirectional prediction may be in the stream by its own account.
    allows_b: bool,
    bytes: Meter,
    /// Of a mirror or an inlet: the source that the newest packet is of.
    epoch: u32,
    /// Of an inlet: what has been missing of it.
    mending: inlet::Mending,
    /// A source has begun whose lost packets come again as they were, without a format for retransmissions, and the connection
    /// has not been told yet.
    repairs_plainly: bool,
}

impl Stream {
    fn new(track: Track, rid: Option<Rid>, settings: &Settings) -> Self {
        Self {
            track,
            rid,
            source: None,
            ring: if track == Track::AUDIO {
                Ring::audio()
            } else {
                Ring::video()
            },
            key_frames: Requests::new(settings.key_frame_request_interval),
            starts: Starts::default(),
            allows_b: false,
            bytes: Meter::new(STREAM_WINDOW),
            epoch: 0,
            mending: inlet::Mending::default(),
            repairs_plainly: false,
        }
    }

    /// What comes, bits per second of payload.
    pub(crate) fn bitrate_bps(&self, now: Instant) -> u64 {
        self.bytes.average(now)
    }

    fn is_of(&self, ssrc: u32) -> bool {
        self.source
            .as_ref()
            .is_some_and(|source| source.ssrc == ssrc)
    }

    /// When a key frame is to be asked for. There is nobody to ask before the track has begun; of a mirror its own worker knows.
    fn key_frame_due(&self, is_mirror: bool, now: Instant) -> Option<Instant> {
        if self.source.is_none() && !is_mirror {
            return None;
        }
        self.key_frames.due(now)
    }
}

impl Publisher {
    pub(crate) fn new(agreed: &[Agreed], settings: &Settings) -> Self {
        let of_kind = |kind: Kind| agreed.iter().find(|agreed| agreed.section.kind == kind);
        let labels = of_kind(Kind::Video).map(|agreed| agreed.section.layers.as_slice());
        let only = LayerLabel::parse(LayerLabel::ONLY);
        let (names, rids): (Vec<_>, Vec<_>) = match labels {
            None => Vec::new(),
            Some([]) => only.into_iter().map(|label| (label, None)).collect(),
            Some(labels) => labels
                .iter()
                .map(|label| (label.clone(), Some(simulcast::rid(label))))
                .collect(),
        }
        .into_iter()
        .unzip();
        Self {
            pending: Vec::new(),
            subscribers: BTreeSet::new(),
            relays: BTreeSet::new(),
            relayed: 0,
            is_mirror: false,
            is_inlet: false,
            shares: Vec::new(),
            payloads: agreed
                .iter()
                .flat_map(|agreed| agreed.payloads.iter().cloned())
                .collect(),
            audio_sent: None,
            video_sent: None,
            audio: of_kind(Kind::Audio).map(|_| Stream::new(Track::AUDIO, None, settings)),
            video: rids
                .into_iter()
                .enumerate()
                .filter_map(|(place, rid)| Some(Stream::new(Track::video(place)?, rid, settings)))
                .collect(),
            layers: Layers::new(names),
            voice: Voice::default(),
            clock: Clock::default(),
            meter: Meter::new(settings.bitrate_window),
            datagrams: Meter::new(settings.bitrate_window),
            bitrate_bps_max: settings.publish_bitrate_bps_max,
            pixels_max: u64::from(settings.publish_pixels_max),
            #[cfg(test)]
            panics_next: false,
        }
    }

    /// The audio, if some was agreed on.
    pub(crate) fn audio(&self) -> Option<&Stream> {
        self.audio.as_ref()
    }

    /// The encodings of the video, lowest first; none if none was agreed on.
    pub(crate) fn video(&self) -> &[VideoLayer] {
        self.layers.ranked()
    }

    /// The packets of a track that are kept.
    pub(crate) fn ring(&self, track: Track) -> Option<&Ring> {
        self.stream(track).map(|stream| &stream.ring)
    }

    /// A subscriber wants a key frame to go on with.
    pub(crate) fn want_key_frame(&mut self, track: Track) {
        if self.is_inlet {
            return;
        }
        if let Some(stream) = self.stream_mut(track) {
            stream.key_frames.want();
        }
    }

    /// A subscriber cannot begin without a key frame.
    pub(crate) fn wait_key_frame(&mut self, track: Track) {
        if self.is_inlet {
            return;
        }
        if let Some(stream) = self.stream_mut(track) {
            stream.key_frames.wait();
        }
    }

    /// When it wants to be asked for key frame requests, sources to repair, layers and voice.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        self.video
            .iter()
            .filter_map(|stream| {
                let at_once = stream.repairs_plainly.then_some(now);
                at_once.or_else(|| stream.key_frame_due(self.is_mirror, now))
            })
            .chain(self.layers.due(now))
            .chain(self.voice.due(now))
            .min()
    }

    /// The SSRCs to ask for a key frame now; the requests count as sent.
    pub(crate) fn take_key_frame_requests(&mut self, now: Instant) -> impl Iterator<Item = u32> {
        let mut asked = [None; Track::LAYERS_MAX];
        for (to, stream) in asked.iter_mut().zip(&mut self.video) {
            if let Some(source) = &stream.source
                && stream.key_frames.take(now)
            {
                *to = Some(source.ssrc);
            }
        }
        asked.into_iter().flatten()
    }

    /// SSRCs that are new since it was asked for last, whose lost packets are to be asked for though the sender has no format for
    /// retransmissions (RFC 4588): those that do without send the same packet again (OBS, and all of libdatachannel). str0m asks
    /// only where it sees the format.
    pub(crate) fn take_plainly_repaired(&mut self) -> impl Iterator<Item = u32> {
        let mut fresh = [None; Track::LAYERS_MAX];
        for (to, stream) in fresh.iter_mut().zip(&mut self.video) {
            if std::mem::take(&mut stream.repairs_plainly) {
                *to = stream.source.as_ref().map(|source| source.ssrc);
            }
        }
        fresh.into_iter().flatten()
    }

    /// Whether the layers, or what they measure, have changed since it was asked for last; at most every half a second.
    pub(crate) fn layers_changed(&mut self, now: Instant) -> bool {
        self.layers.changed(now)
    }

    /// Whether it has begun or stopped to speak since it was asked for last, and how loud it is, in -dBov.
    pub(crate) fn voice_change(&mut self, now: Instant) -> Option<(bool, u8)> {
        self.voice.change(now)
    }

    /// The payload that is sent, or before any came the one that was agreed on first.
    pub(crate) fn sent(&self, kind: Kind) -> Option<&Payload> {
        let number = match kind {
            Kind::Audio => self.audio_sent,
            Kind::Video => self.video_sent,
        };
        let mut of_kind = self
            .payloads
            .iter()
            .filter(|payload| payload.codec.kind() == kind);
        match number {
            Some(number) => of_kind.find(|payload| payload.number == number),
            None => of_kind.next(),
        }
    }

    /// The first payload of each codec that was agreed on beside [`Self::sent`]: a publisher may change between them, and before
    /// anything came nobody knows with which it begins.
    pub(crate) fn beside(&self, sent: &Payload) -> impl Iterator<Item = &Payload> {
        let kind = sent.codec.kind();
        [Codec::H264, Codec::Vp8]
            .into_iter()
            .filter(move |&codec| codec.kind() == kind && codec != sent.codec)
            .filter_map(|codec| self.payloads.iter().find(|payload| payload.codec == codec))
    }

    /// Whether a datagram from the publisher's address may be looked at, before anything is spent on it: duplicates,
    /// retransmissions, padding, unknown payload types and feedback never become packets that [`Self::take`] would count. The
    /// excess is dropped and ends nothing, because whoever forges that address could send it too.
    pub(crate) fn admits(&mut self, bytes: usize, now: Instant) -> bool {
        let bps_max = self.bitrate_bps_max.saturating_mul(DATAGRAM_BITRATE_FACTOR);
        self.datagrams.admit(bytes, bps_max, now)
    }

    /// Takes a packet that str0m has authenticated, in the order of arrival.
    pub(crate) fn take(
        &mut self,
        packet: impl Into<Incoming>,
        counters: &mut Counters,
        now: Instant,
    ) -> Taken {
        let packet = packet.into();
        let bytes = packet.payload.len();
        counters.packets_in += 1;
        counters.bytes_in += u64::try_from(bytes).unwrap_or(0);
        if self.meter.add(bytes, now) > self.bitrate_bps_max {
            return Taken::Broken(ErrorCode::BitrateExceeded);
        }
        let form = Form::of(&self.payloads, packet.number);
        let taken = form.and_then(|form| self.number(&packet, form, now));
        let Some((Form { codec, number, .. }, numbered)) = form.zip(taken) else {
            counters.packets_dropped += 1;
            return Taken::Fine;
        };
        let Numbered::Media {
            track,
            epoch,
            sequence,
            facts,
        } = numbered
        else {
            // Padding (no payload) is how senders probe; everything else here is malformed.
            counters.packets_dropped += u64::from(bytes != 0);
            return Taken::Fine;
        };
        if facts.is_b_slice {
            return Taken::Broken(ErrorCode::BFramePresent);
        }
        if facts.size.is_some_and(|size| size.area() > self.pixels_max) {
            return Taken::Broken(ErrorCode::ResolutionExceeded);
        }
        match codec.kind() {
            Kind::Audio => self.audio_sent = Some(number),
            Kind::Video => self.video_sent = Some(number),
        }
        let Some(sequence) = sequence else {
            counters.packets_dropped += 1;
            return Taken::Fine;
        };
        let is_start = facts.is_start && self.is_start(track, codec, (epoch, sequence), &packet);
        let packet = Arc::new(Packet {
            track,
            codec,
            epoch,
            sequence,
            timestamp: packet.timestamp,
            marker: packet.marker,
            is_start,
            picture: facts.picture,
            red: facts.red,
            extensions: packet.extensions,
            captured: self.clock.captured(&packet, codec),
            arrived: packet.arrived,
            payload: packet.payload,
        });
        self.keep(&packet, facts, now);
        self.wait_for_forwarding(packet, counters);
        Taken::Fine
    }

    /// Whether viewers can begin with a packet at which decoders can start.
    fn is_start(&mut self, track: Track, codec: Codec, at: (u32, u64), packet: &Incoming) -> bool {
        if codec != Codec::H264 {
            return true;
        }
        let Some(stream) = self.stream_mut(track) else {
            return false;
        };
        let has_sets = payload::holds(codec, &packet.payload, true).sequence;
        stream.starts.take(has_sets, at, stream.ring.newest())
    }

    fn wait_for_forwarding(&mut self, packet: Arc<Packet>, counters: &mut Counters) {
        if self.subscribers.is_empty() && self.relays.is_empty() {
            return;
        }
        if self.pending.len() >= PENDING_MAX {
            counters.packets_dropped += 1;
            return;
        }
        self.pending.push(packet);
    }

    /// Finds the track, reads the payload and gives it its number in the track; `None` where there is no such track.
    fn number(&mut self, packet: &Incoming, form: Form, now: Instant) -> Option<Numbered> {
        let track = self.track_of(packet, form.codec.kind())?;
        let stream = self.stream_mut(track)?;
        let source = Source::of(&mut stream.source, packet.ssrc, now)?;
        let (epoch, is_fresh) = (source.epoch, source.is_fresh());
        let bytes = packet.payload.len();
        let facts = if bytes == 0 || bytes > PAYLOAD_BYTES_MAX {
            None
        } else {
            form.inspect(&packet.payload).ok()
        };
        stream.allows_b = facts
            .and_then(|facts| facts.allows_b)
            .unwrap_or(stream.allows_b);
        // Where they may not be, what looks like one is malformed.
        let facts = facts.filter(|facts| !facts.is_b_slice || stream.allows_b);
        let numbered = if let Some(facts) = facts {
            Numbered::Media {
                track,
                epoch,
                sequence: source.number(packet.sequence),
                facts,
            }
        } else {
            source.drop_number(packet.sequence);
            Numbered::Nothing
        };
        if is_fresh {
            stream.repairs_plainly = form.repairs_plainly;
        }
        if is_fresh && epoch > 0 {
            if form.codec.kind() == Kind::Video {
                // Subscribers go over to the new source with a key frame.
                stream.key_frames.wait();
            }
            self.layers.restart(track);
        }
        Some(numbered)
    }

    /// What the packet means for its track.
    fn keep(&mut self, packet: &Arc<Packet>, facts: Facts, now: Instant) {
        let bytes = packet.payload.len();
        if let Some(stream) = self.stream_mut(packet.track) {
            if packet.is_start {
                stream.key_frames.arrived();
            }
            stream.bytes.add(bytes, now);
            stream.ring.insert(Arc::clone(packet));
        }
        if packet.track == Track::AUDIO {
            // Who speaks is told by one worker alone.
            if let Some(level) = packet.extensions.audio_level.filter(|_| !self.is_mirror) {
                let at = if self.is_inlet { packet.captured } else { now };
                self.voice.level(level & 0x7f, at, now);
            }
            return;
        }
        let counted = Counted {
            bytes,
            timestamp: packet.timestamp,
            size: facts.size,
        };
        self.layers.add(packet.track, counted, now);
    }

    /// The track of a packet. An encoding names itself in its first packets only (RFC 8852 section 3.2), so an SSRC that is known
    /// needs no name.
    fn track_of(&self, packet: &Incoming, kind: Kind) -> Option<Track> {
        if kind == Kind::Audio {
            return Some(Track::AUDIO);
        }
        let ssrc = packet.ssrc;
        let rid = packet.rid;
        let by_name = |stream: &&Stream| stream.rid.is_none() || stream.rid == rid;
        let known = self.video.iter().find(|stream| stream.is_of(ssrc));
        let stream = known.or_else(|| self.video.iter().find(by_name))?;
        Some(stream.track)
    }

    fn stream(&self, track: Track) -> Option<&Stream> {
        match track.place() {
            None => self.audio.as_ref(),
            Some(place) => self.video.get(place),
        }
    }

    fn stream_mut(&mut self, track: Track) -> Option<&mut Stream> {
        match track.place() {
            None => self.audio.as_mut(),
            Some(place) => self.video.get_mut(place),
        }
    }
}

/// A packet with its place in a track.
#[derive(Clone, Copy, Debug)]
enum Numbered {
    Media {
        track: Track,
        epoch: u32,
        /// `None` if it is too old to tell.
        sequence: Option<u64>,
        facts: Facts,
    },
    /// It holds no media.
    Nothing,
}
