//! What a user is told once the server is ready: the ready file for programs, the banner for people.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use crate::config::{DEV_KEY, Redacted};
use crate::endpoints::PublicUrl;

/// The actual addresses.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Addresses {
    /// Base URL of the listening HTTP port.
    pub(crate) http: String,
    /// Media sockets, one for each worker, UDP and TCP alike.
    pub(crate) media: Vec<SocketAddr>,
}

/// Writes the ready file. It appears complete or not at all.
pub(crate) fn write_file(path: &Path, addresses: &Addresses) -> anyhow::Result<()> {
    let json = serde_json::to_string(addresses).context("the addresses are not JSON")?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path
        .file_name()
        .context("the ready file has no name")?
        .to_string_lossy();
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    std::fs::write(&draft, json + "\n")
        .and_then(|()| std::fs::rename(&draft, path))
        .with_context(|| format!("cannot write the ready file {}", path.display()))
}

/// What `downstage dev` prints: ready to paste. A key of one's own is not shown.
pub(crate) fn banner(
    url: &PublicUrl,
    media: &[SocketAddr],
    admin_key: Option<&Redacted>,
) -> String {
    let http = url.http();
    let whip = url.endpoints().whip;
    let admin_key = match admin_key.map(Redacted::expose) {
        Some(DEV_KEY) => DEV_KEY,
        _ => "$KEY",
    };
    let media: Vec<String> = media.iter().map(ToString::to_string).collect();
    format!(
        "
downstage is ready.  Console: {http}/   Media: {media} (UDP and TCP)

  export AWS_ENDPOINT_URL_IVS_REALTIME={http} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1

A stage with a participant token, to paste into the console's page “Publish”:
  aws ivs-realtime create-stage --name demo --participant-token-configurations userId=ana

A file as a publisher (FFmpeg 8 or newer):
  ffmpeg -re -i file.mp4 -c:v libx264 -profile:v baseline -bf 0 -g 60 -pix_fmt yuv420p -b:v 2M -c:a libopus -ar 48000 -ac 2 -f whip -authorization $TOKEN {whip}

Everything in it, to keep and to seed another with (docs/admin.md has reset and seed):
  curl -H 'Authorization: Bearer {admin_key}' {http}/_downstage/state

",
        media = media.join(", "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_file_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ready.json");
        std::fs::write(
            &path,
            "old and much longer than the new one, so that remains would show".repeat(9),
        )
        .unwrap();
        let addresses = Addresses {
            http: "http://127.0.0.1:7400".to_owned(),
            media: vec!["127.0.0.1:7401".parse().unwrap()],
        };
        write_file(&path, &addresses).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "{\"http\":\"http://127.0.0.1:7400\",\"media\":[\"127.0.0.1:7401\"]}\n"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_banner_names_the_addresses_that_are_really_open() {
        let url = PublicUrl::of_address("127.0.0.1:49152".parse().unwrap());
        let text = banner(
            &url,
            &["127.0.0.1:49153".parse().unwrap()],
            Some(&Redacted::new("hunter2hunter2hunter2")),
        );
        for part in [
            "AWS_ENDPOINT_URL_IVS_REALTIME=http://127.0.0.1:49152 ",
            "http://127.0.0.1:49152/whip",
            "127.0.0.1:49153",
            "Bearer $KEY' http://127.0.0.1:49152/_downstage/state",
        ] {
            assert!(text.contains(part), "{part}");
        }
        assert!(!text.to_lowercase().contains("rtmp"));
        assert!(!text.contains("hunter2"));
    }
}
