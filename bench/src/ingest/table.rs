//! Rounds as tables: medians, and the extremes beside them.

use std::time::Duration;

use super::flow::{Case, Flow};
use super::stages::Stages;
use super::{Ingest, Protocol};
use crate::micros;

pub(super) const CAPACITY_HEAD: &str = "| publishers, a viewer each | server's core | of it forwarding | load's core | pictures delivered | latency p50 / p99 | keeps up |\n|---|---|---|---|---|---|---|";

/// One measurement as a line.
pub(super) fn flow_line(flow: &Flow) -> String {
    let Case {
        protocol,
        publishers,
        viewers,
    } = flow.case;
    format!(
        "{publishers} publishers by {}, {viewers} viewers each: {:.0} us of a second each, of it {:.0} forwarding; {} of {} pictures, {} packets; load {:.0} % of a core",
        protocol.name(),
        flow.each_us(flow.server()),
        flow.each_us(flow.workers),
        flow.pictures,
        flow.pictures_expected,
        flow.packets,
        flow.percent(flow.load),
    )
}

/// The stages alone as a line.
pub(super) fn stages_line(stages: &Stages) -> String {
    format!(
        "demux {:.0}, AAC to Opus {:.0}, pictures {:.0}, packets {:.0} us of a second",
        micros(stages.demux),
        micros(stages.transcoding),
        micros(stages.video),
        micros(stages.packets),
    )
}

/// Median, least and most.
#[derive(Clone, Copy)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        Some(Self {
            median: *values.get(values.len() / 2)?,
            min: *values.first()?,
            max: *values.last()?,
        })
    }

    /// As microseconds of a second, with the share of a core.
    fn cells(self) -> String {
        format!(
            "{:.0} us ({:.0}..{:.0}) | {:.2} %",
            self.median,
            self.min,
            self.max,
            self.median / 1e4
        )
    }
}

/// Prints what a publisher costs, by parts.
#[expect(clippy::print_stdout, reason = "the table is the product")]
pub(super) fn print_costs(options: &Ingest, flows: &[Flow], stages: &[Stages], paced: &[Duration]) {
    println!("\n### CPU time of the server for each second of one publisher\n");
    println!("| part | median (min..max) | of a core |");
    println!("|---|---|---|");
    let row = |name: &str, spread: Option<Spread>| {
        if let Some(spread) = spread {
            println!("| {name} | {} |", spread.cells());
        }
    };
    let stage =
        |time: fn(&Stages) -> Duration| Spread::of(stages.iter().map(|one| micros(time(one))));
    let of = |protocol, viewers, time: fn(&Flow) -> Duration| {
        let rounds = flows
            .iter()
            .filter(move |flow| flow.case.protocol == protocol && flow.case.viewers == viewers);
        Spread::of(rounds.map(|flow| flow.each_us(time(flow))))
    };
    let alone = of(Protocol::Rtmp, 0, |flow| flow.others);
    row("demux: RTMP to tags", stage(|stages| stages.demux));
    row(
        "transcoding: AAC to Opus",
        stage(|stages| stages.transcoding),
    );
    row("pictures: checks and times", stage(|stages| stages.video));
    row("packets, before encryption", stage(|stages| stages.packets));
    let sum = stage(|one| one.demux + one.transcoding + one.video + one.packets);
    let paced = Spread::of(paced.iter().copied().map(micros));
    row("the same in real time: caches are cold", less(paced, sum));
    row("socket and task: what remains of RTMP", less(alone, paced));
    row("all of the above", alone);
    row(
        "TLS: RTMPS less RTMP",
        less(of(Protocol::Rtmps, 0, |flow| flow.others), alone),
    );
    for &viewers in &options.viewers {
        row(
            &format!("forwarding to {viewers} viewers"),
            of(Protocol::Rtmp, viewers, |flow| flow.workers),
        );
    }
    for &protocol in &options.protocols {
        for &viewers in &options.viewers {
            row(
                &format!("the whole server, {}, {viewers} viewers", protocol.name()),
                of(protocol, viewers, Flow::server),
            );
        }
    }
}

/// The difference of two medians. Its extremes are those of the first less the median of the second.
fn less(one: Option<Spread>, other: Option<Spread>) -> Option<Spread> {
    let (one, other) = (one?, other?.median);
    Some(Spread {
        median: one.median - other,
        min: one.min - other,
        max: one.max - other,
    })
}

/// Prints how long pictures are under way.
#[expect(clippy::print_stdout, reason = "the table is the product")]
pub(super) fn print_latencies(options: &Ingest, flows: &[Flow]) {
    println!("\n### From the making of a picture until a viewer has all of it\n");
    println!(
        "| protocol | publishers, viewers of each | p50 (min..max) | p99 (min..max) | delivered | server, load busy |"
    );
    println!("|---|---|---|---|---|---|");
    for &protocol in &options.protocols {
        for &viewers in options.viewers.iter().filter(|viewers| **viewers > 0) {
            let rounds = || {
                flows.iter().filter(move |flow| {
                    flow.case.protocol == protocol && flow.case.viewers == viewers
                })
            };
            let of = |value: fn(&Flow) -> f64| Spread::of(rounds().map(value));
            let (Some(p50), Some(p99)) = (of(|flow| flow.p50_ms), of(|flow| flow.p99_ms)) else {
                continue;
            };
            let median = |value: fn(&Flow) -> f64| of(value).map_or(0.0, |spread| spread.median);
            println!(
                "| {} | {}, {viewers} | {:.2} ms ({:.2}..{:.2}) | {:.2} ms ({:.2}..{:.2}) | {:.2} % | {:.0} %, {:.0} % |",
                protocol.name(),
                options.publishers,
                p50.median,
                p50.min,
                p50.max,
                p99.median,
                p99.min,
                p99.max,
                median(Flow::delivered_percent),
                median(|flow| flow.percent(flow.server())),
                median(|flow| flow.percent(flow.load)),
            );
        }
    }
}

/// One row under [`CAPACITY_HEAD`].
pub(super) fn capacity_row(flow: &Flow) -> String {
    format!(
        "| {} | {:.0} % | {:.0} % | {:.0} % | {:.2} % | {:.2} / {:.2} ms | {} |",
        flow.case.publishers,
        flow.percent(flow.server()),
        flow.percent(flow.workers),
        flow.percent(flow.load),
        flow.delivered_percent(),
        flow.p50_ms,
        flow.p99_ms,
        match (flow.keeps_up(), flow.ended) {
            (true, _) => "yes".to_owned(),
            (false, 0) => "no".to_owned(),
            (false, ended) => format!("no, {ended} encoders cut off"),
        },
    )
}
