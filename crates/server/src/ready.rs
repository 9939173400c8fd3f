//! What a user is told once the server is ready: the ready file for programs, the banner for people.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use crate::config::{DEV_KEY, Redacted};
use crate::endpoints::{IngestUrls, PublicUrl};

/// The actual addresses.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Addresses {
    /// Base URL of the listening HTTP port.
    pub(crate) http: String,
    /// Media sockets, one for each worker, UDP and TCP alike.
    pub(crate) media: Vec<SocketAddr>,
    /// Where RTMP is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rtmp: Option<SocketAddr>,
    /// Where RTMPS is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rtmps: Option<SocketAddr>,
}

/// What there is to tell.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// What is really open.
    pub(crate) addresses: Addresses,
    /// Under which URL clients come.
    pub(crate) url: PublicUrl,
    /// And encoders.
    pub(crate) ingest: IngestUrls,
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
pub(crate) fn banner(told: &Told, admin_key: Option<&Redacted>) -> String {
    let http = told.url.http();
    let whip = told.url.endpoints().whip;
    let ingest = ingest_lines(&told.ingest);
    let admin_key = match admin_key.map(Redacted::expose) {
        Some(DEV_KEY) => DEV_KEY,
        _ => "$KEY",
    };
    let media: Vec<String> = told
        .addresses
        .media
        .iter()
        .map(ToString::to_string)
        .collect();
    format!(
        "
downstage is ready.  Console: {http}/   Media: {media} (UDP and TCP)

  export AWS_ENDPOINT_URL_IVS_REALTIME={http} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1

A stage with a participant token, to paste into the console's page “Publish”:
  aws ivs-realtime create-stage --name demo --participant-token-configurations userId=ana

A file as a publisher (FFmpeg 8 or newer):
  ffmpeg -re -i file.mp4 -c:v libx264 -profile:v baseline -bf 0 -g 60 -pix_fmt yuv420p -b:v 2M -c:a libopus -ar 48000 -ac 2 -f whip -authorization $TOKEN {whip}
{ingest}
Everything in it, to keep and to seed another with (docs/admin.md has reset and seed):
  curl -H 'Authorization: Bearer {admin_key}' {http}/_downstage/state

",
        media = media.join(", "),
    )
}

/// How encoders that speak RTMP publish, if there is a port for them. OBS refuses a certificate that nobody vouches for, so it is
/// told of RTMP first.
fn ingest_lines(ingest: &IngestUrls) -> String {
    let Some(server) = ingest.rtmp.as_ref().or(ingest.rtmps.as_ref()) else {
        return String::new();
    };
    let insecure = if ingest.rtmp.is_some() {
        "--ingest-protocol RTMP --insecure-ingest"
    } else {
        "--ingest-protocol RTMPS"
    };
    format!(
        "
An encoder as a publisher: a stream key, then OBS (Settings > Stream > Custom: server {server}, no B-frames) or FFmpeg:
  aws ivs-realtime create-ingest-configuration {insecure} --stage-arn $STAGE_ARN --query ingestConfiguration.streamKey --output text
  ffmpeg -re -i file.mp4 -c:v libx264 -profile:v baseline -bf 0 -g 60 -pix_fmt yuv420p -b:v 2M -c:a aac -ar 48000 -ac 2 -f flv {server}$STREAM_KEY
"
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
            rtmp: Some("127.0.0.1:1935".parse().unwrap()),
            rtmps: None,
        };
        write_file(&path, &addresses).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "{\"http\":\"http://127.0.0.1:7400\",\"media\":[\"127.0.0.1:7401\"],\"rtmp\":\"127.0.0.1:1935\"}\n"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_banner_names_the_addresses_that_are_really_open() {
        let mut told = Told {
            addresses: Addresses {
                http: String::new(),
                media: vec!["127.0.0.1:49153".parse().unwrap()],
                rtmp: None,
                rtmps: None,
            },
            url: PublicUrl::of_address("127.0.0.1:49152".parse().unwrap()),
            ingest: IngestUrls::default(),
        };
        let key = Redacted::new("hunter2hunter2hunter2");
        let text = banner(&told, Some(&key));
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
        let rtmp = "rtmp://127.0.0.1:49154/app/";
        told.ingest.rtmp = Some(rtmp.to_owned());
        let text = banner(&told, None);
        for part in [
            format!("server {rtmp},"),
            format!("-f flv {rtmp}$STREAM_KEY"),
        ] {
            assert!(text.contains(&part), "{part}");
        }
    }
}
