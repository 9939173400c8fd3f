//! The server under measurement: a process of its own on a core of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use crate::process::Process;

/// Where media flows when only this server is measured.
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A running server.
pub(crate) struct Server {
    process: Process,
    _folder: tempfile::TempDir,
    /// Base URL of its HTTP server.
    pub(crate) http: String,
}

impl Server {
    /// Starts `downstage dev` on one core with one media worker, whose socket is bound to the address.
    pub(crate) fn start(binary: &Path, core: u32, media: IpAddr) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let ready = folder.path().join("ready.json");
        let mut command = Command::new(binary);
        command
            .args(["dev", "--http", "127.0.0.1:0", "--media"])
            .arg(SocketAddr::new(media, 0).to_string())
            .arg("--data")
            .arg(folder.path().join("data"))
            .arg("--ready-file")
            .arg(&ready)
            .env("DOWNSTAGE_LOG_LEVEL", "warn");
        let mut process = Process::start(&command, core)?;
        let http = process.wait_for_facts(&ready)?;
        Ok(Self {
            process,
            _folder: folder,
            http,
        })
    }

    /// Its process.
    pub(crate) fn process(&self) -> &Process {
        &self.process
    }
}
