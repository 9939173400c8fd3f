//! Replications as their stages' owner sees them, with hosts that publish.

use model::{ConnectionId, Grant};
use stage::{CloseCause, Replicate, ReplicationKey};

use super::encoders::Encoder;
use super::*;

/// A participant of a stage of ANA's.
pub(crate) struct Host {
    pub(crate) stage: String,
    pub(crate) id: String,
    grant: Grant,
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

    async fn of(world: &World, stage: &str, connection: u64) -> Self {
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
    async fn on(&self, world: &World, stage: &str) -> Value {
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
async fn newest_session(world: &World, stage: &str) -> Value {
    let body = json!({ "stageArn": stage });
    let listed = world.call(ANA, "ListStageSessions", body).await.json();
    listed["stageSessions"][0]["sessionId"].clone()
}

/// The members of a value by these names.
fn members<const N: usize>(value: &Value, names: [&str; N]) -> Value {
    names
        .into_iter()
        .map(|name| (name.to_owned(), value[name].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The events of a participant in a stage's newest session, without their times.
async fn events(world: &World, stage: &str, participant: &str) -> Vec<Value> {
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

const REPLICATION: [&str; 4] = [
    "replicationType",
    "replicationState",
    "sourceStageArn",
    "sourceSessionId",
];

#[tokio::test]
async fn both_sides_show_a_replication_while_it_lasts_and_after() {
    let world = World::new().await;
    let host = Host::publishing(&world, 1).await;
    let to = world.stage(ANA).await;
    let none = json!({
        "replicationType": "NONE",
        "replicationState": null,
        "sourceStageArn": null,
        "sourceSessionId": null,
    });
    assert_eq!(
        members(&host.on(&world, &host.stage).await, REPLICATION),
        none
    );
    let body = host.replication(&to);
    let answer = world.call(ANA, "StartParticipantReplication", body).await;
    assert_eq!((answer.status, answer.bytes.len()), (200, 0));
    for name in SECURITY_HEADERS {
        assert!(answer.headers.contains_key(name), "{name}");
    }
    let (from_session, session) = (
        newest_session(&world, &host.stage).await,
        newest_session(&world, &to).await,
    );
    assert_ne!(from_session, session);
    for state in ["ACTIVE", "STOPPED"] {
        let source = json!({
            "replicationType": "SOURCE",
            "replicationState": state,
            "sourceStageArn": "",
            "sourceSessionId": "",
        });
        let replica = json!({
            "replicationType": "REPLICA",
            "replicationState": state,
            "sourceStageArn": host.stage,
            "sourceSessionId": from_session,
        });
        let is_on = if state == "ACTIVE" {
            "CONNECTED"
        } else {
            "DISCONNECTED"
        };
        for (stage, session, expected, is_on) in [
            (&host.stage, &from_session, source, "CONNECTED"),
            (&to, &session, replica, is_on),
        ] {
            let got = host.on(&world, stage).await;
            assert_eq!(members(&got, REPLICATION), expected);
            let body = json!({ "stageArn": stage, "sessionId": session });
            let listed = world.call(ANA, "ListParticipants", body).await.json();
            let [summary] = listed["participants"]
                .as_array()
                .unwrap()
                .clone()
                .try_into()
                .unwrap();
            assert_eq!(members(&summary, REPLICATION), expected);
            for shown in [&got, &summary] {
                let shown = members(shown, ["participantId", "userId", "state", "published"]);
                let expected = json!({
                    "participantId": host.id, "userId": "host", "state": is_on, "published": true,
                });
                assert_eq!(shown, expected);
            }
        }
        let listed = json!([{
            "sourceStageArn": host.stage,
            "sourceSessionId": from_session,
            "participantId": host.id,
            "destinationStageArn": to,
            "destinationSessionId": session,
            "replicationState": state,
        }]);
        assert_eq!(host.replicas(&world).await, listed);
        let body = host.replication(&to);
        let answer = world.call(ANA, "StopParticipantReplication", body).await;
        assert_eq!((answer.status, answer.bytes.len()), (200, 0));
    }
}

#[tokio::test]
async fn attributes_of_a_replication_are_the_destinations_own() {
    let world = World::new().await;
    let host = Host::publishing(&world, 1).await;
    let to = world.stage(ANA).await;
    let mut body = host.replication(&to);
    body["attributes"] = json!({ "role": "guest", "seat": "2" });
    let answer = world.call(ANA, "StartParticipantReplication", body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let own = json!({ "role": "host", "team": "red" });
    let other = json!({ "role": "guest", "team": "red", "seat": "2" });
    assert_eq!(host.on(&world, &host.stage).await["attributes"], own);
    assert_eq!(host.on(&world, &to).await["attributes"], other);
}

#[tokio::test]
async fn events_of_both_sides_say_what_is_a_replica_and_where_it_went() {
    let world = World::new().await;
    let host = Host::publishing(&world, 1).await;
    let to = world.stage(ANA).await;
    host.start(&world, &to).await;
    let viewer = Host::of(&world, &to, 2).await;
    let connection = ConnectionId(2);
    let watch = Input::Subscribe {
        connection,
        grant: viewer.grant.clone(),
        client: ClientInfo::default(),
        publisher: ParticipantId::parse(&host.id).unwrap(),
    };
    let reply = world.tell(watch).await;
    let source = StageArn::parse(&host.stage).unwrap();
    assert!(
        matches!(&reply, Reply::Admitted { publisher: Some(ConnectionId(1)), source: Some(from), .. } if *from == source),
        "{reply:?}"
    );
    world.tell(Input::Connected { connection }).await;
    let stop = host.replication(&to);
    world.call(ANA, "StopParticipantReplication", stop).await;
    let session = newest_session(&world, &to).await;
    let event = |name: &str, who: &Host, replica| json!({ "name": name, "participantId": who.id, "replica": replica });
    let of_replication = |name| {
        let mut event = event(name, &host, false);
        event["destinationStageArn"] = json!(to);
        event["destinationSessionId"] = session.clone();
        event
    };
    assert_eq!(
        events(&world, &host.stage, &host.id).await,
        [
            event("JOINED", &host, false),
            event("PUBLISH_STARTED", &host, false),
            of_replication("REPLICATION_STARTED"),
            of_replication("REPLICATION_STOPPED"),
        ]
    );
    assert_eq!(
        events(&world, &to, &host.id).await,
        [
            event("JOINED", &host, true),
            event("PUBLISH_STARTED", &host, true),
            event("PUBLISH_STOPPED", &host, true),
            event("LEFT", &host, true),
        ]
    );
    let of_watching = |name| {
        let mut event = event(name, &viewer, true);
        event["remoteParticipantId"] = json!(host.id);
        event
    };
    assert_eq!(
        events(&world, &to, &viewer.id).await,
        [
            event("JOINED", &viewer, false),
            of_watching("SUBSCRIBE_STARTED"),
            of_watching("SUBSCRIBE_STOPPED"),
            event("LEFT", &viewer, false),
        ]
    );
}

/// Whether the host is on the stage, and whether its replication is active by the record there.
async fn stands(world: &World, host: &Host, stage: &str) -> (String, String) {
    let shown = host.on(world, stage).await;
    let text = |name: &str| shown[name].as_str().unwrap_or_default().to_owned();
    (text("state"), text("replicationState"))
}

#[tokio::test]
async fn within_its_window_a_participant_is_back_on_both_stages_and_after_it_on_one() {
    let world = World::new().await;
    let mut host = Host::publishing(&world, 1).await;
    let to = world.stage(ANA).await;
    let mut body = host.replication(&to);
    body["reconnectWindowSeconds"] = json!(10);
    world.call(ANA, "StartParticipantReplication", body).await;
    let session = newest_session(&world, &to).await;
    let says = |state: &str, replication: &str| (state.to_owned(), replication.to_owned());
    host.leave(&world).await;
    for stage in [&host.stage, &to] {
        let stands = stands(&world, &host, stage).await;
        assert_eq!(stands, says("DISCONNECTED", "ACTIVE"), "{stage}");
    }
    world.advance(Duration::from_secs(9));
    host.publish(&world, 2).await;
    for stage in [&host.stage, &to] {
        let stands = stands(&world, &host, stage).await;
        assert_eq!(stands, says("CONNECTED", "ACTIVE"), "{stage}");
    }
    host.leave(&world).await;
    world.advance(Duration::from_secs(11));
    host.publish(&world, 3).await;
    assert_eq!(
        stands(&world, &host, &host.stage).await,
        says("CONNECTED", "STOPPED")
    );
    assert_eq!(
        stands(&world, &host, &to).await,
        says("DISCONNECTED", "STOPPED")
    );
    assert_eq!(newest_session(&world, &to).await, session);
    let listed = host.replicas(&world).await;
    assert_eq!(listed[0]["replicationState"], "STOPPED");
}

#[tokio::test]
async fn a_deleted_stage_ends_the_replications_of_both_of_its_sides() {
    let world = World::new().await;
    let host = Host::publishing(&world, 1).await;
    let (to, kept) = (world.stage(ANA).await, world.stage(ANA).await);
    host.start(&world, &to).await;
    host.start(&world, &kept).await;
    let delete = async |stage: &str| {
        let answer = world
            .call(ANA, "DeleteStage", json!({ "arn": stage }))
            .await;
        assert_eq!(answer.status, 200);
    };
    delete(&to).await;
    world.wake().await;
    let listed = host.replicas(&world).await;
    for replica in listed.as_array().unwrap() {
        let is_gone = replica["destinationStageArn"] == json!(to);
        let state = if is_gone { "STOPPED" } else { "ACTIVE" };
        assert_eq!(replica["replicationState"], state);
    }
    let last = events(&world, &host.stage, &host.id).await.pop().unwrap();
    assert_eq!(last["name"], "REPLICATION_STOPPED");
    assert_eq!(last["destinationStageArn"], json!(to));
    delete(&host.stage).await;
    world.wake().await;
    let shown = host.on(&world, &kept).await;
    assert_eq!(shown["replicationState"], "STOPPED");
    assert_eq!(shown["state"], "DISCONNECTED");
    let names = events(&world, &kept, &host.id).await;
    let names: Vec<_> = names.iter().map(|event| &event["name"]).collect();
    assert_eq!(
        names,
        ["JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT"]
    );
}

#[tokio::test]
async fn who_is_disconnected_at_the_destination_is_banned_there_and_goes_on_at_the_source() {
    let world = World::new().await;
    let host = Host::publishing(&world, 1).await;
    let (to, other) = (world.stage(ANA).await, world.stage(ANA).await);
    host.start(&world, &to).await;
    host.start(&world, &other).await;
    let out = |stage: &str| json!({ "stageArn": stage, "participantId": host.id });
    let answer = world.call(ANA, "DisconnectParticipant", out(&to)).await;
    assert_eq!(answer.status, 200);
    let says = |state: &str, replication: &str| (state.to_owned(), replication.to_owned());
    assert_eq!(
        stands(&world, &host, &to).await,
        says("DISCONNECTED", "STOPPED")
    );
    assert_eq!(
        stands(&world, &host, &other).await,
        says("CONNECTED", "ACTIVE")
    );
    assert_eq!(
        stands(&world, &host, &host.stage).await,
        says("CONNECTED", "ACTIVE")
    );
    let stages = world.store.stage_all().await.unwrap().into_iter();
    let banned: Vec<_> = stages.filter(|(_, banned)| !banned.is_empty()).collect();
    assert_eq!(banned.len(), 1);
    assert_eq!(banned[0].0.to_string(), to);
    assert_eq!(banned[0].1[0].as_str(), host.id);
    // At the source it ends all, windows or not.
    let answer = world
        .call(ANA, "DisconnectParticipant", out(&host.stage))
        .await;
    assert_eq!(answer.status, 200);
    for stage in [&other, &host.stage] {
        let stands = stands(&world, &host, stage).await;
        assert_eq!(stands, says("DISCONNECTED", "STOPPED"), "{stage}");
    }
}

#[tokio::test]
async fn the_replica_of_an_encoder_is_put_out_and_banned_without_its_configuration() {
    let world = World::new().await;
    let (from, to) = (world.stage(ANA).await, world.stage(ANA).await);
    let made = ingest(&world, json!({ "stageArn": to })).await;
    // The encoder has been on the destination itself, in the session that will have its replica.
    let mut connections = 1..;
    let mut publish = async |world: &World| {
        let connection = connections.next().unwrap();
        let encoder = Encoder::of(world, made["arn"].as_str().unwrap()).await;
        let reply = encoder.publish(world, connection).await;
        assert!(matches!(reply, Reply::Admitted { .. }), "{reply:?}");
        let connection = ConnectionId(connection);
        world.tell(Input::Connected { connection }).await;
        connection
    };
    let connection = publish(&world).await;
    let cause = CloseCause::Client;
    world.tell(Input::Closed { connection, cause }).await;
    let body = json!({ "arn": made["arn"], "stageArn": from });
    let moved = world.call(ANA, "UpdateIngestConfiguration", body).await;
    assert_eq!(moved.status, 200, "{moved:?}");
    publish(&world).await;
    let body = json!({
        "sourceStageArn": from, "destinationStageArn": to, "participantId": made["participantId"],
    });
    let started = world
        .call(ANA, "StartParticipantReplication", body.clone())
        .await;
    assert_eq!(started.status, 200, "{started:?}");
    let out = json!({ "stageArn": to, "participantId": made["participantId"] });
    let answer = world.call(ANA, "DisconnectParticipant", out).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let again = world.call(ANA, "StartParticipantReplication", body).await;
    assert_eq!(again.verdict(), (409, "ConflictException"), "{again:?}");
    let body = json!({ "arn": made["arn"] });
    let read = world.call(ANA, "GetIngestConfiguration", body).await.json();
    let read = &read["ingestConfiguration"];
    assert_eq!(
        (&read["stageArn"], &read["state"]),
        (&json!(from), &json!("ACTIVE"))
    );
}

#[tokio::test]
async fn t14_attributes_of_a_replication_are_stored_and_returned_verbatim() {
    let world = World::new().await;
    let host = Host::publishing(&world, 1).await;
    for text in [
        "' OR 1=1; --",
        "\"; DROP TABLE replica; --",
        "?1 :x",
        "\u{202e}",
        "",
        "null",
    ] {
        let to = world.stage(ANA).await;
        let mut body = host.replication(&to);
        body["attributes"] = json!({ "role": text, format!("k{text}"): text });
        let answer = world
            .call(ANA, "StartParticipantReplication", body.clone())
            .await;
        assert_eq!(answer.status, 200, "{text:?} {answer:?}");
        let mut expected = body["attributes"].clone();
        expected["team"] = json!("red");
        assert_eq!(
            host.on(&world, &to).await["attributes"],
            expected,
            "{text:?}"
        );
        world.call(ANA, "StopParticipantReplication", body).await;
    }
}

#[tokio::test]
async fn t12_a_replication_between_stages_that_are_not_both_yours_reads_like_one_with_none() {
    let world = World::new().await;
    let host = Host::publishing(&world, 1).await;
    let to = world.stage(ANA).await;
    host.start(&world, &to).await;
    let id = to.rsplit('/').next().unwrap();
    for (who, account) in [(BEN, "222222222222"), (ANA_ABROAD, "111111111111")] {
        let own = world.stage(who).await;
        let of = |id: &str| format!("arn:aws:ivs:{}:{account}:stage/{id}", who.region);
        let ask = async |operation: &str, from: &str, to: &str| {
            let body = json!({
                "sourceStageArn": from, "destinationStageArn": to, "participantId": host.id,
            });
            world.call(who, operation, body).await.fingerprint()
        };
        for operation in ["StartParticipantReplication", "StopParticipantReplication"] {
            let no_source = ask(operation, &of("ZZZZZZZZZZZZ"), &own).await;
            let no_destination = ask(operation, &own, &of("ZZZZZZZZZZZZ")).await;
            assert_eq!((no_source.0, no_destination.0), (404, 404));
            for foreign in [&to, &host.stage, &of(id)] {
                assert_eq!(ask(operation, foreign, &own).await, no_source, "{foreign}");
                assert_eq!(
                    ask(operation, &own, foreign).await,
                    no_destination,
                    "{foreign}"
                );
            }
            assert_eq!(ask(operation, &host.stage, &to).await, no_source);
        }
        let list = async |stage: &str| {
            let body = json!({ "sourceStageArn": stage, "participantId": host.id });
            world
                .call(who, "ListParticipantReplicas", body)
                .await
                .fingerprint()
        };
        let absent = list(&of("ZZZZZZZZZZZZ")).await;
        assert_eq!(absent.0, 400);
        for foreign in [&to, &host.stage, &of(id)] {
            assert_eq!(list(foreign).await, absent, "{foreign}");
        }
    }
    assert_eq!(host.replicas(&world).await[0]["replicationState"], "ACTIVE");
}

#[tokio::test]
async fn t16_starts_stops_and_deletes_at_once_leave_each_side_as_the_other() {
    for round in 0..20 {
        let world = World::new().await;
        let host = Host::publishing(&world, 1).await;
        let stages = [world.stage(ANA).await, world.stage(ANA).await];
        let calls = (0..40).map(|at| {
            let (world, host, to) = (&world, &host, &stages[at % 2]);
            async move {
                let body = host.replication(to);
                // The second stage stays.
                let is_deleted = at.is_multiple_of(2);
                let (operation, body) = match (at + round) % 9 {
                    0..4 => ("StartParticipantReplication", body),
                    4..7 => ("StopParticipantReplication", body),
                    7 if is_deleted => ("DeleteStage", json!({ "arn": to })),
                    _ => ("ListParticipantReplicas", body),
                };
                (operation, world.call(ANA, operation, body).await)
            }
        });
        for (operation, answer) in futures_util::future::join_all(calls).await {
            let expected: &[u16] = match operation {
                "StartParticipantReplication" => &[200, 404, 409],
                "DeleteStage" | "StopParticipantReplication" => &[200, 404],
                _ => &[200],
            };
            assert!(expected.contains(&answer.status), "{operation} {answer:?}");
        }
        world.wake().await;
        let mut active = 0;
        for replica in host.replicas(&world).await.as_array().unwrap() {
            let is_active = replica["replicationState"] == "ACTIVE";
            active += usize::from(is_active);
            let to = replica["destinationStageArn"].as_str().unwrap();
            let body = json!({ "arn": to });
            if world.call(ANA, "GetStage", body).await.status != 200 {
                assert!(!is_active, "{replica}");
                continue;
            }
            let expected = if is_active {
                ("CONNECTED".to_owned(), "ACTIVE".to_owned())
            } else {
                ("DISCONNECTED".to_owned(), "STOPPED".to_owned())
            };
            assert_eq!(stands(&world, &host, to).await, expected);
        }
        let (_, state) = stands(&world, &host, &host.stage).await;
        let expected = if active > 0 { "ACTIVE" } else { "STOPPED" };
        assert!(state == expected || state.is_empty(), "{state} {active}");
        let told = events(&world, &host.stage, &host.id).await;
        let count = |name: &str| told.iter().filter(|event| event["name"] == name).count();
        let (started, stopped) = (count("REPLICATION_STARTED"), count("REPLICATION_STOPPED"));
        assert_eq!(started - stopped, active);
    }
}

/// Tells the stages what a call tells them whose caller hangs up.
async fn hang_up(world: &World, input: Input) {
    let (reply, _) = oneshot::channel();
    world.stages.send((input, reply)).await.unwrap();
}

#[tokio::test]
async fn t59_who_did_not_learn_that_it_started_or_stopped_may_ask_again() {
    let world = World::new().await;
    let host = Host::publishing(&world, 1).await;
    let to = world.stage(ANA).await;
    let body = host.replication(&to);
    let ask = async |operation: &str, body: &Value| {
        let answer = world.call(ANA, operation, body.clone()).await;
        (answer.status, answer.error().to_owned())
    };
    let fine = (200, String::new());
    let conflict = (409, "ConflictException".to_owned());
    let state = async || host.replicas(&world).await[0]["replicationState"].clone();
    let start = "StartParticipantReplication";
    let of = ReplicationKey {
        source: StageArn::parse(&host.stage).unwrap(),
        destination: StageArn::parse(&to).unwrap(),
        participant: ParticipantId::parse(&host.id).unwrap(),
    };
    let wish = Replicate {
        of: of.clone(),
        window: Duration::ZERO,
        attributes: BTreeMap::new(),
    };
    hang_up(&world, Input::Replicate(wish)).await;
    // Not what it asked for.
    let mut other = body.clone();
    other["reconnectWindowSeconds"] = json!(1);
    assert_eq!(ask(start, &other).await, conflict);
    assert_eq!(ask(start, &body).await, fine);
    assert_eq!(state().await, "ACTIVE");
    // It knows now.
    assert_eq!(ask(start, &body).await, conflict);
    let stop = "StopParticipantReplication";
    hang_up(&world, Input::StopReplication(of)).await;
    assert_eq!(ask(stop, &body).await, fine);
    assert_eq!(state().await, "STOPPED");
    assert_eq!(ask(start, &body).await, fine);
    assert_eq!(state().await, "ACTIVE");
    let told = events(&world, &host.stage, &host.id).await;
    let names: Vec<_> = told.iter().map(|event| &event["name"]).skip(2).collect();
    let (started, stopped) = ("REPLICATION_STARTED", "REPLICATION_STOPPED");
    assert_eq!(names, [started, stopped, started]);
}

#[tokio::test]
async fn what_the_stages_do_not_hear_is_not_started() {
    let (closed, _) = mpsc::channel(1);
    let world = World::with(|settings| settings.stages = closed).await;
    let stage =
        |id: &str| StageArn::parse(&format!("arn:aws:ivs:us-west-2:111111111111:stage/{id}"));
    for id in ["one", "two"] {
        let stage = model::Stage {
            arn: stage(id).unwrap(),
            name: String::new(),
            tags: BTreeMap::new(),
            created: world.now().wall,
            active_session: None,
            recording: model::RecordingConfiguration::default(),
        };
        world.store.stage_insert(&stage, 10).await.unwrap();
    }
    for operation in ["StartParticipantReplication", "StopParticipantReplication"] {
        let body = json!({
            "sourceStageArn": stage("one").unwrap().to_string(),
            "destinationStageArn": stage("two").unwrap().to_string(),
            "participantId": "ana",
        });
        let answer = world.call(ANA, operation, body).await;
        assert_eq!(
            answer.verdict(),
            (503, "InternalServerException"),
            "{operation}"
        );
    }
}
