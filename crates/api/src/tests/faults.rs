//! What callers are told when the store or the stages fail them (T59).

use super::*;

const FAULT: (u16, &str) = (503, "InternalServerException");

#[tokio::test]
async fn t59_without_the_store_every_operation_says_so_and_to_try_again() {
    let world = World::new().await;
    let arn = world.stage(ANA).await;
    world.sqlite.close().await;
    let participant = json!({ "stageArn": arn, "sessionId": SESSION, "participantId": "ana" });
    for (operation, body) in [
        ("CreateStage", json!({})),
        ("GetStage", json!({ "arn": arn })),
        ("ListStages", json!({})),
        ("UpdateStage", json!({ "arn": arn, "name": "n" })),
        ("DeleteStage", json!({ "arn": arn })),
        ("CreateParticipantToken", json!({ "stageArn": arn })),
        (
            "DisconnectParticipant",
            json!({ "stageArn": arn, "participantId": "ana" }),
        ),
        ("ListStageSessions", json!({ "stageArn": arn })),
        (
            "GetStageSession",
            json!({ "stageArn": arn, "sessionId": SESSION }),
        ),
        (
            "ListParticipants",
            json!({ "stageArn": arn, "sessionId": SESSION }),
        ),
        ("GetParticipant", participant.clone()),
        ("ListParticipantEvents", participant),
    ] {
        let answer = world.call(ANA, operation, body).await;
        assert_eq!(answer.verdict(), FAULT, "{operation}");
        assert_eq!(answer.headers["retry-after"], "1", "{operation}");
        let message = "the service is not available at the moment";
        assert_eq!(answer.json()["exceptionMessage"], message, "{operation}");
        assert_eq!(answer.json()["message"], message, "{operation}");
    }
    for (method, query, body) in [
        ("GET", "", ""),
        ("POST", "", r#"{"tags":{"k":"v"}}"#),
        ("DELETE", "?tagKeys=k", ""),
    ] {
        let answer = world.tags(ANA, method, &arn, query, body).await;
        assert_eq!(answer.verdict(), FAULT, "{method}");
    }
    // What is wrong with a request is told all the same.
    let answer = world.call(ANA, "GetStage", json!({ "arn": "x" })).await;
    assert_eq!(answer.verdict(), (400, "ValidationException"));
    // The stage that was made before, and the one that may or may not be stored.
    let told = world.told.lock().unwrap();
    assert!(matches!(
        told[..],
        [Input::StageOpened { .. }, Input::StageOpened { .. }]
    ));
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
