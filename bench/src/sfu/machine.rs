//! What the machine is, and how quiet it was.

use std::fs;

use super::Sfu;

/// The settings that hold for every server, as one paragraph.
pub(super) fn settings(options: &Sfu) -> String {
    let kernel = read("/proc/sys/kernel/osrelease");
    let processor = read("/proc/cpuinfo");
    let cores = processor.matches("\nprocessor").count() + 1;
    let processor = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("", |rest| rest.trim_start_matches([':', ' ', '\t']));
    format!(
        "{processor}, {cores} cores, Linux {}, server on core {}, {} s of warm-up, {} s counted, {} round(s). \
         Publisher by WHIP: 30 pictures a second of 9 packets of 1,160 bytes (2.5 Mbit/s) unless the scenario says otherwise. Viewers \
         decrypt, and answer with NACK, receiver reports and, where it is agreed, transport feedback. They receive {}.",
        kernel.trim(),
        options.core,
        options.warm_up,
        options.seconds,
        options.rounds,
        if options.no_gro {
            "datagrams one by one"
        } else {
            "by UDP GRO, so that what a server sends by GSO crosses loopback in one piece"
        },
    )
}

/// A moment's account of the whole machine.
pub(super) struct Moment {
    total: u64,
    stolen: u64,
}

impl Moment {
    pub(super) fn now() -> Self {
        let text = read("/proc/stat");
        let ticks: Vec<u64> = text
            .lines()
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .skip(1)
            .filter_map(|word| word.parse().ok())
            .collect();
        Self {
            // The last two are counted among the first already.
            total: ticks.iter().take(8).sum(),
            stolen: ticks.get(7).copied().unwrap_or(0),
        }
    }

    /// Load average and stolen time since then.
    pub(super) fn until_now(&self) -> String {
        let now = Self::now();
        let total = now.total.saturating_sub(self.total).max(1);
        let stolen = now.stolen.saturating_sub(self.stolen) * 1_000 / total;
        let load = read("/proc/loadavg");
        let load = load.split_whitespace().next().unwrap_or_default();
        format!("load {load}, steal {}.{} %", stolen / 10, stolen % 10)
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
