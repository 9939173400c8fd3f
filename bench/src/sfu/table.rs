//! The rounds of a case as one table: medians, extremes and ratios.

use super::Cell;
use super::outcome::Outcome;
use super::scenario::{Case, Scenario};
use super::servers::Kind;

/// Servers beside which the others are put, if they were measured.
const BESIDE: [Kind; 3] = [Kind::Pion, Kind::Janus, Kind::Floor];

/// One measurement as a line.
pub(super) fn line(result: &Result<Outcome, String>) -> String {
    match result {
        Ok(outcome) => format!(
            "{:.2} us each, {} of {} packets ({:.2} %), {} of {} connected, server {:.0} %, load {:.0} % of a core",
            outcome.cpu_us(),
            outcome.delivered,
            outcome.expected,
            outcome.delivered_percent(),
            outcome.connected,
            outcome.viewers,
            outcome.busy_percent(),
            outcome.load_percent(),
        ),
        Err(error) => error.clone(),
    }
}

/// One server's rounds.
struct Rounds<'a> {
    all: Vec<&'a Outcome>,
    failed: Option<&'a str>,
}

impl<'a> Rounds<'a> {
    fn of(kind: Kind, case: &Case, cells: &'a [Cell]) -> Self {
        let mine = || {
            cells
                .iter()
                .filter(move |cell| cell.kind == kind && cell.case == *case)
        };
        let mut all: Vec<&Outcome> = mine()
            .filter_map(|cell| cell.result.as_ref().ok())
            .collect();
        all.sort_by(|a, b| a.cpu_us().total_cmp(&b.cpu_us()));
        let failed = mine().find_map(|cell| cell.result.as_ref().err().map(String::as_str));
        Self { all, failed }
    }

    /// The round with the median CPU per packet.
    fn median(&self) -> Option<&'a Outcome> {
        self.all.get(self.all.len() / 2).copied()
    }

    fn median_of(&self, value: impl Fn(&Outcome) -> f64) -> f64 {
        let mut values: Vec<f64> = self.all.iter().map(|outcome| value(outcome)).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// Prints the table of one case.
#[expect(clippy::print_stdout, reason = "the table is the product")]
pub(super) fn print(
    case: &Case,
    kinds: &[Kind],
    cells: &[Cell],
    why_not: impl Fn(Kind) -> Option<String>,
) {
    println!("\n### {}\n", case.name());
    println!(
        "| server | CPU per {} (min..max) | of Pion / Janus / floor | delivered | latency p50 / p99 | server, load busy | CPU per join | memory per viewer | SRTP |{}",
        unit(case),
        extra_head(case)
    );
    println!("|---|---|---|---|---|---|---|---|---|{}", extra_rule(case));
    let beside: Vec<Option<f64>> = BESIDE
        .iter()
        .map(|&kind| Rounds::of(kind, case, cells).median().map(Outcome::cpu_us))
        .collect();
    let mut notes = Vec::new();
    for &kind in kinds {
        let rounds = Rounds::of(kind, case, cells);
        if let Some(failed) = rounds.failed {
            notes.push(format!("{}: a round failed: {failed}", kind.name()));
        }
        if let Some(median) = rounds.median() {
            println!("{}", row(kind, case, &rounds, median, &beside));
            continue;
        }
        let why = why_not(kind)
            .or_else(|| rounds.failed.map(str::to_owned))
            .unwrap_or_else(|| "no round".to_owned());
        println!("| {} | not measured: {why} |", kind.name());
    }
    for note in notes {
        println!("\n{note}");
    }
}

fn row(
    kind: Kind,
    case: &Case,
    rounds: &Rounds,
    median: &Outcome,
    beside: &[Option<f64>],
) -> String {
    let extreme = |outcome: Option<&&Outcome>| outcome.map_or(f64::NAN, |outcome| outcome.cpu_us());
    let ratios: Vec<String> = beside
        .iter()
        .map(|other| other.map_or_else(none, |other| format!("{:.2}", median.cpu_us() / other)))
        .collect();
    let join = median
        .join_cpu
        .map_or_else(none, |join| format!("{:.2} ms", join.as_secs_f64() * 1e3));
    #[expect(clippy::cast_precision_loss, reason = "kilobytes for a table")]
    let memory = rounds.median_of(|outcome| outcome.bytes_per_viewer as f64 / 1024.0);
    format!(
        "| {} | {:.2} us ({:.2}..{:.2}) | {} | {:.2} % | {:.2} / {:.2} ms | {:.0} %, {:.0} % | {join} | {memory:.0} KB | {} |{}",
        kind.name(),
        median.cpu_us(),
        extreme(rounds.all.first()),
        extreme(rounds.all.last()),
        ratios.join(" / "),
        median.delivered_percent(),
        rounds.median_of(|outcome| outcome.p50_ms),
        rounds.median_of(|outcome| outcome.p99_ms),
        median.busy_percent(),
        median.load_percent(),
        median.srtp.as_deref().unwrap_or("unknown"),
        extra(case, median),
    )
}

/// What CPU time is divided by.
fn unit(case: &Case) -> &'static str {
    if case.scenario == Scenario::Idle {
        "second of a viewer"
    } else {
        "delivered packet"
    }
}

/// Whether repairs and pictures are part of what a case is about.
fn is_about_repair(case: &Case) -> bool {
    matches!(
        case.scenario,
        Scenario::Meeting
            | Scenario::Voices
            | Scenario::Simulcast
            | Scenario::Loss
            | Scenario::Storm
    )
}

fn extra_head(case: &Case) -> &'static str {
    if is_about_repair(case) {
        " lost | dropped at viewers' sockets | by the server | NACKs | by retransmission | freezes | layer switches | first key frame p99 |"
    } else {
        ""
    }
}

fn extra_rule(case: &Case) -> &'static str {
    if is_about_repair(case) {
        "---|---|---|---|---|---|---|---|"
    } else {
        ""
    }
}

fn extra(case: &Case, outcome: &Outcome) -> String {
    if !is_about_repair(case) {
        return String::new();
    }
    let first = outcome
        .first_key_frame_p99_ms
        .map_or_else(none, |time| format!("{time:.0} ms"));
    format!(
        " {} | {} | {} | {} | {} | {} | {} | {first} |",
        outcome.lost,
        outcome
            .socket_drops
            .map_or_else(none, |drops| drops.to_string()),
        outcome.server_drops.as_deref().unwrap_or("-"),
        outcome.nacks,
        outcome.retransmissions,
        outcome.freezes,
        outcome.layer_switches,
    )
}

fn none() -> String {
    "-".to_owned()
}
