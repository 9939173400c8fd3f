//! Code generation and the checks of this repository: `cargo xtask <command>`.
//!
//! Everything that `make check` and `make test` do is decided here, so that a laptop and CI cannot differ.
#![forbid(unsafe_code)]

mod codegen;
mod spec;
mod workspace;

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
    /// Print crates/wire/src/generated from spec/
    Codegen {
        /// Change nothing; fail if the generated code differs
        #[arg(long)]
        check: bool,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Spec { check } => spec::run(check),
        Command::Codegen { check } => codegen::run(check),
    }
}
