//! Times by their frequency, within 2 %, in a fixed amount of memory.

use std::time::Duration;

use crate::report::Latency;

/// Buckets of each power of two: a bucket is at most 1/64 of its value wide.
const STEPS: u64 = 64;
const STEP_BITS: u32 = STEPS.ilog2();
/// Powers of two above the first, whose buckets hold one microsecond each: up to 2^32 us, which is 71 minutes.
const POWERS: u64 = 26;

/// Counts of times, by the microsecond or, above 64 of them, within 2 %.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// Made with the first time, so that empty ones are small.
    buckets: Vec<u32>,
    count: u64,
    max: u64,
}

fn index(micros: u64) -> usize {
    let power = micros.max(1).ilog2().saturating_sub(STEP_BITS);
    let bucket = u64::from(power) * STEPS + (micros >> power);
    usize::try_from(bucket.min((POWERS + 1) * STEPS - 1)).unwrap_or(0)
}

/// The middle of a bucket.
fn value(index: usize) -> u64 {
    let index = index as u64;
    let power = (index / STEPS).saturating_sub(1);
    let low = (index - power * STEPS) << power;
    low + ((1 << power) >> 1)
}

impl Histogram {
    /// Counts a time.
    pub fn add(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        if self.buckets.is_empty() {
            self.buckets = vec![0; index(u64::MAX) + 1];
        }
        if let Some(bucket) = self.buckets.get_mut(index(micros)) {
            *bucket = bucket.saturating_add(1);
        }
        self.count += 1;
        self.max = self.max.max(micros);
    }

    /// Counts all that another has counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.buckets.is_empty() {
            self.buckets.clone_from(&other.buckets);
        } else {
            for (bucket, more) in self.buckets.iter_mut().zip(&other.buckets) {
                *bucket = bucket.saturating_add(*more);
            }
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    /// The time, in microseconds, that so many of a thousand do not exceed.
    pub(crate) fn at(&self, per_mille: u64) -> u64 {
        let rank = (self.count * per_mille).div_ceil(1_000).max(1);
        let mut below = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            below += u64::from(*count);
            if below >= rank {
                return value(index).min(self.max);
            }
        }
        self.max
    }

    /// What a report says of it.
    #[expect(
        clippy::cast_precision_loss,
        reason = "minutes in microseconds are exact"
    )]
    pub fn latency(&self) -> Latency {
        let millis = |micros: u64| micros as f64 / 1_000.0;
        Latency {
            count: self.count,
            p50: millis(self.at(500)),
            p90: millis(self.at(900)),
            p99: millis(self.at(990)),
            p999: millis(self.at(999)),
            max: millis(self.max),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranks_of_a_known_series_are_found() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.latency(), Latency::default());
        (1..=1_000).for_each(|micros| histogram.add(Duration::from_micros(micros)));
        let latency = histogram.latency();
        for (seen, expected) in [
            (latency.p50, 0.5),
            (latency.p90, 0.9),
            (latency.p99, 0.99),
            (latency.p999, 0.999),
        ] {
            assert!((seen / expected - 1.0).abs() < 0.02, "{seen} {expected}");
        }
        assert_eq!(
            (latency.count, latency.max.to_bits()),
            (1_000, 1.0_f64.to_bits())
        );
    }

    proptest! {
        #[test]
        fn a_value_stays_within_2_percent(micros in 0_u64..1 << 32) {
            let seen = value(index(micros));
            prop_assert!(seen.abs_diff(micros) * 50 <= micros, "{} {}", micros, seen);
        }

        #[test]
        fn merging_is_counting_together(
            one in prop::collection::vec(0_u64..1 << 40, 0..50),
            other in prop::collection::vec(0_u64..1 << 40, 0..50),
        ) {
            let of = |times: &[u64]| {
                let mut histogram = Histogram::default();
                for micros in times {
                    histogram.add(Duration::from_micros(*micros));
                }
                histogram
            };
            let mut merged = of(&one);
            merged.merge(&of(&other));
            prop_assert_eq!(merged.latency(), of(&[one, other].concat()).latency());
        }
    }
}
