//! Replications as their stages' owner sees them.

use model::ConnectionId;
use stage::CloseCause;

use super::encoders::Encoder;
use super::hosts::{Host, events, newest_session, stands};
use super::*;

/// The members of a value by these names.
fn members<const N: usize>(value: &Value, names: [&str; N]) -> Value {
    names
        .into_iter()
        .map(|name| (name.to_owned(), value[name].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
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
