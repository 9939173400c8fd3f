//! A cursor opens for the list that it was made for, and nothing else is a cursor (T13).

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
async fn pages_follow_each_other_without_gap_or_repeat() {
    let world = World::new().await;
    let made = five_stages(&world).await;
    for size in [1, 2, 3, 5, 100] {
        let mut seen = Vec::new();
        let mut token = json!("");
        loop {
            let body = json!({ "maxResults": size, "nextToken": token });
            let page = world.call(ANA, "ListStages", body).await.json();
            let stages = page["stages"].as_array().unwrap();
            assert!(stages.len() <= size);
            seen.extend(
                stages
                    .iter()
                    .map(|stage| stage["arn"].as_str().unwrap().to_owned()),
            );
            token = page["nextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        assert_eq!(seen, made, "pages of {size}");
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
