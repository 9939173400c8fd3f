//! The stages of one measurement, made by signed calls: a publisher on one, viewers there or on another one.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use load::{Bearer, Endpoint, Target};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::clock;
use crate::control::{call, request};

const REGION: &str = "us-west-2";
/// How long the server may take to know that a publisher is connected that knows it itself.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// The control API of the server under measurement.
pub(super) struct Control<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) address: SocketAddr,
}

impl Control<'_> {
    fn call(&self, operation: &str, body: &Value) -> anyhow::Result<Value> {
        let path = format!("/{operation}");
        let request = request(self.address, REGION, &path, &body.to_string())?;
        let called = self.runtime.block_on(call(self.address, &request));
        called.with_context(|| operation.to_owned())
    }

    /// A new stage.
    pub(super) fn stage(&self) -> anyhow::Result<Stage> {
        let made = self.call("CreateStage", &json!({}))?;
        Ok(Stage {
            arn: text(&made, "/stage/arn")?,
            whip: text(&made, "/stage/endpoints/whip")?,
        })
    }

    /// A participant of a stage: its id and its token.
    fn participant(&self, stage: &Stage, capability: &str) -> anyhow::Result<(String, Bearer)> {
        let input = json!({ "stageArn": stage.arn, "capabilities": [capability] });
        let made = self.call("CreateParticipantToken", &input)?;
        let id = text(&made, "/participantToken/participantId")?;
        let token = text(&made, "/participantToken/token")?;
        Ok((id, Bearer(token)))
    }

    /// A publisher on one stage, and so many who are to watch it on `watched`.
    pub(super) fn room(
        &self,
        source: &Stage,
        watched: &Stage,
        viewers: usize,
    ) -> anyhow::Result<Room> {
        let (publisher, bearer) = self.participant(source, "PUBLISH")?;
        let viewers = (0..viewers).map(|_| Ok(self.participant(watched, "SUBSCRIBE")?.1));
        let replication = (source.arn != watched.arn).then(|| {
            json!({
                "sourceStageArn": source.arn,
                "destinationStageArn": watched.arn,
                "participantId": publisher,
            })
        });
        Ok(Room {
            target: Target::Doors {
                whip: vec![Endpoint {
                    url: source.whip.clone(),
                    bearer: Some(bearer),
                }],
                whep: vec![Endpoint {
                    url: format!("{}/subscribe/{publisher}", watched.whip),
                    bearer: None,
                }],
            },
            viewers: viewers.collect::<anyhow::Result<_>>()?,
            replication,
        })
    }

    /// Has the publisher appear where its viewers are. It is connected as far as it knows itself.
    #[expect(
        clippy::disallowed_methods,
        reason = "the server tells nobody who is not on the stage that somebody publishes"
    )]
    pub(super) fn replicate(&self, room: &Room) -> anyhow::Result<()> {
        let Some(replication) = &room.replication else {
            return Ok(());
        };
        let until = clock::now() + PATIENCE;
        loop {
            match self.call("StartParticipantReplication", replication) {
                Err(_) if clock::now() < until => std::thread::sleep(PAUSE),
                started => return started.map(drop),
            }
        }
    }
}

/// A stage.
pub(super) struct Stage {
    arn: String,
    whip: String,
}

/// Where a load goes.
pub(super) struct Room {
    pub(super) target: Target,
    /// A token for each viewer.
    pub(super) viewers: Vec<Bearer>,
    /// What is to be asked for once the publisher is connected.
    replication: Option<Value>,
}

fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .with_context(|| format!("the answer has {pointer}"))
}
