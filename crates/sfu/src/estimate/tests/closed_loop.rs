//! Weather as tables: what a viewer gets, and what its link suffers.

use std::fmt;
use std::time::Instant;

use super::link::{Link, Weather};
use super::viewer::{AUDIO_BPS, LAYERS, START_BPS, Viewer};

/// One scenario.
struct Row {
    name: &'static str,
    /// From when on, in seconds, which weather.
    weather: &'static [(u64, Weather)],
    seconds: u64,
    /// Layers allowed in the last three seconds.
    last: std::ops::RangeInclusive<usize>,
    /// From the first second on, that layer is reached within the second number of seconds, and kept to the end of that weather.
    reach: Option<(u64, f64, usize)>,
    /// Longest queue after the first second of each weather, in ms; nine tenths of the time and ever.
    queue_ms: (u64, u64),
    /// Least part of the audio that arrives.
    audio: f64,
    /// Most changes of the layer in a minute.
    switches: u64,
}

const SEED: u64 = 42;
/// How often each row is run.
const SEEDS: u64 = 4;
const EASY: Weather = Weather::rate(5_000_000);
const LOSSY: Row = Row {
    name: "",
    weather: &[],
    seconds: 40,
    last: 0..=2,
    reach: None,
    queue_ms: (50, 300),
    audio: 0.0,
    switches: 12,
};

const ROWS: &[Row] = &[
    Row {
        name: "10 Mbit/s",
        weather: &[(0, Weather::rate(10_000_000))],
        seconds: 30,
        last: 2..=2,
        reach: Some((0, 5.0, 2)),
        queue_ms: (30, 150),
        audio: 0.99,
        switches: 6,
    },
    Row {
        name: "2.5 Mbit/s",
        weather: &[(0, Weather::rate(2_500_000))],
        seconds: 60,
        last: 2..=2,
        reach: Some((0, 5.0, 2)),
        queue_ms: (100, 300),
        audio: 0.99,
        switches: 8,
    },
    Row {
        name: "1.2 Mbit/s",
        weather: &[(0, Weather::rate(1_200_000))],
        seconds: 60,
        last: 1..=1,
        reach: Some((0, 5.0, 1)),
        queue_ms: (120, 300),
        audio: 0.99,
        switches: 8,
    },
    Row {
        name: "300 kbit/s",
        weather: &[(0, Weather::rate(300_000))],
        seconds: 60,
        last: 0..=0,
        reach: Some((0, 3.0, 0)),
        queue_ms: (150, 300),
        audio: 0.97,
        switches: 4,
    },
    Row {
        name: "5 M, 700 k, 5 M",
        weather: &[(0, EASY), (20, Weather::rate(700_000)), (40, EASY)],
        seconds: 60,
        last: 2..=2,
        reach: Some((40, 5.0, 2)),
        queue_ms: (150, 300),
        audio: 0.95,
        switches: 12,
    },
    Row {
        name: "5 M, 300 k, 5 M",
        weather: &[(0, EASY), (20, Weather::rate(300_000)), (50, EASY)],
        seconds: 70,
        last: 2..=2,
        reach: Some((50, 5.0, 2)),
        queue_ms: (200, 300),
        audio: 0.90,
        switches: 12,
    },
    Row {
        name: "5 M, 150 k, 5 M",
        weather: &[(0, EASY), (20, Weather::rate(150_000)), (50, EASY)],
        seconds: 70,
        last: 2..=2,
        reach: Some((50, 5.0, 2)),
        queue_ms: (200, 300),
        audio: 0.80,
        switches: 20,
    },
    Row {
        name: "deep queue",
        weather: &[
            (0, EASY),
            (
                20,
                Weather {
                    queue_ms: 1_500,
                    ..Weather::rate(700_000)
                },
            ),
            (50, EASY),
        ],
        seconds: 70,
        last: 2..=2,
        reach: Some((50, 5.0, 2)),
        queue_ms: (300, 1_500),
        audio: 0.95,
        switches: 15,
    },
    Row {
        name: "far away",
        weather: &[(
            0,
            Weather {
                delay_ms: 150,
                ..EASY
            },
        )],
        seconds: 30,
        last: 2..=2,
        reach: Some((0, 6.0, 2)),
        queue_ms: (60, 200),
        audio: 0.99,
        switches: 6,
    },
    Row {
        name: "dark for 2 s",
        weather: &[(0, EASY), (20, Weather { loss: 1.0, ..EASY }), (22, EASY)],
        seconds: 40,
        last: 2..=2,
        reach: Some((22, 5.0, 2)),
        queue_ms: (60, 200),
        audio: 0.90,
        switches: 10,
    },
    Row {
        name: "loss 1 %",
        weather: &[(0, Weather { loss: 0.01, ..EASY })],
        last: 2..=2,
        reach: Some((0, 5.0, 2)),
        audio: 0.97,
        ..LOSSY
    },
    Row {
        name: "loss 5 %",
        weather: &[(0, Weather { loss: 0.05, ..EASY })],
        last: 2..=2,
        reach: Some((0, 8.0, 2)),
        audio: 0.93,
        ..LOSSY
    },
    Row {
        name: "loss 10 %",
        weather: &[(0, Weather { loss: 0.10, ..EASY })],
        last: 1..=2,
        audio: 0.87,
        ..LOSSY
    },
    Row {
        name: "loss 20 %",
        weather: &[(0, Weather { loss: 0.20, ..EASY })],
        audio: 0.75,
        switches: 18,
        ..LOSSY
    },
    Row {
        name: "jitter 30 ms",
        weather: &[(
            0,
            Weather {
                jitter_ms: 30,
                ..EASY
            },
        )],
        last: 1..=2,
        audio: 0.99,
        ..LOSSY
    },
    Row {
        name: "2 % overtaken",
        weather: &[(0, Weather { late: 0.02, ..EASY })],
        last: 2..=2,
        reach: Some((0, 6.0, 2)),
        audio: 0.99,
        ..LOSSY
    },
    Row {
        name: "policed to 700 k",
        weather: &[(
            0,
            Weather {
                queue_ms: 40,
                ..Weather::rate(700_000)
            },
        )],
        last: 0..=1,
        queue_ms: (40, 40),
        audio: 0.80,
        ..LOSSY
    },
];

/// What came out.
pub(super) struct Seen {
    pub(super) viewers: Vec<Viewer>,
    /// Queue in ms, each ms.
    pub(super) queue: Vec<u64>,
}

fn run(weather: &[(u64, Weather)], seconds: u64, begins: &[u64], seed: u64) -> Seen {
    run_of(weather, seconds, begins, seed, (LAYERS, START_BPS))
}

/// With those layers, and that as the first assumption.
pub(super) fn run_of(
    weather: &[(u64, Weather)],
    seconds: u64,
    begins: &[u64],
    seed: u64,
    camera: ([u64; 3], u64),
) -> Seen {
    let epoch = beginning();
    let mut link = Link::new(weather[0].1, seed);
    let mut viewers: Vec<_> = begins
        .iter()
        .enumerate()
        .map(|(flow, begin)| Viewer::of(flow, epoch, *begin as i64 * 1_000_000, seed, camera))
        .collect();
    let mut queue = Vec::new();
    for ms in 0..seconds * 1_000 {
        let now_us = ms as i64 * 1_000;
        if let Some((_, new)) = weather.iter().find(|(at, _)| at * 1_000 == ms) {
            link.weather = *new;
        }
        link.pass(now_us);
        while let Some(packet) = link.arrived(now_us) {
            viewers[packet.flow].arrive(packet);
        }
        for (viewer, begin) in viewers.iter_mut().zip(begins) {
            if ms >= begin * 1_000 {
                viewer.act(&mut link, now_us);
            }
        }
        queue.push(link.queue_ms());
    }
    Seen { viewers, queue }
}

/// When the layer is reached for good until the end, in seconds.
pub(super) fn reached(
    changes: &[(i64, Option<usize>)],
    layer: usize,
    from: u64,
    to: u64,
) -> Option<f64> {
    let (from, to) = (from as i64 * 1_000_000, to as i64 * 1_000_000);
    let mut since = None;
    for (at, now) in changes.iter().filter(|(at, _)| *at < to) {
        if now.is_some_and(|now| now >= layer) {
            since = since.or_else(|| Some((*at).max(from)));
        } else {
            since = None;
        }
    }
    since.map(|at| (at - from) as f64 / 1_000_000.0)
}

pub(super) fn percentile(mut values: Vec<u64>, percent: usize) -> u64 {
    values.sort_unstable();
    values[(values.len() - 1) * percent / 100]
}

fn print(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

pub(super) fn print_layers(changes: &[(i64, Option<usize>)]) -> String {
    let words = changes
        .iter()
        .map(|(at, layer)| format!("{}@{:.1}", print(*layer), *at as f64 / 1_000_000.0));
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_table_of_weather() {
    println!(
        "scenario          last reach s  queue ms p90 max  audio switches probes estimate kbit/s  layers"
    );
    let mut failures = Vec::new();
    for row in ROWS {
        for seed in 0..SEEDS {
            let seen = Summary::of(row, seed);
            if seed == 0 {
                println!("{:17} {seen}", row.name);
            }
            let missed = seen.missed(row);
            if !missed.is_empty() {
                failures.push(format!("{} ({seed}): {missed:?}: {seen}", row.name));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// What one run of a row came to.
struct Summary {
    layers: Vec<(i64, Option<usize>)>,
    reached: Option<f64>,
    queue_p90: u64,
    queue_max: u64,
    audio: f64,
    probes: u32,
    estimate_kbps: u64,
}

impl Summary {
    fn of(row: &Row, seed: u64) -> Self {
        let mut came = run(row.weather, row.seconds, &[0], seed);
        let viewer = came.viewers.remove(0);
        let log = viewer.log;
        // The first second of a weather is what could not be foreseen.
        let settled = came.queue.iter().enumerate().filter(|(ms, _)| {
            let second = *ms as u64 / 1_000;
            !row.weather.iter().any(|(at, _)| second == *at)
        });
        Self {
            reached: row
                .reach
                .and_then(|(from, _, layer)| reached(&log.layers, layer, from, row.seconds)),
            queue_p90: percentile(settled.map(|(_, queue)| *queue).collect(), 90),
            queue_max: came.queue.iter().copied().max().unwrap(),
            audio: f64::from(log.audio_arrived) / f64::from(log.audio_sent),
            layers: log.layers,
            probes: log.probes,
            estimate_kbps: viewer.estimator.bitrate_bps() / 1_000,
        }
    }

    /// What the row asks for and was not so.
    fn missed(&self, row: &Row) -> Vec<&'static str> {
        let end = (row.seconds as i64 - 3) * 1_000_000;
        let before = self.layers.iter().rev().find(|(at, _)| *at <= end);
        let mut lasts = self.layers.iter().filter(|(at, _)| *at > end).chain(before);
        let is_last = lasts.all(|(_, layer)| layer.is_some_and(|layer| row.last.contains(&layer)));
        let is_reached = row
            .reach
            .is_none_or(|(_, within, _)| self.reached.is_some_and(|s| s <= within));
        let switches = self.layers.len() as u64;
        let found = [
            (is_last, "the layer in the end"),
            (is_reached, "the time to the layer"),
            (
                self.queue_p90 <= row.queue_ms.0,
                "the queue, most of the time",
            ),
            (self.queue_max <= row.queue_ms.1, "the longest queue"),
            (self.audio >= row.audio, "the audio"),
            (switches * 60 <= row.switches * row.seconds, "the changes"),
        ];
        found
            .into_iter()
            .filter(|(is_met, _)| !is_met)
            .map(|(_, what)| what)
            .collect()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:4} {:>7} {:>13} {:>3} {:>6.3} {:>8} {:>6} {:>15}  {}",
            print(self.layers.last().and_then(|(_, layer)| *layer)),
            print(self.reached.map(|s| format!("{s:.1}"))),
            self.queue_p90,
            self.queue_max,
            self.audio,
            self.layers.len(),
            self.probes,
            self.estimate_kbps,
            print_layers(&self.layers),
        )
    }
}

#[test]
fn the_top_is_back_within_five_seconds_after_any_restriction() {
    for bps in [120_000, 300_000, 500_000, 700_000, 1_000_000, 1_500_000] {
        let mut all = Vec::new();
        for seed in 0..12 {
            let end = 15 + seed;
            let weather = [(0, EASY), (10, Weather::rate(bps)), (end, EASY)];
            let seen = run(&weather, end + 12, &[0], seed);
            let changes = &seen.viewers[0].log.layers;
            all.push((reached(changes, 2, end, end + 12), end, seen));
        }
        let times: Vec<_> = all
            .iter()
            .map(|(s, _, _)| (s.unwrap_or(99.0) * 1_000.0) as u64)
            .collect();
        println!(
            "{:>5} kbit/s for a while: back after {} ms, nine tenths {}, all {}",
            bps / 1_000,
            percentile(times.clone(), 50),
            percentile(times.clone(), 90),
            percentile(times.clone(), 100)
        );
        for (time, end, seen) in all {
            assert!(
                time.is_some_and(|s| s <= 5.0),
                "{bps} until {end}: {}",
                print_layers(&seen.viewers[0].log.layers)
            );
        }
    }
}

#[test]
fn two_feeds_share_a_bottleneck() {
    for (bps, layers) in [(1_400_000, 0..=1), (4_800_000, 1..=2)] {
        let seen = run(&[(0, Weather::rate(bps))], 60, &[0, 10], SEED);
        let bytes: Vec<_> = seen
            .viewers
            .iter()
            .map(|viewer| viewer.log.arrived_bytes as f64 / 1_000.0)
            .collect();
        println!("{bps} bit/s for two:");
        for viewer in &seen.viewers {
            println!(
                "  {} kB  estimate {} kbit/s  {}",
                viewer.log.arrived_bytes / 1_000,
                viewer.estimator.bitrate_bps() / 1_000,
                print_layers(&viewer.log.layers)
            );
            assert!(layers.contains(&viewer.layer.unwrap()));
        }
        let share = bytes[1] / (bytes[0] + bytes[1]);
        println!("  the later one has {:.0} %", share * 100.0);
        // It came when five sixths were left.
        assert!((0.25..0.65).contains(&share));
    }
}

#[test]
fn a_peer_with_receiver_reports_alone_reaches_the_top_and_leaves_it() {
    let epoch = beginning();
    let mut link = Link::new(EASY, SEED);
    let mut viewer = Viewer::new(0, epoch, 0, SEED);
    viewer.has_feedback = false;
    let mut top = None;
    for ms in 0..120_000_i64 {
        let now_us = ms * 1_000;
        if ms == 60_000 {
            link.weather = Weather {
                queue_ms: 60,
                ..Weather::rate(700_000)
            };
        }
        link.pass(now_us);
        while let Some(packet) = link.arrived(now_us) {
            viewer.arrive(packet);
        }
        viewer.act(&mut link, now_us);
        if viewer.layer == Some(2) {
            top = top.or(Some(ms));
        }
    }
    println!(
        "receiver reports alone: top after {top:?} ms; {}",
        print_layers(&viewer.log.layers)
    );
    assert!(top.is_some_and(|ms| ms < 45_000));
    assert!(viewer.layer < Some(2));
    assert_eq!(viewer.log.probes, 1);
}

/// What is sent in all with that layer.
#[test]
fn the_layers_are_what_the_rows_take_them_for() {
    let total: Vec<_> = LAYERS.iter().map(|layer| layer + AUDIO_BPS).collect();
    assert_eq!(total, [214_000, 564_000, 1_764_000]);
}

#[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
fn beginning() -> Instant {
    Instant::now()
}

#[test]
fn a_picture_that_gets_larger_is_not_taken_away_on_a_wide_link() {
    for seed in 0..SEEDS {
        for layers in [[100_000, 300_000, 900_000], [128_000, 512_000, 1_024_000]] {
            let mut link = Link::new(Weather::rate(10_000_000), seed);
            let mut viewer = Viewer::of(0, beginning(), 0, seed, (layers, 1_000_000));
            viewer.is_unsteady = true;
            for ms in 0..60_000_i64 {
                link.pass(ms * 1_000);
                while let Some(packet) = link.arrived(ms * 1_000) {
                    viewer.arrive(packet);
                }
                viewer.act(&mut link, ms * 1_000);
            }
            let seen: Vec<_> = viewer.log.layers.iter().map(|(_, layer)| *layer).collect();
            let changes = print_layers(&viewer.log.layers);
            println!("{layers:?} ({seed}): {changes}");
            assert!(seen.is_sorted(), "{layers:?} ({seed}): {changes}");
            assert_eq!(viewer.layer, Some(2));
        }
    }
}
