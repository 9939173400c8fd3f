//! Measurements of a running server: what it costs to forward a packet, to take a join and to answer a control call.
//!
//! The server runs on one core, the load on another. The unit is CPU time of the server per thing done, from the scheduler's own
//! account, because wall times on a shared machine say more about the machine.

mod client;
mod clock;
mod control;
mod forward;
mod server;
mod source;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use forward::Row;

/// Measures a downstage binary and prints a Markdown table.
#[derive(Parser)]
struct Arguments {
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

#[expect(clippy::print_stdout, reason = "the table is the product")]
fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    server::pin(std::process::id(), arguments.load_core)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;

    let mut rows = Vec::new();
    for round in 0..arguments.rounds {
        for &viewers in &arguments.viewers {
            let row = forward::measure(&runtime, &arguments, viewers)?;
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
            micros(median.p50) / 1000.0,
            micros(median.p99) / 1000.0,
            micros(median.join_cpu) / 1000.0,
            per_second(viewers, median.join_wall),
            median.bytes_per_viewer / 1024,
        );
    }

    println!("\n| control call | calls per second, 8 at once | server CPU per call |");
    println!("|---|---|---|");
    for (name, rate, cpu) in control::measure(&runtime, &arguments)? {
        println!("| {name} | {rate:.0} | {:.2} ms |", micros(cpu) / 1000.0);
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
