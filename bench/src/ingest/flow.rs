//! A server with encoders and viewers, watched for some seconds.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use load::{Credentials, Joins, Options, Phase, Rtmp, Source, Stop, Target, Watching};

use super::{Ingest, Protocol};
use crate::process;
use crate::server::{self, Server};

/// Latency, at the 99th percentile, beyond which pictures come late: three pictures of 30 a second.
const LATE_MS: f64 = 100.0;
/// Share of the pictures that must come.
const DELIVERED_PERCENT_MIN: f64 = 99.0;
/// Share of a core beyond which it counts as full.
const BUSY_PERCENT_MAX: f64 = 95.0;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) protocol: Protocol,
    pub(super) publishers: usize,
    /// Of each publisher.
    pub(super) viewers: usize,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) case: Case,
    pub(super) seconds: f64,
    /// CPU time of the threads that forward.
    pub(super) workers: Duration,
    /// CPU time of all others.
    pub(super) others: Duration,
    pub(super) load: Duration,
    pub(super) pictures: u64,
    pub(super) pictures_expected: u64,
    pub(super) packets: u64,
    /// Of pictures: from their making until a viewer has decrypted all of them.
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// Encoders that the server has cut off.
    pub(super) ended: usize,
}

/// CPU time so far.
#[derive(Clone, Copy)]
struct Account {
    workers: Duration,
    all: Duration,
    load: Duration,
}

impl Account {
    fn read(server: u32) -> anyhow::Result<Self> {
        Ok(Self {
            workers: process::cpu_of(server, |name| name.starts_with("media-"))?,
            all: process::cpu(server)?,
            load: process::cpu(std::process::id())?,
        })
    }
}

/// Measures a case once, with a server of its own.
pub(super) fn measure(options: &Ingest, binary: &Path, case: Case) -> anyhow::Result<Flow> {
    let server = Server::start(binary, options.core, server::LOOPBACK)?;
    let url = match case.protocol {
        Protocol::Rtmp => &server.rtmp,
        Protocol::Rtmps => &server.rtmps,
    };
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
    let load = Options {
        publishers: case.publishers,
        source: Source {
            audio: true,
            ..Source::default()
        },
        rtmp: Some(Rtmp {
            urls: vec![url.parse()?],
            any_certificate: true,
        }),
        joins: Joins::default(),
        warm_up: Duration::from_secs(options.warm_up),
        duration: Duration::from_secs(options.seconds),
        ..Options::new(target, case.viewers)
    };
    let mut accounts = Vec::with_capacity(4);
    let id = server.process().id();
    let report = load::run(&load, &Stop::default(), &mut |phase| {
        accounts.push((phase, Account::read(id)));
    })?;
    ensure!(
        report.connected == report.connections,
        "{} of {} connections stand",
        report.connected,
        report.connections
    );
    let at = |wanted: Phase| {
        let found = accounts.iter().find(|(phase, _)| *phase == wanted);
        let account = found.and_then(|(_, account)| account.as_ref().ok());
        account
            .copied()
            .with_context(|| format!("the account at {wanted:?}"))
    };
    let (before, after) = (at(Phase::Measuring)?, at(Phase::Measured)?);
    let workers = after.workers.saturating_sub(before.workers);
    Ok(Flow {
        case,
        seconds: report.seconds,
        workers,
        others: after.all.saturating_sub(before.all).saturating_sub(workers),
        load: after.load.saturating_sub(before.load),
        pictures: report.sum.pictures,
        pictures_expected: report.sent.pictures * case.viewers as u64,
        packets: report.sum.packets,
        p50_ms: report.picture_latency.p50,
        p99_ms: report.picture_latency.p99,
        ended: report.ended.len(),
    })
}

impl Flow {
    /// Microseconds of a second of one publisher, of the time.
    pub(super) fn each_us(&self, time: Duration) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "at most a hundred")]
        let publishers = self.case.publishers.max(1) as f64;
        time.as_secs_f64() * 1e6 / self.seconds.max(1e-9) / publishers
    }

    /// Percent of a core that the time is.
    pub(super) fn percent(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 100.0 / self.seconds.max(1e-9)
    }

    pub(super) fn server(&self) -> Duration {
        self.workers + self.others
    }

    pub(super) fn delivered_percent(&self) -> f64 {
        crate::percent(self.pictures, self.pictures_expected)
    }

    /// Whether the server's core has room, and pictures come, and in time.
    pub(super) fn keeps_up(&self) -> bool {
        self.ended == 0
            && self.percent(self.server()) < BUSY_PERCENT_MAX
            && self.delivered_percent() >= DELIVERED_PERCENT_MIN
            && self.p99_ms <= LATE_MS
    }
}
