//! `cargo xtask check`: everything about the tree that is true or false without running it.

use std::process::Command;

use anyhow::Result;

use crate::{codegen, graph, process, spec, tidy, workspace};

const CARGO_DENY: &str = "0.20.2";

/// A check by name.
type Step = (&'static str, fn() -> Result<()>);

/// Quick ones first; all of them run, so that one look shows everything.
const STEPS: &[Step] = &[
    ("graph", graph::run),
    ("tidy", tidy::run),
    ("spec", || spec::run(true)),
    ("codegen", || codegen::run(true)),
    ("fmt", || cargo(&["fmt", "--all", "--check"], &[])),
    ("clippy", || {
        cargo(
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--keep-going",
                "--locked",
                "--",
                "-D",
                "warnings",
            ],
            &[],
        )
    }),
    ("doc", || {
        let arguments = [
            "doc",
            "--workspace",
            "--no-deps",
            "--locked",
            "--document-private-items",
        ];
        cargo(&arguments, &[("RUSTDOCFLAGS", "-D warnings")])
    }),
    ("deny", deny),
];

/// Runs every step. The last line printed is `N passed, N failed`; gives whether nothing failed.
pub(crate) fn run() -> bool {
    let mut failed = 0;
    for (name, step) in STEPS {
        println!("check: {name}");
        if let Err(error) = step() {
            println!("check: {name} failed: {error:#}");
            failed += 1;
        }
    }
    println!("{} passed, {failed} failed", STEPS.len() - failed);
    failed == 0
}

/// `cargo deny check advisories`, which needs the advisory database from the network and so stands apart.
pub(crate) fn advisories() -> Result<()> {
    install_deny()?;
    cargo(&["deny", "--locked", "check", "advisories"], &[])
}

fn deny() -> Result<()> {
    install_deny()?;
    cargo(
        &[
            "deny",
            "--locked",
            "check",
            "--hide-inclusion-graph",
            "bans",
            "licenses",
            "sources",
        ],
        &[],
    )
}

fn install_deny() -> Result<()> {
    let mut version = Command::new("cargo");
    let installed = process::output(version.args(["deny", "--version"])).unwrap_or_default();
    if installed.trim().ends_with(CARGO_DENY) {
        return Ok(());
    }
    cargo(
        &["install", "cargo-deny", "--locked", "--version", CARGO_DENY],
        &[],
    )
}

fn cargo(arguments: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let mut command = Command::new("cargo");
    command.args(arguments).envs(environment.iter().copied());
    process::must(command.current_dir(workspace::root()))
}
