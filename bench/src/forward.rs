//! One publisher and its viewers: CPU per forwarded packet, per join, latency and memory.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::runtime::Runtime;

use crate::client::{self, Clients, Seen};
use crate::server::{self, Server};
use crate::source::{Shape, Source};
use crate::{Arguments, clock};

/// How long clients may take to connect.
const PATIENCE: Duration = Duration::from_secs(20);
/// Media flows this long before it is measured.
const WARM_UP: Duration = Duration::from_secs(3);

/// One row of the forwarding table.
pub(crate) struct Row {
    pub(crate) viewers: usize,
    pub(crate) packets: u64,
    pub(crate) expected: u64,
    pub(crate) cpu_per_packet: Duration,
    pub(crate) join_cpu: Duration,
    pub(crate) join_wall: Duration,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) bytes_per_viewer: u64,
}

/// A stage and who may come to it.
struct Scene {
    server: Server,
    http: reqwest::Client,
    publisher: String,
    publisher_token: String,
    viewer_tokens: Vec<String>,
}

impl Scene {
    async fn set(server: Server, viewers: usize) -> anyhow::Result<Self> {
        let api = server.client();
        let stage = api
            .create_stage()
            .send()
            .await?
            .stage()
            .context("a stage")?
            .arn()
            .to_owned();
        let token = async || -> anyhow::Result<(String, String)> {
            let reply = api
                .create_participant_token()
                .stage_arn(&stage)
                .send()
                .await?;
            let token = reply.participant_token().context("a token")?;
            let id = token.participant_id().context("an id")?.to_owned();
            Ok((id, token.token().context("a token")?.to_owned()))
        };
        let (publisher, publisher_token) = token().await?;
        let mut viewer_tokens = Vec::with_capacity(viewers);
        for _ in 0..viewers {
            viewer_tokens.push(token().await?.1);
        }
        Ok(Self {
            server,
            http: reqwest::Client::new(),
            publisher,
            publisher_token,
            viewer_tokens,
        })
    }

    /// Offers SDP to one of the server's doors; gives the answer.
    async fn post(&self, path: &str, token: &str, sdp: String) -> anyhow::Result<String> {
        let response = self
            .http
            .post(format!("{}{path}", self.server.http))
            .bearer_auth(token)
            .header("content-type", "application/sdp")
            .body(sdp)
            .send()
            .await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status.as_u16() == 201, "{status}: {text}");
        Ok(text)
    }
}

/// Measures one publisher with so many viewers.
pub(crate) fn measure(
    runtime: &Runtime,
    arguments: &Arguments,
    viewers: usize,
) -> anyhow::Result<Row> {
    let server = Server::start(&arguments.binary()?, arguments.core, server::LOOPBACK)?;
    let scene = runtime.block_on(Scene::set(server, viewers))?;

    let mut clients = Clients::new()?;
    let offer = client::offer(true)?;
    let answer =
        runtime.block_on(scene.post("/whip", &scene.publisher_token, offer.sdp.clone()))?;
    let index = clients.add(offer, &answer)?;
    clients.run(clock::now() + PATIENCE, |clients| clients.connected() == 1)?;
    ensure!(clients.connected() == 1, "the publisher connects");
    // The connected fact crosses to the stage machine before a viewer may ask.
    clients.run(clock::now() + Duration::from_millis(200), |_| false)?;

    let (idle, resident) = (
        scene.server.process().cpu()?,
        scene.server.process().resident()?,
    );
    let joining = clock::now();
    let path = format!("/whip/subscribe/{}", scene.publisher);
    for token in &scene.viewer_tokens {
        let offer = client::offer(false)?;
        let answer = runtime.block_on(scene.post(&path, token, offer.sdp.clone()))?;
        clients.add(offer, &answer)?;
    }
    clients.run(clock::now() + PATIENCE, |clients| {
        clients.connected() == viewers + 1
    })?;
    ensure!(
        clients.connected() == viewers + 1,
        "{} of {viewers} viewers connect",
        clients.connected() - 1
    );
    let join_wall = joining.elapsed();
    let join_cpu = scene.server.process().cpu()?.saturating_sub(idle) / u32::try_from(viewers)?;

    clients.publish(index, Source::new(clock::now(), Shape::Burst));
    clients.run(clock::now() + WARM_UP, |_| false)?;
    clients.seen = Seen::default();
    let before = scene.server.process().cpu()?;
    clients.run(
        clock::now() + Duration::from_secs(arguments.seconds),
        |_| false,
    )?;
    let cpu = scene.server.process().cpu()?.saturating_sub(before);
    let packets = clients.seen.packets;
    ensure!(packets > 0, "packets arrive");
    Ok(Row {
        viewers,
        packets,
        expected: clients.seen.sent * viewers as u64,
        cpu_per_packet: Duration::from_nanos(u64::try_from(cpu.as_nanos() / u128::from(packets))?),
        join_cpu,
        join_wall,
        p50: clients.seen.age(0.5),
        p99: clients.seen.age(0.99),
        bytes_per_viewer: scene.server.process().resident()?.saturating_sub(resident)
            / viewers as u64,
    })
}
