//! Peers that send receiver reports and nothing else.

use std::time::{Duration, Instant};

use crate::estimate::Estimator;

/// Bits of a packet.
const PACKET_BITS: u64 = 9_600;

#[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
fn beginning() -> Instant {
    Instant::now()
}

/// A link on which half of everything was lost once, and a viewer that wants as much as there is.
struct Fallen {
    estimator: Estimator,
    now: Instant,
    sequence: u16,
}

impl Fallen {
    fn new() -> Self {
        let now = beginning();
        let estimator = Estimator::new(1_000_000, now);
        let mut fallen = Self {
            estimator,
            now,
            sequence: 0,
        };
        for lost in [0, 0, 128] {
            fallen.pass(1_000);
            fallen.report(lost, 40);
        }
        fallen.estimator.want_probe(40_000_000, fallen.now);
        fallen
    }

    fn bound(&self) -> u64 {
        self.estimator.loss_bound_bps().unwrap_or(u64::MAX)
    }

    /// Sends as much as it may.
    fn pass(&mut self, millis: u64) {
        let bps = self.estimator.loss_bound_bps().unwrap_or(1_000_000);
        let mut bits = 0;
        for _ in 0..millis {
            self.now += Duration::from_millis(1);
            bits += bps / 1_000;
            while bits >= PACKET_BITS {
                bits -= PACKET_BITS;
                self.sequence = self.sequence.wrapping_add(1);
                self.estimator.sent(self.sequence, 1_200, self.now, None);
            }
        }
    }

    fn report(&mut self, lost: u8, round_trip_ms: u64) {
        let round_trip = Some(Duration::from_millis(round_trip_ms));
        self.estimator.report(lost, round_trip, self.now);
    }
}

// What libwebrtc does with receiver reports: up by eight in a hundred each second while little is lost, down while much is.
#[test]
fn reports_raise_and_lower_the_bound_however_often_they_come() {
    // Each so many milliseconds; lost in 1/256; the round trip; by what the bound has changed after 20 s.
    let table = [
        (1_000, 0, 40, 4.5..4.8),
        (2_500, 0, 40, 4.5..4.8),
        (5_000, 0, 40, 4.5..4.8),
        // More seldom ones speak for five seconds each.
        (10_000, 0, 40, 2.1..2.2),
        (250, 0, 40, 3.5..4.8),
        // Four in a hundred.
        (1_000, 10, 40, 1.4..1.6),
        (5_000, 10, 40, 1.4..1.6),
        // Fifteen in a hundred, and it never gets better.
        (1_000, 38, 40, 0.1..0.95),
        (5_000, 38, 40, 0.1..0.95),
        // A queue.
        (1_000, 0, 400, 0.9..1.1),
        (5_000, 0, 400, 0.9..1.1),
        // A wireless way that wavers.
        (1_000, 0, 80, 4.5..4.8),
    ];
    for (interval, lost, round_trip, expected) in table {
        let mut fallen = Fallen::new();
        let before = fallen.bound();
        assert!((600_000..900_000).contains(&before), "{before}");
        for _ in 0..20_000 / interval {
            fallen.pass(interval);
            fallen.report(lost, round_trip);
        }
        let change = fallen.bound() as f64 / before as f64;
        assert!(
            expected.contains(&change),
            "each {interval} ms {lost}/256, {round_trip} ms: {change:.2}"
        );
    }
}

#[test]
fn the_worst_of_the_streams_in_one_report_counts_in_whatever_order() {
    let bounds = [[0, 128], [128, 0]].map(|streams| {
        let mut fallen = Fallen::new();
        fallen.pass(1_000);
        for lost in streams {
            fallen.report(lost, 40);
        }
        (fallen.bound(), fallen.estimator.loss())
    });
    for (bound, loss) in bounds {
        assert!(bound < 700_000, "{bounds:?}");
        assert!(loss > 100, "{bounds:?}");
    }
}

#[test]
fn a_way_that_has_got_longer_for_good_is_believed_in_the_end() {
    let mut fallen = Fallen::new();
    let before = fallen.bound();
    for _ in 0..120 {
        fallen.pass(1_000);
        fallen.report(0, 200);
    }
    assert!(fallen.bound() > 2 * before);
}
