//! The rate that loss allows.
//!
//! After draft-ietf-rmcat-gcc-02 section 6: much loss lowers the bound, little raises it. Two things are our own. Between the
//! two thresholds the bound rises slowly instead of standing still, so that it does not stay at what one bad moment made of it.
//! And where sending less has not lessened the loss, it is the link's own: sending still less would not help either, and the
//! bound rises slowly until the loss grows.

use super::rate::{Flow, bounded};

/// Above this the bound is lowered, below the other it is raised.
const MUCH: f64 = 0.10;
const LITTLE: f64 = 0.02;
/// How much of the lost share the bound falls by.
const FALL: f64 = 0.5;
/// How much the bound rises with each observation: after little loss, and after some.
const RISE: f64 = 1.05;
const RISE_SLOWLY: f64 = 1.01;
/// An observation needs this many packets and this long, in microseconds; after the longer time, some packets are enough.
const PACKETS: u32 = 20;
const PACKETS_MIN: u32 = 5;
const OBSERVE_US: i64 = 200_000;
const OBSERVE_US_MAX: i64 = 1_000_000;
/// Weight of the newest observation.
const WEIGHT: f64 = 0.4;
/// Sending less by this factor is a trial: of a link's own loss, less arrives in the same proportion, and of a full link as much
/// as before. Half-way between the two, on a logarithmic scale, is the limit.
const LESS_SENT: f64 = 0.8;
/// So many observations in a row have to say so.
const TRIALS: u32 = 2;
/// Nothing more than this is taken for a link's own loss.
const OWN_MAX: f64 = 0.3;
/// Loss that grows by so much is not only the link's own; the share of few packets wavers by nearly as much.
const WORSE: f64 = 0.15;

/// What was observed before less was sent.
#[derive(Clone, Copy, Debug)]
struct Trial {
    offered: f64,
    acknowledged: f64,
    /// Observations after that in which less arrived in proportion.
    passed: u32,
}

/// The bound.
#[derive(Debug, Default)]
pub(super) struct Loss {
    lost: u32,
    total: u32,
    since_us: Option<i64>,
    share: Option<f64>,
    bound: Option<f64>,
    trial: Option<Trial>,
    /// The link's own share.
    own: Option<f64>,
}

impl Loss {
    pub(super) fn arrived(&mut self, was_lost: bool) {
        if was_lost {
            self.lost = self.lost.saturating_sub(1);
        } else {
            self.total = self.total.saturating_add(1);
        }
    }

    pub(super) fn lost(&mut self) {
        self.lost = self.lost.saturating_add(1);
        self.total = self.total.saturating_add(1);
    }

    /// The share that is lost, smoothed.
    pub(super) fn share(&self) -> f64 {
        self.share.unwrap_or(0.0)
    }

    /// Whether so much is lost that trying to send more makes no sense.
    pub(super) fn is_much(&self) -> bool {
        self.share() > MUCH && self.own.is_none()
    }

    /// Bits per second; `None` while loss is no limit.
    pub(super) fn bound(&self) -> Option<f64> {
        self.bound
    }

    /// What was seen is too old to say anything; what it led to stays.
    pub(super) fn forget(&mut self) {
        *self = Self {
            bound: self.bound,
            ..Self::default()
        };
    }

    /// The share that the link loses anyway.
    pub(super) fn own(&self) -> f64 {
        self.own.unwrap_or(0.0).clamp(0.0, OWN_MAX)
    }

    /// Whether no probe could show that the link loses that much anyway.
    pub(super) fn is_hopeless(&self) -> bool {
        self.share() > OWN_MAX
    }

    /// A probe at a higher rate got through but for the share that is lost anyway.
    pub(super) fn is_no_worse(&mut self) {
        self.own = self.share.filter(|share| *share > MUCH);
    }

    /// More has got through.
    pub(super) fn lift(&mut self, bps: f64) {
        self.bound = self.bound.map(|bound| bound.max(bps));
    }

    /// Draws conclusions from what was counted, if that is enough. Says whether the bound was lowered.
    pub(super) fn update(&mut self, bps: f64, flow: Flow, now_us: i64) -> bool {
        let since = now_us - *self.since_us.get_or_insert(now_us);
        let is_enough = (self.total >= PACKETS && since >= OBSERVE_US)
            || (self.total >= PACKETS_MIN && since >= OBSERVE_US_MAX);
        if !is_enough {
            return false;
        }
        let share = f64::from(self.lost) / f64::from(self.total.max(1));
        self.lost = 0;
        self.total = 0;
        self.since_us = Some(now_us);
        self.observe(share, WEIGHT, bps, flow)
    }

    /// The weight of an observation that took that long, in microseconds.
    pub(super) fn weight(since_us: i64) -> f64 {
        let observations = super::float_i64(since_us) / super::float_i64(OBSERVE_US);
        1.0 - (1.0 - WEIGHT).powf(observations.max(1.0))
    }

    /// Whether a share is so little that more may be sent.
    pub(super) fn is_little(share: f64) -> bool {
        share < LITTLE
    }

    /// Takes an observed share. `bps` is the present estimate. Says whether the bound was lowered.
    pub(super) fn observe(&mut self, share: f64, weight: f64, bps: f64, flow: Flow) -> bool {
        let before = self.share.unwrap_or(share);
        let share = before + weight * (share - before);
        self.share = Some(share);
        if share <= MUCH {
            let rise = if share < LITTLE { RISE } else { RISE_SLOWLY };
            self.rise(rise, bps, flow.ceiling);
            if share < LITTLE {
                self.trial = None;
                self.own = None;
            }
            return false;
        }
        if self.is_own(share, flow) {
            self.rise(RISE_SLOWLY, bps, flow.ceiling);
            return false;
        }
        self.bound = Some(bounded(bps * (1.0 - FALL * share)));
        true
    }

    fn rise(&mut self, factor: f64, bps: f64, ceiling: f64) {
        self.bound = self
            .bound
            .map(|bound| bound.max((bound * factor).min(ceiling)))
            // From there on it would be a limit that loss has nothing to do with.
            .filter(|bound| *bound <= super::BPS_MAX && *bound < bps * 2.0);
    }

    /// Whether the link loses that much however little is sent.
    fn is_own(&mut self, share: f64, flow: Flow) -> bool {
        self.own = self
            .own
            .filter(|own| share < own + WORSE && share < OWN_MAX);
        if self.own.is_some() {
            return true;
        }
        let Some(offered) = flow.offered else {
            return false;
        };
        // Without feedback on single packets, what was not lost has arrived.
        let acknowledged = flow.acknowledged.unwrap_or(offered * (1.0 - share));
        let new = Trial {
            offered,
            acknowledged,
            passed: 0,
        };
        let trial = self.trial.get_or_insert(new);
        let sent_less = offered / trial.offered.max(1.0);
        if sent_less > LESS_SENT {
            *trial = new;
            return false;
        }
        let arrived_less = acknowledged / trial.acknowledged.max(1.0);
        if share > OWN_MAX || arrived_less > sent_less.sqrt() {
            trial.passed = 0;
            return false;
        }
        trial.passed += 1;
        if trial.passed < TRIALS {
            return false;
        }
        self.trial = None;
        self.own = Some(share);
        true
    }
}
