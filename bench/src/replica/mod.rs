//! What forwarding through a replica costs beside forwarding to viewers of its source: F1's bursts, the same load, one run.
//!
//! All ways are measured in each round, in turn from the first and from the last one. What counts is the ratio within a round.

mod room;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use load::{Joins, Options, Phase, Report, Stop};
use room::{Control, Room, Stage};
use tokio::runtime::Runtime;

use crate::server::{LOOPBACK, Server};
use crate::{micros, percent, process};

/// Stages that are made to find one which is at home on the other worker; each is with a chance of one half.
const STAGES_MAX: usize = 24;

/// Measures viewers of a replica beside viewers of its source.
#[derive(Args)]
pub(crate) struct Replica {
    /// The downstage binary; the one built beside this program if not given.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Viewers of the publisher, a table each.
    #[arg(long, value_delimiter = ',', default_values_t = [100])]
    viewers: Vec<usize>,
    /// Rounds, interleaved over the ways.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of warm-up of each measurement.
    #[arg(long, default_value_t = 3)]
    warm_up: u64,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The core for the server.
    #[arg(long, default_value_t = 0)]
    core: u32,
}

/// How media comes to the viewers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// On the publisher's stage.
    Direct,
    /// On another stage, by a replica.
    Replica,
    /// The same, and that stage is at home on another worker.
    Across,
}

impl Way {
    const ALL: [Self; 3] = [Self::Direct, Self::Replica, Self::Across];

    fn name(self) -> &'static str {
        match self {
            Self::Direct => "viewers of the source",
            Self::Replica => "viewers of the replica",
            Self::Across => "viewers of the replica, on another worker",
        }
    }

    fn workers(self) -> usize {
        match self {
            Self::Direct | Self::Replica => 1,
            Self::Across => 2,
        }
    }
}

/// One way, measured once.
struct Row {
    way: Way,
    viewers: usize,
    round: usize,
    packets: u64,
    expected: u64,
    cpu: Duration,
    load_cpu: Duration,
    seconds: f64,
    p50: f64,
    p99: f64,
}

impl Row {
    /// CPU time of the server for each packet that was decrypted, in microseconds.
    fn each(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a quotient for a table")]
        let packets = self.packets as f64;
        micros(self.cpu) / packets
    }
}

/// The account at the beginning or the end of counting.
#[derive(Clone, Copy)]
struct Account {
    cpu: Duration,
    load_cpu: Duration,
    /// Packets that have gone from worker to worker.
    relayed: u64,
}

impl Account {
    fn read(server: &Server) -> anyhow::Result<Self> {
        Ok(Self {
            cpu: server.process().cpu()?,
            load_cpu: process::cpu(std::process::id())?,
            relayed: relayed(server)?,
        })
    }
}

fn relayed(server: &Server) -> anyhow::Result<u64> {
    let relayed = server.counter("rtp_packets_relayed");
    relayed.context("the server counts what is relayed")
}

/// Measures and prints.
#[expect(clippy::print_stdout, reason = "the tables are the product")]
pub(crate) fn run(options: &Replica) -> anyhow::Result<()> {
    ensure!(options.rounds > 0, "at least one round");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut rows = Vec::new();
    for round in 0..options.rounds {
        for &viewers in &options.viewers {
            let mut ways = Way::ALL;
            if round % 2 == 1 {
                ways.reverse();
            }
            for way in ways {
                let row = measure(options, &runtime, way, viewers)
                    .with_context(|| format!("{} viewers, {}", viewers, way.name()))?;
                println!(
                    "round {round}, {viewers} viewers, {}: {:.2} us each, {} of {} packets",
                    way.name(),
                    row.each(),
                    row.packets,
                    row.expected,
                );
                rows.push(Row { round, ..row });
            }
        }
    }
    for &viewers in &options.viewers {
        print(&rows, viewers);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the tables are the product")]
fn print(rows: &[Row], viewers: usize) {
    println!("\n### F1 burst 9 through a replica, {viewers} viewers\n");
    println!(
        "| who | CPU per forwarded packet (min..max) | of direct viewers, by rounds (min..max) | delivered | latency p50 / p99 | server, load busy |"
    );
    println!("|---|---|---|---|---|---|");
    let of = |way| {
        rows.iter()
            .filter(move |row| row.way == way && row.viewers == viewers)
    };
    for way in Way::ALL {
        let mut own: Vec<&Row> = of(way).collect();
        own.sort_by(|a, b| a.each().total_cmp(&b.each()));
        let ratios = of(way).filter_map(|row| {
            let direct = of(Way::Direct).find(|direct| direct.round == row.round)?;
            Some(row.each() / direct.each())
        });
        let mut ratios: Vec<f64> = ratios.collect();
        ratios.sort_by(f64::total_cmp);
        let (Some(median), Some(ratio)) = (own.get(own.len() / 2), ratios.get(ratios.len() / 2))
        else {
            continue;
        };
        println!(
            "| {} | {:.2} us ({:.2}..{:.2}) | {:.3} ({:.3}..{:.3}) | {:.2} % | {:.2} / {:.2} ms | {:.0} %, {:.0} % |",
            way.name(),
            median.each(),
            own.first().map_or(f64::NAN, |row| row.each()),
            own.last().map_or(f64::NAN, |row| row.each()),
            ratio,
            ratios.first().copied().unwrap_or(f64::NAN),
            ratios.last().copied().unwrap_or(f64::NAN),
            percent(median.packets, median.expected),
            median.p50,
            median.p99,
            share(median.cpu, median.seconds),
            share(median.load_cpu, median.seconds),
        );
    }
}

/// Percent of a core.
fn share(cpu: Duration, seconds: f64) -> f64 {
    cpu.as_secs_f64() * 100.0 / seconds.max(1e-9)
}

/// Measures one way once, with a server of its own.
fn measure(options: &Replica, runtime: &Runtime, way: Way, viewers: usize) -> anyhow::Result<Row> {
    let binary = match &options.binary {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("downstage"),
    };
    let server = Server::start_with(&binary, options.core, LOOPBACK, way.workers())?;
    let address = server.http.strip_prefix("http://").context("plain HTTP")?;
    let control = Control {
        runtime,
        address: address.parse()?,
    };
    let source = control.stage()?;
    let watched = match way {
        Way::Direct => None,
        Way::Replica => Some(control.stage()?),
        Way::Across => Some(stage_across(&control, &server, &source)?),
    };
    let room = control.room(&source, watched.as_ref().unwrap_or(&source), viewers)?;
    let load = Options {
        warm_up: Duration::from_secs(options.warm_up),
        duration: Duration::from_secs(options.seconds),
        ..load(&room)
    };
    let (report, [before, after]) = drive(&control, &server, &room, &load)?;
    ensure!(
        report.connected == viewers && report.sum.packets > 0,
        "{} of {viewers} viewers connect and {} packets come",
        report.connected,
        report.sum.packets
    );
    let relayed = after.relayed - before.relayed;
    ensure!(
        (relayed > 0) == (way == Way::Across),
        "{relayed} packets went from worker to worker"
    );
    Ok(Row {
        way,
        viewers,
        round: 0,
        packets: report.sum.packets,
        expected: report.sent.packets * viewers as u64,
        cpu: after.cpu.saturating_sub(before.cpu),
        load_cpu: after.load_cpu.saturating_sub(before.load_cpu),
        seconds: report.seconds,
        p50: report.latency.p50,
        p99: report.latency.p99,
    })
}

/// F1: bursts of nine packets, to viewers that join before media flows.
fn load(room: &Room) -> Options {
    Options {
        viewer_bearers: room.viewers.clone(),
        joins: Joins {
            media_first: false,
            ..Joins::default()
        },
        ..Options::new(room.target.clone(), room.viewers.len())
    }
}

/// One load from beginning to end; the replication begins when the publisher is connected.
fn drive(
    control: &Control<'_>,
    server: &Server,
    room: &Room,
    load: &Options,
) -> anyhow::Result<(Report, [Account; 2])> {
    let mut replicated = Ok(());
    let mut accounts = Vec::with_capacity(2);
    let report = load::run(load, &Stop::default(), &mut |phase| match phase {
        Phase::Published => replicated = control.replicate(room),
        Phase::Joined => {}
        Phase::Measuring | Phase::Measured => accounts.push(Account::read(server)),
    })?;
    replicated?;
    let mut accounts = accounts.into_iter();
    let mut next = || accounts.next().context("counting begins and ends")?;
    Ok((report, [next()?, next()?]))
}

/// A stage that is at home on the other one of two workers: what is watched there crosses.
fn stage_across(control: &Control<'_>, server: &Server, source: &Stage) -> anyhow::Result<Stage> {
    for _ in 0..STAGES_MAX {
        let stage = control.stage()?;
        let room = control.room(source, &stage, 1)?;
        let load = Options {
            warm_up: Duration::ZERO,
            duration: Duration::from_secs(1),
            packets_enough: Some(1),
            ..load(&room)
        };
        let before = relayed(server)?;
        drive(control, server, &room, &load)?;
        if relayed(server)? > before {
            return Ok(stage);
        }
    }
    anyhow::bail!("none of {STAGES_MAX} stages is at home on the other worker")
}
