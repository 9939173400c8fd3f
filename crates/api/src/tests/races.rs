//! Concurrent calls end in some serial order, and a write is told to the stages even if its caller hangs up (T5, T16).

use std::collections::BTreeSet;
use std::task::Poll;

use super::resources::KINDS;
use super::*;

/// Runs all futures of one kind at once on this thread.
async fn together<T>(work: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    futures_util::future::join_all(work).await
}

/// The stages that are open by what the stages were told, in order.
fn open_stages(world: &World) -> Vec<StageArn> {
    let mut open = BTreeSet::new();
    for input in world.told.lock().unwrap().iter() {
        if let Input::StageOpened { stage, .. } = input {
            open.insert(stage.clone());
        } else if let Input::StageDeleted { stage } = input {
            open.remove(stage);
        } else {
            panic!("{input:?}");
        }
    }
    open.into_iter().collect()
}

#[tokio::test]
async fn t16_the_stage_quota_holds_under_a_rush() {
    let world = World::with(|settings| settings.quotas.stages = 10).await;
    let answers = together((0..40).map(|_| world.call(ANA, "CreateStage", json!({})))).await;
    let made = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(made, 10);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.verdict(), (402, "ServiceQuotaExceededException"));
    }
    let mut stored: Vec<_> = world.store.stage_all().await.unwrap();
    stored.sort();
    let stored: Vec<_> = stored.into_iter().map(|(arn, _)| arn).collect();
    assert_eq!(open_stages(&world), stored);
    // Other accounts and regions have a quota of their own, and what is deleted counts no more.
    assert_eq!(world.call(BEN, "CreateStage", json!({})).await.status, 200);
    assert_eq!(
        world
            .call(ANA_ABROAD, "CreateStage", json!({}))
            .await
            .status,
        200
    );
    let stages = world.call(ANA, "ListStages", json!({})).await.json();
    let body = json!({ "arn": stages["stages"][0]["arn"] });
    assert_eq!(world.call(ANA, "DeleteStage", body).await.status, 200);
    assert_eq!(world.call(ANA, "CreateStage", json!({})).await.status, 200);
}

#[tokio::test]
async fn t16_a_key_that_is_imported_many_times_at_once_is_there_once() {
    let world = World::new().await;
    let body = json!({ "publicKeyMaterial": pem(0) });
    let answers = together((0..40).map(|_| world.call(ANA, "ImportPublicKey", body.clone()))).await;
    let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(made.len(), 1);
    for answer in refused {
        assert_eq!(answer.verdict(), (409, "ConflictException"));
    }
    let list = world.call(ANA, "ListPublicKeys", json!({})).await.json();
    assert_eq!(list["publicKeys"].as_array().unwrap().len(), 1);
    assert_eq!(
        list["publicKeys"][0]["arn"],
        made[0].json()["publicKey"]["arn"]
    );
}

#[tokio::test]
async fn t16_the_quotas_of_keys_and_configurations_hold_under_a_rush() {
    let world = World::with(|settings| {
        settings.quotas = crate::Quotas {
            stages: 5,
            ingest_configurations: 5,
            encoder_configurations: 5,
            storage_configurations: 5,
        };
    })
    .await;
    for kind in KINDS {
        // There are four keys to import, and the quota is three.
        let calls = if kind.name == "public-key" { 4 } else { 40 };
        let call = |at: usize| world.call(ANA, kind.create, kind.wishes(at % 4));
        let answers = together((0..calls).map(call)).await;
        let made = answers.iter().filter(|answer| answer.status == 200);
        let quota = if kind.name == "public-key" { 3 } else { 5 };
        assert_eq!(made.count(), quota, "{kind:?}");
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            let verdict = (402, "ServiceQuotaExceededException");
            assert_eq!(answer.verdict(), verdict, "{kind:?}");
        }
        let list = world.call(ANA, &kind.list(), json!({})).await.json();
        let list = list[kind.members()].as_array().unwrap();
        assert_eq!(list.len(), quota, "{kind:?}");
    }
}

#[tokio::test]
async fn t16_a_storage_configuration_is_not_deleted_under_a_stage_that_records_to_it() {
    let world = World::new().await;
    for round in 0..5 {
        let storage = storage(&world, ANA).await;
        let stage = world.stage(ANA).await;
        let recorded = json!({ "storageConfigurationArn": storage });
        let answers = together((0..12).map(|at| {
            let (world, stage, storage) = (&world, &stage, &storage);
            let recording = recorded.clone();
            // Another one is first in each round.
            let turn = (at + round) % 3;
            async move {
                let (operation, body) = match turn {
                    0 => ("DeleteStorageConfiguration", json!({ "arn": storage })),
                    1 => (
                        "CreateStage",
                        json!({ "autoParticipantRecordingConfiguration": recording }),
                    ),
                    _ => (
                        "UpdateStage",
                        json!({ "arn": stage, "autoParticipantRecordingConfiguration": recording }),
                    ),
                };
                (turn, world.call(ANA, operation, body).await)
            }
        }))
        .await;
        let deleted = answers
            .iter()
            .any(|(turn, answer)| *turn == 0 && answer.status == 200);
        for (turn, answer) in &answers {
            let verdict = answer.verdict();
            let expected = match (turn, deleted) {
                (0, true) => verdict == (200, "") || verdict.0 == 404,
                (0, false) => verdict == (409, "ConflictException"),
                (1, true) => verdict == (400, "ValidationException"),
                (_, true) => verdict == (404, "ResourceNotFoundException"),
                (_, false) => verdict == (200, ""),
            };
            assert!(expected, "{turn} {deleted} {answer:?}");
        }
        let stored = world.store.state_export().await.unwrap();
        let stages = stored.stages.iter();
        let recorded = stages
            .filter(|stage| stage.recording.storage_configuration_arn == storage)
            .count();
        let configurations = stored.storage_configurations.iter();
        let kept = configurations
            .filter(|one| one.arn.to_string() == storage)
            .count();
        assert_eq!((recorded == 0, kept == 0), (deleted, deleted));
        for stage in stored.stages {
            let body = json!({ "arn": stage.arn.to_string() });
            assert_eq!(world.call(ANA, "DeleteStage", body).await.status, 200);
        }
        let body = json!({ "arn": storage });
        world.call(ANA, "DeleteStorageConfiguration", body).await;
    }
}

#[tokio::test]
async fn t16_no_ingest_configuration_stays_attached_to_a_stage_that_is_deleted() {
    let world = World::new().await;
    let stage = world.stage(ANA).await;
    let made = ingest(&world, json!({})).await;
    let answers = together((0..30).map(|at| {
        let (world, stage, arn) = (&world, &stage, &made["arn"]);
        async move {
            let (operation, body) = match at % 3 {
                0 => (
                    "CreateIngestConfiguration",
                    json!({ "ingestProtocol": "RTMPS", "stageArn": stage }),
                ),
                1 => (
                    "UpdateIngestConfiguration",
                    json!({ "arn": arn, "stageArn": stage }),
                ),
                _ => ("DeleteStage", json!({ "arn": stage })),
            };
            world.call(ANA, operation, body).await
        }
    }))
    .await;
    for answer in &answers {
        assert!([200, 400, 404].contains(&answer.status), "{answer:?}");
    }
    let stored = world.store.state_export().await.unwrap();
    assert_eq!(stored.stages, []);
    assert!(!stored.ingest_configurations.is_empty());
    for configuration in stored.ingest_configurations {
        assert_eq!(configuration.stage, None, "{configuration:?}");
    }
}

#[tokio::test]
async fn t16_a_second_stream_that_is_wanted_many_times_at_once_has_one_key() {
    let world = World::new().await;
    let made = ingest(&world, json!({})).await;
    let body = json!({ "arn": made["arn"], "redundantIngest": true });
    let call = |_| world.call(ANA, "UpdateIngestConfiguration", body.clone());
    let answers = together((0..20).map(call)).await;
    let mut shown: Vec<_> = answers
        .iter()
        .map(|answer| answer.json()["ingestConfiguration"].to_string())
        .collect();
    shown.dedup();
    assert_eq!(shown.len(), 1);
}

#[tokio::test]
async fn t16_two_hundred_calls_about_one_stage_end_without_an_orphan() {
    let world = World::new().await;
    let arn = world.stage(ANA).await;
    let tags = json!({ "tags": { "k": "v" } }).to_string();
    let answers = together((0..200).map(|at| {
        let (world, arn, tags) = (&world, arn.clone(), tags.as_str());
        async move {
            match at % 5 {
                0 => world.call(ANA, "DeleteStage", json!({ "arn": arn })).await,
                1 => {
                    world
                        .call(ANA, "UpdateStage", json!({ "arn": arn, "name": "n" }))
                        .await
                }
                2 => {
                    world
                        .call(ANA, "CreateParticipantToken", json!({ "stageArn": arn }))
                        .await
                }
                3 => world.tags(ANA, "POST", &arn, "", tags).await,
                _ => world.call(ANA, "GetStage", json!({ "arn": arn })).await,
            }
        }
    }))
    .await;
    for answer in &answers {
        assert!([200, 404].contains(&answer.status), "{answer:?}");
    }
    let deleted = answers
        .iter()
        .step_by(5)
        .filter(|answer| answer.status == 200);
    assert_eq!(deleted.count(), 1);
    assert_eq!(world.store.stage_all().await.unwrap(), []);
    let told = world.told.lock().unwrap();
    // Each delete tells the stages, also one that finds the stage gone.
    let (opened, deleted) = told.split_first().unwrap();
    assert!(matches!(opened, Input::StageOpened { .. }));
    assert!(!deleted.is_empty());
    assert!(
        deleted
            .iter()
            .all(|input| matches!(input, Input::StageDeleted { .. }))
    );
}

#[tokio::test]
async fn t16_a_stage_whose_maker_hangs_up_is_stored_and_open() {
    const CALLS: usize = 5;
    let world = World::new().await;
    for polls in 1..=CALLS {
        let mut call = Box::pin(world.call(ANA, "CreateStage", json!({})));
        for _ in 0..polls {
            let ready =
                std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready()));
            if ready.await {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(call);
    }
    // The first poll begins the write, so every call made a stage, and in the end both sides know the same ones.
    let settled = async {
        loop {
            let stored = world.store.stage_all().await.unwrap();
            let mut stored: Vec<_> = stored.into_iter().map(|(arn, _)| arn).collect();
            stored.sort();
            if stored.len() == CALLS && stored == open_stages(&world) {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(10), settled).await;
    assert!(
        in_time.is_ok(),
        "a stage is stored and not open, or open and not stored"
    );
}

#[tokio::test]
async fn t16_a_stage_is_open_before_any_list_shows_it() {
    let (stages, mut inbox) = mpsc::channel::<(Input, oneshot::Sender<Reply>)>(8);
    let world = World::with(|settings| settings.stages = stages).await;
    let stages = async {
        let (input, reply) = inbox.recv().await.unwrap();
        assert!(matches!(input, Input::StageOpened { .. }));
        assert_eq!(world.store.stage_all().await.unwrap(), []);
        reply.send(Reply::Done).unwrap();
    };
    let (answer, ()) = tokio::join!(world.call(ANA, "CreateStage", json!({})), stages);
    assert_eq!(answer.status, 200);
    assert_eq!(world.store.stage_all().await.unwrap().len(), 1);
}
