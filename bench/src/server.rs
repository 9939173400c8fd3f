//! The server under measurement: a process of its own on a core of its own.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use aws_credential_types::Credentials;
use aws_sdk_ivsrealtime::config::{BehaviorVersion, Region, retry::RetryConfig};

use crate::clock;

/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(30);

/// Binds a process to one core (`taskset` of util-linux).
pub(crate) fn pin(process: u32, core: u32) -> anyhow::Result<()> {
    let status = Command::new("taskset")
        .args(["-cp", &core.to_string(), &process.to_string()])
        .stdout(Stdio::null())
        .status()
        .context("taskset starts")?;
    anyhow::ensure!(status.success(), "taskset binds the load to core {core}");
    Ok(())
}

/// CPU time of all threads of a process so far, from the scheduler's own account (nanosecond resolution).
pub(crate) fn cpu(process: u32) -> anyhow::Result<Duration> {
    let mut total = 0;
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end between the listing and the reading.
        let Ok(text) = std::fs::read_to_string(task?.path().join("schedstat")) else {
            continue;
        };
        let first = text
            .split_whitespace()
            .next()
            .context("schedstat has three numbers")?;
        total += first.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(total))
}

/// Ticks of the clock in which the kernel tells the time of a whole process (`USER_HZ`, the same on all of Linux).
const TICKS_PER_SECOND: u64 = 100;

/// CPU time of a process so far, of threads that have ended too; in steps of 10 ms.
pub(crate) fn cpu_of_all(process: u32) -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is the program's name in parentheses, which may hold anything.
    let (_, fields) = text.rsplit_once(')').context("stat has a name")?;
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let user = times.next().context("stat has user time")??;
    let system = times.next().context("stat has system time")??;
    Ok(Duration::from_millis(
        (user + system) * 1_000 / TICKS_PER_SECOND,
    ))
}

/// A running server. It is killed when dropped.
pub(crate) struct Server {
    process: Child,
    _folder: tempfile::TempDir,
    /// Base URL of its HTTP server.
    pub(crate) http: String,
}

impl Server {
    /// Starts `downstage dev` on one core (`taskset`) with one media worker.
    pub(crate) fn start(binary: &Path, core: u32) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let ready = folder.path().join("ready.json");
        let mut process = Command::new("taskset")
            .args(["-c", &core.to_string()])
            .arg(binary)
            .args([
                "dev",
                "--http",
                "127.0.0.1:0",
                "--media",
                "127.0.0.1:0",
                "--data",
            ])
            .arg(folder.path().join("data"))
            .arg("--ready-file")
            .arg(&ready)
            .stdout(Stdio::null())
            .spawn()
            .context("taskset and the binary start")?;
        let started = clock::now();
        while !ready.exists() {
            if let Some(status) = process.try_wait()? {
                bail!("the server ended: {status}");
            }
            if started.elapsed() > START_MAX {
                process.kill()?;
                bail!("the server is not ready within {START_MAX:?}");
            }
            std::thread::yield_now();
        }
        let facts: serde_json::Value = serde_json::from_slice(&std::fs::read(&ready)?)?;
        let http = facts["http"]
            .as_str()
            .context("the ready file names the HTTP address")?
            .to_owned();
        Ok(Self {
            process,
            _folder: folder,
            http,
        })
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// CPU time of all its threads so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu(self.id())
    }

    /// Resident memory, in bytes.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = text
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .context("status has VmRSS")?;
        let kibibytes: u64 = line
            .split_whitespace()
            .nth(1)
            .context("VmRSS has a value")?
            .parse()?;
        Ok(kibibytes * 1024)
    }

    /// The SDK's client for it.
    pub(crate) fn client(&self) -> aws_sdk_ivsrealtime::Client {
        let config = aws_sdk_ivsrealtime::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.http)
            .region(Region::new("us-west-2"))
            .credentials_provider(Credentials::new("test", "test", None, None, "bench"))
            .retry_config(RetryConfig::disabled())
            .build();
        aws_sdk_ivsrealtime::Client::from_conf(config)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The data is thrown away; a failure means that the process is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
