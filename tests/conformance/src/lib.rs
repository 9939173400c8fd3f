//! The running binary, for tests that speak to it as its users do.

pub mod calls;
pub mod presence;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use aws_credential_types::Credentials;
use aws_sdk_ivsrealtime::config::{BehaviorVersion, Region, retry::RetryConfig};

/// How long a start may take before it counts as failed.
const START_MAX: Duration = Duration::from_secs(30);

/// The bucket that every server has.
pub const BUCKET: &str = "recordings";

/// One `downstage dev` process on free ports, with data that nobody had before. It is killed when dropped.
#[derive(Debug)]
pub struct Server {
    process: Child,
    _folder: tempfile::TempDir,
    /// Base URL of its HTTP server.
    pub http: String,
}

/// The binary under test: `DOWNSTAGE_BIN`, or the one built beside the test.
fn binary() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("DOWNSTAGE_BIN") {
        return Ok(path.into());
    }
    let test = std::env::current_exe()?;
    let folder = test
        .parent()
        .and_then(|deps| deps.parent())
        .context("a test lies in a deps folder")?;
    Ok(folder.join("downstage"))
}

impl Server {
    /// Starts a server and waits until it is ready.
    pub async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let ready = folder.path().join("ready.json");
        let data = folder.path().join("data");
        std::fs::create_dir_all(data.join("objects").join(BUCKET))?;
        let mut process = Command::new(binary()?)
            .args([
                "dev",
                "--http",
                "127.0.0.1:0",
                "--media",
                "127.0.0.1:0",
                "--rtmp",
                "127.0.0.1:0",
                "--rtmps",
                "127.0.0.1:0",
                "--ready-file",
            ])
            .arg(&ready)
            .arg("--data")
            .arg(&data)
            .stdout(Stdio::null())
            .spawn()
            .context("the binary starts")?;
        #[expect(
            clippy::disallowed_methods,
            reason = "a test of a real process waits in real time"
        )]
        let started = Instant::now();
        while !ready.exists() {
            if let Some(status) = process.try_wait()? {
                bail!("the server ended: {status}");
            }
            if started.elapsed() > START_MAX {
                process.kill()?;
                bail!("the server is not ready within {START_MAX:?}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
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

    /// Host and port of its HTTP server.
    pub fn address(&self) -> &str {
        self.http.trim_start_matches("http://")
    }

    /// The SDK's client for it.
    pub fn client(&self) -> aws_sdk_ivsrealtime::Client {
        let config = aws_sdk_ivsrealtime::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.http)
            .region(Region::new("us-west-2"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .build();
        aws_sdk_ivsrealtime::Client::from_conf(config)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing is lost: the data goes with the folder, and a failure here leaves a process that is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
