//! Hosts that publish on a stage, and what is said of them there.

use model::{ConnectionId, Grant};
use stage::CloseCause;

use super::*;

/// A participant of a stage of ANA's.
pub(crate) struct Host {
    pub(crate) stage: String,
    pub(crate) id: String,
    pub(super) grant: Grant,
    connection: u64,
}

impl Host {
    /// One that publishes by WHIP on a new stage.
    pub(crate) async fn publishing(world: &World, connection: u64) -> Self {
        let stage = world.stage(ANA).await;
        Self::publishing_on(world, &stage, connection).await
    }

    /// One that publishes by WHIP.
    pub(crate) async fn publishing_on(world: &World, stage: &str, connection: u64) -> Self {
        let mut host = Self::of(world, stage, connection).await;
        host.publish(world, connection).await;
        host
    }

    /// One that only watches.
    pub(crate) async fn viewing(world: &World, stage: &str, connection: u64) -> Self {
        let viewer = Self::of(world, stage, connection).await;
        let join = Input::Join {
            connection: ConnectionId(connection),
            grant: viewer.grant.clone(),
            client: ClientInfo::default(),
        };
        assert!(matches!(world.tell(join).await, Reply::Joined { .. }));
        viewer
    }

    pub(super) async fn of(world: &World, stage: &str, connection: u64) -> Self {
        let body = json!({
            "stageArn": stage,
            "userId": "host",
            "attributes": { "role": "host", "team": "red" },
        });
        let answer = world.call(ANA, "CreateParticipantToken", body).await.json();
        let token = &answer["participantToken"];
        let text = token["token"].as_str().unwrap();
        let grant = world
            .token_key
            .verify(text, world.now().wall, Duration::ZERO);
        Self {
            stage: stage.to_owned(),
            id: token["participantId"].as_str().unwrap().to_owned(),
            grant: grant.unwrap(),
            connection,
        }
    }

    /// Publishes, by this connection from here on.
    pub(crate) async fn publish(&mut self, world: &World, connection: u64) {
        self.connection = connection;
        let connection = ConnectionId(connection);
        let publish = Input::Publish {
            connection,
            grant: self.grant.clone(),
            client: ClientInfo::default(),
            fault: None,
        };
        let reply = world.tell(publish).await;
        assert!(matches!(reply, Reply::Admitted { .. }), "{reply:?}");
        world.tell(Input::Connected { connection }).await;
    }

    /// Ends its publish, and with that it leaves.
    pub(crate) async fn leave(&self, world: &World) {
        world
            .tell(Input::Closed {
                connection: ConnectionId(self.connection),
                cause: CloseCause::Client,
            })
            .await;
    }

    /// What a request about its replication to a stage says.
    pub(crate) fn replication(&self, to: &str) -> Value {
        json!({
            "sourceStageArn": self.stage,
            "destinationStageArn": to,
            "participantId": self.id,
        })
    }

    /// Replicates it.
    pub(crate) async fn start(&self, world: &World, to: &str) {
        let body = self.replication(to);
        let answer = world.call(ANA, "StartParticipantReplication", body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// As they are listed.
    pub(crate) async fn replicas(&self, world: &World) -> Value {
        let body = json!({ "sourceStageArn": self.stage, "participantId": self.id });
        let answer = world.call(ANA, "ListParticipantReplicas", body).await;
        answer.json()["replicas"].clone()
    }

    /// Its record in the active session of a stage.
    pub(super) async fn on(&self, world: &World, stage: &str) -> Value {
        let body = json!({
            "stageArn": stage,
            "sessionId": newest_session(world, stage).await,
            "participantId": self.id,
        });
        let answer = world.call(ANA, "GetParticipant", body).await.json();
        answer["participant"].clone()
    }
}

/// The id of a stage's newest session.
pub(super) async fn newest_session(world: &World, stage: &str) -> Value {
    let body = json!({ "stageArn": stage });
    let listed = world.call(ANA, "ListStageSessions", body).await.json();
    listed["stageSessions"][0]["sessionId"].clone()
}

/// The events of a participant in a stage's newest session, without their times.
pub(super) async fn events(world: &World, stage: &str, participant: &str) -> Vec<Value> {
    let body = json!({
        "stageArn": stage,
        "sessionId": newest_session(world, stage).await,
        "participantId": participant,
    });
    let listed = world.call(ANA, "ListParticipantEvents", body).await.json();
    let mut events = listed["events"].as_array().unwrap().clone();
    for event in &mut events {
        event.as_object_mut().unwrap().remove("eventTime");
    }
    events
}

/// Whether the host is on the stage, and whether its replication is active by the record there.
pub(super) async fn stands(world: &World, host: &Host, stage: &str) -> (String, String) {
    let shown = host.on(world, stage).await;
    let text = |name: &str| shown[name].as_str().unwrap_or_default().to_owned();
    (text("state"), text("replicationState"))
}
