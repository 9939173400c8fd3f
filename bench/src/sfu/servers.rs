//! The servers under measurement: how each is started, and with which settings.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use clap::ValueEnum;
use load::{Credentials, Endpoint, Target};
use tempfile::TempDir;

use super::door::Door;
use super::scenario::Case;
use super::{Sfu, janus, livekit};
use crate::process::Process;
use crate::server::{LOOPBACK, Server};

/// A server that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Kind {
    Downstage,
    Floor,
    Pion,
    Livekit,
    Janus,
    Mediasoup,
}

/// A server that runs, and where its load goes. Order matters: what is in front of a server ends before it.
pub(super) struct Running {
    pub(super) target: Target,
    /// Whether viewers can come only when media flows.
    pub(super) media_first: bool,
    _door: Option<Door>,
    program: Program,
}

enum Program {
    Downstage(Server),
    Other { process: Process, _folder: TempDir },
}

impl Running {
    pub(super) fn process(&self) -> &Process {
        match &self.program {
            Program::Downstage(server) => server.process(),
            Program::Other { process, .. } => process,
        }
    }
}

impl Running {
    /// What the server says that media has dropped since its start, if it tells.
    pub(super) fn drops(&self) -> Option<String> {
        match &self.program {
            Program::Downstage(server) => server.drops(),
            Program::Other { .. } => None,
        }
    }
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Downstage => "downstage",
            Self::Floor => "floor",
            Self::Pion => "Pion",
            Self::Livekit => "LiveKit",
            Self::Janus => "Janus",
            Self::Mediasoup => "mediasoup",
        }
    }

    /// Version and settings, in words.
    pub(super) fn settings(self, options: &Sfu) -> String {
        let printed = |program: &Path, argument: &str| {
            let output = Command::new(program).arg(argument).output();
            let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
            text.unwrap_or_default()
                .lines()
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        match self {
            Self::Downstage => "this build, one media worker, default settings".to_owned(),
            Self::Floor => "rewrite, one AES-256-GCM seal and GSO only: plain RTP in, no ICE, DTLS, RTCP or retransmission; packets of \
                            20 bytes of header, as with a transport-wide sequence number"
                .to_owned(),
            Self::Pion => {
                format!(
                    "{}; bench/peers/pion: default interceptors (NACK, RTX, reports, TWCC, statistics), GOMAXPROCS=1",
                    pion_version()
                )
            }
            Self::Livekit => format!(
                "{}; WHIP in, one-shot WHIP out, default congestion control, GOMAXPROCS=1; viewers join while media flows",
                printed(&options.livekit(), "--version")
            ),
            Self::Janus => format!(
                "{}; VideoRoom in, forwarded to a streaming mountpoint, ICE-lite, one event loop; NACK and RTX, no TWCC sequence numbers",
                printed(Path::new("janus"), "--version").replace("Janus version: ", "")
            ),
            Self::Mediasoup => String::new(),
        }
    }

    /// Where it and its clients are bound. Janus has no use for loopback addresses, so it gets this machine's own; packets to that
    /// stay inside of the kernel too.
    pub(super) fn address(self) -> IpAddr {
        if self == Self::Janus {
            own_address()
        } else {
            LOOPBACK
        }
    }

    /// Why it cannot be measured here; `None` if it can.
    pub(super) fn missing(self, options: &Sfu) -> Option<String> {
        let program = match self {
            Self::Downstage | Self::Floor => return None,
            Self::Pion => options.pion(),
            Self::Livekit => options.livekit(),
            Self::Janus => {
                if self.address().is_loopback() {
                    return Some("it offers no candidates on a loopback address, and this machine has no other".to_owned());
                }
                PathBuf::from("/usr/bin/janus")
            }
            Self::Mediasoup => {
                let why = "its worker is not to be had as a package, and no driver is written";
                return Some(why.to_owned());
            }
        };
        (!program.exists()).then(|| {
            format!(
                "{} is not there; `scripts/setup.sh peers` brings it where it is to be had",
                program.display()
            )
        })
    }

    /// Starts it on the core.
    pub(super) fn start(
        self,
        options: &Sfu,
        binary: &Path,
        address: IpAddr,
        case: &Case,
    ) -> anyhow::Result<Running> {
        match self {
            Self::Downstage => downstage(options, binary, address, case),
            Self::Pion => pion(options, address),
            Self::Livekit => livekit::start(options, address),
            Self::Janus => janus::start(options, address),
            Self::Floor | Self::Mediasoup => anyhow::bail!("it is not driven by WHIP and WHEP"),
        }
    }
}

impl Running {
    /// A server behind a door of ours.
    pub(super) fn behind(door: Door, process: Process, folder: TempDir, media_first: bool) -> Self {
        Self {
            target: doors(&door.url),
            media_first,
            _door: Some(door),
            program: Program::Other {
                process,
                _folder: folder,
            },
        }
    }
}

fn doors(base: &str) -> Target {
    let endpoint = |path| {
        vec![Endpoint {
            url: format!("{base}{path}"),
            bearer: None,
        }]
    };
    Target::Doors {
        whip: endpoint("/whip"),
        whep: endpoint("/whep"),
    }
}

fn downstage(
    options: &Sfu,
    binary: &Path,
    address: IpAddr,
    case: &Case,
) -> anyhow::Result<Running> {
    let server = Server::start(binary, options.core, address)?;
    Ok(Running {
        target: Target::Stage {
            endpoint: server.http.clone(),
            stage: None,
            credentials: Credentials {
                id: "test".to_owned(),
                secret: "test".to_owned(),
                region: "us-west-2".to_owned(),
            },
            watching: case.watching(),
        },
        media_first: false,
        _door: None,
        program: Program::Downstage(server),
    })
}

fn pion(options: &Sfu, address: IpAddr) -> anyhow::Result<Running> {
    let folder = tempfile::tempdir()?;
    let ready = folder.path().join("ready.json");
    let mut command = Command::new(options.pion());
    command
        .args(["-address", &address.to_string(), "-ready-file"])
        .arg(&ready)
        .env("GOMAXPROCS", "1");
    let mut process = Process::start(&command, options.core)?;
    let http = process.wait_for_facts(&ready)?;
    Ok(Running {
        target: doors(&http),
        media_first: false,
        _door: None,
        program: Program::Other {
            process,
            _folder: folder,
        },
    })
}

/// The address by which this machine reaches others; nothing is sent to find it.
fn own_address() -> IpAddr {
    let found = || {
        let socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
        // A documentation address (RFC 5737).
        socket.connect((Ipv4Addr::new(203, 0, 113, 1), 9))?;
        socket.local_addr()
    };
    found().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}

/// The version that `go.mod` names.
fn pion_version() -> String {
    let module = include_str!("../../peers/pion/go.mod");
    let line = module
        .lines()
        .find(|line| line.contains("pion/webrtc/v4"))
        .unwrap_or_default();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A port that is free at the moment, for servers that want to be told one.
pub(super) fn free_port(address: IpAddr) -> anyhow::Result<u16> {
    let listener = TcpListener::bind(SocketAddr::new(address, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Waits until a server takes TCP connections.
pub(super) fn wait_for(process: &mut Process, address: SocketAddr) -> anyhow::Result<()> {
    process
        .wait_until(|| TcpStream::connect(address).is_ok())
        .context("it takes connections")
}
