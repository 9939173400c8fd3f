//! The configuration against this machine.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use media::probe::Ports;
use media::{IceAccess, IceServerSettings};
use tokio::net::{TcpStream, UdpSocket};

use super::place::Place;
use super::{Report, encoders, kernel};
use crate::config::{Config, Mode, ObjectStore};
use crate::endpoints::PublicUrl;
use crate::{buckets, clock};

/// How long a packet may take to this machine itself, or around through its own NAT.
const PATIENCE: Duration = Duration::from_millis(500);

/// Looks at everything, and leaves no trace.
pub(super) async fn examine(config: &Config, report: &mut Report) {
    let keys = config.access_keys.len();
    report.ok("configuration", format!("{keys} access key(s)"));
    match TcpListener::bind(config.http) {
        Ok(_) => report.ok("HTTP port", format!("{} is free", config.http)),
        Err(error) => report.fail(
            "HTTP port",
            format!("{}: {error}", config.http),
            "stop what uses it, or set `http` to another one; a server that runs is examined with --server",
        ),
    }
    encoders::examine(config, report);
    let mut is_first = true;
    for worker in 0..config.media_workers {
        if let Some(ports) = media_ports(config, worker, report) {
            if std::mem::take(&mut is_first) {
                kernel::buffers(ports.buffers(), report);
            }
            candidates(worker, ports, report).await;
        }
    }
    kernel::offload(config.media_listen.is_ipv6(), report);
    kernel::open_files(report);
    machine_clock(clock::system_clock()().wall, report);
    match &config.data {
        None => report.ok("data folder", "in memory; nothing is kept"),
        Some(folder) => writable("data folder", folder, report),
    }
    object_store(config, report).await;
    public_url(config, report).await;
    ice_servers(&config.ice_servers, report);
}

/// Binds the ports of a worker.
fn media_ports(config: &Config, worker: usize, report: &mut Report) -> Option<Ports> {
    let name = format!("media port {worker}");
    let first = config.media_listen;
    let port = match first.port() {
        0 => Some(0),
        port => u16::try_from(worker)
            .ok()
            .and_then(|worker| port.checked_add(worker)),
    };
    let Some(port) = port else {
        let remedy =
            "begin at a lower port, or take fewer workers (`media.listen`, `media.workers`)";
        report.fail(name, "there is no port above 65535", remedy);
        return None;
    };
    let address = SocketAddr::new(first.ip(), port);
    match Ports::bind(address, &config.external_addresses) {
        Ok(ports) => {
            report.ok(name, format!("{address} is free, UDP and TCP"));
            Some(ports)
        }
        Err(error) => {
            let remedy = "stop what uses it, or set `media.listen` to another port or to an address of this machine";
            report.fail(name, format!("{address}: {error}"), remedy);
            None
        }
    }
}

/// Says what the worker's answers would offer, and whether packets to it come in by that way.
async fn candidates(worker: usize, ports: Ports, report: &mut Report) {
    let Ports {
        udp,
        tcp,
        candidates,
    } = ports;
    // Taken over from a socket that does not block; within the runtime that does not fail.
    let (Ok(udp), Ok(tcp)) = (
        UdpSocket::from_std(udp),
        tokio::net::TcpListener::from_std(tcp),
    ) else {
        return report.warn("candidates", "the sockets cannot be used", "try again");
    };
    for candidate in candidates {
        let place = Place::of(candidate.ip());
        let by_udp = comes_in_by_udp(&udp, candidate).await;
        let by_tcp = comes_in_by_tcp(&tcp, candidate).await;
        let name = format!("candidate {worker}");
        let way = |is_reached: bool| if is_reached { "reached" } else { "not reached" };
        let detail = format!(
            "{candidate} ({place}): UDP {}, TCP {} from this machine",
            way(by_udp),
            way(by_tcp)
        );
        if place == Place::Reserved {
            let remedy = "nobody can reach this address: set `media.external_ip` to the one that clients reach";
            report.fail(name, detail, remedy);
        } else if !by_udp || !by_tcp {
            let remedy = "a router in front may not lead this machine back to itself; see that it passes this port on, \
                          UDP and TCP, and examine the running server from outside with --server";
            report.warn(name, detail, remedy);
        } else {
            report.ok(name, detail);
        }
    }
}

async fn comes_in_by_udp(socket: &UdpSocket, candidate: SocketAddr) -> bool {
    let any: IpAddr = if candidate.is_ipv4() {
        std::net::Ipv4Addr::UNSPECIFIED.into()
    } else {
        std::net::Ipv6Addr::UNSPECIFIED.into()
    };
    let token = clock::random_bytes::<16>(&clock::system_random());
    let arrives = async {
        let sender = UdpSocket::bind((any, 0)).await?;
        sender.send_to(&token, candidate).await?;
        let mut buffer = [0; 64];
        loop {
            let (length, _) = socket.recv_from(&mut buffer).await?;
            if buffer.get(..length) == Some(&token) {
                return std::io::Result::Ok(());
            }
        }
    };
    matches!(tokio::time::timeout(PATIENCE, arrives).await, Ok(Ok(())))
}

async fn comes_in_by_tcp(listener: &tokio::net::TcpListener, candidate: SocketAddr) -> bool {
    let arrives = async {
        let stream = TcpStream::connect(candidate).await?;
        let own = stream.local_addr()?;
        let (_, peer) = listener.accept().await?;
        // Behind a NAT that leads back, the address differs and the port mostly does not.
        std::io::Result::Ok(peer.port() == own.port() || peer.ip() != own.ip())
    };
    matches!(tokio::time::timeout(PATIENCE, arrives).await, Ok(Ok(true)))
}

/// Signatures and tokens carry times, so a clock that is off locks everybody out.
fn machine_clock(now: Timestamp, report: &mut Report) {
    let built = date(2026, 1, 1).to_zoned(TimeZone::UTC);
    let is_plausible = built.is_ok_and(|built| now > built.timestamp());
    let detail = now.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    if is_plausible {
        report.ok("clock", detail);
    } else {
        let remedy = "set it, and keep it right by NTP: signatures are good for five minutes";
        report.fail("clock", detail, remedy);
    }
}

/// Whether a folder, or the nearest one above it that exists, can be written.
fn writable(name: &str, folder: &Path, report: &mut Report) {
    let remedy = "name a folder that this user may write";
    let fault = |detail: String, report: &mut Report| report.fail(name, detail, remedy);
    let absolute = match std::path::absolute(folder) {
        Ok(absolute) => absolute,
        Err(error) => return fault(error.to_string(), report),
    };
    let existing = absolute
        .ancestors()
        .find(|each| each.exists())
        .unwrap_or_else(|| Path::new("/"));
    if !existing.is_dir() {
        return fault(format!("{} is not a folder", existing.display()), report);
    }
    let probe = existing.join(format!(".downstage-doctor-{}", std::process::id()));
    match std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe)) {
        Ok(()) => report.ok(name, format!("{} can be written", absolute.display())),
        Err(error) => fault(format!("{}: {error}", existing.display()), report),
    }
}

/// Whether buckets can be made or reached. An S3 server is asked; a folder is looked at only.
async fn object_store(config: &Config, report: &mut Report) {
    let name = "object store";
    match &config.object_store {
        ObjectStore::Memory { .. } => report.ok(name, "in memory; nothing is kept"),
        ObjectStore::Folder { folder, .. } => writable(name, folder, report),
        ObjectStore::S3(s3) => match buckets::reach(s3).await {
            Ok(detail) => report.ok(name, detail),
            Err(detail) => report.fail(name, detail, "see docs/storage.md"),
        },
    }
}

/// Whether what clients are told can be used by them.
async fn public_url(config: &Config, report: &mut Report) {
    let url = config
        .public_url
        .clone()
        .unwrap_or_else(|| PublicUrl::of_address(config.http));
    let endpoints = url.endpoints();
    let detail = format!("clients use {}, {}", endpoints.whip, endpoints.events);
    let name = "public URL";
    let host = url.host().trim_matches(['[', ']']).to_owned();
    let found = tokio::time::timeout(
        Duration::from_secs(5),
        tokio::net::lookup_host((host.as_str(), 443)),
    );
    let addresses: Vec<IpAddr> = match found.await {
        Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    let is_for_others = config.mode == Mode::Serve;
    let is_this_machine = addresses.iter().all(IpAddr::is_loopback);
    if addresses.is_empty() {
        let remedy =
            "its host name leads nowhere from here: set `public_url` to the name that clients use";
        report.warn(name, detail, remedy);
    } else if is_for_others && is_this_machine {
        let remedy = "clients on other machines reach themselves by it: set `public_url` to the name that they use";
        report.warn(name, detail, remedy);
    } else if !url.is_tls() && !is_this_machine {
        let remedy = "tokens travel in clear text, and browsers give no camera: put a proxy with TLS in front and set \
                      `public_url` to its https address";
        report.warn(name, detail, remedy);
    } else {
        report.ok(name, detail);
    }
}

fn ice_servers(servers: &[IceServerSettings], report: &mut Report) {
    for server in servers {
        let urls: Vec<String> = server.urls.iter().map(ToString::to_string).collect();
        let urls = urls.join(", ");
        let name = "ICE server";
        match server.access {
            IceAccess::Open => report.ok(name, format!("{urls}, open")),
            IceAccess::Timed { .. } => report.ok(name, format!("{urls}, credentials that end")),
            IceAccess::Fixed { .. } => report.warn(
                name,
                format!("{urls}, one password for all"),
                "every participant keeps it: give the relay a shared `secret` instead",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::doctor::Status;

    fn config(http: SocketAddr, data: &Path) -> Config {
        let settings = Settings {
            http: Some(http),
            data: Some(data.to_owned()),
            media: crate::config::MediaSettings {
                listen: Some("127.0.0.1:0".parse().unwrap()),
                ..Default::default()
            },
            ..Default::default()
        };
        Config::load(Mode::Dev, settings, None).unwrap()
    }

    fn failed(report: &Report) -> Vec<&str> {
        let failed = report
            .checks
            .iter()
            .filter(|check| check.status == Status::Failed);
        failed.map(|check| check.name.as_str()).collect()
    }

    #[tokio::test]
    async fn a_free_machine_is_well_and_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let config = config("127.0.0.1:0".parse().unwrap(), &folder.path().join("data"));
        let mut report = Report::default();
        examine(&config, &mut report).await;
        assert!(report.is_well(), "{}", report.table());
        let candidate = report
            .checks
            .iter()
            .find(|check| check.name == "candidate 0");
        let detail = &candidate.unwrap().detail;
        assert!(
            detail.ends_with("(this machine only): UDP reached, TCP reached from this machine"),
            "{detail}"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_taken_port_and_a_folder_that_is_a_file_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut config = config(taken.local_addr().unwrap(), &file);
        config.media_listen = taken.local_addr().unwrap();
        let mut report = Report::default();
        examine(&config, &mut report).await;
        let expected = ["HTTP port", "media port 0", "data folder", "object store"];
        assert_eq!(failed(&report), expected, "{}", report.table());
    }

    #[tokio::test]
    async fn candidates_that_nobody_or_not_this_machine_can_reach_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config("127.0.0.1:0".parse().unwrap(), folder.path());
        config.external_addresses = vec![IpAddr::from([192, 0, 2, 1])];
        let mut report = Report::default();
        examine(&config, &mut report).await;
        assert_eq!(failed(&report), ["candidate 0"], "{}", report.table());
    }

    #[tokio::test]
    async fn workers_beyond_the_last_port_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config("127.0.0.1:0".parse().unwrap(), folder.path());
        config.media_listen.set_port(65_535);
        config.media_workers = 2;
        let mut report = Report::default();
        examine(&config, &mut report).await;
        assert!(failed(&report).contains(&"media port 1"));
    }

    #[test]
    fn a_clock_before_this_program_was_made_is_wrong() {
        for (second, status) in [(0, Status::Failed), (1_800_000_000, Status::Ok)] {
            let mut report = Report::default();
            machine_clock(Timestamp::from_second(second).unwrap(), &mut report);
            assert_eq!(report.checks[0].status, status);
        }
    }
}
