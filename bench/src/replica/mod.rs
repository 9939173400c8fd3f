//! What forwarding through a replica costs beside forwarding to viewers of its source: F1's bursts, the same load, one run.
//!
//! Each round has one server, on which all ways are measured, in turn from the first and from the last one. Direct viewers are first and
//! last: what counts is the ratio to both of the same round, and what two measurements of one thing differ by stands beside it.

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

/// All of them on the server's core. One that has no peers sleeps, and costs nothing.
const WORKERS: usize = 2;
/// Stages that are made to find one at home where the source is, and one elsewhere; each is with a chance of one half.
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
    /// On the publisher's stage once more: what this measures differently is chance.
    Again,
}

impl Way {
    const ALL: [Self; 4] = [Self::Direct, Self::Replica, Self::Across, Self::Again];

    fn name(self) -> &'static str {
        match self {
            Self::Direct => "viewers of the source",
            Self::Replica => "viewers of the replica",
            Self::Across => "viewers of the replica, on another worker",
            Self::Again => "viewers of the source, again",
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
    /// How often a worker has slept.
    sleeps: u64,
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

    fn sleeps_a_second(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a quotient for a table")]
        let sleeps = self.sleeps as f64;
        sleeps / self.seconds.max(1e-9)
    }
}

/// By what a row is to be divided: the mean of direct viewers at the beginning and at the end of the round; for those at the end, the
/// beginning.
fn direct(rows: &[Row], row: &Row) -> Option<f64> {
    let of = |way| {
        let mut rows = rows.iter();
        let found = rows.find(|direct| {
            (direct.way, direct.viewers, direct.round) == (way, row.viewers, row.round)
        });
        found.map(Row::each)
    };
    let first = of(Way::Direct)?;
    match row.way {
        Way::Direct | Way::Again => Some(first),
        Way::Replica | Way::Across => Some(f64::midpoint(first, of(Way::Again)?)),
    }
}

/// The account at the beginning or the end of counting.
#[derive(Clone, Copy)]
struct Account {
    cpu: Duration,
    load_cpu: Duration,
    sleeps: u64,
    /// Packets that have gone from worker to worker.
    relayed: u64,
}

impl Account {
    fn read(server: &Server) -> anyhow::Result<Self> {
        Ok(Self {
            cpu: server.process().cpu()?,
            load_cpu: process::cpu(std::process::id())?,
            sleeps: process::sleeps_of(server.process().id(), |name| name.starts_with("media-"))?,
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
            let place = Place::find(options, &runtime)?;
            for way in ways {
                let row = measure(options, &place, way, viewers)
                    .with_context(|| format!("{} viewers, {}", viewers, way.name()))?;
                println!(
                    "round {round}, {viewers} viewers, {}: {:.2} us each, {} of {} packets, {:.0} sleeps a second",
                    way.name(),
                    row.each(),
                    row.packets,
                    row.expected,
                    row.sleeps_a_second(),
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
        "| who | CPU per forwarded packet (min..max) | of direct viewers, by rounds (min..max) | delivered | latency p50 / p99 | a worker sleeps | server, load busy |"
    );
    println!("|---|---|---|---|---|---|---|");
    let of = |way| {
        rows.iter()
            .filter(move |row| row.way == way && row.viewers == viewers)
    };
    for way in Way::ALL {
        let mut own: Vec<&Row> = of(way).collect();
        own.sort_by(|a, b| a.each().total_cmp(&b.each()));
        let ratios = of(way).filter_map(|row| Some(row.each() / direct(rows, row)?));
        let mut ratios: Vec<f64> = ratios.collect();
        ratios.sort_by(f64::total_cmp);
        let (Some(median), Some(ratio)) = (own.get(own.len() / 2), ratios.get(ratios.len() / 2))
        else {
            continue;
        };
        println!(
            "| {} | {:.2} us ({:.2}..{:.2}) | {:.3} ({:.3}..{:.3}) | {:.2} % | {:.2} / {:.2} ms | {:.0} a second | {:.0} %, {:.0} % |",
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
            median.sleeps_a_second(),
            share(median.cpu, median.seconds),
            share(median.load_cpu, median.seconds),
        );
    }
}

/// Percent of a core.
fn share(cpu: Duration, seconds: f64) -> f64 {
    cpu.as_secs_f64() * 100.0 / seconds.max(1e-9)
}

/// A server, a stage with the publisher, and where else it is watched.
struct Place<'a> {
    control: Control<'a>,
    server: Server,
    source: Stage,
    /// At home on the source's worker.
    near: Stage,
    /// At home on the other one: what is watched there crosses.
    far: Stage,
}

impl<'a> Place<'a> {
    /// Starts a server, and makes stages until there is one of either kind.
    fn find(options: &Replica, runtime: &'a Runtime) -> anyhow::Result<Self> {
        let binary = match &options.binary {
            Some(path) => path.clone(),
            None => std::env::current_exe()?.with_file_name("downstage"),
        };
        let server = Server::start_with(&binary, options.core, LOOPBACK, WORKERS)?;
        let address = server.http.strip_prefix("http://").context("plain HTTP")?;
        let address = address.parse()?;
        let control = Control { runtime, address };
        let source = control.stage()?;
        let (mut near, mut far) = (None, None);
        for _ in 0..STAGES_MAX {
            let stage = control.stage()?;
            let found = if crosses(&control, &server, &source, &stage)? {
                &mut far
            } else {
                &mut near
            };
            *found = Some(stage);
            if near.is_some() && far.is_some() {
                break;
            }
        }
        let missing = |worker| move || format!("none of {STAGES_MAX} stages is at home {worker}");
        Ok(Self {
            control,
            server,
            source,
            near: near.with_context(missing("on the source's worker"))?,
            far: far.with_context(missing("on the other worker"))?,
        })
    }

    fn watched(&self, way: Way) -> &Stage {
        match way {
            Way::Direct | Way::Again => &self.source,
            Way::Replica => &self.near,
            Way::Across => &self.far,
        }
    }
}

/// Whether packets go from worker to worker when the stage is watched: one viewer tries it.
fn crosses(
    control: &Control<'_>,
    server: &Server,
    source: &Stage,
    stage: &Stage,
) -> anyhow::Result<bool> {
    let room = control.room(source, stage, 1)?;
    let load = Options {
        warm_up: Duration::ZERO,
        duration: Duration::from_secs(1),
        packets_enough: Some(1),
        ..load(&room)
    };
    let before = relayed(server)?;
    drive(control, server, &room, &load)?;
    Ok(relayed(server)? > before)
}

/// Measures one way once.
fn measure(options: &Replica, place: &Place<'_>, way: Way, viewers: usize) -> anyhow::Result<Row> {
    let room = place
        .control
        .room(&place.source, place.watched(way), viewers)?;
    let load = Options {
        warm_up: Duration::from_secs(options.warm_up),
        duration: Duration::from_secs(options.seconds),
        ..load(&room)
    };
    let (report, [before, after]) = drive(&place.control, &place.server, &room, &load)?;
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
        sleeps: after.sleeps.saturating_sub(before.sleeps),
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
