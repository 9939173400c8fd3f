//! Tags are the same on every kind of resource (P-50 to P-56).

use super::resources::KINDS;
use super::*;

const GONE: (u16, &str) = (404, "ResourceNotFoundException");

#[tokio::test]
async fn tags_of_every_kind_are_shown_wherever_the_resource_is() {
    let world = World::new().await;
    for kind in KINDS {
        let mut body = kind.wishes(0);
        body["tags"] = json!({ "team": "media", "k::x": "" });
        let made = world.call(ANA, kind.create, body).await.json();
        let arn = made[kind.member]["arn"].as_str().unwrap();
        let shown = async || {
            let one = json!({ "arn": arn });
            let got = world.call(ANA, &kind.get(), one).await.json();
            let mut tags = vec![got[kind.member]["tags"].clone()];
            let listed = world.call(ANA, &kind.list(), json!({})).await.json();
            // The summary of an ingest configuration has no tags.
            tags.extend(listed[kind.members()][0].get("tags").cloned());
            tags.push(world.tags(ANA, "GET", arn, "", "").await.json()["tags"].clone());
            tags.dedup();
            tags
        };
        let name = kind.name;
        let before = json!({ "team": "media", "k::x": "" });
        assert_eq!(made[kind.member]["tags"], before, "{name}");
        assert_eq!(shown().await, [before], "{name}");

        let more = json!({ "tags": { "team": "sales", "at": "x" } }).to_string();
        let answer = world.tags(ANA, "POST", arn, "", &more).await;
        assert_eq!((answer.status, answer.bytes), (200, Vec::new()), "{name}");
        let merged = json!({ "team": "sales", "k::x": "", "at": "x" });
        assert_eq!(shown().await, [merged], "{name}");

        let query = "?tagKeys=k%3A%3Ax&tagKeys=absent&tagKeys=team";
        let answer = world.tags(ANA, "DELETE", arn, query, "").await;
        assert_eq!((answer.status, answer.bytes), (200, Vec::new()), "{name}");
        assert_eq!(shown().await, [json!({ "at": "x" })], "{name}");
        world.tags(ANA, "DELETE", arn, "?tagKeys=at", "").await;
        assert_eq!(shown().await, [json!({})], "{name}");
    }
}

#[tokio::test]
async fn t15_no_kind_has_more_than_fifty_tags() {
    let world = World::new().await;
    let tags = |from: usize, to: usize| -> Value {
        let tags: serde_json::Map<_, _> = (from..to)
            .map(|at| (format!("k{at}"), json!("v")))
            .collect();
        json!({ "tags": tags })
    };
    for kind in KINDS {
        let name = kind.name;
        let create = async |tags: &Value| {
            let mut body = kind.wishes(0);
            body["tags"] = tags["tags"].clone();
            world.call(ANA, kind.create, body).await
        };
        let answer = create(&tags(0, 51)).await;
        assert_eq!(answer.verdict(), (400, "ValidationException"), "{name}");
        let made = create(&tags(0, 50)).await.json();
        let arn = made[kind.member]["arn"].as_str().unwrap();
        for (more, status) in [(tags(50, 51), 400), (tags(0, 50), 200)] {
            let answer = world.tags(ANA, "POST", arn, "", &more.to_string()).await;
            assert_eq!(answer.status, status, "{name}");
        }
        let read = world.tags(ANA, "GET", arn, "", "").await.json();
        assert_eq!(read, tags(0, 50), "{name}");
    }
}

#[tokio::test]
async fn a_deleted_resource_of_any_kind_has_no_tags_and_takes_none() {
    let world = World::new().await;
    for kind in KINDS {
        let arn = world.resource(ANA, kind, 0).await;
        let answer = world.call(ANA, &kind.delete(), json!({ "arn": arn })).await;
        assert_eq!(answer.status, 200, "{kind:?}: {answer:?}");
        for (method, query, body) in [
            ("GET", "", ""),
            ("POST", "", r#"{"tags":{"k":"v"}}"#),
            ("DELETE", "?tagKeys=k", ""),
        ] {
            let answer = world.tags(ANA, method, &arn, query, body).await;
            assert_eq!(answer.verdict(), GONE, "{method} {}", kind.name);
        }
    }
}
