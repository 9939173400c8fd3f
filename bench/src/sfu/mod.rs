//! downstage beside other servers: the same source and the same decrypting viewers, interleaved on one machine.
//!
//! Each round goes once over all servers; the median of the rounds counts, with the extremes beside it. A server that is not here is
//! named with the reason. What is absent: several machines, network cards, more than one core for a server.

mod door;
mod floor;
mod janus;
mod livekit;
mod machine;
mod outcome;
mod scenario;
mod servers;
mod table;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum as _};
use load::{Phase, Report, Stop};
use outcome::Outcome;
use scenario::{Case, Flow, Scenario};
use servers::{Kind, Running};

pub(crate) use floor::run as run_floor;

use crate::{clock, process};

/// Measures downstage beside other servers.
#[derive(Args)]
pub(crate) struct Sfu {
    /// The downstage binary; the one built beside this program if not given.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Scenarios of docs/performance.md.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Scenario::Burst, Scenario::Spaced])]
    scenarios: Vec<Scenario>,
    /// Servers; all if not given.
    #[arg(long, value_enum, value_delimiter = ',')]
    servers: Vec<Kind>,
    /// Viewers of one publisher (F1, F2), a row each.
    #[arg(long, value_delimiter = ',', default_values_t = [50, 100, 200])]
    viewers: Vec<usize>,
    /// Rounds, interleaved over the servers.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of warm-up of each measurement.
    #[arg(long, default_value_t = 3)]
    warm_up: u64,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Seconds of coming and going (C1).
    #[arg(long, default_value_t = 600)]
    churn_seconds: u64,
    /// The core for the server.
    #[arg(long, default_value_t = 0)]
    core: u32,
    /// Viewers of all servers receive datagrams one by one and not several at once (UDP GRO).
    #[arg(long)]
    no_gro: bool,
    /// Folder of the other servers, as `scripts/setup.sh peers` fills it.
    #[arg(long, env = "BENCH_PEERS", default_value = "target/bench-peers")]
    peers: PathBuf,
}

impl Sfu {
    fn pion(&self) -> PathBuf {
        self.peers.join("pion")
    }

    fn livekit(&self) -> PathBuf {
        self.peers.join("livekit-server")
    }

    fn flow(&self) -> Flow {
        Flow {
            warm_up: Duration::from_secs(self.warm_up),
            duration: Duration::from_secs(self.seconds),
        }
    }
}

/// What was measured of one server in one case, or why there is nothing.
struct Cell {
    kind: Kind,
    case: Case,
    result: Result<Outcome, String>,
}

/// Measures and prints.
#[expect(clippy::print_stdout, reason = "the tables are the product")]
pub(crate) fn run(options: &Sfu) -> anyhow::Result<()> {
    let binary = match &options.binary {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("downstage"),
    };
    let kinds: Vec<Kind> = if options.servers.is_empty() {
        Kind::value_variants().to_vec()
    } else {
        options.servers.clone()
    };
    let present: Vec<Kind> = kinds
        .iter()
        .copied()
        .filter(|kind| kind.missing(options).is_none())
        .collect();
    println!("{}", machine::settings(options));
    for &kind in &present {
        println!("- {}: {}", kind.name(), kind.settings(options));
    }

    let mut cells = Vec::new();
    for &scenario in &options.scenarios {
        let cases = scenario.cases(&options.viewers);
        for round in 0..options.rounds {
            for &case in &cases {
                for &kind in &present {
                    if scenario.excludes(kind).is_some() {
                        continue;
                    }
                    let before = machine::Moment::now();
                    let result = measure(options, &binary, kind, &case)
                        .map_err(|error| format!("{error:#}"));
                    println!(
                        "round {round}, {}, {}: {} ({})",
                        case.name(),
                        kind.name(),
                        table::line(&result),
                        before.until_now(),
                    );
                    cells.push(Cell { kind, case, result });
                }
            }
        }
        for case in &cases {
            table::print(case, &kinds, &cells, |kind| {
                scenario
                    .excludes(kind)
                    .map(str::to_owned)
                    .or_else(|| kind.missing(options))
            });
        }
    }
    Ok(())
}

/// Measures one server in one case, once.
fn measure(options: &Sfu, binary: &Path, kind: Kind, case: &Case) -> anyhow::Result<Outcome> {
    let address = kind.address();
    if kind == Kind::Floor {
        let (flow, source) = (options.flow(), case.source());
        let receivers = floor::Receivers {
            count: case.viewers,
            address,
            gro: !options.no_gro,
        };
        return floor::measure(&flow, options.core, &receivers, &source);
    }
    let running = kind
        .start(options, binary, address, case)
        .with_context(|| format!("{} starts", kind.name()))?;
    if case.scenario == Scenario::Churn {
        return churn(options, &running, address, case);
    }
    drive(options, &running, address, case)
}

/// What is read of the server's account as the load goes on.
#[derive(Clone, Copy)]
struct Account {
    cpu: Duration,
    resident: u64,
    load_cpu: Duration,
}

impl Account {
    fn read(running: &Running) -> anyhow::Result<Self> {
        let server = running.process();
        Ok(Self {
            cpu: server.cpu()?,
            resident: server.resident()?,
            load_cpu: process::cpu(std::process::id())?,
        })
    }
}

/// One load from beginning to end.
fn drive(
    options: &Sfu,
    running: &Running,
    address: IpAddr,
    case: &Case,
) -> anyhow::Result<Outcome> {
    let mut load = case.load(running.target.clone(), options.flow(), running.media_first);
    load.bind = Some(address);
    load.gro = !options.no_gro;
    let mut accounts = Vec::with_capacity(4);
    let report = load::run(&load, &Stop::default(), &mut |phase| {
        accounts.push((phase, Account::read(running)));
    })?;
    let at = |wanted: Phase| {
        accounts
            .iter()
            .find(|(phase, _)| *phase == wanted)
            .and_then(|(_, account)| account.as_ref().ok().copied())
            .with_context(|| format!("the account at {wanted:?}"))
    };
    let (published, joined) = (at(Phase::Published)?, at(Phase::Joined)?);
    let (measuring, measured) = (at(Phase::Measuring)?, at(Phase::Measured)?);
    let viewers = u32::try_from(case.viewers.max(1))?;
    let join_cpu = joined.cpu.saturating_sub(published.cpu) / viewers;
    let is_idle = case.scenario == Scenario::Idle;
    anyhow::ensure!(
        is_idle || report.sum.packets > 0,
        "no packets came; {} of {} connected: {}",
        report.connected,
        report.connections,
        first_fault(&report)
    );
    Ok(Outcome {
        delivered: report.sum.packets,
        expected: case.expected(&report),
        idle_seconds: is_idle.then(|| report.seconds * f64::from(viewers)),
        seconds: report.seconds,
        cpu: measured.cpu.saturating_sub(measuring.cpu),
        load_cpu: measured.load_cpu.saturating_sub(measuring.load_cpu),
        p50_ms: report.latency.p50,
        p99_ms: report.latency.p99,
        join_cpu: (!running.media_first).then_some(join_cpu),
        first_key_frame_p99_ms: (report.first_key_frame.count > 0)
            .then_some(report.first_key_frame.p99),
        bytes_per_viewer: measured.resident.saturating_sub(published.resident)
            / load.viewers_in_all().max(1) as u64,
        lost: report.sum.lost,
        nacks: report.sum.nacks,
        retransmissions: report.sum.retransmissions,
        freezes: report.sum.freezes,
        layer_switches: report.sum.layer_switches,
        viewers: report.connections,
        connected: report.connected,
        srtp: report.srtp_profile,
        socket_drops: report.socket_drops,
        server_drops: running.drops(),
    })
}

fn first_fault(report: &Report) -> &str {
    let mut faults = report
        .viewers
        .iter()
        .filter_map(|viewer| viewer.fault.as_deref());
    faults.next().unwrap_or("nobody says why")
}

/// Five viewers come, watch for a second and go, again and again; the memory that stays is what it is about.
fn churn(
    options: &Sfu,
    running: &Running,
    address: IpAddr,
    case: &Case,
) -> anyhow::Result<Outcome> {
    let until = clock::now() + Duration::from_secs(options.churn_seconds);
    // The first leaves what every first one leaves: caches and pools.
    let mut sum = drive(options, running, address, case)?;
    let resident = running.process().resident()?;
    while clock::now() < until {
        let once = drive(options, running, address, case)?;
        sum.delivered += once.delivered;
        sum.expected += once.expected;
        sum.seconds += once.seconds;
        sum.cpu += once.cpu;
        sum.load_cpu += once.load_cpu;
        sum.lost += once.lost;
        sum.viewers += once.viewers;
        sum.connected += once.connected;
        sum.p50_ms = sum.p50_ms.max(once.p50_ms);
        sum.p99_ms = sum.p99_ms.max(once.p99_ms);
    }
    let left = running.process().resident()?.saturating_sub(resident);
    sum.bytes_per_viewer = left / u64::try_from(sum.viewers.max(1))?;
    Ok(sum)
}
