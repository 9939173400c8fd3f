//! The nearest thing there is to compare with: `moto_server`, an emulator in Python, and its calls of the older channel API.
//!
//! It checks no signatures and keeps everything in memory, so the comparison is generous to it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

/// A running `moto_server`. It is killed when dropped.
pub(super) struct Moto {
    process: Child,
    pub(super) address: SocketAddr,
}

impl Moto {
    /// Starts it on one core and a free port.
    pub(super) fn start(program: &Path, core: u32) -> anyhow::Result<Self> {
        let mut process = Command::new("taskset")
            .args(["-c", &core.to_string()])
            .arg(program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("taskset and moto_server start")?;
        let log = process.stderr.take().context("its log is piped")?;
        let mut lines = BufReader::new(log).lines();
        let address = loop {
            let line = lines
                .next()
                .context("moto_server says where it listens")??;
            if let Some((_, address)) = line.split_once("Running on http://") {
                break address.trim().parse()?;
            }
        };
        // It logs every call: somebody has to read that.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { process, address })
    }

    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Its data is in memory; a failure means that it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
