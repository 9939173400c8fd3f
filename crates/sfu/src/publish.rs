//! A publisher: what comes in, checked and put in order for all its subscribers at once.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{ConnectionId, ErrorCode};
use str0m::rtp::{ExtensionValues, RtpPacket};

use crate::answer::Agreed;
use crate::clock::Clock;
use crate::codec::{Codec, Kind, Payload};
use crate::io::{Counters, Settings};
use crate::keyframe::Requests;
use crate::meter::Meter;
use crate::payload;

/// Largest RTP payload that is forwarded: what is left of a 1,500-byte way after IPv6 (40 bytes), UDP (8), the RTP header (12),
/// header extensions (32: a `mid` of 16 bytes, playout delay, orientation and audio level, each with its byte of id
/// and length, make 25; padded to 28, after 4 of the block's own), the sequence number in front of a retransmission (2, RFC 4588
/// section 4) and the tag of `AEAD_AES_128_GCM` (16, RFC 7714). Encoders stay well below: FFmpeg and Chromium make packets of
/// about 1,200 bytes, GStreamer's payloaders of 1,400 with 12 of header.
const PAYLOAD_BYTES_MAX: usize = 1_390;
/// How many times the highest bitrate a publisher's datagrams may take, over the same window. Headers, tags, feedback and a
/// retransmission of every packet are legitimate beside the media and stay below twice as much.
const DATAGRAM_BITRATE_FACTOR: u64 = 2;
/// Most packets of a publisher that wait for the next round of forwarding.
const PENDING_MAX: usize = 4_096;
/// A source that has been silent for this long may be followed by another one.
const SOURCE_QUIET: Duration = Duration::from_millis(300);
/// How far back dropped sequence numbers are remembered.
const GAPS_MAX: usize = 128;

/// One packet for all subscribers; the payload is shared.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) codec: Codec,
    /// Changes with each new source; sequence numbers and timestamps run on within one.
    pub(crate) epoch: u32,
    /// Without gaps, but for packets that are lost or late.
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// A decoder can start here.
    pub(crate) is_start: bool,
    pub(crate) extensions: ExtensionValues,
    /// When it was captured, on our clock.
    pub(crate) captured: Instant,
    pub(crate) payload: Arc<[u8]>,
}

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
    pub(crate) pending: Vec<Packet>,
    pub(crate) subscribers: BTreeSet<ConnectionId>,
    pub(crate) key_frames: Requests,
    payloads: Vec<Payload>,
    /// The payload types that media came with: what a new subscriber is offered.
    audio_sent: Option<u8>,
    video_sent: Option<u8>,
    audio: Option<Source>,
    video: Option<Source>,
    clock: Clock,
    meter: Meter,
    /// Counts whole datagrams, whatever is in them.
    datagrams: Meter,
    bitrate_bps_max: u64,
    pixels_max: u64,
}

impl Publisher {
    pub(crate) fn new(agreed: &[Agreed], settings: &Settings) -> Self {
        Self {
            pending: Vec::new(),
            subscribers: BTreeSet::new(),
            key_frames: Requests::new(settings.key_frame_request_interval),
            payloads: agreed
                .iter()
                .flat_map(|agreed| agreed.payloads.iter().cloned())
                .collect(),
            audio_sent: None,
            video_sent: None,
            audio: None,
            video: None,
            clock: Clock::default(),
            meter: Meter::new(settings.bitrate_window),
            datagrams: Meter::new(settings.bitrate_window),
            bitrate_bps_max: settings.publish_bitrate_bps_max,
            pixels_max: u64::from(settings.publish_pixels_max),
        }
    }

    /// When a key frame is to be asked for. There is nobody to ask before video has begun.
    pub(crate) fn key_frame_due(&self, now: Instant) -> Option<Instant> {
        self.video.as_ref()?;
        self.key_frames.due(now)
    }

    /// The SSRC to ask for a key frame, if one is to be asked for now; the request counts as sent.
    pub(crate) fn take_key_frame_request(&mut self, now: Instant) -> Option<u32> {
        let ssrc = self.video.as_ref()?.ssrc;
        self.key_frames.take(now).then_some(ssrc)
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
        packet: RtpPacket,
        counters: &mut Counters,
        now: Instant,
    ) -> Taken {
        let bytes = packet.payload.len();
        counters.packets_in += 1;
        counters.bytes_in += u64::try_from(bytes).unwrap_or(0);
        if self.meter.add(bytes, now) > self.bitrate_bps_max {
            return Taken::Broken(ErrorCode::BitrateExceeded);
        }
        let number = *packet.header.payload_type;
        let Some(codec) = self
            .payloads
            .iter()
            .find(|payload| payload.number == number)
            .map(|payload| payload.codec)
        else {
            counters.packets_dropped += 1;
            return Taken::Fine;
        };
        let (source, sent) = match codec.kind() {
            Kind::Audio => (&mut self.audio, &mut self.audio_sent),
            Kind::Video => (&mut self.video, &mut self.video_sent),
        };
        let Some(source) = Source::of(source, *packet.header.ssrc, now) else {
            counters.packets_dropped += 1;
            return Taken::Fine;
        };
        if source.epoch > 0 && source.highest.is_none() && codec.kind() == Kind::Video {
            // Subscribers go over to the new source with a key frame.
            self.key_frames.wait();
        }
        let sequence = *packet.seq_no;
        let facts = if bytes == 0 || bytes > PAYLOAD_BYTES_MAX {
            None
        } else {
            payload::inspect(codec, &packet.payload).ok()
        };
        let Some(facts) = facts else {
            // Padding (no payload) is how senders probe; everything else here is malformed.
            source.drop_number(sequence);
            counters.packets_dropped += u64::from(bytes != 0);
            return Taken::Fine;
        };
        if facts.is_b_slice {
            return Taken::Broken(ErrorCode::BFramePresent);
        }
        if facts.pixels.is_some_and(|pixels| pixels > self.pixels_max) {
            return Taken::Broken(ErrorCode::ResolutionExceeded);
        }
        *sent = Some(number);
        let Some(sequence) = source.number(sequence) else {
            counters.packets_dropped += 1;
            return Taken::Fine;
        };
        if facts.is_start {
            self.key_frames.arrived();
        }
        if self.subscribers.is_empty() {
            return Taken::Fine;
        }
        if self.pending.len() >= PENDING_MAX {
            counters.packets_dropped += 1;
            return Taken::Fine;
        }
        let captured = self.clock.captured(&packet, codec);
        self.pending.push(Packet {
            codec,
            epoch: source.epoch,
            sequence,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            is_start: facts.is_start,
            extensions: passed_on(&packet.header.ext_vals),
            captured,
            payload: packet.payload,
        });
        Taken::Fine
    }
}

/// The extensions that mean the same on the next hop.
fn passed_on(values: &ExtensionValues) -> ExtensionValues {
    ExtensionValues {
        audio_level: values.audio_level,
        voice_activity: values.voice_activity,
        video_orientation: values.video_orientation,
        play_delay_min: values.play_delay_min,
        play_delay_max: values.play_delay_max,
        ..ExtensionValues::default()
    }
}

/// One SSRC, and its sequence numbers with dropped ones closed up, so that no subscriber asks for them.
#[derive(Debug)]
struct Source {
    ssrc: u32,
    epoch: u32,
    heard: Instant,
    highest: Option<u64>,
    /// Numbers dropped since the beginning.
    dropped: u64,
    /// The last ones of them, ascending.
    gaps: VecDeque<u64>,
}

impl Source {
    /// The source of that SSRC: the current one, or a new one after the current one has fallen silent.
    fn of(current: &mut Option<Self>, ssrc: u32, now: Instant) -> Option<&mut Self> {
        let epoch = match current {
            Some(source) if source.ssrc == ssrc => {
                source.heard = now;
                return current.as_mut();
            }
            Some(source) if now.saturating_duration_since(source.heard) < SOURCE_QUIET => {
                return None;
            }
            Some(source) => source.epoch.wrapping_add(1),
            None => 0,
        };
        Some(current.insert(Self {
            ssrc,
            epoch,
            heard: now,
            highest: None,
            dropped: 0,
            gaps: VecDeque::new(),
        }))
    }

    /// The number without the dropped ones before it; `None` if it is too old to tell.
    fn number(&mut self, sequence: u64) -> Option<u64> {
        if self.highest.is_none_or(|highest| sequence > highest) {
            self.highest = Some(sequence);
            return sequence.checked_sub(self.dropped);
        }
        let is_known =
            self.gaps.len() < GAPS_MAX || self.gaps.front().is_some_and(|first| sequence > *first);
        if !is_known || self.gaps.contains(&sequence) {
            return None;
        }
        let later = self.gaps.iter().filter(|gap| **gap > sequence).count();
        let before = self.dropped.checked_sub(u64::try_from(later).ok()?)?;
        sequence.checked_sub(before)
    }

    /// A number that is not forwarded. Only the newest can be closed up: the gap of an older one has been seen already.
    fn drop_number(&mut self, sequence: u64) {
        if self.highest.is_some_and(|highest| sequence <= highest) {
            return;
        }
        self.highest = Some(sequence);
        self.dropped += 1;
        self.gaps.push_back(sequence);
        if self.gaps.len() > GAPS_MAX {
            self.gaps.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// What happens to one sequence number of a source.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Fate {
        Forwarded,
        Dropped,
        /// Arrives after that many others.
        Late(usize),
        Lost,
    }

    fn fate() -> impl Strategy<Value = Fate> {
        prop_oneof![
            6 => Just(Fate::Forwarded),
            2 => Just(Fate::Dropped),
            1 => (1..20_usize).prop_map(Fate::Late),
            1 => Just(Fate::Lost),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        // Numbers of forwarded packets differ by exactly the packets between them that were not dropped on purpose.
        #[test]
        fn dropped_numbers_are_closed_up_and_lost_ones_are_not(
            fates in prop::collection::vec(fate(), 1..400),
        ) {
            let mut source = Source {
                ssrc: 1,
                epoch: 0,
                heard: beginning(),
                highest: None,
                dropped: 0,
                gaps: VecDeque::new(),
            };
            let mut arrivals: Vec<(usize, u64, bool)> = Vec::new();
            for (at, fate) in fates.iter().enumerate() {
                let number = 70_000 + at as u64;
                match fate {
                    Fate::Forwarded => arrivals.push((at, number, true)),
                    Fate::Dropped => arrivals.push((at, number, false)),
                    Fate::Late(by) => arrivals.push((at + by, number, true)),
                    Fate::Lost => {}
                }
            }
            arrivals.sort_unstable();
            let mut closed_up = Vec::new();
            let mut forwarded = BTreeMap::new();
            for (_, number, is_forwarded) in arrivals {
                if !is_forwarded {
                    if source.highest.is_none_or(|highest| number > highest) {
                        closed_up.push(number);
                    }
                    source.drop_number(number);
                } else if let Some(out) = source.number(number) {
                    forwarded.insert(number, out);
                }
            }
            for ((a, out_a), (b, out_b)) in forwarded.iter().zip(forwarded.iter().skip(1)) {
                let between = closed_up.iter().filter(|gap| (a..b).contains(gap)).count() as u64;
                prop_assert_eq!(out_b - out_a, b - a - between);
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
    fn beginning() -> Instant {
        Instant::now()
    }
}
