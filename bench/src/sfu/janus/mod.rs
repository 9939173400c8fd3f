//! Janus: its VideoRoom takes the publisher and forwards plain RTP to a mountpoint of its streaming plugin, which viewers watch.
//!
//! It makes offers and wants answers, where WHEP is the other way round. Because it is ICE-lite here, roles do not conflict,
//! and two texts turn one into the other: the `sdp` module.

mod sdp;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::Sfu;
use super::door::{Behind, Door};
use super::servers::{self, Running};
use crate::process::Process;

const ROOM: u64 = 1;
const MOUNTPOINT: u64 = 1;
const PLUGINS: &str = "/usr/lib/x86_64-linux-gnu/janus";
/// Everything but what is measured, so that its memory and idle cost are not counted.
const DISABLED: [&str; 10] = [
    "audiobridge",
    "duktape",
    "echotest",
    "lua",
    "nosip",
    "recordplay",
    "sip",
    "textroom",
    "videocall",
    "voicemail",
];
/// Polls for one event, of which each may hold another.
const EVENTS_MAX: usize = 20;

struct Janus {
    http: reqwest::Client,
    base: String,
    address: IpAddr,
}

/// Starts it on one core.
pub(super) fn start(options: &Sfu, address: IpAddr) -> anyhow::Result<Running> {
    let folder = tempfile::tempdir()?;
    let port = servers::free_port(address)?;
    let path = folder.path().display();
    let disabled: Vec<String> = DISABLED
        .iter()
        .map(|name| format!("libjanus_{name}.so"))
        .collect();
    let disabled = disabled.join(",");
    let files = [
        (
            "janus.jcfg",
            format!(
                r#"general: {{ configs_folder = "{path}" plugins_folder = "{PLUGINS}/plugins" transports_folder = "{PLUGINS}/transports"
  debug_level = 2 session_timeout = 0 event_loops = 1 }}
nat: {{ ice_lite = true ice_enforce_list = "{address}" }}
plugins: {{ disable = "{disabled}" }}
transports: {{ disable = "libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_pfunix.so,libjanus_rabbitmq.so,libjanus_websockets.so" }}
"#
            ),
        ),
        (
            "janus.transport.http.jcfg",
            format!(
                r#"general: {{ json = "compact" base_path = "/janus" http = true port = {port} ip = "{address}" https = false }}
"#
            ),
        ),
        (
            "janus.plugin.videoroom.jcfg",
            format!(
                r#"room-{ROOM}: {{ description = "bench" publishers = 1 videocodec = "h264" h264_profile = "42e01f" bitrate = 0 }}
"#
            ),
        ),
        ("janus.plugin.streaming.jcfg", "general: { }\n".to_owned()),
    ];
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text)?;
    }
    let mut command = Command::new("/usr/bin/janus");
    command
        .arg("--disable-colors")
        .arg("--configs-folder")
        .arg(folder.path())
        .arg("--config")
        .arg(folder.path().join("janus.jcfg"));
    let mut process = Process::start(&command, options.core)?;
    let http = SocketAddr::new(address, port);
    servers::wait_for(&mut process, http)?;
    let door = Door::open(Janus {
        http: reqwest::Client::new(),
        base: format!("http://{http}/janus"),
        address,
    })?;
    Ok(Running::behind(door, process, folder, false))
}

impl Behind for Janus {
    async fn publish(&self, offer: String) -> anyhow::Result<String> {
        let payload_type = sdp::h264(&offer).context("the offer has H.264")?;
        let mid = sdp::video_mid(&offer).context("the offer has video")?;
        let (port, rtcp_port) = (self.free_port()?, self.free_port()?);
        let streaming = self.attach("janus.plugin.streaming").await?;
        streaming
            .call(json!({
                "request": "create",
                "type": "rtp",
                "id": MOUNTPOINT,
                "media": [{
                    "type": "video",
                    "mid": "v",
                    "port": port,
                    "rtcpport": rtcp_port,
                    "pt": payload_type,
                    "codec": "h264",
                    "fmtp": "profile-level-id=42e01f;packetization-mode=1",
                }],
            }))
            .await?;
        let room = self.attach("janus.plugin.videoroom").await?;
        let joined = room
            .ask(
                json!({ "request": "joinandconfigure", "ptype": "publisher", "room": ROOM }),
                Some(json!({ "type": "offer", "sdp": offer })),
            )
            .await?;
        let answer = joined["jsep"]["sdp"]
            .as_str()
            .with_context(|| format!("an answer: {joined}"))?;
        room.call(json!({
            "request": "rtp_forward",
            "room": ROOM,
            "publisher_id": joined["plugindata"]["data"]["id"],
            "host": "127.0.0.1",
            "streams": [{ "mid": mid, "port": port, "rtcp_port": rtcp_port, "pt": payload_type }],
        }))
        .await?;
        Ok(answer.to_owned())
    }

    async fn watch(&self, offer: String) -> anyhow::Result<String> {
        let handle = self.attach("janus.plugin.streaming").await?;
        let offered = handle
            .ask(json!({ "request": "watch", "id": MOUNTPOINT }), None)
            .await?;
        let theirs = offered["jsep"]["sdp"]
            .as_str()
            .with_context(|| format!("an offer: {offered}"))?;
        let answer = sdp::answer_to_them(&offer, theirs).context("an answer to their offer")?;
        handle
            .send(
                json!({ "request": "start" }),
                Some(json!({ "type": "answer", "sdp": answer })),
            )
            .await?;
        sdp::answer_to_viewer(&offer, theirs).context("an answer to the viewer")
    }
}

/// A handle to a plugin, in a session of its own: each viewer is one of Janus's clients.
struct Handle<'a> {
    janus: &'a Janus,
    session: String,
    url: String,
}

impl Janus {
    async fn post(&self, url: &str, body: Value) -> anyhow::Result<Value> {
        let reply: Value = self.http.post(url).json(&body).send().await?.json().await?;
        ensure!(
            reply["janus"] == "success" || reply["janus"] == "ack",
            "{reply}"
        );
        Ok(reply)
    }

    async fn attach(&self, plugin: &str) -> anyhow::Result<Handle<'_>> {
        let created = self
            .post(&self.base, json!({ "janus": "create", "transaction": "1" }))
            .await?;
        let session = format!("{}/{}", self.base, created["data"]["id"]);
        let attached = self
            .post(
                &session,
                json!({ "janus": "attach", "plugin": plugin, "transaction": "2" }),
            )
            .await?;
        Ok(Handle {
            janus: self,
            url: format!("{session}/{}", attached["data"]["id"]),
            session,
        })
    }

    fn free_port(&self) -> anyhow::Result<u16> {
        Ok(UdpSocket::bind(SocketAddr::new(self.address, 0))?
            .local_addr()?
            .port())
    }
}

impl Handle<'_> {
    async fn send(&self, body: Value, jsep: Option<Value>) -> anyhow::Result<Value> {
        let mut message = json!({ "janus": "message", "transaction": "3", "body": body });
        if let Some(jsep) = jsep {
            message["jsep"] = jsep;
        }
        self.janus.post(&self.url, message).await
    }

    /// A request that is answered at once.
    async fn call(&self, body: Value) -> anyhow::Result<Value> {
        let reply = self.send(body, None).await?;
        let data = &reply["plugindata"]["data"];
        ensure!(data["error"].is_null(), "{data}");
        Ok(reply)
    }

    /// A request that is answered by an event with SDP.
    async fn ask(&self, body: Value, jsep: Option<Value>) -> anyhow::Result<Value> {
        self.send(body, jsep).await?;
        for _ in 0..EVENTS_MAX {
            let event: Value = self
                .janus
                .http
                .get(format!("{}?maxev=1", self.session))
                .send()
                .await?
                .json()
                .await?;
            let data = &event["plugindata"]["data"];
            ensure!(data["error"].is_null(), "{data}");
            if !event["jsep"].is_null() {
                return Ok(event);
            }
        }
        None.context("no event with SDP")
    }
}
