//! `downstage doctor`: would a server run here, and what would clients be offered; or, of a server that runs: is what it offers
//! reached from here?
//!
//! `here` looks at the configuration and this machine, and leaves no trace. `there` is a client of a running server: it makes
//! a stage of its own, publishes to it as far as ICE goes, and takes the stage away again. What is absent: an opinion of a
//! third party. What is reached from this machine may still be out of reach for others, so a server for others is best
//! examined from where they are.

mod encoders;
mod here;
mod kernel;
mod place;
mod stun;
mod there;

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::config::{Config, Mode, Settings, Signer};
use crate::http_client::ServerUrl;

/// `doctor`.
#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// Check for `serve` with this file; without it for `dev`.
    #[arg(long, env = "DOWNSTAGE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Examine the server that runs at this address instead, as a client of it, e.g. `http://127.0.0.1:7400`. Takes the first
    /// access key of the settings, and `dev`'s without any.
    #[arg(long, value_name = "URL", value_parser = ServerUrl::parse)]
    server: Option<ServerUrl>,
    /// Print the checks as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Box<Settings>,
}

/// What is printed, and whether nothing failed.
pub(crate) struct Outcome {
    pub(crate) text: String,
    pub(crate) is_well: bool,
}

/// Examines.
pub(crate) async fn run(args: DoctorArgs) -> anyhow::Result<Outcome> {
    let mode = if args.config.is_some() {
        Mode::Serve
    } else {
        Mode::Dev
    };
    let file = args.config.as_deref();
    let mut report = Report::default();
    if let Some(server) = &args.server {
        let signer = Signer::load(mode, *args.settings, file)?;
        there::examine(server, &signer, &mut report).await;
    } else {
        let config = Config::load(mode, *args.settings, file)?;
        here::examine(&config, &mut report).await;
    }
    Ok(Outcome {
        text: if args.json {
            report.json()
        } else {
            report.table()
        },
        is_well: report.is_well(),
    })
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    /// It works, for now or for some.
    Warning,
    Failed,
}

/// One line of the report.
#[derive(Clone, Debug, Serialize)]
struct Check {
    name: String,
    status: Status,
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// Everything that was looked at.
#[derive(Debug, Default)]
struct Report {
    checks: Vec<Check>,
}

impl Report {
    fn ok(&mut self, name: impl Into<String>, detail: impl Into<String>) {
        self.add(name, Status::Ok, detail, None);
    }

    fn warn(
        &mut self,
        name: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(name, Status::Warning, detail, Some(remedy.into()));
    }

    fn fail(
        &mut self,
        name: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(name, Status::Failed, detail, Some(remedy.into()));
    }

    fn add(
        &mut self,
        name: impl Into<String>,
        status: Status,
        detail: impl Into<String>,
        remedy: Option<String>,
    ) {
        self.checks.push(Check {
            name: name.into(),
            status,
            detail: detail.into(),
            remedy,
        });
    }

    fn is_well(&self) -> bool {
        self.checks
            .iter()
            .all(|check| check.status != Status::Failed)
    }

    /// For people: one line for each check, and below it what to do.
    fn table(&self) -> String {
        let width = self.checks.iter().map(|check| check.name.len()).max();
        let width = width.unwrap_or(0);
        let mut text = String::new();
        for check in &self.checks {
            let mark = match check.status {
                Status::Ok => "ok",
                Status::Warning => "warning",
                Status::Failed => "failed",
            };
            let _ = writeln!(text, "{mark:<8} {:<width$}  {}", check.name, check.detail);
            if let Some(remedy) = &check.remedy {
                let _ = writeln!(text, "{:<8} {:<width$}  -> {remedy}", "", "");
            }
        }
        text
    }

    /// For programs.
    fn json(&self) -> String {
        let document = serde_json::json!({ "ok": self.is_well(), "checks": self.checks });
        format!("{document:#}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_table_or_json_and_only_failures_are_bad() {
        let mut report = Report::default();
        report.ok("one", "fine");
        report.warn("second", "small", "make it larger");
        assert!(report.is_well());
        assert_eq!(
            report.table(),
            "ok       one     fine\nwarning  second  small\n                 -> make it larger\n"
        );
        report.fail("third", "gone", "bring it back");
        assert!(!report.is_well());
        let document: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(document["ok"], false);
        assert_eq!(document["checks"][0]["status"], "ok");
        assert_eq!(document["checks"][0].get("remedy"), None);
        assert_eq!(document["checks"][2]["remedy"], "bring it back");
    }
}
