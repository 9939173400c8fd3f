//! Whether a queue is growing on the way: a line through the last delays, and a threshold for its slope that adapts.
//!
//! After draft-ietf-rmcat-gcc-02 sections 5.4 and 5.5, with the line in place of its Kalman filter, as libwebrtc has it
//! (`modules/congestion_controller/goog_cc/trendline_estimator.cc`). Constants are those of the two.

use std::collections::VecDeque;

use super::delay::Variation;

/// How many groups the line goes through.
const WINDOW: usize = 20;
/// How much of the smoothed delay stays with each group.
const SMOOTHING: f64 = 0.9;
/// The slope is multiplied by the number of groups, up to this, and by the gain; both make it comparable with a threshold in ms.
const GROUPS_MAX: f64 = 60.0;
const GAIN: f64 = 4.0;
/// The threshold, in ms: where it begins (`del_var_th`), and its range.
const THRESHOLD_MS: f64 = 12.5;
const THRESHOLD_MS_MIN: f64 = 6.0;
const THRESHOLD_MS_MAX: f64 = 600.0;
/// How fast the threshold follows, per ms, upward (`K_u`) and downward (`K_d`).
const FOLLOW_UP: f64 = 0.0087;
const FOLLOW_DOWN: f64 = 0.039;
/// A slope this far beyond the threshold, in ms, is a sudden loss of capacity and does not move it.
const OUTLIER_MS: f64 = 15.0;
/// Longest time that one adaptation counts for, in ms.
const ADAPT_MS_MAX: f64 = 100.0;
/// How long the slope has to be beyond the threshold, in ms (`overuse_time_th`).
const OVER_MS: f64 = 10.0;

/// How the link is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// A queue drains.
    Under,
    Normal,
    /// A queue grows.
    Over,
}

/// The detector.
#[derive(Debug)]
pub(super) struct Trendline {
    points: VecDeque<Point>,
    begun_us: i64,
    last_us: i64,
    groups: f64,
    delay_ms: f64,
    smoothed_ms: f64,
    slope: f64,
    threshold_ms: f64,
    over: Option<Over>,
    usage: Usage,
}

/// A group; all in ms since the beginning.
#[derive(Clone, Copy, Debug)]
struct Point {
    arrived: f64,
    delay: f64,
    smoothed: f64,
}

/// The slope is beyond the threshold.
#[derive(Clone, Copy, Debug)]
struct Over {
    ms: f64,
    groups: u32,
}

impl Trendline {
    pub(super) fn new() -> Self {
        Self {
            points: VecDeque::with_capacity(WINDOW + 1),
            begun_us: 0,
            last_us: 0,
            groups: 0.0,
            delay_ms: 0.0,
            smoothed_ms: 0.0,
            slope: 0.0,
            threshold_ms: THRESHOLD_MS,
            over: None,
            usage: Usage::Normal,
        }
    }

    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// Forgets the delays; the threshold stays.
    pub(super) fn restart(&mut self) {
        self.points.clear();
        self.groups = 0.0;
        self.delay_ms = 0.0;
        self.smoothed_ms = 0.0;
        self.slope = 0.0;
        self.over = None;
        self.usage = Usage::Normal;
    }

    pub(super) fn add(&mut self, variation: Variation) {
        if self.points.is_empty() {
            self.begun_us = variation.arrived;
            self.last_us = variation.arrived;
        }
        self.groups = (self.groups + 1.0).min(GROUPS_MAX);
        self.delay_ms += ms(variation.delay);
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * self.delay_ms;
        // A large picture makes a queue that drains again at once, and the line rises all the same. A link that is too narrow
        // makes each delay longer than all before.
        let is_record = self.points.iter().all(|point| point.delay <= self.delay_ms);
        self.points.push_back(Point {
            arrived: ms(variation.arrived - self.begun_us),
            delay: self.delay_ms,
            smoothed: self.smoothed_ms,
        });
        let before = self.slope;
        if self.points.len() > WINDOW {
            self.points.pop_front();
        }
        if self.points.len() == WINDOW {
            self.slope = slope(&self.points).unwrap_or(before);
        }
        let since = ms(variation.arrived - self.last_us);
        self.last_us = self.last_us.max(variation.arrived);
        self.detect(before, is_record, ms(variation.spacing), since);
    }

    fn detect(&mut self, slope_before: f64, is_record: bool, spacing_ms: f64, since_ms: f64) {
        if self.groups < 2.0 {
            return;
        }
        let trend = self.groups * self.slope * GAIN;
        if trend > self.threshold_ms {
            let over = match self.over {
                // Since when is unknown; half of the time on average.
                None => Over {
                    ms: spacing_ms / 2.0,
                    groups: 1,
                },
                Some(over) => Over {
                    ms: over.ms + spacing_ms,
                    groups: over.groups.saturating_add(1),
                },
            };
            self.over = Some(over);
            if over.ms > OVER_MS && over.groups > 1 && self.slope >= slope_before && is_record {
                self.over = Some(Over { ms: 0.0, groups: 0 });
                self.usage = Usage::Over;
            }
        } else {
            self.over = None;
            self.usage = if trend < -self.threshold_ms {
                Usage::Under
            } else {
                Usage::Normal
            };
        }
        self.adapt(trend.abs(), since_ms);
    }

    /// A threshold that does not follow would be too low beside TCP and too high on quiet links.
    fn adapt(&mut self, trend: f64, since_ms: f64) {
        if trend > self.threshold_ms + OUTLIER_MS {
            return;
        }
        let follow = if trend < self.threshold_ms {
            FOLLOW_DOWN
        } else {
            FOLLOW_UP
        };
        let since = since_ms.clamp(0.0, ADAPT_MS_MAX);
        let moved = self.threshold_ms + follow * (trend - self.threshold_ms) * since;
        self.threshold_ms = moved.clamp(THRESHOLD_MS_MIN, THRESHOLD_MS_MAX);
    }
}

/// The slope of the line with the least squares of distances; `None` if all points are at one time.
fn slope(points: &VecDeque<Point>) -> Option<f64> {
    let (mut count, mut sum_x, mut sum_y) = (0.0, 0.0, 0.0);
    for point in points {
        count += 1.0;
        sum_x += point.arrived;
        sum_y += point.smoothed;
    }
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (mut above, mut below) = (0.0, 0.0);
    for point in points {
        let x = point.arrived - mean_x;
        above += x * (point.smoothed - mean_y);
        below += x * x;
    }
    (below > 0.0).then(|| above / below)
}

#[expect(clippy::cast_precision_loss, reason = "differences of time")]
fn ms(us: i64) -> f64 {
    us as f64 / 1_000.0
}
