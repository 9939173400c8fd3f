//! Shapers with token buckets: what passes at once is not what passes for long.

use super::closed_loop::{percentile, print_layers, reached, run_of};
use super::link::Weather;
use super::viewer::AUDIO_BPS;

/// The layers of a browser's camera, and of a larger picture.
const CAMERAS: [[u64; 3]; 2] = [[100_000, 300_000, 900_000], [128_000, 512_000, 1_024_000]];
const START_BPS: u64 = 1_000_000;
const SECONDS: u64 = 60;
/// From then on nothing new is to be found out.
const SETTLED_US: i64 = 10_000_000;

#[test]
fn a_bucket_of_tokens_is_not_taken_for_the_rate() {
    println!(
        "kbit/s bucket kB top kbit/s  changes settled  queue ms p90 max  audio  share  probes  back s  layers"
    );
    let mut failures = Vec::new();
    for bucket in [3_000, 16_000, 64_000] {
        for bps in [300_000, 400_000, 700_000, 1_500_000] {
            for layers in CAMERAS {
                for seed in 0..4 {
                    let line = one(bps, bucket, layers, seed);
                    if seed == 0 || line.contains('!') {
                        println!("{line}");
                    }
                    if line.contains('!') {
                        failures.push(line);
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

fn one(bps: u64, bucket: u64, layers: [u64; 3], seed: u64) -> String {
    let narrow = Weather::bucket(bps, bucket);
    let weather = [(0, narrow), (SECONDS, Weather::bucket(5_000_000, bucket))];
    let came = run_of(&weather, SECONDS + 10, &[0], seed, (layers, START_BPS));
    let viewer = &came.viewers[0];
    let log = &viewer.log;
    let end_us = SECONDS as i64 * 1_000_000;
    let settled = log
        .layers
        .iter()
        .filter(|(at, _)| (SETTLED_US..end_us).contains(at))
        .count();
    let queue: Vec<_> = came.queue[10_000..SECONDS as usize * 1_000].to_vec();
    let (p90, max) = (percentile(queue.clone(), 90), percentile(queue, 100));
    let audio = f64::from(log.audio_arrived) / f64::from(log.audio_sent);
    // The best layer with a tenth for headers and a tenth of room.
    let best = layers
        .iter()
        .filter(|layer| (**layer + AUDIO_BPS) * 5 / 4 <= bps)
        .max()
        .unwrap_or(&layers[0]);
    let share = log.video_bits_before(end_us) as f64 / (*best * SECONDS) as f64;
    // Where a layer nearly takes all that there is, a queue stands.
    let takes = |layer: &u64| (*layer + AUDIO_BPS) * 11 / 10;
    let is_full = layers
        .iter()
        .any(|layer| takes(layer).abs_diff(bps) * 100 < bps * 15);
    let back = reached(&log.layers, 2, SECONDS, SECONDS + 10);
    let wrong = [
        // A large bucket is learnt by one upgrade that has to be taken back.
        (settled > if bucket > 16_000 { 5 } else { 2 }, "changes"),
        (p90 > if is_full { 190 } else { 150 }, "queue"),
        (audio < 0.98, "audio"),
        (share < 0.85, "share"),
        (back.is_none_or(|s| s > 5.0), "back"),
    ];
    let wrong: Vec<_> = wrong
        .iter()
        .filter(|(is_wrong, _)| *is_wrong)
        .map(|(_, what)| format!("{what}!"))
        .collect();
    format!(
        "{seed} {:>6} {:>9} {:>10} {:>8} {settled:>7} {p90:>13} {max:>3}  {audio:.3}  {share:.2} {:>7}  {}  {} {}",
        bps / 1_000,
        bucket / 1_000,
        layers[2] / 1_000,
        log.layers.len(),
        log.probes,
        back.map_or_else(|| "-".to_owned(), |s| format!("{s:.1}")),
        print_layers(&log.layers),
        wrong.join(" "),
    )
}
