//! Trying whether more gets through, before more is needed.
//!
//! A probe is a cluster of packets at a higher rate than the estimate, for a moment. How fast it arrives is measured
//! (draft-ietf-rmcat-gcc-02 knows no probes; libwebrtc's are `probe_controller.cc` and `probe_bitrate_estimator.cc`, whose
//! figures are used where nothing else is said). A probe is only made for what an upgrade needs, and never beyond: a viewer who
//! has everything is not probed at all.

use std::num::NonZeroU8;

/// The first two probes, as factors of where the estimate begins.
const FIRST: [f64; 2] = [3.0, 6.0];
/// A further probe, as a factor of the estimate: after one that succeeded, and after a pause.
const FURTHER: f64 = 2.0;
const AFRESH: f64 = 3.0;
/// After a drop, the part of the former rate that is tried again.
const AFTER_DROP: f64 = 0.85;
/// What a probe aims at beyond what is needed: a link that just bears it is found to bear a little less.
const BEYOND: f64 = 1.1;
/// Part of its aim that a probe has to reach to be followed by another one at once.
const REACHED: f64 = 0.7;
/// How much the estimate has to grow by a probe for that.
const GAINED: f64 = 1.05;
/// How long a probe takes, in seconds; libwebrtc has 15 ms, which jitter blurs.
const LENGTH_S: f64 = 0.025;
/// Fewest bytes: five packets that fill half of a datagram.
const BYTES_MIN: f64 = 3_000.0;
/// Fewest packets that must have arrived, and the part of the bytes.
const ARRIVED_MIN: u32 = 4;
const ARRIVED: f64 = 0.8;
/// An arrival rate below this part of the sending rate is the link's own, of which a part is used.
const UNSATURATED: f64 = 0.9;
const UTILISED: f64 = 0.95;
/// An arrival rate beyond this factor of the sending rate is no measurement.
const CREDIBLE: f64 = 2.0;
/// How long a probe's result is waited for, in microseconds.
const WAIT_US: i64 = 1_000_000;
/// The pause after a probe that did not succeed, in microseconds. An upgrade within 5 s after a restriction ends needs it
/// below that.
const RETRY_US: i64 = 3_000_000;
/// The pause after the rate was lowered, in microseconds.
const LOWERED_US: i64 = 1_000_000;
/// For how long after a probe the queue that it made may be seen, in microseconds.
const WAKE_US: i64 = 300_000;
/// A rate that a probe promised and that falls within this time, in microseconds, to this part of it, was not there.
const PROMISE_US: i64 = 5_000_000;
const PROMISE: f64 = 0.8;
/// After such a promise, a probe has to find this much more than was promised, or the time below has to pass: the link bore it
/// nearly, and would be tried and left again and again.
const DOUBT: f64 = 1.3;
/// How long, in microseconds, and how often that doubles with further promises.
const DOUBT_US: i64 = 6_000_000;
const BROKEN_MAX: u32 = 4;

/// Names a probe; its packets carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProbeCluster(NonZeroU8);

/// A probe that is to be sent: evenly, within `bytes * 8 / bps` seconds, as five packets at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    /// What its packets are noted with. Media sent meanwhile is noted with it too, and counts.
    pub(crate) cluster: ProbeCluster,
    /// Bits per second of all that is sent meanwhile.
    pub(crate) bps: u64,
    /// Bytes, of the kind that sent packets are noted in.
    pub(crate) bytes: usize,
}

/// The probe that is under way.
#[derive(Clone, Copy, Debug)]
struct Cluster {
    id: ProbeCluster,
    aim: f64,
    bytes: f64,
    begun_us: i64,
    sent: f64,
    sent_last_us: i64,
    measured: Option<Measured>,
}

/// What has arrived of it; times in microseconds, of sending on our clock and of arrival on the peer's.
#[derive(Clone, Copy, Debug)]
struct Measured {
    packets: u32,
    bytes: f64,
    sent_first: i64,
    sent_last: i64,
    sent_last_bytes: f64,
    arrived_first: i64,
    arrived_first_bytes: f64,
    arrived_last: i64,
}

/// What probing depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conditions {
    /// The present estimate.
    pub(super) bps: f64,
    /// No queue grows and not much is lost.
    pub(super) is_calm: bool,
    /// The peer reports arrivals, without which nothing can be measured.
    pub(super) is_measured: bool,
}

/// Which probes are made when.
#[derive(Debug)]
pub(super) struct Probes {
    /// What an upgrade needs, bits per second; 0 if there is none.
    wanted: f64,
    start: f64,
    /// How many probes have been made, counted up to the first ones.
    made: usize,
    id: NonZeroU8,
    active: Option<Cluster>,
    /// From when on the next one may be made.
    next_us: i64,
    /// Whether the last one succeeded.
    is_chain: bool,
    ended_us: Option<i64>,
    /// The rate before it dropped.
    before: f64,
    /// When a probe raised the estimate, and to what.
    raised: Option<(i64, f64)>,
    broken: u32,
    /// Until when less than that is not believed.
    doubt: Option<(i64, f64)>,
}

impl Probes {
    pub(super) fn new(start: f64) -> Self {
        Self {
            wanted: 0.0,
            start,
            made: 0,
            id: NonZeroU8::MIN,
            active: None,
            next_us: i64::MIN,
            is_chain: false,
            ended_us: None,
            before: 0.0,
            raised: None,
            broken: 0,
            doubt: None,
        }
    }

    pub(super) fn want(&mut self, bps: f64) {
        self.wanted = bps;
    }

    /// Whether a queue seen now may be a probe's.
    pub(super) fn is_felt(&self, now_us: i64) -> bool {
        self.active.is_some_and(|cluster| cluster.sent > 0.0)
            || self.ended_us.is_some_and(|at| now_us - at < WAKE_US)
    }

    /// When time alone changes something. A probe that is due already and not made waits for feedback.
    pub(super) fn due(&self, bps: f64, now_us: i64) -> Option<i64> {
        match self.active {
            Some(cluster) => Some(cluster.begun_us + WAIT_US),
            None if self.wanted > bps => Some(self.next_us).filter(|at| *at > now_us),
            None => None,
        }
    }

    /// A probe that is to be sent now, if any.
    pub(super) fn poll(&mut self, conditions: Conditions, now_us: i64) -> Option<Probe> {
        self.expire(now_us);
        let is_due = self.active.is_none() && now_us >= self.next_us;
        // Before the first feedback nobody knows whether there will be any.
        let is_measured = conditions.is_measured || self.made == 0;
        if !is_due || !conditions.is_calm || !is_measured || self.wanted <= conditions.bps {
            return None;
        }
        if self
            .raised
            .is_some_and(|(at, _)| now_us - at > 2 * PROMISE_US)
        {
            self.raised = None;
            self.broken = 0;
        }
        let factor = if self.is_chain { FURTHER } else { AFRESH };
        let further = (conditions.bps * factor).max(self.before * AFTER_DROP);
        let aim = FIRST
            .get(self.made)
            .map_or(further, |first| further.max(self.start * first))
            .min(self.wanted.max(self.believed_from(now_us)) * BEYOND);
        self.made = self.made.saturating_add(1).min(FIRST.len());
        let bytes = (aim * LENGTH_S / 8.0).max(BYTES_MIN);
        let id = ProbeCluster(self.id);
        self.id = self.id.checked_add(1).unwrap_or(NonZeroU8::MIN);
        self.active = Some(Cluster {
            id,
            aim,
            bytes,
            begun_us: now_us,
            sent: 0.0,
            sent_last_us: now_us,
            measured: None,
        });
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within the bounds of estimates"
        )]
        Some(Probe {
            cluster: id,
            bps: aim as u64,
            bytes: bytes as usize,
        })
    }

    pub(super) fn sent(&mut self, id: ProbeCluster, bytes: u16, now_us: i64) {
        if let Some(cluster) = self.active.as_mut().filter(|cluster| cluster.id == id) {
            cluster.sent += f64::from(bytes);
            cluster.sent_last_us = now_us;
        }
    }

    pub(super) fn arrived(&mut self, id: ProbeCluster, bytes: u16, sent: i64, arrived: i64) {
        let Some(cluster) = self.active.as_mut().filter(|cluster| cluster.id == id) else {
            return;
        };
        let bytes = f64::from(bytes);
        let Some(so_far) = &mut cluster.measured else {
            cluster.measured = Some(Measured {
                packets: 1,
                bytes,
                sent_first: sent,
                sent_last: sent,
                sent_last_bytes: bytes,
                arrived_first: arrived,
                arrived_first_bytes: bytes,
                arrived_last: arrived,
            });
            return;
        };
        so_far.packets = so_far.packets.saturating_add(1);
        so_far.bytes += bytes;
        so_far.sent_first = so_far.sent_first.min(sent);
        if sent >= so_far.sent_last {
            so_far.sent_last = sent;
            so_far.sent_last_bytes = bytes;
        }
        if arrived < so_far.arrived_first {
            so_far.arrived_first = arrived;
            so_far.arrived_first_bytes = bytes;
        }
        so_far.arrived_last = so_far.arrived_last.max(arrived);
    }

    /// After a feedback up to a packet sent then: the rate that a probe has found, if one is complete and found more than the
    /// estimate.
    pub(super) fn finish(&mut self, bps: f64, reported_us: i64, now_us: i64) -> Option<f64> {
        let cluster = self.active.filter(|cluster| {
            cluster.sent >= cluster.bytes && reported_us >= cluster.sent_last_us
        })?;
        let believed = self.believed_from(now_us);
        let found = cluster.rate().filter(|found| *found >= believed);
        self.active = None;
        self.ended_us = Some(now_us);
        self.is_chain =
            found.is_some_and(|found| found >= cluster.aim * REACHED && found >= bps * GAINED);
        if self.is_chain {
            self.next_us = now_us;
        } else {
            self.pause(now_us);
        }
        let found = found.filter(|found| *found > bps)?;
        self.raised = Some((now_us, found));
        if found >= self.before {
            self.before = 0.0;
        }
        Some(found)
    }

    /// The estimate was lowered, for reasons of the link's.
    pub(super) fn lowered(&mut self, from: f64, to: f64, now_us: i64) {
        self.before = self.before.max(from);
        self.next_us = self.next_us.max(now_us + LOWERED_US);
        self.is_chain = false;
        let broken = self
            .raised
            .filter(|(at, bps)| now_us - at < PROMISE_US && to < bps * PROMISE);
        if let Some((_, promised)) = broken {
            self.raised = None;
            self.doubt = Some((now_us + (DOUBT_US << self.broken), promised * DOUBT));
            self.broken = (self.broken + 1).min(BROKEN_MAX);
        }
    }

    /// What a probe has to find at least.
    fn believed_from(&self, now_us: i64) -> f64 {
        self.doubt
            .filter(|(until, _)| now_us < *until)
            .map_or(0.0, |(_, bps)| bps)
    }

    fn pause(&mut self, now_us: i64) {
        self.next_us = now_us + RETRY_US;
    }

    /// Gives up a probe that nothing was heard of.
    pub(super) fn expire(&mut self, now_us: i64) {
        if self
            .active
            .is_some_and(|cluster| now_us - cluster.begun_us >= WAIT_US)
        {
            self.active = None;
            self.is_chain = false;
            self.ended_us = Some(now_us);
            self.pause(now_us);
        }
    }
}

impl Cluster {
    /// The rate at which it got through, at most the one it aimed at; `None` if too little arrived to tell.
    fn rate(&self) -> Option<f64> {
        let measured = self.measured?;
        if measured.packets < ARRIVED_MIN || measured.bytes < self.bytes * ARRIVED {
            return None;
        }
        // The last packet sent and the first one to arrive are outside of the intervals.
        let sent = measured.sent_last - measured.sent_first;
        let sent_bps = per_second(measured.bytes - measured.sent_last_bytes, sent);
        let took = measured.arrived_last - measured.arrived_first;
        let arrived_bps = per_second(measured.bytes - measured.arrived_first_bytes, took)?;
        if took > WAIT_US || sent_bps.is_some_and(|sent_bps| arrived_bps > sent_bps * CREDIBLE) {
            return None;
        }
        // Media can make it faster than it was to be; the aim is what counts.
        let sent_bps = sent_bps.map_or(self.aim, |sent_bps| sent_bps.min(self.aim));
        if arrived_bps < sent_bps * UNSATURATED {
            return Some(arrived_bps * UTILISED);
        }
        Some(arrived_bps.min(sent_bps))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a short time")]
fn per_second(bytes: f64, us: i64) -> Option<f64> {
    (us > 0).then(|| bytes * 8_000_000.0 / us as f64)
}
