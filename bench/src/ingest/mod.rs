//! Publishers by RTMP: what each costs and where, how many a core takes, and how long media is under way.
//!
//! The server's own threads tell the parts that a running server shows: tokio's do sockets, TLS, RTMP and AAC to Opus, the media worker
//! forwards. What tokio's do is split by doing each stage of it alone over the same bytes, in the same round (`stages`), and all of them
//! as the media of so many publishers comes (`paced`).

mod flow;
mod paced;
mod stages;
mod table;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use flow::{Case, Flow};
use stages::Stages;

/// Measures publishers by RTMP and RTMPS.
#[derive(Args)]
pub(crate) struct Ingest {
    /// The downstage binary; the one built beside this program if not given.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Publishers whose cost is divided by their number.
    #[arg(long, default_value_t = 10)]
    publishers: usize,
    /// Viewers of each publisher, a row each.
    #[arg(long, value_delimiter = ',', default_values_t = [0, 1, 10])]
    viewers: Vec<usize>,
    /// Numbers of publishers of which each is watched by one viewer, until the server does not keep up; none for no such search.
    #[arg(long, value_delimiter = ',', default_values_t = [20, 40, 60, 80, 100])]
    capacity: Vec<usize>,
    /// Protocols.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Protocol::Rtmp, Protocol::Rtmps])]
    protocols: Vec<Protocol>,
    /// Rounds, interleaved; the median counts.
    #[arg(long, default_value_t = 3)]
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

/// How encoders come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Protocol {
    Rtmp,
    Rtmps,
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Self::Rtmp => "RTMP",
            Self::Rtmps => "RTMPS",
        }
    }
}

/// Measures and prints.
#[expect(clippy::print_stdout, reason = "the tables are the product")]
pub(crate) fn run(options: &Ingest) -> anyhow::Result<()> {
    let binary = match &options.binary {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("downstage"),
    };
    let mut flows: Vec<Flow> = Vec::new();
    let mut all_stages: Vec<Stages> = Vec::new();
    let mut paced = Vec::new();
    for round in 0..options.rounds {
        let stages = stages::measure(options.seconds)?;
        println!(
            "round {round}, stages alone: {}",
            table::stages_line(&stages)
        );
        all_stages.push(stages);
        let in_time = paced::measure(options.publishers, options.seconds)?;
        println!(
            "round {round}, stages in real time: {:.0} us of a second of each of {} publishers",
            crate::micros(in_time),
            options.publishers,
        );
        paced.push(in_time);
        for &viewers in &options.viewers {
            for &protocol in &options.protocols {
                let case = Case {
                    protocol,
                    publishers: options.publishers,
                    viewers,
                };
                let flow = flow::measure(options, &binary, case)?;
                println!("round {round}, {}", table::flow_line(&flow));
                flows.push(flow);
            }
        }
    }
    table::print_costs(options, &flows, &all_stages, &paced);
    table::print_latencies(options, &flows);
    for &protocol in &options.protocols {
        println!("\n### Publishers for one core, {}\n", protocol.name());
        println!("{}", table::CAPACITY_HEAD);
        for &publishers in &options.capacity {
            let case = Case {
                protocol,
                publishers,
                viewers: 1,
            };
            let flow = flow::measure(options, &binary, case)?;
            println!("{}", table::capacity_row(&flow));
            if !flow.keeps_up() {
                break;
            }
        }
    }
    Ok(())
}
