//! One publisher and its viewers: CPU per forwarded packet, per join, latency and memory.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use load::{Credentials, Joins, Options, Phase, Stop, Target, Watching};

use crate::server::{self, Server};
use crate::{Arguments, clock};

/// One row of the forwarding table.
pub(crate) struct Row {
    pub(crate) viewers: usize,
    pub(crate) packets: u64,
    pub(crate) expected: u64,
    pub(crate) cpu_per_packet: Duration,
    pub(crate) join_cpu: Duration,
    pub(crate) join_wall: Duration,
    /// Latency, in milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) bytes_per_viewer: u64,
}

/// The server's account at one moment.
#[derive(Clone, Copy)]
struct Account {
    at: Instant,
    cpu: Duration,
    resident: u64,
}

/// Measures one publisher with so many viewers.
pub(crate) fn measure(arguments: &Arguments, viewers: usize) -> anyhow::Result<Row> {
    let server = Server::start(&arguments.binary()?, arguments.core, server::LOOPBACK)?;
    let target = Target::Stage {
        endpoint: server.http.clone(),
        stage: None,
        credentials: Credentials {
            id: "test".to_owned(),
            secret: "test".to_owned(),
            region: "us-west-2".to_owned(),
        },
        watching: Watching::Whep,
    };
    let options = Options {
        duration: Duration::from_secs(arguments.seconds),
        joins: Joins {
            // One after the other and without media, so that nothing but the join is in its price.
            at_once: 1,
            media_first: false,
            ..Joins::default()
        },
        ..Options::new(target, viewers)
    };
    let mut accounts = Vec::new();
    let report = load::run(&options, &Stop::default(), &mut |phase| {
        accounts.push((phase, read(&server)));
    })?;
    ensure!(
        report.connected == viewers,
        "{} of {viewers} viewers connect",
        report.connected
    );
    let packets = report.sum.packets;
    ensure!(packets > 0, "packets arrive");
    let at = |wanted| {
        let found = accounts.iter().find(|(phase, _)| *phase == wanted);
        let (_, account) = found.with_context(|| format!("{wanted:?} is reached"))?;
        account
            .as_ref()
            .copied()
            .map_err(|error| anyhow::anyhow!("{error:#}"))
    };
    let (published, joined) = (at(Phase::Published)?, at(Phase::Joined)?);
    let (measuring, measured) = (at(Phase::Measuring)?, at(Phase::Measured)?);
    let cpu = measured.cpu.saturating_sub(measuring.cpu);
    let join_cpu = joined.cpu.saturating_sub(published.cpu);
    Ok(Row {
        viewers,
        packets,
        expected: report.sent.packets * viewers as u64,
        cpu_per_packet: Duration::from_nanos(u64::try_from(cpu.as_nanos() / u128::from(packets))?),
        join_cpu: join_cpu / u32::try_from(viewers)?,
        join_wall: joined.at - published.at,
        p50: report.latency.p50,
        p99: report.latency.p99,
        bytes_per_viewer: measured.resident.saturating_sub(published.resident) / viewers as u64,
    })
}

fn read(server: &Server) -> anyhow::Result<Account> {
    Ok(Account {
        at: clock::now(),
        cpu: server.process().cpu()?,
        resident: server.process().resident()?,
    })
}
