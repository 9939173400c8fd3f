//! The `downstage` binary: configuration, wiring, signals and shutdown. It names every other crate; nobody names it.
//!
//! `cli` reads the command line and `config` everything that can be set; `serve` opens, wires and ends the server, whose
//! heart is the stage loop in `run`. The other commands are one file each.

#![forbid(unsafe_code)]

mod buckets;
mod census;
mod cli;
mod clock;
mod config;
mod doctor;
mod encoders;
mod endpoints;
#[cfg(test)]
mod fake_store;
mod housekeeping;
mod http_client;
mod http_server;
mod keygen;
mod load;
mod log;
mod metrics;
mod page;
mod public_keys;
mod ready;
mod revocations;
mod routes;
mod run;
mod secrets;
mod serve;
mod signals;
mod terminal;
mod token;
mod writer;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use tokio::runtime::Runtime;

use crate::cli::{Cli, Command, ConfigCommand, KeygenCommand};
use crate::config::{Config, Mode};
use crate::signals::Signals;

/// How long tasks that do not end by themselves are waited for when the process ends.
const RUNTIME_END_TIMEOUT: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            terminal::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Dev { settings } => serve(Config::load(Mode::Dev, *settings, None)?),
        Command::Serve { settings, config } => {
            serve(Config::load(Mode::Serve, *settings, config.as_deref())?)
        }
        Command::Doctor(args) => {
            let outcome = runtime()?.block_on(doctor::run(args))?;
            terminal::print(&outcome.text);
            Ok(if outcome.is_well {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Command::Keygen {
            command,
            access_key,
        } => {
            let command = command.unwrap_or(KeygenCommand::AccessKey(access_key));
            terminal::print(&keygen::run(&command)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Load(args) => load::run(&args),
        Command::Token { command } => token::run(command),
        Command::Config { command } => {
            terminal::print(&match command {
                ConfigCommand::Sample => config::sample(),
                ConfigCommand::Reference => config::reference(),
            });
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// Runs the server. The first signal drains it, the second ends it where it stands.
fn serve(config: Config) -> anyhow::Result<ExitCode> {
    log::start(config.log_format, config.log_level).context("cannot start the log")?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let mut first = Signals::listen().context("cannot listen for signals")?;
        let mut second = Signals::listen().context("cannot listen for signals")?;
        let at_once = async {
            second.recv().await;
            second.recv().await
        };
        tokio::select! {
            outcome = serve::serve(config, &mut first) => outcome.map(|()| ExitCode::SUCCESS),
            signal = at_once => {
                tracing::warn!(signal, "stopped at once");
                Ok(ExitCode::FAILURE)
            }
        }
    });
    runtime.shutdown_timeout(RUNTIME_END_TIMEOUT);
    outcome
}
