//! Measurements of a running server: what it costs to forward a packet, to take a join and to answer a control call.
//!
//! The server runs on one core, the load on another. The unit is CPU time of the server per thing done, from the scheduler's own
//! account, because wall times on a shared machine say more about the machine.

mod clock;
mod control;
mod forward;
mod ingest;
mod process;
mod replica;
mod server;
mod sfu;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use forward::Row;
use tokio::runtime::Runtime;

/// Measures a downstage binary and prints a Markdown table.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    other: Option<Other>,
    /// The binary; the one built beside this program if not given.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Viewers of one publisher, a row each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 100])]
    viewers: Vec<usize>,
    /// Seconds of each measurement, after three of warm-up.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Rounds, interleaved; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The core for the server.
    #[arg(long, default_value_t = 0)]
    core: u32,
    /// The core for the load.
    #[arg(long, default_value_t = 1)]
    load_core: u32,
    /// Measure the control calls only.
    #[arg(long)]
    control_only: bool,
    /// The program `moto_server`, to measure the nearest calls of that emulator in the same run.
    #[arg(long, env = "MOTO_SERVER")]
    moto: Option<PathBuf>,
}

/// What else can be measured.
#[derive(Subcommand)]
enum Other {
    /// Measures downstage beside other servers; docs/performance.md, "Beside other servers".
    Sfu(sfu::Sfu),
    /// Measures publishers by RTMP; docs/performance.md, "Ingest".
    Ingest(ingest::Ingest),
    /// Measures viewers of a replica beside viewers of its source; docs/performance.md, "Through a replica".
    Replica(replica::Replica),
    /// Runs the floor program, which `sfu` starts.
    #[command(hide = true)]
    Floor {
        /// Where it takes RTP and receivers.
        #[arg(long)]
        address: IpAddr,
        /// Written when it does.
        #[arg(long)]
        ready_file: PathBuf,
    },
}

impl Arguments {
    /// The binary under measurement.
    fn binary(&self) -> anyhow::Result<PathBuf> {
        match &self.binary {
            Some(path) => Ok(path.clone()),
            None => Ok(std::env::current_exe()?.with_file_name("downstage")),
        }
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(Other::Floor {
        address,
        ready_file,
    }) = &arguments.other
    {
        // It is bound already, to the core of servers.
        return sfu::run_floor(*address, ready_file);
    }
    process::pin(std::process::id(), arguments.load_core)?;
    match &arguments.other {
        Some(Other::Sfu(options)) => return sfu::run(options),
        Some(Other::Ingest(options)) => return ingest::run(options),
        Some(Other::Replica(options)) => return replica::run(options),
        Some(Other::Floor { .. }) | None => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;

    if !arguments.control_only {
        forwarding(&arguments)?;
    }
    control_calls(&runtime, &arguments)
}

#[expect(clippy::print_stdout, reason = "the table is the product")]
fn forwarding(arguments: &Arguments) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for round in 0..arguments.rounds {
        for &viewers in &arguments.viewers {
            let row = forward::measure(arguments, viewers)?;
            println!(
                "round {round}, {viewers} viewers: {:.2} us/packet, {} of {} packets",
                micros(row.cpu_per_packet),
                row.packets,
                row.expected
            );
            rows.push(row);
        }
    }
    println!(
        "\n| viewers | server CPU per forwarded packet (min..max) | delivered | latency p50 / p99 | CPU per join | joins per second | memory per viewer |"
    );
    println!("|---|---|---|---|---|---|---|");
    for &viewers in &arguments.viewers {
        let mut of_size: Vec<&Row> = rows.iter().filter(|row| row.viewers == viewers).collect();
        of_size.sort_by_key(|row| row.cpu_per_packet);
        let median = of_size[of_size.len() / 2];
        println!(
            "| {viewers} | {:.2} us ({:.2}..{:.2}) | {:.2} % | {:.2} / {:.2} ms | {:.2} ms | {:.0} | {} KB |",
            micros(median.cpu_per_packet),
            micros(of_size[0].cpu_per_packet),
            micros(of_size[of_size.len() - 1].cpu_per_packet),
            percent(median.packets, median.expected),
            median.p50,
            median.p99,
            micros(median.join_cpu) / 1000.0,
            per_second(viewers, median.join_wall),
            median.bytes_per_viewer / 1024,
        );
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the table is the product")]
fn control_calls(runtime: &Runtime, arguments: &Arguments) -> anyhow::Result<()> {
    let measured = control::measure(runtime, arguments)?;
    println!(
        "\n| server | control call | at once | calls per second | p50 / p99 | server CPU per call |"
    );
    println!("|---|---|---|---|---|---|");
    for row in &measured.rows {
        println!(
            "| {} | {} | {} | {:.0} | {:.2} / {:.2} ms | {:.3} ms |",
            row.server,
            row.call,
            row.at_once,
            row.per_second,
            micros(row.p50) / 1000.0,
            micros(row.p99) / 1000.0,
            micros(row.cpu) / 1000.0,
        );
    }
    println!(
        "\nOne ES384 signature alone: {:.3} ms.",
        micros(measured.signature) / 1000.0
    );
    if let Some(token) = measured
        .rows
        .iter()
        .find(|row| row.call == "CreateParticipantToken")
    {
        println!(
            "CreateParticipantToken costs {:.2} times that.",
            token.cpu.as_secs_f64() / measured.signature.as_secs_f64()
        );
    }
    Ok(())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[expect(clippy::cast_precision_loss, reason = "a share for a table")]
fn percent(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "a rate for a table")]
fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-9)
}
