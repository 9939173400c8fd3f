//! Code generation and the checks of this repository: `cargo xtask <command>`.
//!
//! Everything that `make check` and `make test` do is decided here, so that a laptop and CI cannot differ.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool speaks to its user there"
)]

mod check;
mod codegen;
mod graph;
mod packages;
mod process;
mod spec;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "xtask",
    about = "Code generation and the checks of this repository"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take the API's shapes from the pinned botocore model into spec/
    Spec {
        /// Change nothing; fail if spec/ differs
        #[arg(long)]
        check: bool,
    },
    /// Print crates/wire/src/generated, crates/api/openapi.json and docs/api.md from spec/
    Codegen {
        /// Change nothing; fail if what is generated differs
        #[arg(long)]
        check: bool,
    },
    /// Fail on an import that the layout does not allow
    Graph,
    /// Fail on a broken house rule
    Tidy,
    /// Run every check: the above, fmt, clippy, rustdoc, cargo-deny
    Check,
    /// Run every test; the last line says `N passed, N failed`
    Test,
    /// Look up known vulnerabilities; needs the network
    Advisories,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Spec { check } => spec::run(check).map(|()| true),
        Command::Codegen { check } => codegen::run(check).map(|()| true),
        Command::Graph => graph::run().map(|()| true),
        Command::Tidy => tidy::run().map(|()| true),
        Command::Check => Ok(check::run()),
        Command::Test => test::run(),
        Command::Advisories => check::advisories().map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        // What failed is said above the closing line, which stays the last.
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
