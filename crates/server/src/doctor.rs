//! `downstage doctor`: would a server run here, and what would clients be offered?

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;

use crate::buckets;
use crate::config::{Config, ObjectStore};
use crate::endpoints::PublicUrl;

/// What was found.
pub(crate) struct Report {
    /// One line for each check.
    pub(crate) text: String,
    /// Whether all is well.
    pub(crate) is_well: bool,
}

/// Checks a configuration against this machine, and leaves no trace.
pub(crate) async fn examine(config: &Config) -> Report {
    let mut report = Report {
        text: String::new(),
        is_well: true,
    };
    report.add(
        "configuration",
        Ok(format!("{} access key(s)", config.access_keys.len())),
    );
    report.add("HTTP port", bind_tcp(config.http));
    for worker in 0..config.media_workers {
        let address = media_address(config.media_listen, worker);
        report.add(
            "media port",
            bind_udp(address).and_then(|_| bind_tcp(address)),
        );
    }
    let data = match &config.data {
        None => Ok("in memory; nothing is kept".to_owned()),
        Some(folder) => writable(folder),
    };
    report.add("data folder", data);
    report.add("object store", objects(config).await);
    let url = config
        .public_url
        .clone()
        .unwrap_or_else(|| PublicUrl::of_address(config.http));
    report.add(
        "clients use",
        Ok(format!(
            "{}, {}",
            url.endpoints().whip,
            url.endpoints().events
        )),
    );
    report.add("candidates", Ok(candidates(config)));
    report
}

impl Report {
    fn add(&mut self, what: &str, outcome: Result<String, String>) {
        let (mark, text) = match outcome {
            Ok(text) => ("ok ", text),
            Err(text) => {
                self.is_well = false;
                ("BAD", text)
            }
        };
        let _ = writeln!(self.text, "{mark}  {what:<14} {text}");
    }
}

/// Whether buckets can be made or reached. An S3 server is asked; a folder is looked at only.
async fn objects(config: &Config) -> Result<String, String> {
    match &config.object_store {
        ObjectStore::Memory { .. } => Ok("in memory; nothing is kept".to_owned()),
        ObjectStore::Folder { folder, .. } => writable(folder),
        ObjectStore::S3(s3) => buckets::reach(s3).await,
    }
}

/// Each worker's port; port 0 stays 0.
fn media_address(first: SocketAddr, worker: usize) -> SocketAddr {
    let port = match first.port() {
        0 => 0,
        port => port.saturating_add(u16::try_from(worker).unwrap_or(u16::MAX)),
    };
    SocketAddr::new(first.ip(), port)
}

fn bind_tcp(address: SocketAddr) -> Result<String, String> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(format!("{address} is free")),
        Err(error) => Err(format!("{address} TCP: {error}")),
    }
}

fn bind_udp(address: SocketAddr) -> Result<String, String> {
    match UdpSocket::bind(address) {
        Ok(_) => Ok(format!("{address} is free")),
        Err(error) => Err(format!("{address} UDP: {error}")),
    }
}

/// Whether the data folder, or the nearest one above it that exists, can be written.
fn writable(folder: &Path) -> Result<String, String> {
    let absolute = std::path::absolute(folder).map_err(|error| error.to_string())?;
    let existing = absolute
        .ancestors()
        .find(|each| each.exists())
        .unwrap_or_else(|| Path::new("/"));
    if !existing.is_dir() {
        return Err(format!("{} is not a folder", existing.display()));
    }
    let probe = existing.join(format!(".downstage-doctor-{}", std::process::id()));
    match std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe)) {
        Ok(()) => Ok(format!("{} can be written", absolute.display())),
        Err(error) => Err(format!("{}: {error}", existing.display())),
    }
}

fn candidates(config: &Config) -> String {
    let addresses: Vec<IpAddr> = match config.external_addresses.as_slice() {
        [] => vec![config.media_listen.ip()],
        external => external.to_vec(),
    };
    let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let text = format!(
        "{} from port {}, UDP and TCP",
        names.join(", "),
        config.media_listen.port()
    );
    if addresses.iter().all(IpAddr::is_loopback) {
        return format!("{text} (this machine only)");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Mode, Settings};

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

    #[tokio::test]
    async fn a_free_machine_is_well_and_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let report = examine(&config(
            "127.0.0.1:0".parse().unwrap(),
            &folder.path().join("data"),
        ))
        .await;
        assert!(report.is_well, "{}", report.text);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_taken_port_and_a_folder_that_is_a_file_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let report = examine(&config(taken.local_addr().unwrap(), &file)).await;
        assert!(!report.is_well);
        assert_eq!(report.text.matches("BAD").count(), 3, "{}", report.text);
    }
}
