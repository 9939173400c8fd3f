//! The server under measurement: a process of its own on a core of its own.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

use crate::process::Process;

/// Where media flows when only this server is measured.
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What is read of the server's metrics, at most.
const METRICS_BYTES_MAX: u64 = 1 << 20;

/// A running server.
pub(crate) struct Server {
    process: Process,
    _folder: tempfile::TempDir,
    /// Base URL of its HTTP server.
    pub(crate) http: String,
    /// Where encoders go: `rtmp://…` and `rtmps://…`.
    pub(crate) rtmp: String,
    pub(crate) rtmps: String,
}

impl Server {
    /// Starts `downstage dev` on one core with one media worker, whose socket is bound to the address.
    pub(crate) fn start(binary: &Path, core: u32, media: IpAddr) -> anyhow::Result<Self> {
        Self::start_with(binary, core, media, 1)
    }

    /// The same with so many media workers, all on that core.
    pub(crate) fn start_with(
        binary: &Path,
        core: u32,
        media: IpAddr,
        workers: usize,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let ready = folder.path().join("ready.json");
        let mut command = Command::new(binary);
        command
            .args(["dev", "--http", "127.0.0.1:0", "--media"])
            .arg(SocketAddr::new(media, 0).to_string())
            .args(["--media-workers", &workers.to_string()])
            .args(["--rtmp", "127.0.0.1:0", "--rtmps", "127.0.0.1:0"])
            .arg("--data")
            .arg(folder.path().join("data"))
            .arg("--ready-file")
            .arg(&ready)
            .env("DOWNSTAGE_LOG_LEVEL", "warn");
        let mut process = Process::start(&command, core)?;
        let http = process.wait_for_facts(&ready)?;
        let facts: serde_json::Value = serde_json::from_slice(&std::fs::read(&ready)?)?;
        let door = |scheme: &str| {
            let address = facts[scheme].as_str();
            address
                .map(|address| format!("{scheme}://{address}/app"))
                .with_context(|| format!("the ready file names the port of {scheme}"))
        };
        let (rtmp, rtmps) = (door("rtmp")?, door("rtmps")?);
        Ok(Self {
            process,
            _folder: folder,
            http,
            rtmp,
            rtmps,
        })
    }

    /// What the server says of itself.
    fn metrics(&self) -> Option<String> {
        let address = self.http.strip_prefix("http://")?;
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        let request = format!("GET /metrics HTTP/1.0\r\nhost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream
            .take(METRICS_BYTES_MAX)
            .read_to_string(&mut text)
            .ok()?;
        Some(text)
    }

    /// A counter without labels, by its name without prefix and suffix.
    pub(crate) fn counter(&self, name: &str) -> Option<u64> {
        let name = format!("_{name}_total ");
        self.metrics()?.lines().find_map(|line| {
            let (_, count) = line.split_once(&name)?;
            count.trim().parse().ok()
        })
    }

    /// The counters of what media has dropped since the start, those that are not zero, by their reasons.
    pub(crate) fn drops(&self) -> Option<String> {
        let reasons: Vec<String> = self
            .metrics()?
            .lines()
            .filter_map(|line| {
                let (_, rest) = line
                    .split_once("media_drops_total{reason=\"")
                    .or_else(|| line.split_once("media_drops{reason=\""))?;
                let (reason, count) = rest.split_once("\"}")?;
                let count = count.trim();
                (count != "0").then(|| format!("{reason} {count}"))
            })
            .collect();
        Some(if reasons.is_empty() {
            "0".to_owned()
        } else {
            reasons.join(", ")
        })
    }

    /// Its process.
    pub(crate) fn process(&self) -> &Process {
        &self.process
    }
}
