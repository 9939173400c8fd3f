//! Hostile and exotic text comes back as it went in, or is refused by the documented rule (T14, T15).

use super::resources::KINDS;
use super::scene::Scene;
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
async fn t14_text_of_ingest_configurations_and_tags_of_every_kind_are_kept_verbatim() {
    let world = World::new().await;
    let stage = world.stage(ANA).await;
    for text in NAUGHTY {
        let tags = json!({ "key": text, format!("k{text}"): "value" });
        for kind in KINDS {
            let mut body = kind.wishes(0);
            body["tags"] = tags.clone();
            if kind.name == "ingest-configuration" {
                body["userId"] = json!(text);
                body["attributes"] = json!({ text: text });
            }
            let made = world.call(ANA, kind.create, body.clone()).await.json();
            let made = &made[kind.member];
            let read = json!({ "arn": made["arn"] });
            let read = world.call(ANA, &kind.get(), read).await.json();
            let name = kind.name;
            for shown in [made, &read[kind.member]] {
                assert_eq!(shown["tags"], tags, "{name} {text:?}");
                if name == "ingest-configuration" {
                    assert_eq!(shown["userId"], text);
                    assert_eq!(shown["attributes"], body["attributes"]);
                }
            }
            let gone = json!({ "arn": made["arn"] });
            assert_eq!(world.call(ANA, &kind.delete(), gone).await.status, 200);
        }
        // A reason is any text, and is not kept.
        let made = ingest(&world, json!({ "stageArn": stage })).await;
        let body = json!({
            "stageArn": stage,
            "participantId": made["participantId"],
            "reason": text,
        });
        let answer = world.call(ANA, "DisconnectParticipant", body).await;
        assert_eq!(answer.status, 200, "{text:?}");
    }
}

#[tokio::test]
async fn t14_names_are_of_the_modelled_alphabet_in_every_operation() {
    let mut named = 0;
    for operation in Operation::ALL {
        let scene = Scene::new().await;
        let Some(mut input) = scene.input(operation) else {
            continue;
        };
        if input.get("name").is_none() {
            continue;
        }
        named += 1;
        for name in ["a b", "a.b", "a'b", "\u{e9}", "a\n", &"x".repeat(129)] {
            input["name"] = json!(name);
            let answer = scene.send(ANA, operation, &input).await;
            let verdict = (400, "ValidationException");
            assert_eq!(answer.verdict(), verdict, "{operation:?} {name:?}");
        }
        let name = format!("{}-_", "Az9".repeat(42));
        input["name"] = json!(name);
        let answer = scene.send(ANA, operation, &input).await;
        assert_eq!(answer.status, 200, "{operation:?}");
        let shown = answer.json();
        let (_, shown) = shown.as_object().unwrap().iter().next_back().unwrap();
        assert_eq!(shown["name"], name, "{operation:?}");
    }
    assert_eq!(named, 6);
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
        let mut answers = vec![made];
        for kind in KINDS {
            let mut body = kind.wishes(0);
            body["tags"] = tags.clone();
            let made = world.call(ANA, kind.create, body).await;
            assert_eq!(made.status, status, "{} {start}", kind.create);
            let arn = if status == 200 {
                let arn = &made.json()[kind.member]["arn"];
                arn.as_str().unwrap().to_owned()
            } else {
                world.resource(ANA, kind, 0).await
            };
            let body = json!({ "tags": tags }).to_string();
            let tagged = world.tags(ANA, "POST", &arn, "", &body).await;
            assert_eq!(tagged.status, status, "TagResource {} {start}", kind.name);
            let gone = world.call(ANA, &kind.delete(), json!({ "arn": arn })).await;
            assert_eq!(gone.status, 200);
            answers.extend([made, tagged]);
        }
        for answer in answers {
            let values = answer.headers.values();
            assert!(
                values
                    .into_iter()
                    .all(|value| !value.as_bytes().contains(&b'\n'))
            );
        }
    }
}
