//! `cargo xtask test`: everything that CI runs, summed up in one last line.
//!
//! The Rust tests run first, then the pages' own. `tests/conformance/run.sh` drives real clients against the binary that was built with them; whatever
//! it starts, its own last line says `N passed, N failed`, and that is what counts.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::{process, workspace};

const CONFORMANCE: &str = "tests/conformance/run.sh";

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Runs all tests. The last line printed is `N passed, N failed`; gives whether all is well. That nothing ran is not.
pub(crate) fn run() -> Result<bool> {
    let mut total = Count::default();
    if let Err(error) = build() {
        println!("{error:#}");
        println!("0 passed, 1 failed");
        return Ok(false);
    }
    let mut rust = cargo("test");
    rust.args(["--workspace", "--no-fail-fast"])
        .env("DOWNSTAGE_BIN", binary());
    total.add(counted(&mut rust, rust_result)?);
    for page in pages()? {
        let mut tests = Command::new("npm");
        tests
            .arg("--prefix")
            .arg(page)
            .arg("test")
            .env("NO_COLOR", "1");
        total.add(counted(&mut tests, vitest_result)?);
    }
    if workspace::root().join(CONFORMANCE).is_file() {
        let mut conformance = Command::new(workspace::root().join(CONFORMANCE));
        conformance
            .env("DOWNSTAGE_BIN", binary())
            .env("DOWNSTAGE_VENV", python());
        total.add(counted(&mut conformance, closing_line)?);
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(total.failed == 0 && total.passed > 0)
}

/// The dev profile: its overflow checks and assertions are part of the test. Dependencies are optimised there too.
fn build() -> Result<()> {
    process::must(cargo("build").args(["--package", "downstage-server"]))
}

fn cargo(command: &str) -> Command {
    let mut cargo = Command::new("cargo");
    cargo
        .arg(command)
        .arg("--locked")
        .current_dir(workspace::root());
    cargo
}

/// The folders of js/ whose packages have tests.
fn pages() -> Result<Vec<PathBuf>> {
    let folder = workspace::root().join("js");
    let mut pages = Vec::new();
    for entry in folder.read_dir().into_iter().flatten() {
        let page = entry?.path();
        let Ok(package) = fs::read(page.join("package.json")) else {
            continue;
        };
        let package: serde_json::Value = serde_json::from_slice(&package)?;
        if package["scripts"]["test"].is_string() {
            pages.push(page);
        }
    }
    pages.sort();
    Ok(pages)
}

fn binary() -> PathBuf {
    workspace::target().join("debug/downstage")
}

/// The Python environment that `scripts/setup.sh test` makes.
fn python() -> PathBuf {
    env::var_os("DOWNSTAGE_VENV")
        .map_or_else(|| workspace::target().join("test-python"), Into::into)
}

/// Runs a command, shows what it prints, and adds up the lines that `read` understands. A command that fails without a failed test
/// (it did not compile, it crashed) counts as one failure.
fn counted(command: &mut Command, read: fn(&str) -> Option<Count>) -> Result<Count> {
    let shown = process::shown(command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting `{shown}`"))?;
    let output = child.stdout.take().context("stdout is piped")?;
    let mut total = Count::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        total.add(read(&line).unwrap_or_default());
    }
    let status = child.wait()?;
    if !status.success() && total.failed == 0 {
        println!("`{shown}` failed: {status}");
        total.failed = 1;
    }
    Ok(total)
}

/// libtest's `test result: ok. 3 passed; 0 failed; ...`.
fn rust_result(line: &str) -> Option<Count> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let mut counts = counts.split("; ");
    Some(Count {
        passed: number(counts.next()?, " passed")?,
        failed: number(counts.next()?, " failed")?,
    })
}

/// vitest's `Tests  1 failed | 3 passed (4)`; what is none is left out.
fn vitest_result(line: &str) -> Option<Count> {
    let counts = line
        .trim_start()
        .strip_prefix("Tests ")?
        .split(" (")
        .next()?;
    let mut count = Count::default();
    for part in counts.split(" | ") {
        count.passed += number(part.trim(), " passed").unwrap_or(0);
        count.failed += number(part.trim(), " failed").unwrap_or(0);
    }
    Some(count)
}

/// Our own `3 passed, 0 failed`, and nothing else on the line.
fn closing_line(line: &str) -> Option<Count> {
    let (passed, failed) = line.split_once(", ")?;
    Some(Count {
        passed: number(passed, " passed")?,
        failed: number(failed, " failed")?,
    })
}

fn number(text: &str, unit: &str) -> Option<u64> {
    text.strip_suffix(unit)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_counted_and_other_lines_are_not() {
        let line = "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(
            rust_result(line),
            Some(Count {
                passed: 3,
                failed: 2
            })
        );
        assert_eq!(rust_result("test a ... ok"), None);
        assert_eq!(
            closing_line("12 passed, 0 failed"),
            Some(Count {
                passed: 12,
                failed: 0
            })
        );
        assert_eq!(
            closing_line("==== 12 passed, 1 warning in 3.00s ===="),
            None
        );
        assert_eq!(closing_line("12 passed, 1 failed in 3s"), None);
    }

    #[test]
    fn a_command_that_breaks_down_is_a_failure() {
        let shell =
            |script: &str| counted(Command::new("sh").args(["-c", script]), closing_line).unwrap();
        assert_eq!(
            shell("echo 2 passed, 0 failed"),
            Count {
                passed: 2,
                failed: 0
            }
        );
        assert_eq!(
            shell("echo 2 passed, 1 failed; exit 1"),
            Count {
                passed: 2,
                failed: 1
            }
        );
        assert_eq!(
            shell("echo 2 passed, 0 failed; exit 1"),
            Count {
                passed: 2,
                failed: 1
            }
        );
    }
}
