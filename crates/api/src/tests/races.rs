//! Concurrent calls end in some serial order, and a write is told to the stages even if its caller hangs up (T5, T16).

use std::collections::BTreeSet;
use std::task::Poll;

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
