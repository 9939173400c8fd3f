//! The rate that delay allows: it grows until a queue does, and then falls below what got through.
//!
//! After draft-ietf-rmcat-gcc-02 section 5.5: far from where it last met the link's capacity the rate grows by a factor, near
//! it by about a packet in each response time.

use super::trendline::Usage;
use super::{BPS_MAX, BPS_MIN};

/// What remains of the acknowledged rate after over-use (`beta`).
const BACKOFF: f64 = 0.85;
/// Growth in a second, far from convergence (`eta`).
const GROWTH: f64 = 1.08;
/// The rate stays below this factor of what is acknowledged, and an allowance in bits per second: more would be a guess.
const UNPROVEN: f64 = 1.5;
const UNPROVEN_BPS: f64 = 10_000.0;
/// Least additive growth in a second, bits per second (libwebrtc: `GetNearMaxIncreaseRateBpsPerSecond`).
const STEP_BPS_MIN: f64 = 4_000.0;
/// A packet, in bits.
const PACKET_BITS: f64 = 9_600.0;
/// What is added to the round trip for the time that the detector takes, in seconds.
const RESPONSE_S: f64 = 0.1;
/// Longest time that one growth counts for, in microseconds.
const GROWTH_US_MAX: i64 = 1_000_000;
/// A further reduction waits for the effect of the last one: one round trip within these bounds, in microseconds.
const SETTLE_US_MIN: i64 = 10_000;
const SETTLE_US_MAX: i64 = 200_000;
/// Less than this part of the rate sent means that the sender, not the link, is the limit. libwebrtc's detector of
/// application-limited regions begins there (`AlrDetectorConfig::bandwidth_usage_ratio`).
const LIMITED: f64 = 0.65;
/// What arrives in spite of over-use when the link is not the limit, as part of what is sent.
const PASSED: f64 = 0.9;

/// What flows, in bits per second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    /// As it left.
    pub(super) offered: Option<f64>,
    /// As it arrived.
    pub(super) acknowledged: Option<f64>,
    /// The same, or more if more arrived last.
    pub(super) peak: Option<f64>,
    /// Up to where the estimate may grow by itself.
    pub(super) ceiling: f64,
}

/// The controller.
#[derive(Debug)]
pub(super) struct Rate {
    bps: f64,
    is_growing: bool,
    capacity: Capacity,
    changed_us: Option<i64>,
}

impl Rate {
    pub(super) fn new(bps: f64) -> Self {
        Self {
            bps: bounded(bps),
            is_growing: true,
            capacity: Capacity::default(),
            changed_us: None,
        }
    }

    pub(super) fn bps(&self) -> f64 {
        self.bps
    }

    /// What got through when a queue grew last; `None` if none did, or more has got through since.
    pub(super) fn capacity_bps(&self) -> Option<f64> {
        self.capacity.known.map(|(average, _)| average * 1_000.0)
    }

    /// Sets what has been measured in another way.
    pub(super) fn set(&mut self, bps: f64, now_us: i64) {
        self.bps = bounded(bps);
        self.changed_us = Some(now_us);
    }

    /// Takes the detector's finding after each feedback. Says whether the rate was lowered.
    pub(super) fn update(
        &mut self,
        usage: Usage,
        flow: Flow,
        round_trip_us: i64,
        now_us: i64,
    ) -> bool {
        match usage {
            // The queue shall drain first.
            Usage::Under => self.is_growing = false,
            Usage::Normal if !self.is_growing => {
                self.is_growing = true;
                self.changed_us = Some(now_us);
            }
            Usage::Normal => self.grow(flow, round_trip_us, now_us),
            Usage::Over => {
                self.is_growing = false;
                return self.back_off(flow, round_trip_us, now_us);
            }
        }
        false
    }

    fn grow(&mut self, flow: Flow, round_trip_us: i64, now_us: i64) {
        let since = now_us - self.changed_us.unwrap_or(now_us);
        self.changed_us = Some(now_us);
        let Some(acknowledged) = flow.acknowledged else {
            return;
        };
        // What gets through is proven.
        self.bps = bounded(self.bps.max(acknowledged));
        let limit = (UNPROVEN * acknowledged + UNPROVEN_BPS).min(flow.ceiling);
        if self.bps >= limit {
            return;
        }
        self.capacity.forget_if_exceeded_by(acknowledged);
        let seconds = seconds(since.clamp(0, GROWTH_US_MAX));
        let grown = if self.capacity.is_known() {
            let response = seconds_of_response(round_trip_us);
            self.bps + (PACKET_BITS / response).max(STEP_BPS_MIN) * seconds
        } else {
            self.bps * GROWTH.powf(seconds)
        };
        self.bps = bounded(grown.min(limit));
    }

    fn back_off(&mut self, flow: Flow, round_trip_us: i64, now_us: i64) -> bool {
        // While a queue grows, what arrives is what the link bears; right after a step up only the last window shows it.
        let Some(acknowledged) = flow.peak else {
            // Nothing to go by yet.
            return self.lower(self.bps * BACKOFF, now_us);
        };
        let settle = round_trip_us.clamp(SETTLE_US_MIN, SETTLE_US_MAX);
        let is_settling = self.changed_us.is_some_and(|at| now_us - at < settle);
        if is_settling && acknowledged > self.bps / 2.0 {
            return false;
        }
        let offered = flow.offered.unwrap_or(acknowledged);
        if offered < LIMITED * self.bps && acknowledged > PASSED * offered {
            // Little is sent and gets through: what is acknowledged says little about the link.
            return self.lower(self.bps * BACKOFF, now_us);
        }
        self.capacity.met(acknowledged);
        self.lower(acknowledged * BACKOFF, now_us)
    }

    fn lower(&mut self, bps: f64, now_us: i64) -> bool {
        let is_lower = bps < self.bps;
        if is_lower {
            self.bps = bounded(bps);
        }
        self.changed_us = Some(now_us);
        is_lower
    }
}

/// Where over-use was met: an average of acknowledged rates, in kbit/s, and its variance, in units of the average (libwebrtc:
/// `LinkCapacityEstimator`).
#[derive(Clone, Copy, Debug, Default)]
struct Capacity {
    known: Option<(f64, f64)>,
}

impl Capacity {
    /// Weight of the newest rate.
    const WEIGHT: f64 = 0.05;
    const VARIANCE_MIN: f64 = 0.4;
    const VARIANCE_MAX: f64 = 2.5;
    /// Beyond this many standard deviations the link is another one.
    const DEVIATIONS: f64 = 3.0;

    fn is_known(self) -> bool {
        self.known.is_some()
    }

    fn met(&mut self, bps: f64) {
        let sample = bps / 1_000.0;
        let is_other = self
            .known
            .is_some_and(|(average, variance)| sample < average - Self::range(average, variance));
        let (average, variance) = match self.known {
            Some(known) if !is_other => known,
            _ => (sample, Self::VARIANCE_MIN),
        };
        let error = average - sample;
        let average = average + Self::WEIGHT * (sample - average);
        let newest = error * error / average.max(1.0);
        let variance = variance + Self::WEIGHT * (newest - variance);
        let variance = variance.clamp(Self::VARIANCE_MIN, Self::VARIANCE_MAX);
        self.known = Some((average, variance));
    }

    fn forget_if_exceeded_by(&mut self, bps: f64) {
        self.known = self.known.filter(|(average, variance)| {
            bps / 1_000.0 <= average + Self::range(*average, *variance)
        });
    }

    fn range(average: f64, variance: f64) -> f64 {
        Self::DEVIATIONS * (variance * average).sqrt()
    }
}

/// Within what an estimate may be.
pub(super) fn bounded(bps: f64) -> f64 {
    if bps.is_nan() {
        return BPS_MIN;
    }
    bps.clamp(BPS_MIN, BPS_MAX)
}

fn seconds_of_response(round_trip_us: i64) -> f64 {
    seconds(round_trip_us.max(0)) + RESPONSE_S
}

#[expect(clippy::cast_precision_loss, reason = "a short time")]
fn seconds(us: i64) -> f64 {
    us as f64 / 1_000_000.0
}
