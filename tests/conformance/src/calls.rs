//! What an SDK's scenario calls and how each call ends: by the server's own count, against a committed list.
//!
//! `calls/<sdk>.txt` has a line for each operation with the outcomes that its calls have in /metrics. A scenario's server is called by
//! nobody else, so the list cannot say more, or less, than what was called.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::Server;

/// The folder of this crate, in which the lists are.
pub fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the calls of an SDK are listed.
pub fn list(sdk: &str) -> PathBuf {
    folder().join("calls").join(format!("{sdk}.txt"))
}

/// Fails unless the calls that the server has counted are those of the SDK's list.
pub fn check(server: &Server, sdk: &str) -> anyhow::Result<()> {
    let seen = counted(&metrics(server)?);
    let listed = std::fs::read_to_string(list(sdk))?;
    ensure!(seen == listed, "calls/{sdk}.txt is to say:\n{seen}");
    Ok(())
}

fn metrics(server: &Server) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(server.address())?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let (head, body) = reply.split_once("\r\n\r\n").context("a reply has a head")?;
    ensure!(head.contains(" 200 "), "no metrics: {head}");
    Ok(body.to_owned())
}

/// The lines that the counters amount to.
fn counted(metrics: &str) -> String {
    let mut outcomes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in metrics.lines() {
        let counter = line.strip_prefix("downstage_api_calls_total{operation=\"");
        let labels = counter.and_then(|labels| labels.split_once("\",outcome=\""));
        if let Some((operation, rest)) = labels
            && let Some((outcome, _)) = rest.split_once('"')
        {
            outcomes.entry(operation).or_default().insert(outcome);
        }
    }
    let line = |(operation, outcomes): (&str, BTreeSet<&str>)| {
        let outcomes: Vec<_> = outcomes.into_iter().collect();
        format!("{operation} {}\n", outcomes.join(" "))
    };
    outcomes.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_amount_to_lines() {
        let metrics = "# TYPE downstage_api_calls counter\n\
            downstage_api_calls_total{operation=\"GetStage\",outcome=\"ok\"} 2\n\
            downstage_api_calls_total{operation=\"GetStage\",outcome=\"not_found\"} 1\n\
            downstage_api_calls_total{operation=\"CreateStage\",outcome=\"ok\"} 1\n# EOF\n";
        assert_eq!(counted(metrics), "CreateStage ok\nGetStage not_found ok\n");
    }
}
