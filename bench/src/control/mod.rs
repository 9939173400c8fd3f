//! Control calls: how many a second, how long the slowest take, and what each costs.

mod floor;
mod load;
mod moto;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
pub(crate) use load::{call, request};
use moto::Moto;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::process;
use crate::server::{self, Server};
use crate::{Arguments, per_second};

/// Calls of each kind.
const CALLS: usize = 8_000;
/// Calls of each kind to the emulator, which is slower.
const MOTO_CALLS: usize = 800;
/// Connections, each with one call under way.
const AT_ONCE: usize = 8;
/// Many callers, for writes that can share a commit.
const MANY_AT_ONCE: usize = 64;
/// Regions over which new stages are spread: an account may have 1,000 in each.
const REGIONS: usize = 50;

/// One kind of call.
pub(crate) struct Row {
    pub(crate) server: &'static str,
    pub(crate) call: &'static str,
    pub(crate) at_once: usize,
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) cpu: Duration,
}

/// All kinds of calls, and one signature alone.
pub(crate) struct Measured {
    pub(crate) rows: Vec<Row>,
    pub(crate) signature: Duration,
}

/// Who is called.
struct Target {
    name: &'static str,
    address: SocketAddr,
    process: u32,
    calls: usize,
}

impl Target {
    fn measure(
        &self,
        runtime: &Runtime,
        call: &'static str,
        requests: &[Vec<u8>],
        at_once: usize,
    ) -> anyhow::Result<Row> {
        let run = |calls| runtime.block_on(load::run(self.address, requests, calls, at_once));
        run(self.calls / 10)?;
        let before = process::cpu_of_all(self.process)?;
        let ran = run(self.calls)?;
        let cpu = process::cpu_of_all(self.process)?.saturating_sub(before);
        let calls = ran.latencies.len();
        Ok(Row {
            server: self.name,
            call,
            at_once,
            per_second: per_second(calls, ran.wall),
            p50: ran.at(500),
            p99: ran.at(990),
            cpu: cpu / u32::try_from(calls)?,
        })
    }
}

/// Measures each kind of call, and those of the emulator if there is one.
pub(crate) fn measure(runtime: &Runtime, arguments: &Arguments) -> anyhow::Result<Measured> {
    let mut rows = ours(runtime, arguments)?;
    if let Some(program) = &arguments.moto {
        let moto = Moto::start(program, arguments.core)?;
        rows.extend(theirs(runtime, &moto)?);
    }
    Ok(Measured {
        rows,
        signature: floor::signature()?,
    })
}

fn ours(runtime: &Runtime, arguments: &Arguments) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(&arguments.binary()?, arguments.core, server::LOOPBACK)?;
    let address = server
        .http
        .strip_prefix("http://")
        .context("plain HTTP")?
        .parse()?;
    let target = Target {
        name: "downstage",
        address,
        process: server.process().id(),
        calls: CALLS,
    };
    let sign = |region: &str, path: &str, body: &serde_json::Value| {
        request(address, region, path, &body.to_string())
    };
    let home = "us-west-2";
    let create = sign(home, "/CreateStage", &json!({}))?;
    let made = runtime.block_on(call(address, &create))?;
    let arn = &made["stage"]["arn"];
    let get = [sign(home, "/GetStage", &json!({ "arn": arn }))?];
    let token = [sign(
        home,
        "/CreateParticipantToken",
        &json!({ "stageArn": arn }),
    )?];
    // Names in turn, so that each call is a write.
    let rename: Vec<_> = ["one", "two", "three"]
        .iter()
        .map(|name| sign(home, "/UpdateStage", &json!({ "arn": arn, "name": name })))
        .collect::<Result<_, _>>()?;
    let creates: Vec<_> = (0..REGIONS)
        .map(|number| sign(&format!("bench-{number}"), "/CreateStage", &json!({})))
        .collect::<Result<_, _>>()?;
    Ok(vec![
        target.measure(runtime, "GetStage", &get, AT_ONCE)?,
        target.measure(runtime, "CreateParticipantToken", &token, AT_ONCE)?,
        target.measure(runtime, "UpdateStage", &rename, AT_ONCE)?,
        target.measure(runtime, "CreateStage", &creates, 1)?,
        target.measure(runtime, "CreateStage", &creates, AT_ONCE)?,
        target.measure(runtime, "CreateStage", &creates, MANY_AT_ONCE)?,
    ])
}

fn theirs(runtime: &Runtime, moto: &Moto) -> anyhow::Result<Vec<Row>> {
    let address = moto.address;
    let target = Target {
        name: "moto_server",
        address,
        process: moto.id(),
        calls: MOTO_CALLS,
    };
    let sign = |path: &str, body: &serde_json::Value| {
        request(address, "us-west-2", path, &body.to_string())
    };
    let create = sign("/CreateChannel", &json!({ "name": "bench" }))?;
    let made = runtime.block_on(call(address, &create))?;
    let get = [sign(
        "/GetChannel",
        &json!({ "arn": made["channel"]["arn"] }),
    )?];
    Ok(vec![
        target.measure(runtime, "GetChannel", &get, AT_ONCE)?,
        target.measure(runtime, "CreateChannel", &[create], AT_ONCE)?,
    ])
}
