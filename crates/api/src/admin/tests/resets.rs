//! Deleting everything.

use std::task::Poll;
use std::time::Duration;

use model::{ClientInfo, ConnectionId, Grant};
use stage::{Refusal, Reply};
use tokio::sync::oneshot;

use super::*;

/// A token for a new participant, as its holder presents it.
async fn grant(world: &World, stage: &str) -> Grant {
    let body = json!({ "stageArn": stage });
    let answer = world.call(ANA, "CreateParticipantToken", body).await.json();
    let token = answer["participantToken"]["token"].as_str().unwrap();
    let now = world.now().wall;
    world.token_key.verify(token, now, Duration::ZERO).unwrap()
}

async fn join(world: &World, connection: u64, grant: &Grant) -> Reply {
    let (reply, answer) = oneshot::channel();
    let input = Input::Join {
        connection: ConnectionId(connection),
        grant: grant.clone(),
        client: ClientInfo::default(),
    };
    world.stages.send((input, reply)).await.unwrap();
    answer.await.unwrap()
}

#[tokio::test]
async fn everything_is_deleted_and_nobody_stays_on_a_stage() {
    let world = World::new().await;
    let stage = furnish(&world).await;
    let ana = grant(&world, &stage).await;
    assert!(matches!(join(&world, 1, &ana).await, Reply::Joined { .. }));
    world.reset().await;

    let told = world.told.lock().unwrap().pop();
    assert!(matches!(told, Some(Input::AllStagesDeleted)));
    let refused = Reply::Refused(Refusal::StageNotFound);
    assert_eq!(join(&world, 2, &ana).await, refused);
    let empty = json!({
        "version": 1,
        "stages": [],
        "publicKeys": [],
        "ingestConfigurations": [],
        "encoderConfigurations": [],
        "storageConfigurations": [],
        "revokedConnectionTokens": [],
    });
    assert_eq!(world.export().await, empty);
    let body = json!({ "arn": stage });
    assert_eq!(world.call(ANA, "GetStage", body).await.status, 404);
    world.reset().await;
}

#[tokio::test]
async fn the_secrets_of_the_installation_stay() {
    let world = World::new().await;
    let stage = furnish(&world).await;
    let ana = grant(&world, &stage).await;
    let document = world.export().await;
    world.reset().await;
    assert_eq!(world.seed(&document).await.0, 200);
    // The stage is there again under its name, so its tokens are good for it.
    assert!(matches!(join(&world, 1, &ana).await, Reply::Joined { .. }));
}

#[tokio::test]
async fn t16_resets_among_calls_and_joins_leave_store_and_stages_agreeing() {
    let world = World::new().await;
    let stage = world.stage(ANA).await;
    let ana = grant(&world, &stage).await;
    let seeded = document("stages", json!([{ "arn": stage }]));
    let work = (0..300_u64).map(|at| {
        let (world, stage, ana, seeded) = (&world, &stage, &ana, &seeded);
        async move {
            match at % 6 {
                0 => world.reset().await,
                1 => {
                    let body = json!({ "arn": stage });
                    world.call(ANA, "DeleteStage", body).await;
                }
                2 => assert_eq!(world.seed(seeded).await.0, 200),
                3 => {
                    join(world, at, ana).await;
                }
                _ => assert_eq!(world.call(ANA, "CreateStage", json!({})).await.status, 200),
            }
        }
    });
    futures_util::future::join_all(work).await;
    let (open, stored) = world.both_sides().await;
    assert_eq!(open, stored);
    world.reset().await;
    assert_eq!(world.both_sides().await, (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_reset_goes_on_although_its_caller_hangs_up() {
    let world = World::new().await;
    furnish(&world).await;
    for polls in 1..=8 {
        let mut call = Box::pin(world.administer("POST", "reset", ""));
        for _ in 0..polls {
            let ready =
                std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready()));
            if ready.await {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    let settled = async {
        while world.both_sides().await != (Vec::new(), Vec::new()) {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(10), settled).await;
    assert!(in_time.is_ok());
}
