//! Another account's resources, and those of another region, do not exist for a caller (T12, P-4).

use super::*;

/// A valid request of each operation about a stage, its session and its participant.
fn requests(arn: &str) -> Vec<(&'static str, Operation, String)> {
    let stage = json!({ "arn": arn });
    let of_stage = json!({ "stageArn": arn });
    let of_session = json!({ "stageArn": arn, "sessionId": SESSION });
    let of_participant = json!({ "stageArn": arn, "sessionId": SESSION, "participantId": "ana" });
    let disconnect = json!({ "stageArn": arn, "participantId": "ana", "reason": "out" });
    let update = json!({ "arn": arn, "name": "taken" });
    let tags = json!({ "tags": { "owner": "ben" } });
    [
        ("POST", Operation::GetStage, stage.clone()),
        ("POST", Operation::UpdateStage, update),
        ("POST", Operation::DeleteStage, stage),
        ("POST", Operation::CreateParticipantToken, of_stage.clone()),
        ("POST", Operation::DisconnectParticipant, disconnect),
        ("POST", Operation::ListStageSessions, of_stage),
        ("POST", Operation::GetStageSession, of_session.clone()),
        ("POST", Operation::ListParticipants, of_session),
        ("POST", Operation::GetParticipant, of_participant.clone()),
        ("POST", Operation::ListParticipantEvents, of_participant),
        ("POST", Operation::TagResource, tags),
        ("DELETE", Operation::UntagResource, Value::Null),
        ("GET", Operation::ListTagsForResource, Value::Null),
    ]
    .into_iter()
    .map(|(method, operation, body)| {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        (method, operation, body)
    })
    .collect()
}

#[tokio::test]
async fn t12_what_is_not_yours_and_what_is_not_there_read_the_same() {
    let world = World::new().await;
    let arn = world.stage(ANA).await;
    world
        .session(&arn, SESSION, &[("ana", "user", true, true)])
        .await;
    let id = arn.rsplit('/').next().unwrap();
    let absent_of = |who: Who, account: &str| {
        format!("arn:aws:ivs:{}:{account}:stage/ZZZZZZZZZZZZ", who.region)
    };
    for (who, account) in [(BEN, "222222222222"), (ANA_ABROAD, "111111111111")] {
        let own_id = format!("arn:aws:ivs:{}:{account}:stage/{id}", who.region);
        let absent = absent_of(who, account);
        let odd = "arn:aws:ivs:us-west-2:42:stage/short-account".to_owned();
        for (at, (method, operation, body)) in requests(&absent).into_iter().enumerate() {
            let request = world.signed(who, method, &target(operation, &absent), body);
            let expected = world.send(request).await;
            let name = operation.name();
            let is_list = name.starts_with("List") && operation != Operation::ListTagsForResource;
            let verdict = if is_list {
                (400, "ValidationException")
            } else {
                (404, "ResourceNotFoundException")
            };
            assert_eq!(expected.verdict(), verdict, "{name}");
            let is_tag = operation.path().contains('{');
            for foreign in [&arn, &own_id, &odd] {
                if is_tag && *foreign == odd {
                    continue;
                }
                let (method, operation, body) = requests(foreign).swap_remove(at);
                let request = world.signed(who, method, &target(operation, foreign), body);
                let answer = world.send(request).await;
                assert_eq!(
                    answer.fingerprint(),
                    expected.fingerprint(),
                    "{name} on {foreign}"
                );
            }
        }
        let listed = world.call(who, "ListStages", json!({})).await;
        assert_eq!(listed.json(), json!({ "stages": [] }));
    }
    let mine = world
        .call(ANA, "GetStage", json!({ "arn": arn }))
        .await
        .json();
    assert_eq!(mine["stage"]["name"], "");
    assert_eq!(mine["stage"]["tags"], json!({}));
    assert_eq!(mine["stage"]["activeSessionId"], SESSION);
}

#[tokio::test]
async fn t12_arns_of_other_kinds_are_not_stages_and_have_no_tags() {
    let world = World::new().await;
    for kind in [
        "channel",
        "composition",
        "public-key",
        "encoder-configuration",
    ] {
        let arn = format!("arn:aws:ivs:us-west-2:111111111111:{kind}/abcdABCDefgh");
        let answer = world.call(ANA, "GetStage", json!({ "arn": arn })).await;
        assert_eq!(answer.verdict(), (400, "ValidationException"), "{kind}");
        let answer = world.tags(ANA, "GET", &arn, "", "").await;
        assert_eq!(
            answer.verdict(),
            (404, "ResourceNotFoundException"),
            "{kind}"
        );
    }
}
