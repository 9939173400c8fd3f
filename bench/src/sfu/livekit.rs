//! LiveKit, by its WHIP endpoint: publishers send there, and viewers name in a header what their one offer is to receive.

use std::net::{IpAddr, SocketAddr};
use std::process::Command;

use anyhow::{Context as _, ensure};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Sfu;
use super::door::{Behind, Door};
use super::servers::{self, Running};
use crate::process::Process;

const KEY: &str = "bench";
/// LiveKit asks for 32 characters; there is nothing to protect here.
const SECRET: &str = "a-secret-of-a-server-of-one-minute";
const ROOM: &str = "bench";
const PUBLISHER: &str = "publisher";
/// 2100-01-01: tokens outlive every measurement.
const EXPIRY: u64 = 4_102_444_800;
/// How often the room is asked for the publisher's tracks.
const LOOKS_MAX: usize = 200;

struct Livekit {
    http: reqwest::Client,
    base: String,
    viewers: AtomicUsize,
}

/// Starts it with one UDP port, on one core.
pub(super) fn start(options: &Sfu, address: IpAddr) -> anyhow::Result<Running> {
    let folder = tempfile::tempdir()?;
    let port = servers::free_port(address)?;
    let media = servers::free_port(address)?;
    // JSON is YAML.
    let config = json!({
        "port": port,
        "bind_addresses": [address],
        "rtc": {
            "udp_port": media,
            "tcp_port": 0,
            "use_external_ip": false,
            "node_ip": address,
            "enable_loopback_candidate": true,
            "ips": { "includes": [format!("{address}/32")] },
        },
        "keys": { KEY: SECRET },
        "logging": { "level": "error" },
    });
    let file = folder.path().join("livekit.yaml");
    std::fs::write(&file, config.to_string())?;
    let mut command = Command::new(options.livekit());
    command.arg("--config").arg(&file).env("GOMAXPROCS", "1");
    let mut process = Process::start(&command, options.core)?;
    servers::wait_for(&mut process, SocketAddr::new(address, port))?;
    let door = Door::open(Livekit {
        http: reqwest::Client::new(),
        base: format!("http://{}", SocketAddr::new(address, port)),
        viewers: AtomicUsize::new(0),
    })?;
    Ok(Running::behind(door, process, folder, true))
}

impl Behind for Livekit {
    async fn publish(&self, offer: String) -> anyhow::Result<String> {
        self.offer(PUBLISHER, offer, None).await
    }

    async fn watch(&self, offer: String) -> anyhow::Result<String> {
        let tracks = self.tracks().await?;
        let number = self.viewers.fetch_add(1, Ordering::Relaxed);
        let info = json!({ "subscribedParticipantTrackNames": { PUBLISHER: tracks } });
        self.offer(&format!("viewer-{number}"), offer, Some(info))
            .await
    }
}

impl Livekit {
    async fn offer(
        &self,
        identity: &str,
        offer: String,
        info: Option<Value>,
    ) -> anyhow::Result<String> {
        let mut request = self
            .http
            .post(format!("{}/whip/v1", self.base))
            .bearer_auth(token(identity))
            .header("content-type", "application/sdp")
            .body(offer);
        if let Some(info) = info {
            request = request.header("x-livekit-clientinfo", info.to_string());
        }
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status.is_success(), "{status}: {text}");
        Ok(text)
    }

    /// The names of the publisher's tracks. It has them when its first packets came.
    async fn tracks(&self) -> anyhow::Result<Vec<String>> {
        for _ in 0..LOOKS_MAX {
            let response = self
                .http
                .post(format!(
                    "{}/twirp/livekit.RoomService/GetParticipant",
                    self.base
                ))
                .bearer_auth(token("observer"))
                .json(&json!({ "room": ROOM, "identity": PUBLISHER }))
                .send()
                .await?;
            let facts: Value = response.json().await?;
            let tracks: Vec<String> = facts["tracks"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|track| track["name"].as_str().map(str::to_owned))
                .collect();
            if !tracks.is_empty() {
                return Ok(tracks);
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        None.context("the publisher has no tracks")
    }
}

/// A JSON Web Token as LiveKit has it (HS256).
fn token(identity: &str) -> String {
    let claims = json!({
        "iss": KEY,
        "sub": identity,
        "exp": EXPIRY,
        "video": {
            "room": ROOM,
            "roomJoin": true,
            "roomAdmin": true,
            "canPublish": true,
            "canSubscribe": true,
        },
    });
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!(
        "{}.{}",
        part(&json!({ "alg": "HS256", "typ": "JWT" })),
        part(&claims)
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
    format!("{signed}.{tag}")
}
