//! The secured wire of one feed: what is sealed onto it, what is opened from it, and how much is sent again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::Now;
use srtp::{Material, Opener, Sealer, SrtpError, split};

use super::header::{self, HEADER_BYTES_MAX, Header, Ids};
use super::slot::{Numbers, Slot};
use super::stream::Place;
use crate::arrival::Arrival;
use crate::demux::Remote;
use crate::egress::Egress;
use crate::estimate::{Estimator, Probe};
use crate::packet::{Packet, Passed};
use crate::rtcp::{self, SenderReport, TransportFeedback};
use crate::vp8::Picture;

/// What the bandwidth is taken for until the client has told how packets arrive, bits per second.
const START_BPS: u64 = 1_000_000;
/// Retransmissions may take three tenths of what is sent, so that a storm of requests costs little...
const RESEND_SHARE: (u64, u64) = (3, 10);
/// ...and this many bytes in a second whatever is sent...
const RESEND_BYTES_PER_SECOND: u64 = 32_000;
/// ...and are saved up to this many bytes: a key frame of 720p.
const RESEND_BYTES_MAX: u64 = 256_000;
/// A packet that is on its way again is not sent once more within the round trip, and at least this time.
const RESEND_GAP_MIN: Duration = Duration::from_millis(10);
/// Until the round trip is known.
const ROUND_TRIP_GUESS: Duration = Duration::from_millis(100);
/// Padding of one packet (RFC 3550 section 5.1: its length is told in one byte).
const PADDING_BYTES: u8 = 255;
/// Packets between two feedbacks that neither tells of: at most as many as are waiting to be told of.
const UNTOLD_MAX: u16 = 4_096;
/// A probe is sent a part at a time, this long after one another at least.
const PROBE_STEP: Duration = Duration::from_millis(1);
/// What a worker that comes later than this has missed of a probe is not made up for: it would be faster than it aims.
const PROBE_STEP_MAX: Duration = Duration::from_millis(5);

/// Keys, the way to the client, and what is known of it.
pub(super) struct Wire {
    keys: Option<(Sealer, Opener)>,
    path: Option<Remote>,
    ids: Ids,
    /// The next transport-wide number.
    transport_sequence: u16,
    pub(super) estimator: Estimator,
    has_transport_feedback: bool,
    /// The newest transport-wide feedback: its number, and the packet after the last one that it told of.
    told: Option<(u8, u16)>,
    /// The probe that is being sent: bytes left of it, and when a part of it went out last.
    probing: Option<(Probe, usize, Instant)>,
    resend_bytes: u64,
    resend_at: Instant,
    /// The newest sender report: the middle bits of its NTP time, and when it went out.
    reported: Option<(u32, Instant)>,
    /// Whether the client has told the highest rate that it takes (REMB).
    pub(super) has_bound: bool,
    /// Bytes sent since the rate was asked for last, and when that was.
    sent_bytes: u64,
    sent_at: Instant,
    /// Kept for its allocation: what a datagram of the client holds.
    pub(super) plain: Vec<u8>,
}

impl Wire {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            keys: None,
            path: None,
            ids: Ids::default(),
            transport_sequence: 0,
            estimator: Estimator::new(START_BPS, now),
            has_transport_feedback: false,
            told: None,
            probing: None,
            resend_bytes: RESEND_BYTES_MAX / 4,
            resend_at: now,
            reported: None,
            has_bound: false,
            sent_bytes: 0,
            sent_at: now,
            plain: Vec::new(),
        }
    }

    /// Takes what sections have agreed on. In a bundle it is the same for all that have it (RFC 9143 section 9.2); later ones may
    /// have more of it, as video has after audio.
    pub(super) fn agree(&mut self, ids: Ids, has_transport_feedback: bool) {
        self.ids = self.ids.or(ids);
        self.has_transport_feedback |=
            has_transport_feedback && self.ids.transport_sequence.is_some();
    }

    pub(super) fn secure(&mut self, material: &Material) -> Result<(), SrtpError> {
        // A second handshake on one connection would bring keys under which numbers have been used.
        if self.keys.is_none() {
            self.keys = Some(split(material)?);
        }
        Ok(())
    }

    /// Gives the slots that have none the indices of their streams; the keys give them out once.
    pub(super) fn index(&mut self, slots: &mut [Slot]) {
        let Some((sealer, _)) = &mut self.keys else {
            return;
        };
        for slot in slots.iter_mut().filter(|slot| slot.indices.is_none()) {
            slot.indices = sealer.indices(slot.ssrc);
            slot.rtx_indices = sealer.indices(slot.rtx_ssrc);
        }
    }

    pub(super) fn set_path(&mut self, path: Option<Remote>) {
        self.path = path;
    }

    pub(super) fn is_open(&self) -> bool {
        self.keys.is_some() && self.path.is_some()
    }

    pub(super) fn has_transport_feedback(&self) -> bool {
        self.has_transport_feedback
    }

    /// Whether the client tells when packets arrive, or has told a bound.
    pub(super) fn has_estimate(&self) -> bool {
        self.has_transport_feedback || self.has_bound
    }

    /// What a client leaves out between two feedbacks that follow each other has not come: some begin each with what came
    /// first, and would never tell of a loss when little comes.
    pub(super) fn untold(
        &mut self,
        feedback: &TransportFeedback<'_>,
    ) -> impl Iterator<Item = Arrival> + use<> {
        let (base, end) = feedback.range();
        let number = feedback.number();
        let from = self
            .told
            .filter(|(before, _)| number == before.wrapping_add(1))
            .map_or(base, |(_, from)| from);
        self.told = Some((number, end));
        let count = base.wrapping_sub(from);
        // More than is remembered, or a step back.
        let count = if count > UNTOLD_MAX { 0 } else { count };
        (0..count).map(move |at| Arrival {
            sequence: from.wrapping_add(at),
            received: None,
        })
    }

    /// How long a packet and the report of it take (RFC 3550 section 6.4.1); `delay` is in 1/65,536 s.
    pub(super) fn round_trip(&self, last_sr: u32, delay: u32, now: Instant) -> Option<Duration> {
        let (middle, at) = self.reported?;
        // The middle bits of our own report's time name it; only the newest is remembered.
        if last_sr != middle {
            return None;
        }
        let held = Duration::from_nanos(u64::from(delay) * 1_000_000_000 / 65_536);
        now.saturating_duration_since(at).checked_sub(held)
    }

    /// What was sent since the last call, bits per second.
    pub(super) fn take_sent_bps(&mut self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.sent_at).as_micros();
        let bits = u128::from(std::mem::take(&mut self.sent_bytes)) * 8_000_000;
        self.sent_at = now;
        u64::try_from(bits / since.max(1)).unwrap_or(u64::MAX)
    }

    pub(super) fn due(&self) -> Option<Instant> {
        let probing = self.probing.map(|(.., last)| last + PROBE_STEP);
        self.estimator
            .poll_timeout()
            .into_iter()
            .chain(probing)
            .min()
    }

    /// Opens a datagram of the client's RTCP into [`Wire::plain`].
    pub(super) fn open(&mut self, datagram: &[u8]) -> Result<(), SrtpError> {
        let (_, opener) = self.keys.as_mut().ok_or(SrtpError::Unauthentic)?;
        self.plain.clear();
        opener.open_rtcp(datagram, &mut self.plain)
    }

    /// Sends one packet of media, with what it repeats where the client takes that; gives the bytes of its payload if it went out.
    pub(super) fn media(
        &mut self,
        slot: &mut Slot,
        numbers: Numbers,
        packet: &Packet,
        place: Place,
        egress: &mut Egress,
        now: Instant,
    ) -> Option<u32> {
        let (Some((sealer, _)), Some((transport, destination))) = (&self.keys, self.path) else {
            return None;
        };
        // A late packet takes the number that was left for it; none is given out twice.
        let ticket = slot.indices.as_mut()?.claim(place.index)?;
        let (payload_type, payload, red) = match packet.red.zip(numbers.redundant) {
            Some((red, number)) => (number, &*packet.payload, Some(red)),
            None => (numbers.media, packet.media(), None),
        };
        let header = Header {
            marker: packet.marker,
            has_padding: false,
            payload_type,
            sequence: ticket.sequence(),
            timestamp: place.timestamp,
            ssrc: slot.ssrc,
            transport_sequence: Some(self.transport_sequence),
            mid: (!slot.is_known).then_some(slot.mid.as_str()),
            passed: packet.extensions,
        };
        let ids = &self.ids;
        let mut bytes = 0;
        egress.datagram(transport, destination, |out| {
            let start = out.len();
            out.reserve(HEADER_BYTES_MAX + payload.len() + sealer.overhead());
            let length = header::push(out, &header, ids);
            out.extend_from_slice(payload);
            if let Some(red) = red {
                let body = out.get_mut(start + length..).unwrap_or_default();
                red.rename(body, numbers.media);
            }
            if let Some(picture) = packet.picture {
                renumber(out, start + length, picture, place.picture, place.tl0);
            }
            // After an error the packet is cut off.
            bytes = match sealer.seal_rtp(ticket, out, start, length) {
                Ok(()) => out.len().saturating_sub(start),
                Err(_) => 0,
            };
            if bytes > 0 && numbers.is_repaired_plainly {
                let datagram = out.get(start..).unwrap_or_default();
                slot.sealed.keep(place.index, datagram);
            }
        });
        if bytes == 0 {
            return None;
        }
        slot.packets = slot.packets.wrapping_add(1);
        let octets = u32::try_from(payload.len()).unwrap_or(0);
        slot.octets = slot.octets.wrapping_add(octets);
        self.has_sent(bytes, now);
        self.resend_bytes += u64::try_from(bytes).unwrap_or(0) * RESEND_SHARE.0 / RESEND_SHARE.1;
        Some(octets)
    }

    /// Sends a packet again; says whether it went out. `shifts` are those of the packet's run.
    pub(super) fn resend(
        &mut self,
        slot: &mut Slot,
        packet: Option<&Arc<Packet>>,
        shifts: Place,
        egress: &mut Egress,
        now: Instant,
    ) -> bool {
        self.refill(now);
        let round_trip = self.estimator.round_trip().unwrap_or(ROUND_TRIP_GUESS);
        let gap = round_trip.max(RESEND_GAP_MIN);
        if slot.resent.is_recent(shifts.index, gap, now) {
            return false;
        }
        let bytes = match (slot.sealed.get(shifts.index), packet) {
            (Some(datagram), _) => self.resend_plainly(datagram, egress),
            (None, Some(packet)) => self.resend_apart(slot, packet, shifts, (egress, now)),
            (None, None) => None,
        };
        let Some(bytes) = bytes else { return false };
        self.resend_bytes = self.resend_bytes.saturating_sub(bytes);
        slot.resent.note(shifts.index, now);
        true
    }

    /// Sends a packet again as it was; gives what that takes of the budget if it went out. Nothing is sealed: the index has been
    /// used for these bytes.
    fn resend_plainly(&mut self, datagram: &[u8], egress: &mut Egress) -> Option<u64> {
        let (transport, destination) = self.path?;
        let bytes = u64::try_from(datagram.len()).unwrap_or(u64::MAX);
        if bytes > self.resend_bytes {
            return None;
        }
        egress.datagram(transport, destination, |out| {
            out.extend_from_slice(datagram);
        });
        // The estimate has counted it when it went out first.
        self.sent_bytes += bytes;
        Some(bytes)
    }

    /// Sends a packet again in a stream of retransmissions, as RFC 4588 has it and without what it repeats; gives what that takes
    /// of the budget if it went out.
    fn resend_apart(
        &mut self,
        slot: &mut Slot,
        packet: &Packet,
        shifts: Place,
        (egress, now): (&mut Egress, Instant),
    ) -> Option<u64> {
        let payload = packet.media();
        let bytes = u64::try_from(payload.len()).unwrap_or(u64::MAX);
        if bytes > self.resend_bytes {
            return None;
        }
        let payload_type = slot.payload(packet.codec)?.rtx?;
        let (id, tl0) = packet.picture.map_or((0, 0), |picture| {
            (
                picture.id.map_or(0, |id| id.value),
                picture.tl0.map_or(0, |(_, tl0)| tl0),
            )
        });
        let header = Header {
            marker: packet.marker,
            has_padding: false,
            payload_type,
            sequence: 0,
            timestamp: packet.timestamp.wrapping_add(shifts.timestamp),
            ssrc: slot.rtx_ssrc,
            transport_sequence: None,
            mid: None,
            passed: packet.extensions,
        };
        // The lower 16 bits of the index are the number that the client knows (RFC 3711 section 3.3.1).
        let original = u16::try_from(shifts.index & 0xffff).unwrap_or(0);
        let sent = self.retransmission(slot, &header, (egress, now), |out| {
            out.extend_from_slice(&original.to_be_bytes());
            let body = out.len();
            out.extend_from_slice(payload);
            if let Some(picture) = packet.picture {
                let id = id.wrapping_add(shifts.picture) & 0x7fff;
                renumber(out, body, picture, id, tl0.wrapping_add(shifts.tl0));
            }
        });
        sent.then_some(bytes)
    }

    /// One packet of a slot's stream of retransmissions, with the next number of that stream.
    fn retransmission(
        &mut self,
        slot: &mut Slot,
        header: &Header<'_>,
        (egress, now): (&mut Egress, Instant),
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        let (Some((sealer, _)), Some((transport, destination))) = (&self.keys, self.path) else {
            return false;
        };
        let Some(ticket) = slot
            .rtx_indices
            .as_mut()
            .and_then(|indices| indices.claim(slot.rtx_next))
        else {
            return false;
        };
        slot.rtx_next += 1;
        let header = Header {
            sequence: ticket.sequence(),
            transport_sequence: Some(self.transport_sequence),
            mid: (!slot.is_known).then_some(slot.mid.as_str()),
            ..*header
        };
        let ids = &self.ids;
        let mut bytes = 0;
        egress.datagram(transport, destination, |out| {
            let start = out.len();
            let length = header::push(out, &header, ids);
            write(out);
            bytes = match sealer.seal_rtp(ticket, out, start, length) {
                Ok(()) => out.len().saturating_sub(start),
                Err(_) => 0,
            };
        });
        if bytes == 0 {
            return false;
        }
        self.has_sent(bytes, now);
        true
    }

    /// Probes of the bandwidth that are due: padding in the stream of retransmissions of a slot that the client knows, spread
    /// evenly over the time of the probe.
    pub(super) fn probe(&mut self, slots: &mut [Slot], egress: &mut Egress, now: Instant) {
        self.estimator.handle_timeout(now);
        if !self.has_transport_feedback {
            return;
        }
        if self.probing.is_none() {
            let probe = self.estimator.poll_probe(now);
            // It begins with one part at once.
            let last = now.checked_sub(PROBE_STEP).unwrap_or(now);
            self.probing = probe.map(|probe| (probe, probe.bytes, last));
        }
        let Some((probe, left, last)) = self.probing else {
            return;
        };
        if !self.estimator.wants_more(probe.cluster) {
            self.probing = None;
            return;
        }
        let since = now.saturating_duration_since(last);
        if since < PROBE_STEP {
            return;
        }
        self.probing = Some((probe, left, now));
        let part = u128::from(probe.bps) * since.min(PROBE_STEP_MAX).as_micros() / 8_000_000;
        let goal = left.saturating_sub(usize::try_from(part).unwrap_or(left));
        while self.probing.is_some_and(|(_, left, _)| left > goal) {
            if !self.pad(slots, egress, now) {
                self.probing = None;
            }
        }
    }

    /// One packet of padding; says whether it went out.
    fn pad(&mut self, slots: &mut [Slot], egress: &mut Egress, now: Instant) -> bool {
        let Some(slot) = slots.iter_mut().find(|slot| slot.can_pad()) else {
            return false;
        };
        let Some(payload_type) = slot.payloads.iter().find_map(|payload| payload.rtx) else {
            return false;
        };
        let reference = slot.stream.reference();
        let header = Header {
            marker: false,
            has_padding: true,
            payload_type,
            sequence: 0,
            timestamp: reference.map_or(0, |(timestamp, ..)| timestamp),
            ssrc: slot.rtx_ssrc,
            transport_sequence: None,
            mid: None,
            passed: Passed::default(),
        };
        self.retransmission(slot, &header, (egress, now), |out| {
            out.resize(out.len() + usize::from(PADDING_BYTES) - 1, 0);
            out.push(PADDING_BYTES);
        })
    }

    /// Whatever is sent while a probe is under way belongs to it.
    fn has_sent(&mut self, bytes: usize, now: Instant) {
        self.sent_bytes += u64::try_from(bytes).unwrap_or(0);
        let cluster = self.probing.map(|(probe, ..)| probe.cluster);
        self.estimator
            .sent(self.transport_sequence, bytes, now, cluster);
        if let Some((_, left, _)) = &mut self.probing {
            *left = left.saturating_sub(bytes);
            if *left == 0 {
                self.probing = None;
            }
        }
        self.transport_sequence = self.transport_sequence.wrapping_add(1);
    }

    fn refill(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.resend_at);
        self.resend_at = now;
        let millis = u64::try_from(since.as_millis()).unwrap_or(0).min(10_000);
        self.resend_bytes =
            (self.resend_bytes + millis * RESEND_BYTES_PER_SECOND / 1_000).min(RESEND_BYTES_MAX);
    }

    /// Sender reports of all streams that have begun.
    pub(super) fn report(&mut self, slots: &[Slot], cname: &str, now: Now, egress: &mut Egress) {
        let reports: Vec<_> = slots
            .iter()
            .filter(|slot| slot.packets > 0)
            .filter_map(|slot| {
                let (timestamp, captured, clock_rate) = slot.stream.reference()?;
                let since = now.mono.saturating_duration_since(captured);
                let ticks = since.as_micros() * u128::from(clock_rate) / 1_000_000;
                let ticks = u32::try_from(ticks & u128::from(u32::MAX)).unwrap_or(0);
                Some(SenderReport {
                    ssrc: slot.ssrc,
                    ntp: ntp(now),
                    rtp: timestamp.wrapping_add(ticks),
                    packets: slot.packets,
                    octets: slot.octets,
                })
            })
            .collect();
        if let Some(report) = reports.first() {
            let middle = u32::try_from((report.ntp >> 16) & u64::from(u32::MAX)).unwrap_or(0);
            self.reported = Some((middle, now.mono));
            for reports in reports.chunks(rtcp::REPORTS_MAX) {
                self.control(egress, |out| rtcp::sender_report(out, reports, cname));
            }
        }
    }

    /// BYE for all streams that have begun.
    pub(super) fn goodbye(&mut self, slots: &[Slot], egress: &mut Egress) {
        let ssrcs: Vec<u32> = slots
            .iter()
            .filter(|slot| slot.packets > 0)
            .map(|slot| slot.ssrc)
            .collect();
        if !ssrcs.is_empty() {
            self.control(egress, |out| rtcp::goodbye(out, &ssrcs));
        }
    }

    fn control(&mut self, egress: &mut Egress, write: impl FnOnce(&mut Vec<u8>)) {
        let (Some((sealer, _)), Some((transport, destination))) = (&mut self.keys, self.path)
        else {
            return;
        };
        egress.flush();
        egress.datagram(transport, destination, |out| {
            let start = out.len();
            write(out);
            // After an error the packet is cut off.
            let _ = sealer.seal_rtcp(out, start);
        });
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire")
            .field("path", &self.path)
            .field("ids", &self.ids)
            .finish_non_exhaustive()
    }
}

/// Writes the picture's new numbers over the ones of the publisher; `body` is where the payload begins.
fn renumber(out: &mut [u8], body: usize, picture: Picture, id: u16, tl0: u8) {
    if let Some(old) = picture.id {
        let [high, low] = id.to_be_bytes();
        if old.is_long {
            if let Some([first, second, ..]) = out.get_mut(body + old.offset..) {
                *first = 0x80 | high;
                *second = low;
            }
        } else if let Some(byte) = out.get_mut(body + old.offset) {
            *byte = low & 0x7f;
        }
    }
    if let Some((offset, _)) = picture.tl0
        && let Some(byte) = out.get_mut(body + offset)
    {
        *byte = tl0;
    }
}

/// NTP's 64 bits (RFC 5905 section 6): seconds since 1900, and their fraction.
fn ntp(now: Now) -> u64 {
    const FROM_1900_TO_1970: u64 = 2_208_988_800;
    let nanos = u64::try_from(now.wall.subsec_nanosecond()).unwrap_or(0);
    let seconds = u64::try_from(now.wall.as_second()).unwrap_or(0) + FROM_1900_TO_1970;
    (seconds << 32) | ((nanos << 32) / 1_000_000_000)
}
