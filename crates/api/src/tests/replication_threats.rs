//! Replications as those see them who mean harm, are in a hurry, or get no answer.

use stage::{Replicate, ReplicationKey};

use super::hosts::{Host, events, stands};
use super::*;

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
