//! A subscriber: slots that carry publishers' media, and the secured wire to its client.
//!
//! A feed seals and opens its own SRTP and SRTCP with keys that nobody else has (`handshake`), so that a packet on its way
//! out costs a header, one copy and one seal. The connection beside it (`engine`) keeps ICE and DTLS alive and never sees media.
//!
//! - `slot`: what a section carries; `stream`: continuous numbers over all changes of source
//! - `wire`: sealing, opening, and the budget of what is sent again
//! - `catch_up`: how a slot begins with what is kept of an inlet
//! - `bind`: who gets which slot; `choose`: which layer is sent, within the estimated bandwidth
//! - `answer`, `header`: what is printed

mod answer;
mod bind;
mod catch_up;
mod choose;
mod feedback;
mod header;
mod resent;
mod sealed;
mod slot;
mod stream;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{ConnectionId, Now};
use srtp::{Material, SrtpError};

pub(crate) use answer::{Local, print};
pub(crate) use choose::Awaited;
pub(crate) use feedback::{Asked, Wishes};
pub(crate) use header::Ids;
pub(crate) use slot::Slot;

use crate::codec::Payload;
use crate::demux::Remote;
use crate::egress::Egress;
use crate::io::{Counters, Layers, Want};
use crate::meter::Meter;
use crate::offer::{Section, Terms};
use crate::packet::{Packet, Track};
use crate::rtcp;
use bind::Bond;
use stream::Rewritten;
use wire::Wire;

/// How often sender reports go out: five times a minimum compound interval is not needed to keep audio and video in step
/// (RFC 3550 section 6.2 allows less than 5 s at these rates).
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// How often layers are chosen anew without a cause.
const CHOICE_INTERVAL: Duration = Duration::from_millis(100);
/// The same for a feed that has all it can get, and bandwidth for it: what else could change that is told.
const SETTLED_INTERVAL: Duration = Duration::from_secs(1);
/// How often the client is told how it is served.
const QUALITY_INTERVAL: Duration = Duration::from_secs(2);

/// What a client may send beside ICE, bits per second, and over which time that is averaged. Reports on a dozen videos of the
/// highest bitrate take less than a tenth of it.
const DATAGRAM_BPS_MAX: u64 = 4_000_000;
const DATAGRAM_WINDOW: Duration = Duration::from_secs(2);

/// Why a feed is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// One publisher, in sections that were offered for it (WHEP).
    Single,
    /// A pool of slots (`stage.v1`).
    Pool,
}

/// A subscribing peer.
#[derive(Debug)]
pub(crate) struct Feed {
    purpose: Purpose,
    pub(crate) slots: Vec<Slot>,
    wants: Vec<Want>,
    bonds: Vec<Bond>,
    wire: Wire,
    /// Whether slots, or what is sent in them, are to be told.
    is_rebound: bool,
    /// How many slots were said to be needed.
    told_need: Option<(usize, usize)>,
    /// What was told last of each publisher's layers, and when.
    told: Vec<(ConnectionId, Layers, Instant)>,
    /// Since when the lowest layers are tried whatever the estimate is.
    trial: Option<Instant>,
    /// Trials in a row after which a video was paused again.
    trials_failed: u32,
    /// Counts what the client sends beside ICE.
    datagrams: Meter,
    report_due: Instant,
    choice_due: Instant,
    /// What everything takes that is sent, bits per second, if there is no more to get and the estimate bears it.
    settled_bps: Option<u64>,
    /// What everything takes that is sent, bits per second, as it was chosen last.
    spent_bps: u64,
    /// When something is to go out of what is kept of inlets.
    catching_due: Option<Instant>,
    quality_due: Instant,
    /// Whether layers are to be chosen before the interval is over.
    choice_is_wanted: bool,
    answers: u64,
    /// Names the source of all streams (RFC 3550 section 6.5.1).
    cname: String,
    #[cfg(test)]
    pub(crate) panics_next: bool,
}

impl Feed {
    /// A feed with a slot for each section, all empty. `ssrc` gives numbers that nobody else has.
    pub(crate) fn new(
        purpose: Purpose,
        agreed: Vec<(Section, Vec<Payload>)>,
        ssrc: impl FnMut() -> u32,
        now: Instant,
    ) -> Self {
        let mut feed = Self {
            purpose,
            slots: Vec::new(),
            wants: Vec::new(),
            bonds: Vec::new(),
            wire: Wire::new(now),
            is_rebound: false,
            told_need: None,
            told: Vec::new(),
            trial: None,
            trials_failed: 0,
            datagrams: Meter::new(DATAGRAM_WINDOW),
            report_due: now + REPORT_INTERVAL,
            choice_due: now,
            settled_bps: None,
            spent_bps: 0,
            catching_due: None,
            quality_due: now + QUALITY_INTERVAL,
            choice_is_wanted: false,
            answers: 0,
            cname: String::new(),
            #[cfg(test)]
            panics_next: false,
        };
        feed.grow(agreed, ssrc);
        feed
    }

    /// Adds slots for sections that a later offer has added.
    pub(crate) fn grow(
        &mut self,
        agreed: Vec<(Section, Vec<Payload>)>,
        mut ssrc: impl FnMut() -> u32,
    ) {
        let has_transport_feedback = agreed.iter().any(|(_, payloads)| {
            payloads
                .iter()
                .any(|payload| payload.feedback.contains(&crate::codec::TRANSPORT_CC))
        });
        self.wire.agree(ids(&agreed), has_transport_feedback);
        // No more, as a pool seldom grows.
        self.slots.reserve_exact(agreed.len());
        for (section, payloads) in agreed {
            self.slots.push(Slot::new(
                &section.mid,
                section.kind,
                payloads,
                (ssrc(), ssrc()),
            ));
        }
        self.wire.index(&mut self.slots);
    }

    /// Prints the answer to the offer with those sections.
    pub(crate) fn answer(&mut self, terms: &Terms, local: &Local<'_>) -> String {
        self.answers += 1;
        self.cname = rtcp::cname(local.name);
        let local = Local {
            version: self.answers,
            ..*local
        };
        let purpose = self.purpose;
        let slots = &self.slots;
        // Audio and video in one MediaStream are played in step. A pool pairs its slots of either kind by their order, and
        // publishers are put in pairs where they can be.
        let name = |place: usize| match purpose {
            Purpose::Single => local.name.to_owned(),
            Purpose::Pool => format!("{}-{}", local.name, rank(slots, place)),
        };
        print(&terms.sections, slots, &local, name)
    }

    /// The keys are there: media can flow.
    pub(crate) fn secure(&mut self, material: &Material, now: Instant) -> Result<(), SrtpError> {
        self.wire.secure(material)?;
        self.wire.index(&mut self.slots);
        self.trial = Some(now);
        self.choice_due = now;
        Ok(())
    }

    /// Whether a datagram from the client's address may be looked at, before anything is spent on it. The excess is dropped and
    /// ends nothing, because whoever forges that address could send it too.
    pub(crate) fn admits(&mut self, bytes: usize, now: Instant) -> bool {
        self.datagrams.admit(bytes, DATAGRAM_BPS_MAX, now)
    }

    /// Where media goes.
    pub(crate) fn set_path(&mut self, path: Option<Remote>) {
        self.wire.set_path(path);
    }

    /// Whether media can be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.wire.is_open()
    }

    /// Sends a publisher's packets, in the slots that carry it.
    pub(crate) fn forward(
        &mut self,
        publisher: ConnectionId,
        burst: &[Arc<Packet>],
        egress: &mut Egress,
        counters: &mut Counters,
        now: Instant,
    ) {
        let Some(bond) = self
            .bonds
            .iter()
            .find(|bond| bond.publisher == publisher)
            .copied()
        else {
            return;
        };
        if !self.wire.is_open() {
            return;
        }
        for packet in burst {
            let place = if packet.track == Track::AUDIO {
                bond.audio
            } else {
                bond.video
            };
            // A subscriber that wants only one medium drops nothing.
            let Some(slot) = place.and_then(|place| self.slots.get_mut(place)) else {
                continue;
            };
            let Some(target) = slot.target else { continue };
            let Some(numbers) = slot.payload(packet.codec) else {
                counters.packets_dropped += 1;
                continue;
            };
            let before = slot.stream.sending();
            let Rewritten::Out(at, begins) = slot.stream.place(publisher, packet, target) else {
                continue;
            };
            if begins {
                self.choice_is_wanted = true;
                let is_switch =
                    before.is_some_and(|(who, track)| who == publisher && track != packet.track);
                counters.layer_switches += u64::from(is_switch);
            }
            let sent = self.wire.media(slot, numbers, packet, at, egress, now);
            if let Some(bytes) = sent {
                counters.packets_out += 1;
                counters.bytes_out += u64::from(bytes);
            } else {
                counters.packets_dropped += 1;
            }
        }
    }

    /// What a feed does by itself when its time has come, except for choosing layers: reports, and probes of the bandwidth.
    pub(crate) fn handle_timeout(&mut self, now: Now, egress: &mut Egress) {
        if !self.wire.is_open() {
            return;
        }
        if self.report_due <= now.mono {
            self.report_due = now.mono + REPORT_INTERVAL;
            self.wire.report(&self.slots, &self.cname, now, egress);
        }
        self.wire.probe(&mut self.slots, egress, now.mono);
    }

    /// Says goodbye for all streams (RFC 3550 section 6.6).
    pub(crate) fn goodbye(&mut self, egress: &mut Egress) {
        #[cfg(test)]
        assert!(!self.panics_next, "injected");
        self.wire.goodbye(&self.slots, egress);
    }

    /// When it wants to be looked at next.
    pub(crate) fn due(&self) -> Option<Instant> {
        if !self.wire.is_open() {
            return None;
        }
        let own = self.report_due.min(self.choice_due);
        let own = self.catching_due.map_or(own, |due| own.min(due));
        Some(self.wire.due().map_or(own, |wire| own.min(wire)))
    }

    /// Sends a packet again that the client has asked for, by a number that is in `asked`.
    pub(crate) fn resend(
        &mut self,
        asked: Asked,
        packet: Option<&Arc<Packet>>,
        egress: &mut Egress,
        counters: &mut Counters,
        now: Instant,
    ) {
        let slot = self.slots.get_mut(asked.slot);
        let sent =
            slot.is_some_and(|slot| self.wire.resend(slot, packet, asked.shifts, egress, now));
        if sent {
            counters.packets_retransmitted += 1;
        } else {
            counters.retransmissions_refused += 1;
        }
    }

    /// Whether it has a pool of slots.
    pub(crate) fn is_pool(&self) -> bool {
        self.purpose == Purpose::Pool
    }

    /// The first payload type of each section.
    pub(crate) fn payload_types(&self) -> impl Iterator<Item = u8> + Clone + '_ {
        self.slots
            .iter()
            .map(|slot| slot.payloads.first().map_or(0, |payload| payload.number))
    }

    /// Layers are chosen with the next call of [`Feed::choose`], not after the interval.
    pub(crate) fn want_choice(&mut self) {
        self.choice_is_wanted = true;
    }

    /// Whether layers are to be chosen now.
    pub(crate) fn choice_is_due(&self, now: Instant) -> bool {
        #[cfg(test)]
        assert!(!self.panics_next, "injected");
        let is_due = self.choice_is_wanted || self.choice_due <= now;
        self.wire.is_open() && (is_due || self.is_unsettled())
    }
}

/// How many slots of its kind come before a slot.
fn rank(slots: &[Slot], place: usize) -> usize {
    let kind = slots.get(place).map(|slot| slot.kind);
    slots
        .iter()
        .take(place)
        .filter(|slot| Some(slot.kind) == kind)
        .count()
}

/// The ids of all sections: in a bundle one id means one extension (RFC 9143 section 9.2).
fn ids(sections: &[(Section, Vec<Payload>)]) -> Ids {
    let id = |wanted: &str| {
        sections
            .iter()
            .find_map(|(section, _)| section.extension(wanted))
    };
    Ids {
        mid: id(crate::offer::MID),
        transport_sequence: id(crate::offer::TRANSPORT_CC),
        audio_level: id(crate::offer::AUDIO_LEVEL),
        orientation: id(crate::offer::ORIENTATION),
        playout_delay: id(crate::offer::PLAYOUT_DELAY),
        capture_time: id(crate::offer::CAPTURE_TIME),
    }
}
