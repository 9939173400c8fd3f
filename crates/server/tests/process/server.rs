//! A `downstage` process of a test's own, on free ports, in a folder of its own.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_downstage");
/// Far beyond what any step takes; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// A command line without anything of the developer's environment.
pub(crate) fn command() -> Command {
    let mut command = Command::new(BINARY);
    command.env_clear().stdin(Stdio::null());
    command
}

/// `downstage serve` with an access key of its own and nothing else.
pub(crate) fn serve() -> Command {
    let mut command = command();
    command.args(["serve", "--ephemeral", "--http", "127.0.0.1:0"]);
    command.args(["--media", "127.0.0.1:0", "--media-workers", "1"]);
    let access_key = "AKID:0123456789abcdef:123456789012";
    command.env("DOWNSTAGE_ACCESS_KEYS", access_key);
    command
}

pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    pub(crate) http: SocketAddr,
    pub(crate) media: Vec<SocketAddr>,
    /// Where RTMP is taken, and RTMPS, if they are.
    pub(crate) rtmp: Option<SocketAddr>,
    pub(crate) rtmps: Option<SocketAddr>,
}

impl Server {
    /// Starts `downstage dev` with its data in `folder`.
    pub(crate) fn dev(folder: &Path, flags: &[&str]) -> Self {
        let mut command = command();
        command.args([
            "dev",
            "--http",
            "127.0.0.1:0",
            "--media",
            "127.0.0.1:0",
            "--rtmp",
            "127.0.0.1:0",
            "--rtmps",
            "127.0.0.1:0",
            "--data",
        ]);
        command.arg(folder.join("data")).args(flags);
        Self::start(command, folder)
    }

    /// Starts any command that serves, and waits until it is ready.
    pub(crate) fn start(mut command: Command, folder: &Path) -> Self {
        let ready = folder.join("ready.json");
        let _ = fs::remove_file(&ready);
        let append = |name: &str| {
            let path = folder.join(name);
            File::options()
                .create(true)
                .append(true)
                .open(path)
                .unwrap()
        };
        let mut child = command
            .arg("--ready-file")
            .arg(&ready)
            .stdout(append("out"))
            .stderr(append("log"))
            .spawn()
            .unwrap();
        let facts = until("the server is ready", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!(
                    "the server ended with {status}: {}",
                    fs::read_to_string(folder.join("log")).unwrap()
                );
            }
            fs::read_to_string(&ready).ok()
        });
        let facts: Value = serde_json::from_str(&facts).unwrap();
        let http = facts["http"]
            .as_str()
            .unwrap()
            .strip_prefix("http://")
            .unwrap()
            .parse()
            .unwrap();
        let media = facts["media"].as_array().unwrap();
        let media = media
            .iter()
            .map(|one| one.as_str().unwrap().parse().unwrap())
            .collect();
        let door = |name: &str| facts[name].as_str().map(|text| text.parse().unwrap());
        Self {
            child,
            folder: folder.to_owned(),
            http,
            media,
            rtmp: door("rtmp"),
            rtmps: door("rtmps"),
        }
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }

    /// What it has printed.
    pub(crate) fn out(&self) -> String {
        fs::read_to_string(self.folder.join("out")).unwrap()
    }

    /// As a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let child = &mut self.child;
        until("the server has ended", || child.try_wait().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks until there is an answer.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(now() < deadline, "not in time: {what}");
        pause();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test that drives another process needs a deadline"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process's state can only be polled"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}
