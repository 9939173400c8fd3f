//! What callers are told when the store or the stages fail them (T59).

use super::scene::Scene;
use super::*;

const FAULT: (u16, &str) = (503, "InternalServerException");

#[tokio::test]
async fn t59_without_the_store_every_operation_says_so_and_to_try_again() {
    let scene = Scene::new().await;
    let told = scene.world.told.lock().unwrap().len();
    scene.world.sqlite.close().await;
    let mut served = 0;
    for operation in Operation::ALL {
        let Some(input) = scene.input(operation) else {
            continue;
        };
        let answer = scene.send(ANA, operation, &input).await;
        let name = operation.name();
        assert_eq!(answer.verdict(), FAULT, "{name}");
        assert_eq!(answer.headers["retry-after"], "1", "{name}");
        let message = "the service is not available at the moment";
        assert_eq!(answer.json()["exceptionMessage"], message, "{name}");
        assert_eq!(answer.json()["message"], message, "{name}");
        served += 1;
    }
    assert_eq!(served, 36);
    // What is wrong with a request is told all the same.
    let answer = scene
        .world
        .call(ANA, "GetStage", json!({ "arn": "x" }))
        .await;
    assert_eq!(answer.verdict(), (400, "ValidationException"));
    // The stages heard only of one that may or may not be stored.
    let told = scene.world.told.lock().unwrap().split_off(told);
    assert!(matches!(told[..], [Input::StageOpened { .. }]), "{told:?}");
}

#[tokio::test]
async fn t59_without_the_object_store_only_new_storage_configurations_have_to_wait() {
    let scene = Scene::new().await;
    let before = scene.world.store.state_export().await.unwrap();
    let operation = Operation::CreateStorageConfiguration;
    let mut input = scene.input(operation).unwrap();
    input["s3"]["bucketName"] = json!("out-of-reach");
    let answer = scene.send(ANA, operation, &input).await;
    assert_eq!(answer.verdict(), FAULT);
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(scene.world.store.state_export().await.unwrap(), before);
    for operation in [
        Operation::GetStorageConfiguration,
        Operation::ListStorageConfigurations,
        Operation::UpdateStage,
        Operation::CreateStage,
    ] {
        let input = scene.input(operation).unwrap();
        let answer = scene.send(ANA, operation, &input).await;
        assert_eq!(answer.status, 200, "{operation:?}");
    }
}

#[tokio::test]
async fn when_the_stages_do_not_listen_nothing_is_written() {
    let (full, _kept) = mpsc::channel(1);
    let (reply, _) = oneshot::channel();
    full.try_send((Input::Shutdown, reply)).unwrap();
    let (closed, _) = mpsc::channel(1);
    for stages in [full, closed] {
        let world = World::with(|settings| settings.stages = stages).await;
        let answer = world.call(ANA, "CreateStage", json!({})).await;
        assert_eq!(answer.verdict(), FAULT);
        assert_eq!(world.store.stage_all().await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_policy_that_needs_tags_it_cannot_read_lets_nobody_in() {
    let world = World::with(|settings| {
        let statement = json!({
            "Effect": "Allow",
            "Action": "*",
            "Resource": "*",
            "Condition": { "StringNotEquals": { "aws:ResourceTag/secret": "yes" } },
        });
        settings.access_keys.get_mut(ANA.key).unwrap().policy = policy(&statement);
    })
    .await;
    let arn = world.stage(ANA).await;
    world.sqlite.close().await;
    let answer = world
        .call(ANA, "StopComposition", json!({ "arn": arn }))
        .await;
    assert_eq!(answer.verdict(), FAULT);
}

#[tokio::test]
async fn an_id_that_is_taken_does_not_touch_the_stage_that_has_it() {
    let world = World::with(|settings| settings.random = Arc::new(|bytes| bytes.fill(7))).await;
    let made = world
        .call(ANA, "CreateStage", json!({ "name": "first" }))
        .await
        .json();
    let answer = world
        .call(ANA, "CreateStage", json!({ "name": "second" }))
        .await;
    assert_eq!(answer.verdict(), (500, "InternalServerException"));
    let body = json!({ "arn": made["stage"]["arn"] });
    let read = world.call(ANA, "GetStage", body).await.json();
    assert_eq!(read["stage"], made["stage"]);
    let told = world.told.lock().unwrap();
    assert!(
        told.iter()
            .all(|input| matches!(input, Input::StageOpened { .. }))
    );
}
