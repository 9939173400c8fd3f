//! Hostile and exotic text comes back as it went in, or is refused by the documented rule (T14, T15).

use super::*;

const NAUGHTY: [&str; 14] = [
    "' OR 1=1; --",
    "\"; DROP TABLE stage; --",
    "%_\\%",
    "?1 :name @p $1",
    "${jndi:ldap://x}",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "\u{202e}txt.exe",
    "I\u{307}I\u{308}",
    "\u{1F469}\u{200d}\u{1F680}",
    "\u{feff}bom",
    "null",
    " ",
    "",
];

#[tokio::test]
async fn t14_text_is_stored_and_returned_verbatim() {
    let world = World::new().await;
    for text in NAUGHTY {
        let body = json!({
            "tags": { "key": text, format!("k{text}"): "value" },
            "participantTokenConfigurations": [{ "userId": text, "attributes": { text: text } }],
        });
        let made = world.call(ANA, "CreateStage", body.clone()).await.json();
        assert_eq!(made["stage"]["tags"], body["tags"], "{text:?}");
        let token = &made["participantTokens"][0];
        assert_eq!(token["userId"], text);
        assert_eq!(token["attributes"], json!({ text: text }));
        let arn = made["stage"]["arn"].as_str().unwrap();
        let read = world.tags(ANA, "GET", arn, "", "").await.json();
        assert_eq!(read["tags"], body["tags"], "{text:?}");
        let gone = world
            .tags(
                ANA,
                "DELETE",
                arn,
                &format!("?tagKeys={}", escape(&format!("k{text}"))),
                "",
            )
            .await;
        assert_eq!(gone.status, 200, "{text:?}");
        let read = world.tags(ANA, "GET", arn, "", "").await.json();
        assert_eq!(read["tags"], json!({ "key": text }), "{text:?}");

        world
            .session(
                arn,
                SESSION,
                &[("someone", text, false, true), ("other", "o", false, true)],
            )
            .await;
        let body = json!({ "stageArn": arn, "sessionId": SESSION, "filterByUserId": text });
        let found = world.call(ANA, "ListParticipants", body).await.json();
        let found = found["participants"].as_array().unwrap();
        assert_eq!(found.len(), 1, "{text:?}");
        assert_eq!(found[0]["userId"], text);
    }
    let stages = world.call(ANA, "ListStages", json!({})).await.json();
    assert_eq!(stages["stages"].as_array().unwrap().len(), NAUGHTY.len());
}

#[tokio::test]
async fn t14_names_are_of_the_modelled_alphabet() {
    let world = World::new().await;
    for name in ["a", "A-Z_09", "", &"x".repeat(128)] {
        let made = world
            .call(ANA, "CreateStage", json!({ "name": name }))
            .await
            .json();
        assert_eq!(made["stage"]["name"], name);
    }
    for name in ["a b", "a.b", "a'b", "é", "a\n", &"x".repeat(129)] {
        let answer = world
            .call(ANA, "CreateStage", json!({ "name": name }))
            .await;
        assert_eq!(answer.verdict(), (400, "ValidationException"), "{name:?}");
    }
}

#[tokio::test]
async fn t15_tags_are_refused_at_their_documented_limits() {
    let world = World::new().await;
    let many = |count: usize| -> Value {
        let tags = (0..count).map(|at| (format!("key{at}"), json!("")));
        Value::Object(tags.collect())
    };
    let emoji = "\u{1F600}";
    for (tags, status) in [
        (many(50), 200),
        (many(51), 400),
        (json!({ "": "x" }), 400),
        (json!({ "k".repeat(128): "v".repeat(256) }), 200),
        (json!({ emoji.repeat(128): emoji.repeat(256) }), 200),
        (json!({ "k".repeat(129): "" }), 400),
        (json!({ "k": "v".repeat(257) }), 400),
        (json!({ "aws:k": "" }), 400),
        (json!({ "AWS:k": "" }), 400),
        (json!({ "a\r\nb": "" }), 400),
        (json!({ "a": "b\u{0}c" }), 400),
        (json!({ "a::b": "ok" }), 200),
    ] {
        let made = world
            .call(ANA, "CreateStage", json!({ "tags": tags }))
            .await;
        let start: String = tags.to_string().chars().take(40).collect();
        assert_eq!(made.status, status, "CreateStage {start}");
        let arn = world.stage(ANA).await;
        let body = json!({ "tags": tags }).to_string();
        let tagged = world.tags(ANA, "POST", &arn, "", &body).await;
        assert_eq!(tagged.status, status, "TagResource {start}");
        for answer in [made, tagged] {
            let values = answer.headers.values();
            assert!(
                values
                    .into_iter()
                    .all(|value| !value.as_bytes().contains(&b'\n'))
            );
        }
    }
}
