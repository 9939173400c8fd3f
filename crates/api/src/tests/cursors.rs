//! A cursor opens for the list that it was made for, and nothing else is a cursor (T13).

use super::resources::KINDS;
use super::*;

const REFUSED: (u16, &str) = (400, "ValidationException");

async fn five_stages(world: &World) -> Vec<String> {
    let mut arns = Vec::new();
    for _ in 0..5 {
        arns.push(world.stage(ANA).await);
        world.advance(Duration::from_secs(1));
    }
    arns
}

#[tokio::test]
async fn pages_of_every_kind_follow_each_other_without_gap_or_repeat() {
    let world = World::new().await;
    for kind in KINDS {
        let mut made = Vec::new();
        for number in 0..3 {
            made.push(world.resource(ANA, kind, number).await);
            // Two of the same moment stand in the order of their ids.
            if number > 0 {
                world.advance(Duration::from_secs(1));
            }
        }
        made[..2].sort();
        for size in [1, 2, 3, 100] {
            let mut seen = Vec::new();
            let mut token = json!("");
            loop {
                let body = json!({ "maxResults": size, "nextToken": token });
                let page = world.call(ANA, &kind.list(), body).await.json();
                let items = page[kind.members()].as_array().unwrap();
                assert!(items.len() <= size);
                let arn = |item: &Value| item["arn"].as_str().unwrap().to_owned();
                seen.extend(items.iter().map(arn));
                token = page["nextToken"].clone();
                if token.is_null() {
                    break;
                }
            }
            assert_eq!(seen, made, "{} in pages of {size}", kind.name);
        }
    }
}

#[tokio::test]
async fn t13_a_cursor_opens_the_list_of_its_own_kind_account_and_region_only() {
    let world = World::new().await;
    let mut tokens = Vec::new();
    for kind in KINDS {
        for number in 0..2 {
            world.resource(ANA, kind, number).await;
        }
        let first = json!({ "maxResults": 1 });
        let page = world.call(ANA, &kind.list(), first).await.json();
        tokens.push((kind, page["nextToken"].clone()));
    }
    for (made, token) in &tokens {
        assert!(token.is_string(), "{}", made.name);
        for kind in KINDS {
            let body = json!({ "nextToken": token });
            let answer = world.call(ANA, &kind.list(), body.clone()).await;
            let expected = if kind == *made { (200, "") } else { REFUSED };
            assert_eq!(answer.verdict(), expected, "{} {}", made.name, kind.name);
            for who in [BEN, ANA_ABROAD] {
                let answer = world.call(who, &kind.list(), body.clone()).await;
                assert_eq!(answer.verdict(), REFUSED, "{who:?} {}", kind.name);
            }
        }
    }
}

#[tokio::test]
async fn t13_a_cursor_of_filtered_ingest_configurations_keeps_its_filter() {
    let world = World::new().await;
    let (stage, other) = (world.stage(ANA).await, world.stage(ANA).await);
    for arn in [&stage, &stage, &other, &other] {
        let body = json!({ "ingestProtocol": "RTMPS", "stageArn": arn });
        let answer = world.call(ANA, "CreateIngestConfiguration", body).await;
        assert_eq!(answer.status, 200);
    }
    let list = async |body: Value| world.call(ANA, "ListIngestConfigurations", body).await;
    let page = list(json!({ "filterByStageArn": stage, "maxResults": 1 })).await;
    let token = page.json()["nextToken"].clone();
    for (body, verdict) in [
        (json!({ "filterByStageArn": stage }), (200, "")),
        (json!({ "filterByStageArn": other }), REFUSED),
        (json!({ "filterByState": "INACTIVE" }), REFUSED),
        (json!({ "filterByState": "ACTIVE" }), REFUSED),
        (json!({}), REFUSED),
    ] {
        let mut body = body;
        body["nextToken"] = token.clone();
        let answer = list(body.clone()).await;
        assert_eq!(answer.verdict(), verdict, "{body}");
    }
}

#[tokio::test]
async fn t13_a_cursor_changed_in_any_byte_is_refused() {
    let world = World::new().await;
    five_stages(&world).await;
    let page = world
        .call(ANA, "ListStages", json!({ "maxResults": 2 }))
        .await
        .json();
    let token = page["nextToken"].as_str().unwrap();
    assert!((1..=1024).contains(&token.len()));
    for at in 0..token.len() {
        let mut bytes = token.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(bytes).unwrap();
        let answer = world
            .call(ANA, "ListStages", json!({ "nextToken": forged }))
            .await;
        assert_eq!(answer.verdict(), REFUSED, "byte {at}");
    }
    for forged in [
        "A",
        "=",
        "AAAA",
        &token[1..],
        &token[..token.len() - 1],
        &"A".repeat(1_024),
        &"A".repeat(1_025),
    ] {
        let answer = world
            .call(ANA, "ListStages", json!({ "nextToken": forged }))
            .await;
        assert_eq!(answer.verdict(), REFUSED, "{forged}");
    }
}

#[tokio::test]
async fn t13_a_cursor_of_another_list_account_region_or_filter_is_refused() {
    let world = World::new().await;
    five_stages(&world).await;
    world.call(BEN, "CreateStage", json!({})).await;
    let page = world
        .call(ANA, "ListStages", json!({ "maxResults": 2 }))
        .await
        .json();
    let token = &page["nextToken"];
    for who in [BEN, ANA_ABROAD] {
        let answer = world
            .call(who, "ListStages", json!({ "nextToken": token }))
            .await;
        assert_eq!(answer.verdict(), REFUSED, "{who:?}");
    }

    let arn = world.stage(ANA).await;
    let other = world.stage(ANA).await;
    let people = [
        ("a", "u", false, true),
        ("b", "u", false, true),
        ("c", "u", false, true),
    ];
    world.session(&arn, SESSION, &people).await;
    world.session(&other, SESSION, &people).await;
    let first =
        json!({ "stageArn": arn, "sessionId": SESSION, "maxResults": 1, "filterByUserId": "u" });
    let page = world
        .call(ANA, "ListParticipants", first.clone())
        .await
        .json();
    let token = page["nextToken"].clone();
    assert!(token.is_string(), "{page}");
    for (changes, verdict) in [
        (json!({}), (200, "")),
        (json!({ "maxResults": 2 }), (200, "")),
        (json!({ "filterByUserId": "v" }), REFUSED),
        (json!({ "filterByUserId": null }), REFUSED),
        (
            json!({ "filterByUserId": null, "filterByState": "CONNECTED" }),
            REFUSED,
        ),
        (
            json!({ "filterByUserId": null, "filterByPublished": false }),
            REFUSED,
        ),
        (
            json!({ "filterByUserId": null, "filterByRecordingState": "ACTIVE" }),
            REFUSED,
        ),
        (json!({ "stageArn": other }), REFUSED),
        (json!({ "sessionId": "st-other12345678" }), REFUSED),
    ] {
        let mut body = first.clone();
        body["nextToken"] = token.clone();
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = world.call(ANA, "ListParticipants", body).await;
        assert_eq!(answer.verdict(), verdict, "{changes}");
    }
    let sessions = json!({ "stageArn": arn, "nextToken": token });
    let answer = world.call(ANA, "ListStageSessions", sessions).await;
    assert_eq!(answer.verdict(), REFUSED);
}
