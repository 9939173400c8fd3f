//! What a key's policy does not allow is AccessDeniedException, before anything is looked up.

use super::resources::KINDS;
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

#[tokio::test]
async fn a_key_for_one_resource_of_any_kind_learns_nothing_of_others() {
    for kind in KINDS {
        let allow =
            |resource: &str| json!({ "Effect": "Allow", "Action": "ivs:*", "Resource": resource });
        // Ids come out the same in each world.
        let mine = world_with(&allow("*")).await.resource(BEN, kind, 0).await;
        let world = world_with(&allow(&mine)).await;
        assert_eq!(world.resource(BEN, kind, 0).await, mine);
        let other = world.resource(BEN, kind, 1).await;
        let absent = kind.arn("111111111111", "ZZZZZZZZZZZZ");
        for (arn, status) in [(&mine, 200), (&other, 403), (&absent, 403)] {
            let name = kind.name;
            let answer = world.call(ANA, &kind.get(), json!({ "arn": arn })).await;
            assert_eq!(answer.status, status, "{name} {arn}");
            let answer = world.tags(ANA, "GET", arn, "", "").await;
            assert_eq!(answer.status, status, "{name} {arn}");
            let answer = world
                .tags(ANA, "POST", arn, "", r#"{"tags":{"a":"b"}}"#)
                .await;
            assert_eq!(answer.status, status, "{name} {arn}");
            let answer = world.tags(ANA, "DELETE", arn, "?tagKeys=a", "").await;
            assert_eq!(answer.status, status, "{name} {arn}");
        }
        let list = world.call(ANA, &kind.list(), json!({})).await;
        assert_eq!(list.verdict(), DENIED, "{}", kind.name);
        let create = world.call(ANA, kind.create, kind.wishes(2)).await;
        assert_eq!(create.verdict(), DENIED, "{}", kind.name);
        for (arn, status) in [(&other, 403), (&mine, 200)] {
            let answer = world.call(ANA, &kind.delete(), json!({ "arn": arn })).await;
            assert_eq!(answer.status, status, "{arn}");
        }
    }
}

#[tokio::test]
async fn a_key_for_one_kind_does_everything_with_it_and_nothing_with_others() {
    for allowed in KINDS {
        let world = world_with(&json!({
            "Effect": "Allow",
            "Action": "ivs:*",
            "Resource": format!("arn:aws:ivs:us-west-2:111111111111:{}/*", allowed.name),
        }))
        .await;
        for kind in KINDS {
            let expected = if kind == allowed { 200 } else { 403 };
            let arn = world.resource(BEN, kind, 0).await;
            let one = json!({ "arn": arn });
            let mut tagged = kind.wishes(1);
            tagged["tags"] = json!({ "a": "b" });
            for (operation, body) in [
                (kind.create.to_owned(), tagged),
                (kind.list(), json!({})),
                (kind.get(), one.clone()),
                (kind.delete(), one),
            ] {
                let answer = world.call(ANA, &operation, body).await;
                assert_eq!(answer.status, expected, "{operation} for {}", allowed.name);
            }
        }
    }
}

#[tokio::test]
async fn a_key_for_one_kind_is_told_what_is_wrong_with_its_requests() {
    for allowed in KINDS {
        let world = world_with(&json!({
            "Effect": "Allow",
            "Action": "ivs:*",
            "Resource": format!("arn:aws:ivs:us-west-2:111111111111:{}/*", allowed.name),
        }))
        .await;
        for kind in KINDS {
            let expected = if kind == allowed {
                (400, "ValidationException")
            } else {
                DENIED
            };
            for (operation, body) in [
                (kind.create.to_owned(), json!({ "name": "no spaces" })),
                (kind.list(), json!({ "maxResults": 101 })),
            ] {
                let answer = world.call(ANA, &operation, body).await;
                assert_eq!(answer.verdict(), expected, "{operation}");
            }
        }
    }
}

#[tokio::test]
async fn tags_of_resources_of_every_kind_decide() {
    let world = world_with(&json!([
        { "Effect": "Allow", "Action": "ivs:*", "Resource": "*" },
        {
            "Effect": "Deny",
            "Action": "ivs:*",
            "Resource": "*",
            "Condition": { "StringEquals": { "aws:ResourceTag/locked": "yes" } },
        },
    ]))
    .await;
    for kind in KINDS {
        let arn = world.resource(BEN, kind, 0).await;
        let one = json!({ "arn": arn });
        for (value, status) in [("no", 200), ("yes", 403)] {
            let lock = json!({ "tags": { "locked": value } }).to_string();
            world.tags(BEN, "POST", &arn, "", &lock).await;
            let answer = world.call(ANA, &kind.get(), one.clone()).await;
            assert_eq!(answer.status, status, "{} {value}", kind.name);
        }
        for (method, query, body) in [
            ("GET", "", ""),
            ("POST", "", r#"{"tags":{"locked":"no"}}"#),
            ("DELETE", "?tagKeys=locked", ""),
        ] {
            let answer = world.tags(ANA, method, &arn, query, body).await;
            assert_eq!(answer.verdict(), DENIED, "{method} {}", kind.name);
        }
        let answer = world.call(ANA, &kind.delete(), one).await;
        assert_eq!(answer.verdict(), DENIED, "{}", kind.name);
    }
}

#[tokio::test]
async fn a_resource_of_any_kind_is_made_with_tags_only_by_who_may_tag() {
    let world = world_with(&json!([
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        {
            "Effect": "Deny",
            "Action": "ivs:TagResource",
            "Resource": "*",
            "Condition": { "StringNotEquals": { "aws:RequestTag/team": "media" } },
        },
    ]))
    .await;
    for kind in KINDS {
        for (number, tags, status) in [
            (0, json!({}), 200),
            (1, json!({ "team": "media" }), 200),
            (2, json!({ "team": "sales" }), 403),
        ] {
            let mut body = kind.wishes(number);
            body["tags"] = tags;
            let answer = world.call(ANA, kind.create, body.clone()).await;
            assert_eq!(answer.status, status, "{} {body}", kind.name);
        }
        let listed = world.call(BEN, &kind.list(), json!({})).await.json();
        assert_eq!(listed[kind.members()].as_array().unwrap().len(), 2);
    }
}

/// The operations about two stages, by the members that name them.
const OF_TWO_STAGES: [&str; 2] = ["StartParticipantReplication", "StopParticipantReplication"];

#[tokio::test]
async fn a_replication_has_to_be_allowed_on_both_of_its_stages() {
    let allow =
        |resources: &[&str]| json!({ "Effect": "Allow", "Action": "ivs:*", "Resource": resources });
    // Ids come out the same in each world.
    let any = world_with(&allow(&["*"])).await;
    let [one, two, three] = [
        any.stage(BEN).await,
        any.stage(BEN).await,
        any.stage(BEN).await,
    ];
    for (allowed, from, to, status) in [
        (&[one.as_str()][..], &one, &two, 403),
        (&[two.as_str()][..], &one, &two, 403),
        (&[three.as_str()][..], &one, &two, 403),
        (&[two.as_str(), three.as_str()][..], &one, &two, 403),
        (&[one.as_str(), two.as_str()][..], &one, &two, 404),
        (&[one.as_str(), two.as_str()][..], &two, &one, 404),
    ] {
        let world = world_with(&allow(allowed)).await;
        for expected in [&one, &two, &three] {
            assert_eq!(world.stage(BEN).await, *expected);
        }
        let absent = "arn:aws:ivs:us-west-2:111111111111:stage/ZZZZZZZZZZZZ";
        for operation in OF_TWO_STAGES {
            let ask = async |from: &str, to: &str, window: i32| {
                let body = json!({
                    "sourceStageArn": from,
                    "destinationStageArn": to,
                    "participantId": "nobody",
                    "reconnectWindowSeconds": window,
                });
                world.call(ANA, operation, body).await
            };
            let answer = ask(from, to, 0).await;
            assert_eq!(answer.status, status, "{operation} {allowed:?} {answer:?}");
            // What is not allowed does not show whether it is there, nor what else is wrong.
            for (from, to) in [(from.as_str(), absent), (absent, to.as_str())] {
                for window in [0, 301] {
                    let answer = ask(from, to, window).await;
                    assert_eq!(answer.verdict(), DENIED, "{operation} {allowed:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_denied_at_either_stage_is_denied_and_the_stage_is_named() {
    let any = world_with(&json!({ "Effect": "Allow", "Action": "*", "Resource": "*" })).await;
    let [one, two] = [any.stage(BEN).await, any.stage(BEN).await];
    for (denied, operation, status) in [
        (&one, "StartParticipantReplication", 403),
        (&two, "StartParticipantReplication", 403),
        (&one, "StopParticipantReplication", 404),
        (&two, "StopParticipantReplication", 404),
    ] {
        let world = world_with(&json!([
            { "Effect": "Allow", "Action": "*", "Resource": "*" },
            { "Effect": "Deny", "Action": "ivs:StartParticipantReplication", "Resource": denied },
        ]))
        .await;
        for _ in 0..2 {
            world.stage(BEN).await;
        }
        for body in [
            json!({ "sourceStageArn": one, "destinationStageArn": two, "participantId": "nobody" }),
            // Not to be read, for want of a participant or of a source that is an ARN.
            json!({ "sourceStageArn": one, "destinationStageArn": two }),
            json!({ "sourceStageArn": "nothing", "destinationStageArn": denied }),
            json!({ "sourceStageArn": denied, "destinationStageArn": 1 }),
        ] {
            let answer = world.call(ANA, operation, body.clone()).await;
            let is_read = body.get("participantId").is_some();
            let expected = if status == 404 && !is_read {
                400
            } else {
                status
            };
            assert_eq!(answer.status, expected, "{operation} {body} {answer:?}");
            if expected == 403 {
                let message = answer.json()["exceptionMessage"].to_string();
                assert!(message.contains(denied.as_str()), "{message}");
            }
        }
    }
}

#[tokio::test]
async fn tags_of_each_stage_decide_over_a_replication() {
    let world = world_with(&json!([
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        {
            "Effect": "Deny",
            "Action": "ivs:*",
            "Resource": "*",
            "Condition": { "StringEquals": { "aws:ResourceTag/locked": "yes" } },
        },
    ]))
    .await;
    let [one, two] = [world.stage(BEN).await, world.stage(BEN).await];
    for locked in [&one, &two] {
        for (value, status) in [("yes", 403), ("no", 404)] {
            let lock = json!({ "tags": { "locked": value } }).to_string();
            world.tags(BEN, "POST", locked, "", &lock).await;
            for operation in OF_TWO_STAGES {
                let body = json!({
                    "sourceStageArn": one, "destinationStageArn": two, "participantId": "nobody",
                });
                let answer = world.call(ANA, operation, body).await;
                assert_eq!(answer.status, status, "{operation} {locked} {value}");
            }
        }
    }
}
