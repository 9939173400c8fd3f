//! Audio and video stay together: the controller over hours, with what clocks and encoders do.
//!
//! Codecs are left out, so that hours take seconds: a frame is as long as the stretch of the moment makes it, as the resampler
//! would. `tests/audio.rs` has the same with codecs, for a minute.

use super::super::follow::{Follower, Step};

/// Four hours and 39 minutes: the time over which 24 bits of milliseconds wrap.
const HOURS: f64 = 16_777.216;

/// An encoder as a rule: when frame `n` was heard in truth and what timestamp it carries, in seconds; none where it was lost.
struct Encoder<'a> {
    rate: f64,
    /// How much faster samples are counted than time, as a fraction.
    drift: f64,
    timestamp: &'a dyn Fn(u64, f64) -> Option<f64>,
}

/// How far the audio was from where it belongs.
#[derive(Debug, Default)]
struct Offsets {
    worst: f64,
    /// From two minutes on.
    settled: f64,
    filled: u64,
    jumped: u64,
    dropped: u64,
}

fn run(encoder: &Encoder<'_>, seconds: f64) -> Offsets {
    let frame = 1_024.0 / encoder.rate;
    let mut follower = Follower::default();
    let mut offsets = Offsets::default();
    let mut place = None;
    for index in 0_u64.. {
        #[expect(clippy::cast_precision_loss, reason = "hours")]
        let truth = index as f64 * frame / (1.0 + encoder.drift);
        if truth > seconds {
            break;
        }
        let Some(timestamp) = (encoder.timestamp)(index, truth) else {
            continue;
        };
        let at = *place.get_or_insert(timestamp);
        let at = match follower.step(timestamp - at, frame) {
            Step::Play => at,
            Step::Fill(gap) => {
                offsets.filled += 1;
                at + gap
            }
            Step::Jump => {
                offsets.jumped += 1;
                follower.settle();
                timestamp
            }
            Step::Drop => {
                offsets.dropped += 1;
                continue;
            }
        };
        let offset = (at - truth).abs();
        offsets.worst = offsets.worst.max(offset);
        if truth > 120.0 {
            offsets.settled = offsets.settled.max(offset);
        }
        place = Some(at + frame * (1.0 + follower.stretch()));
    }
    offsets
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
}

/// Between -1 and 1, without any pattern.
fn noise(index: u64) -> f64 {
    let mixed = (index ^ 0x9e37_79b9).wrapping_mul(0x2545_f491_4f6c_dd1d);
    let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40;
    f64::from(u32::try_from(mixed).unwrap()) / f64::from(1 << 23) - 1.0
}

#[test]
fn audio_follows_every_drift_for_hours() {
    for (rate, ppm) in [
        (44_100.0, -500.0),
        (44_100.0, 0.0),
        (44_100.0, 500.0),
        (48_000.0, -500.0),
        (48_000.0, 50.0),
        (48_000.0, 500.0),
    ] {
        let encoder = Encoder {
            rate,
            drift: ppm / 1e6,
            timestamp: &|_, truth| Some(rounded(truth)),
        };
        let offsets = run(&encoder, HOURS);
        assert!(offsets.worst < 0.006, "{ppm} ppm at {rate} Hz: {offsets:?}");
        assert!(
            offsets.settled < 0.001_5,
            "{ppm} ppm at {rate} Hz: {offsets:?}"
        );
        assert_eq!((offsets.filled, offsets.jumped, offsets.dropped), (0, 0, 0));
    }
}

#[test]
fn a_drift_that_changes_with_the_heat_is_followed() {
    // The true clock wanders by 100 ppm within ten minutes, up and down.
    let encoder = Encoder {
        rate: 48_000.0,
        drift: 0.0,
        timestamp: &|_, truth| Some(rounded(truth + 0.01 * (truth / 100.0).sin())),
    };
    let offsets = run(&encoder, HOURS);
    // What is followed is the timestamps, here 10 ms about the truth.
    assert!(offsets.worst < 0.015, "{offsets:?}");
    assert_eq!((offsets.filled, offsets.jumped, offsets.dropped), (0, 0, 0));
}

#[test]
fn unsteady_timestamps_are_smoothed() {
    for (name, spread) in [("ms", 0.001), ("10 ms", 0.010), ("20 ms", 0.020)] {
        for ppm in [-500.0, 0.0, 500.0] {
            let encoder = Encoder {
                rate: 44_100.0,
                drift: ppm / 1e6,
                timestamp: &|index, truth| Some(rounded(truth + spread * noise(index))),
            };
            let offsets = run(&encoder, 3_600.0);
            assert!(offsets.worst < 0.025, "{name} at {ppm} ppm: {offsets:?}");
            assert!(offsets.settled < 0.004, "{name} at {ppm} ppm: {offsets:?}");
            assert_eq!((offsets.filled, offsets.jumped, offsets.dropped), (0, 0, 0));
        }
    }
}

#[test]
fn timestamps_counted_in_whole_milliseconds_a_frame_are_followed() {
    // 23 ms a frame where it is 23.22: 9,500 ppm fast, more than can be stretched. Whole frames are left out.
    let encoder = Encoder {
        rate: 44_100.0,
        drift: 1_024.0 / 44_100.0 / 0.023 - 1.0,
        timestamp: &|_, truth| Some(rounded(truth)),
    };
    let offsets = run(&encoder, 3_600.0);
    assert!(offsets.worst < 0.040, "{offsets:?}");
}

#[test]
fn frames_that_share_a_timestamp_are_played_all() {
    for together in [2, 3] {
        let encoder = Encoder {
            rate: 48_000.0,
            drift: 0.0,
            timestamp: &|index, truth| {
                #[expect(clippy::cast_precision_loss, reason = "some")]
                let before = (index % together) as f64;
                Some(rounded(truth - before * 1_024.0 / 48_000.0))
            },
        };
        let offsets = run(&encoder, 3_600.0);
        assert!(offsets.worst < 0.035, "{together}: {offsets:?}");
        assert_eq!(
            (offsets.filled, offsets.jumped, offsets.dropped),
            (0, 0, 0),
            "{together}"
        );
    }
}

#[test]
fn gaps_and_overlaps_are_made_good_at_once() {
    // From 300 s on, what the encoder lost or sent twice, in seconds.
    let table: [(f64, [u64; 3]); 8] = [
        (0.050, [1, 0, 0]),
        (0.150, [1, 0, 0]),
        (1.0, [0, 1, 0]),
        (30.0, [0, 1, 0]),
        (3_600.0, [0, 1, 0]),
        (-0.050, [0, 0, 2]),
        (-0.200, [0, 0, 9]),
        (-0.900, [0, 0, 42]),
    ];
    for (step, counts) in table {
        let encoder = Encoder {
            rate: 48_000.0,
            drift: 0.000_1,
            timestamp: &|_, truth| Some(rounded(truth + if truth > 300.0 { step } else { 0.0 })),
        };
        // The truth of this test steps with the timestamps.
        let frame = 1_024.0 / 48_000.0;
        let mut follower = Follower::default();
        let mut place = 0.0;
        let mut counted = [0_u64; 3];
        let mut late = 0;
        for index in 0..60_000_u32 {
            let truth = f64::from(index) * frame / (1.0 + encoder.drift);
            let timestamp = (encoder.timestamp)(u64::from(index), truth).unwrap();
            match follower.step(timestamp - place, frame) {
                Step::Play => {}
                Step::Fill(gap) => {
                    counted[0] += 1;
                    place += gap;
                }
                Step::Jump => {
                    counted[1] += 1;
                    follower.settle();
                    place = timestamp;
                }
                Step::Drop => {
                    counted[2] += 1;
                    continue;
                }
            }
            late += u32::from((timestamp - place).abs() > 0.040);
            place += frame * (1.0 + follower.stretch());
        }
        assert!(
            late <= 8,
            "{late} frames out of place after a step of {step} s"
        );
        assert_eq!(counted, counts, "after a step of {step} s");
    }
}

#[test]
fn frames_lost_again_and_again_leave_audio_in_place() {
    let encoder = Encoder {
        rate: 48_000.0,
        drift: -0.000_3,
        timestamp: &|index, truth| (index % 500 < 497).then(|| rounded(truth)),
    };
    let offsets = run(&encoder, HOURS);
    assert!(offsets.worst < 0.040, "{offsets:?}");
    assert_eq!(offsets.jumped + offsets.dropped, 0);
}
