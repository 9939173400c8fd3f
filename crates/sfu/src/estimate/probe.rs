//! Trying whether more gets through, before more is needed.
//!
//! A probe is a cluster of packets at a higher rate than the estimate, for a moment. How fast it arrives is measured
//! (draft-ietf-rmcat-gcc-02 knows no probes; libwebrtc's are `probe_controller.cc` and `probe_bitrate_estimator.cc`, whose
//! figures are used where nothing else is said). A probe is only made for what an upgrade needs, and never beyond: a viewer who
//! has everything is not probed at all.
//!
//! Shapers are buckets of tokens: what fits into one passes as if the link were wide. So a short probe that found enough for an
//! upgrade is followed by a sustained one, which would empty a usual bucket and ends as soon as packets wait; only that one is
//! believed. When an upgrade has to be taken back all the same, the bucket is larger than that: how much went beyond
//! what the link bears is the volume of further probes. Beyond the largest volume, time passes between trials, twice as long each time.

use std::num::NonZeroU8;

use super::bucket::Bucket;
use super::cluster::{Cluster, seconds};

pub(crate) use super::cluster::ProbeCluster;

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
/// The pause after a probe that did not succeed, in microseconds. An upgrade within 5 s after a restriction ends needs it
/// below that.
const RETRY_US: i64 = 2_600_000;
/// The pause after the rate was lowered, in microseconds.
const LOWERED_US: i64 = 1_000_000;
/// For how long after a probe the queue that it made may be seen, in microseconds.
const WAKE_US: i64 = 300_000;
/// The same after a sustained probe that was too much, in microseconds.
const WAKE_US_SUSTAINED: i64 = 700_000;
/// Within what that is done, in seconds, and the most that is sent meanwhile, in bytes.
const SUSTAINED_S: f64 = 0.08;
const SUSTAINED_S_MAX: f64 = 0.6;
const SUSTAINED_BYTES_MAX: f64 = 400_000.0;
/// What a sustained probe aims at beyond what is needed.
const SUSTAINED_BEYOND: f64 = 1.03;
/// The pause after a probe that told nothing, in microseconds.
const UNCLEAR_US: i64 = 1_000_000;
/// What is known to be borne counts up to this part of the aim.
const KNOWN: f64 = 0.8;
/// A rate that a probe promised and that falls within this time, in microseconds, to this part of it, was not there.
const PROMISE_US: i64 = 10_000_000;
const PROMISE: f64 = 0.8;
/// A promise that was kept for this long, in microseconds, makes up for those that were broken.
const KEPT_US: i64 = 20_000_000;

/// Up to which part of what is wanted the estimate grows without a probe. What is wanted moves, too.
const BELOW_WANTED: f64 = 0.9;

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

/// What probing depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conditions {
    /// The present estimate.
    pub(super) bps: f64,
    /// What the link is known to bear.
    pub(super) known: f64,
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
    /// Whether a short one has found what is wanted, and a sustained one follows.
    is_promising: bool,
    /// Until when a queue may be the last one's.
    felt_until_us: i64,
    /// The rate before it dropped.
    before: f64,
    /// When a probe raised the estimate, to what, and what had been sent until then, in bytes.
    raised: Option<(i64, f64, f64)>,
    bucket: Bucket,
    /// Whether the caller can send probes at all.
    is_able: bool,
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
            is_promising: false,
            felt_until_us: i64::MIN,
            before: 0.0,
            raised: None,
            bucket: Bucket::default(),
            is_able: true,
        }
    }

    pub(super) fn want(&mut self, bps: f64) {
        self.wanted = bps;
    }

    /// Whether a queue seen now may be a probe's.
    pub(super) fn is_felt(&self, now_us: i64) -> bool {
        self.active.is_some_and(|cluster| cluster.sent > 0.0) || now_us < self.felt_until_us
    }

    /// When time alone changes something. A probe that is due already and not made waits for feedback.
    pub(super) fn due(&self, bps: f64, now_us: i64) -> Option<i64> {
        match self.active {
            Some(cluster) => Some(cluster.expires_us()),
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
        if self.raised.is_some_and(|(at, ..)| now_us - at > KEPT_US) {
            self.raised = None;
            self.bucket = Bucket::default();
        }
        let (aim, bytes, known) = if self.is_promising {
            let (aim, bytes, known) = self.sustained(conditions.known);
            (aim, bytes, Some(known))
        } else {
            let (aim, bytes) = self.short(conditions.bps);
            (aim, bytes, None)
        };
        let id = ProbeCluster(self.id);
        self.id = self.id.checked_add(1).unwrap_or(NonZeroU8::MIN);
        self.active = Some(Cluster::new(id, (aim, bytes, known), now_us));
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

    /// Aim and bytes of a short probe.
    fn short(&mut self, bps: f64) -> (f64, f64) {
        let factor = if self.is_chain { FURTHER } else { AFRESH };
        let further = (bps * factor).max(self.before * AFTER_DROP);
        let aim = FIRST
            .get(self.made)
            .map_or(further, |first| further.max(self.start * first))
            .min(self.wanted * BEYOND);
        self.made = self.made.saturating_add(1).min(FIRST.len());
        (aim, (aim * LENGTH_S / 8.0).max(BYTES_MIN))
    }

    /// Aim and bytes of a sustained probe, and what of the aim is known to be borne.
    fn sustained(&self, known: f64) -> (f64, f64, f64) {
        let bits = self.bucket.bits();
        let aim = (self.wanted * SUSTAINED_BEYOND).max(known + bits / SUSTAINED_S_MAX);
        let known = known.min(aim * KNOWN);
        let seconds = (bits / (aim - known)).clamp(SUSTAINED_S, SUSTAINED_S_MAX);
        (aim, (aim * seconds / 8.0).min(SUSTAINED_BYTES_MAX), known)
    }

    /// Whether more of that probe is to be sent.
    pub(super) fn wants_more(&self, id: ProbeCluster) -> bool {
        self.active
            .is_some_and(|cluster| cluster.id == id && !cluster.is_over)
    }

    /// Up to where the estimate may grow by itself: what needs a probe is not to be had without.
    pub(super) fn ceiling(&self, bps: f64) -> f64 {
        if self.is_able && self.wanted > bps {
            self.wanted * BELOW_WANTED
        } else {
            f64::INFINITY
        }
    }

    pub(super) fn sent(&mut self, id: ProbeCluster, bytes: u16, now_us: i64) {
        if let Some(cluster) = self.active.as_mut().filter(|cluster| cluster.id == id) {
            self.is_able = true;
            cluster.sent(f64::from(bytes), now_us);
        }
    }

    pub(super) fn arrived(&mut self, id: ProbeCluster, bytes: u16, sent: i64, arrived: i64) {
        let Some(cluster) = self.active.as_mut().filter(|cluster| cluster.id == id) else {
            return;
        };
        cluster.arrived(f64::from(bytes), sent, arrived);
    }

    /// After a feedback up to a packet sent then: the rate that a probe has found, if one is complete and found more than the
    /// estimate. `sent` bytes have been sent so far, and that share is lost.
    pub(super) fn finish(
        &mut self,
        bps: f64,
        (sent, loss): (f64, f64),
        reported_us: i64,
        now_us: i64,
    ) -> Option<f64> {
        let cluster = self
            .active
            .filter(|cluster| cluster.is_complete(reported_us))?;
        self.active = None;
        let wake = if cluster.is_over {
            WAKE_US_SUSTAINED
        } else {
            WAKE_US
        };
        self.felt_until_us = now_us + wake;
        let found = match cluster.known {
            None => cluster.even_rate(loss).or_else(|| cluster.rate()),
            Some(_) => cluster.sustained_rate(loss),
        };
        let is_enough = found.is_some_and(|found| found >= self.wanted && self.wanted > bps);
        self.is_promising = is_enough && cluster.known.is_none();
        if self.is_promising {
            self.next_us = now_us;
            return None;
        }
        self.is_chain =
            found.is_some_and(|found| found >= cluster.aim * REACHED && found >= bps * GAINED);
        if let Some(known) = cluster.known
            && !is_enough
        {
            self.is_chain = false;
            if cluster.is_over {
                self.bucket.emptied(cluster.emptied(known));
            }
        }
        if self.is_chain {
            self.next_us = now_us;
        } else if found.is_none() && !cluster.is_over {
            self.next_us = now_us + UNCLEAR_US;
        } else {
            self.pause(now_us);
        }
        let found = match cluster.known {
            Some(_) => found.filter(|_| is_enough),
            None => found.map(|found| found.min(self.ceiling(bps))),
        };
        let found = found.filter(|found| *found > bps)?;
        if is_enough {
            self.raised = Some((now_us, found, sent));
        }
        if found >= self.before {
            self.before = 0.0;
        }
        Some(found)
    }

    /// The estimate was lowered, for reasons of the link's; `sent` bytes have been sent so far, and it bears `borne` bits per
    /// second.
    pub(super) fn lowered(&mut self, (from, to): (f64, f64), sent: f64, borne: f64, now_us: i64) {
        self.before = self.before.max(from);
        self.next_us = self.next_us.max(now_us + LOWERED_US);
        self.is_chain = false;
        self.is_promising = false;
        let broken = self
            .raised
            .filter(|(at, bps, _)| now_us - at < PROMISE_US && to < bps * PROMISE);
        if let Some((at, _, sent_then)) = broken {
            self.raised = None;
            let borne = borne / 8.0 * seconds(now_us - at);
            if let Some(pause) = self.bucket.passed(sent - sent_then - borne) {
                self.next_us = now_us + pause;
            }
        }
    }

    fn pause(&mut self, now_us: i64) {
        self.next_us = now_us + RETRY_US;
    }

    /// Gives up a probe that nothing was heard of.
    pub(super) fn expire(&mut self, now_us: i64) {
        if let Some(cluster) = self.active.filter(|cluster| now_us >= cluster.expires_us()) {
            self.is_able = cluster.sent > 0.0;
            self.active = None;
            self.is_chain = false;
            self.is_promising = false;
            self.felt_until_us = now_us + WAKE_US;
            self.pause(now_us);
        }
    }
}
