//! What peers may send that makes no sense, and what must not be concluded from little.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::delay::PeerClock;
use super::super::history::History;
use super::super::throughput::Throughput;
use super::super::{BPS_MAX, BPS_MIN, Estimator};
use crate::arrival::Arrival;

/// A link that delivers everything after 20 ms, reported each 100 ms.
struct Perfect {
    estimator: Estimator,
    now: Instant,
    sequence: u16,
    unreported: Vec<Arrival>,
    /// The receiver's clock, in microseconds.
    clock: i64,
}

impl Perfect {
    fn new(start_bps: u64) -> Self {
        let now = beginning();
        Self {
            estimator: Estimator::new(start_bps, now),
            now,
            sequence: 0,
            unreported: Vec::new(),
            clock: 0,
        }
    }

    /// Sends packets of that size each 20 ms, and probes as they are wanted.
    fn run(&mut self, seconds: u64, bytes: usize) {
        for tick in 0..seconds * 1_000 / 20 {
            self.now += Duration::from_millis(20);
            self.clock += 20_000;
            self.send(bytes, None, self.clock);
            if let Some(probe) = self.estimator.poll_probe(self.now) {
                let (begun, clock) = (self.now, self.clock);
                for packet in 0..10 {
                    let took = probe.bytes as i64 * 8_000_000 / probe.bps as i64;
                    let after = took * packet / 10;
                    self.now = begun + Duration::from_micros(after as u64);
                    self.clock = clock + after;
                    self.send(probe.bytes / 10 + 1, Some(probe.cluster), self.clock);
                }
            }
            if tick % 5 == 4 {
                let now = self.now + Duration::from_millis(20);
                self.estimator.feedback(self.unreported.drain(..), now);
                self.estimator.handle_timeout(now);
            }
        }
    }

    fn send(&mut self, bytes: usize, probe: Option<super::super::ProbeCluster>, received: i64) {
        self.estimator.sent(self.sequence, bytes, self.now, probe);
        self.unreported.push(Arrival {
            sequence: self.sequence,
            received: Some(received),
        });
        self.sequence = self.sequence.wrapping_add(1);
    }
}

#[test]
fn little_that_is_sent_neither_lowers_nor_raises_the_estimate() {
    let mut link = Perfect::new(2_000_000);
    link.run(60, 160);
    assert_eq!(link.estimator.bitrate_bps(), 2_000_000);
}

#[test]
fn the_estimate_grows_to_half_more_than_what_arrives_without_probes() {
    let mut link = Perfect::new(300_000);
    // 400 kbit/s.
    link.run(60, 1_000);
    let estimate = link.estimator.bitrate_bps();
    assert!((560_000..=660_000).contains(&estimate), "{estimate}");
}

#[test]
fn probes_end_with_what_is_wanted() {
    let mut link = Perfect::new(300_000);
    link.estimator.want_probe(2_000_000, link.now);
    link.run(5, 250);
    let estimate = link.estimator.bitrate_bps();
    assert!((2_000_000..=2_300_000).contains(&estimate), "{estimate}");
    link.run(5, 250);
    assert!(link.estimator.poll_probe(link.now).is_none());
    assert_eq!(
        link.estimator
            .round_trip()
            .map(|trip| trip.as_millis() / 20),
        Some(1)
    );
    assert_eq!(link.estimator.loss(), 0);
}

#[test]
fn silence_lowers_the_estimate_step_by_step_and_only_while_something_is_under_way() {
    let mut link = Perfect::new(2_000_000);
    link.run(5, 160);
    let later = link.now + Duration::from_mins(1);
    link.estimator.handle_timeout(later);
    assert_eq!(link.estimator.bitrate_bps(), 2_000_000);
    link.estimator.sent(link.sequence, 160, later, None);
    let at = link.estimator.poll_timeout().unwrap();
    assert!(at > later + Duration::from_secs(1) && at < later + Duration::from_secs(2));
    link.estimator.handle_timeout(at);
    assert_eq!(link.estimator.bitrate_bps(), 1_600_000);
    link.estimator.handle_timeout(at);
    assert_eq!(link.estimator.bitrate_bps(), 1_600_000);
    for _ in 0..100 {
        let at = link.estimator.poll_timeout().unwrap();
        link.estimator.handle_timeout(at);
    }
    assert_eq!(link.estimator.bitrate_bps(), BPS_MIN as u64);
}

#[test]
fn a_peer_that_never_reports_is_left_at_the_start() {
    let now = beginning();
    let mut estimator = Estimator::new(300_000, now);
    for packet in 0..10_000_u16 {
        let now = now + Duration::from_millis(20) * u32::from(packet);
        estimator.sent(packet, 1_000, now, None);
        estimator.handle_timeout(now);
    }
    assert_eq!(estimator.bitrate_bps(), 300_000);
}

#[test]
fn t43_remb_of_nothing_or_of_everything_stays_within_bounds_and_expires() {
    let now = beginning();
    let mut estimator = Estimator::new(300_000, now);
    estimator.remb(0, now);
    assert_eq!(estimator.bitrate_bps(), BPS_MIN as u64);
    estimator.remb(u64::MAX, now);
    assert_eq!(estimator.bitrate_bps(), 300_000);
    estimator.remb(100_000, now);
    assert_eq!(estimator.bitrate_bps(), 100_000);
    estimator.handle_timeout(now + Duration::from_secs(11));
    assert_eq!(estimator.bitrate_bps(), 300_000);
}

#[test]
fn t43_a_storm_of_feedback_about_nothing_changes_nothing() {
    let mut link = Perfect::new(1_000_000);
    link.run(5, 1_000);
    let before = link.estimator.bitrate_bps();
    let known = link.sequence.wrapping_sub(3);
    let storm = (0..1_000_000_u32).map(|count| Arrival {
        // All that is known has been reported before.
        sequence: if count % 2 == 0 {
            known
        } else {
            count as u16 ^ 0x8000
        },
        received: (count % 3 != 0).then_some(i64::from(count) * -7_777_777),
    });
    link.estimator.feedback(storm, link.now);
    assert_eq!(link.estimator.bitrate_bps(), before);
    assert_eq!(link.estimator.loss(), 0);
    for _ in 0..100_000 {
        link.estimator.report(255, Some(Duration::MAX), link.now);
    }
    assert_eq!(link.estimator.bitrate_bps(), before);
}

#[test]
fn t43_a_flood_of_receiver_reports_counts_as_one() {
    let now = beginning();
    let mut estimator = Estimator::new(1_000_000, now);
    estimator.report(0, None, now);
    let now = now + Duration::from_secs(1);
    for count in 0..50_000_u64 {
        estimator.report(255, None, now + Duration::from_micros(count));
    }
    assert!(estimator.bitrate_bps() > 500_000);
}

#[test]
fn t43_what_is_remembered_of_packets_is_bounded() {
    let mut history = History::default();
    for count in 0..1_000_000_i64 {
        history.sent(count as u16, 1_200, None, count * 10);
    }
    assert!(history.bytes_of_memory() <= 40_000);
    // 1,000 packets a second, reported after 150 ms.
    let mut history = History::default();
    for count in 0..100_000_i64 {
        history.sent(count as u16, 1_200, None, count * 1_000);
        if count >= 150 {
            assert!(history.settle((count - 150) as u16, true).is_some());
        }
    }
    assert!(history.bytes_of_memory() <= 2_048 + 512);
}

#[test]
fn a_packet_that_was_overtaken_counts_once() {
    let mut history = History::default();
    for sequence in [65_534, 65_535, 0, 1] {
        history.sent(sequence, 1_200, None, 0);
    }
    assert!(!history.settle(65_535, false).unwrap().was_lost);
    assert!(history.settle(65_535, false).is_none());
    assert!(history.settle(65_535, true).unwrap().was_lost);
    assert!(history.settle(65_535, true).is_none());
    assert!(history.settle(65_533, true).is_none());
    assert!(history.settle(2, true).is_none());
    assert!(history.settle(1, true).is_some());
}

#[test]
fn a_flow_is_measured_within_a_twentieth() {
    for (spacing_us, bytes) in [(20_000, 160), (33_333, 2_000), (1_000, 1_200)] {
        let mut throughput = Throughput::default();
        for count in 0..(10_000_000 / spacing_us) {
            throughput.add(count * spacing_us, bytes);
        }
        let expected = f64::from(bytes) * 8_000_000.0 / spacing_us as f64;
        let measured = throughput.bps().unwrap();
        assert!(
            (measured / expected - 1.0).abs() < 0.05,
            "{measured} {expected}"
        );
    }
}

#[test]
fn the_peers_clock_wraps_and_jumps() {
    const WRAP: i64 = (1 << 24) * 64_000;
    let mut clock = PeerClock::default();
    assert_eq!(clock.read(WRAP - 1_000), (0, false));
    assert_eq!(clock.read(500), (1_500, false));
    assert_eq!(clock.read(WRAP - 500), (500, false));
    assert_eq!(clock.read(i64::MIN).0, 500);
    assert_eq!(clock.read(i64::MAX / 3), (500, true));
}

/// One thing that a peer or the caller does.
#[derive(Clone, Debug)]
enum Op {
    Send(u16, usize, bool),
    Feedback(Vec<(u16, Option<i64>)>),
    Report(u8, Option<u64>),
    Remb(u64),
    Want(u64),
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let number = prop_oneof![8 => 0..40_u16, 1 => any::<u16>()];
    let received = prop_oneof![6 => 0..4_000_000_i64, 1 => any::<i64>()];
    let arrival = (number, prop::option::weighted(0.8, received));
    prop_oneof![
        8 => (prop_oneof![9 => Just(1_u16), 1 => any::<u16>()], 0..3_000_usize, any::<bool>())
            .prop_map(|(step, bytes, is_probe)| Op::Send(step, bytes, is_probe)),
        4 => prop::collection::vec(arrival, 0..60).prop_map(Op::Feedback),
        1 => (any::<u8>(), prop::option::of(any::<u64>())).prop_map(|(lost, trip)| Op::Report(lost, trip)),
        1 => any::<u64>().prop_map(Op::Remb),
        1 => any::<u64>().prop_map(Op::Want),
        3 => prop_oneof![9 => 0..200_000_u64 << 14, 1 => any::<u64>()].prop_map(Op::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn t43_no_garbage_leads_beyond_the_bounds(
        start in any::<u64>(),
        ops in prop::collection::vec(op(), 0..200),
    ) {
        let mut now = beginning();
        let mut sequence = 0_u16;
        let mut estimator = Estimator::new(start, now);
        let mut probe = None;
        for op in ops {
            match op {
                Op::Send(step, bytes, is_probe) => {
                    sequence = sequence.wrapping_add(step);
                    estimator.sent(sequence, bytes, now, probe.filter(|_| is_probe));
                }
                Op::Feedback(arrivals) => {
                    // Numbers around what was sent last, mostly.
                    let arrivals = arrivals.into_iter().map(|(behind, received)| Arrival {
                        sequence: sequence.wrapping_sub(behind),
                        received,
                    });
                    estimator.feedback(arrivals, now);
                }
                Op::Report(lost, trip) => {
                    estimator.report(lost, trip.map(Duration::from_micros), now);
                }
                Op::Remb(bps) => estimator.remb(bps, now),
                Op::Want(bps) => estimator.want_probe(bps, now),
                Op::Wait(us) => {
                    // Years pass.
                    now = now.checked_add(Duration::from_micros(us >> 14)).unwrap_or(now);
                }
            }
            estimator.handle_timeout(now);
            if let Some(wanted) = estimator.poll_probe(now) {
                prop_assert!(wanted.bps <= BPS_MAX as u64 * 2);
                prop_assert!(wanted.bytes >= 3_000 && wanted.bytes < 1_000_000);
                probe = Some(wanted.cluster);
            }
            // A timer that is due again at once would be a loop.
            prop_assert!(estimator.poll_timeout().is_none_or(|at| at > now));
            let _ = (estimator.round_trip(), estimator.loss());
            let bps = estimator.bitrate_bps();
            prop_assert!((BPS_MIN as u64..=BPS_MAX as u64).contains(&bps));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
fn beginning() -> Instant {
    Instant::now()
}
