//! What a key's policy does not allow is AccessDeniedException, before anything is looked up.

use super::*;

const DENIED: (u16, &str) = (403, "AccessDeniedException");

async fn world_with(statements: &Value) -> World {
    World::with(|settings| {
        settings.access_keys.get_mut(ANA.key).unwrap().policy = policy(statements);
        // The same account, without limits.
        let account = settings.access_keys[ANA.key].account.clone();
        settings.access_keys.get_mut(BEN.key).unwrap().account = account;
    })
    .await
}

#[tokio::test]
async fn a_denied_action_is_denied_for_every_operation() {
    let world = world_with(&json!([
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": "ivs:*", "Resource": "*" },
    ]))
    .await;
    let arn = world.stage(BEN).await;
    for operation in Operation::ALL {
        for body in ["{}", "{\"arn\":1}", "no json"] {
            let target = target(operation, &arn);
            let answer = world
                .send(world.signed(ANA, operation.method(), &target, body))
                .await;
            assert_eq!(answer.verdict(), DENIED, "{operation:?} {body}");
        }
    }
}

#[tokio::test]
async fn a_key_for_one_stage_learns_nothing_of_others() {
    let world = world_with(&json!({ "Effect": "Allow", "Action": "*", "Resource": "*" })).await;
    let mine = world.stage(BEN).await;
    let world = {
        let statement = json!({ "Effect": "Allow", "Action": "ivs:*", "Resource": mine });
        let scoped = world_with(&statement).await;
        // Ids come out the same in each world.
        assert_eq!(scoped.stage(BEN).await, mine);
        scoped
    };
    let other = world.stage(BEN).await;
    let absent = "arn:aws:ivs:us-west-2:111111111111:stage/ZZZZZZZZZZZZ";
    let answer = world.call(ANA, "GetStage", json!({ "arn": mine })).await;
    assert_eq!(answer.status, 200);
    for (operation, member) in [
        ("GetStage", "arn"),
        ("DeleteStage", "arn"),
        ("CreateParticipantToken", "stageArn"),
        ("ListStageSessions", "stageArn"),
    ] {
        for arn in [other.as_str(), absent] {
            let answer = world.call(ANA, operation, json!({ member: arn })).await;
            assert_eq!(answer.verdict(), DENIED, "{operation} {arn}");
        }
    }
    assert_eq!(
        world.tags(ANA, "GET", &other, "", "").await.verdict(),
        DENIED
    );
    assert_eq!(world.tags(ANA, "GET", &mine, "", "").await.status, 200);
    assert_eq!(
        world.call(ANA, "ListStages", json!({})).await.verdict(),
        DENIED
    );
    // Bad input about one's own stage is told; about another's it is denied.
    let body = json!({ "arn": mine, "name": "no spaces" });
    let answer = world.call(ANA, "UpdateStage", body).await;
    assert_eq!(answer.verdict(), (400, "ValidationException"));
    let body = json!({ "arn": other, "name": "no spaces" });
    assert_eq!(world.call(ANA, "UpdateStage", body).await.verdict(), DENIED);
}

#[tokio::test]
async fn tags_of_the_resource_decide() {
    let world = world_with(&json!({
        "Effect": "Allow",
        "Action": "ivs:*",
        "Resource": "arn:aws:ivs:*:*:stage/*",
        "Condition": { "StringEquals": { "aws:ResourceTag/team": "media" } },
    }))
    .await;
    let tagged = json!({ "tags": { "team": "media" } });
    let answer = world.call(BEN, "CreateStage", tagged).await.json();
    let mine = answer["stage"]["arn"].as_str().unwrap();
    let other = world.stage(BEN).await;
    let verdict = |arn: &str| {
        let body = json!({ "arn": arn });
        async { world.call(ANA, "GetStage", body).await.status }
    };
    assert_eq!(verdict(mine).await, 200);
    assert_eq!(verdict(&other).await, 403);
    // Untagged as well as absent: both have no such tag.
    assert_eq!(
        verdict("arn:aws:ivs:us-west-2:111111111111:stage/ZZZZZZZZZZZZ").await,
        403
    );
    let body = json!({ "tags": { "team": "media" } }).to_string();
    assert_eq!(world.tags(BEN, "POST", &other, "", &body).await.status, 200);
    assert_eq!(verdict(&other).await, 200);
}

#[tokio::test]
async fn tags_of_the_request_decide_and_take_the_right_to_tag() {
    let world = world_with(&json!([
        {
            "Effect": "Allow",
            "Action": "ivs:CreateStage",
            "Resource": "arn:aws:ivs:us-west-2:111111111111:stage/*",
        },
        {
            "Effect": "Allow",
            "Action": "ivs:TagResource",
            "Resource": "*",
            "Condition": { "StringEquals": { "aws:RequestTag/team": "media" } },
        },
    ]))
    .await;
    for (body, status) in [
        (json!({}), 200),
        (json!({ "tags": {} }), 200),
        (json!({ "tags": { "team": "media" } }), 200),
        (json!({ "tags": { "team": "sales" } }), 403),
        (json!({ "tags": { "other": "media" } }), 403),
    ] {
        let answer = world.call(ANA, "CreateStage", body.clone()).await;
        assert_eq!(answer.status, status, "{body}");
    }
    let abroad = world.call(ANA_ABROAD, "CreateStage", json!({})).await;
    assert_eq!(abroad.verdict(), DENIED);
    let arn = world.stage(BEN).await;
    for (team, status) in [("media", 200), ("sales", 403)] {
        let body = json!({ "tags": { "team": team } }).to_string();
        assert_eq!(
            world.tags(ANA, "POST", &arn, "", &body).await.status,
            status,
            "{team}"
        );
    }
}

#[tokio::test]
async fn keys_of_tags_decide_also_where_tags_are_removed() {
    let world = world_with(&json!([
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        {
            "Effect": "Deny",
            "Action": ["ivs:TagResource", "ivs:UntagResource"],
            "Resource": "*",
            "Condition": { "ForAnyValue:StringEquals": { "aws:TagKeys": "owner" } },
        },
    ]))
    .await;
    let arn = world.stage(BEN).await;
    for (key, status) in [("team", 200), ("owner", 403)] {
        let body = json!({ "tags": { key: "x", "other": "y" } }).to_string();
        let answer = world.tags(ANA, "POST", &arn, "", &body).await;
        assert_eq!(answer.status, status, "TagResource {key}");
        let query = format!("?tagKeys=other&tagKeys={key}");
        let answer = world.tags(ANA, "DELETE", &arn, &query, "").await;
        assert_eq!(answer.status, status, "UntagResource {key}");
    }
}

#[tokio::test]
async fn removing_a_tag_does_not_bring_one() {
    let world = world_with(&json!([
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        {
            "Effect": "Deny",
            "Action": "ivs:*",
            "Resource": "*",
            "Condition": { "Null": { "aws:RequestTag/owner": "false" } },
        },
    ]))
    .await;
    let arn = world.stage(BEN).await;
    let body = json!({ "tags": { "owner": "" } }).to_string();
    let answer = world.tags(ANA, "POST", &arn, "", &body).await;
    assert_eq!(answer.verdict(), DENIED);
    let answer = world.tags(ANA, "DELETE", &arn, "?tagKeys=owner", "").await;
    assert_eq!(answer.status, 200);
}
