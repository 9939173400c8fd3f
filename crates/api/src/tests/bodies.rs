//! Bodies that are too large, encoded, of another type, or no JSON (T11, T67); the headers of every reply; preflights.

use std::task::Poll;

use http::{Request, header};

use super::scene::Scene;
use super::*;
use crate::pipeline::{BODY_BYTES_MAX, LARGE_BODIES_MAX};

#[tokio::test]
async fn t11_a_body_over_the_limit_is_refused_before_its_signature_is_looked_at() {
    let world = World::new().await;
    for (length, verdict) in [
        (BODY_BYTES_MAX, (403, "MissingAuthenticationTokenException")),
        (BODY_BYTES_MAX + 1, (413, "RequestEntityTooLargeException")),
        (10 * BODY_BYTES_MAX, (413, "RequestEntityTooLargeException")),
    ] {
        let request = Request::post("/CreateStage")
            .body(Body::from(vec![b' '; length]))
            .unwrap();
        assert_eq!(world.send(request).await.verdict(), verdict, "{length}");
        // The same in chunks, where the length is not announced.
        let chunks = std::iter::repeat_n(Ok::<_, std::fmt::Error>(vec![b' '; 4096]), length / 4096)
            .chain([Ok(vec![b' '; length % 4096])]);
        let body = Body::from_stream(futures_util::stream::iter(chunks));
        let request = Request::post("/CreateStage").body(body).unwrap();
        assert_eq!(
            world.send(request).await.verdict(),
            verdict,
            "{length} in chunks"
        );
    }
}

#[tokio::test]
async fn t18_large_bodies_that_never_end_hold_up_large_ones_only() {
    let world = World::new().await;
    let endless = || {
        let body = futures_util::stream::pending::<Result<Vec<u8>, std::fmt::Error>>();
        let request = Request::post("/CreateStage").body(Body::from_stream(body));
        Box::pin(world.send(request.unwrap()))
    };
    let mut held: Vec<_> = (0..LARGE_BODIES_MAX).map(|_| endless()).collect();
    for call in &mut held {
        let polled = std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context)));
        assert!(polled.await.is_pending());
    }
    let padding = " ".repeat(20_000);
    let large = || world.signed(ANA, "POST", "/CreateStage", format!("{{}}{padding}"));
    let answer = world.send(large()).await;
    assert_eq!(answer.verdict(), (503, "InternalServerException"));
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(world.call(ANA, "CreateStage", json!({})).await.status, 200);
    drop(held);
    assert_eq!(world.send(large()).await.status, 200);
}

#[tokio::test]
async fn t67_encoded_bodies_are_refused() {
    let world = World::new().await;
    for coding in [
        "gzip",
        "br",
        "deflate",
        "gzip, gzip",
        "aws-chunked",
        "identity, gzip",
    ] {
        let headers = [("content-encoding", coding)];
        let request = world.signed_with(ANA, "POST", "/CreateStage", "{}", &headers);
        let verdict = (415, "UnsupportedMediaTypeException");
        assert_eq!(world.send(request).await.verdict(), verdict, "{coding}");
    }
    let headers = [("content-encoding", "identity")];
    let request = world.signed_with(ANA, "POST", "/CreateStage", "{}", &headers);
    assert_eq!(world.send(request).await.status, 200);
}

#[tokio::test]
async fn t11_bodies_that_are_not_json_objects_are_refused() {
    let world = World::new().await;
    for (content_type, status) in [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/xml", 415),
    ] {
        let headers = [("content-type", content_type)];
        let request = world.signed_with(ANA, "POST", "/ListStages", "{}", &headers);
        assert_eq!(world.send(request).await.status, status, "{content_type}");
    }
    let deep = "[".repeat(100_000);
    for body in [
        "[]",
        "null",
        "1",
        "{",
        "{\"a\":1,\"a\":2}",
        "{}x",
        "\u{feff}{}",
        deep.as_str(),
    ] {
        let answer = world
            .send(world.signed(ANA, "POST", "/ListStages", body))
            .await;
        let start: String = body.chars().take(20).collect();
        assert_eq!(answer.verdict(), (400, "ValidationException"), "{start}");
    }
    let answer = world
        .send(world.signed(ANA, "POST", "/ListStages", vec![0xff, 0xfe]))
        .await;
    assert_eq!(answer.verdict(), (400, "ValidationException"));
    // No SDK sends nothing, but nothing is an object without members.
    assert_eq!(
        world
            .send(world.signed(ANA, "POST", "/ListStages", ""))
            .await
            .status,
        200
    );
    // Members that the model does not know are ignored.
    let answer = world
        .call(ANA, "ListStages", json!({ "new": { "in": [2027] } }))
        .await;
    assert_eq!(answer.status, 200);
}

/// The targets of all operations of this build that read a body, with a body that is answered with 200.
fn with_bodies(scene: &Scene) -> Vec<(Operation, String, String)> {
    let mut all = Vec::new();
    for operation in Operation::ALL {
        if let Some(input) = scene.input(operation)
            && operation.method() == "POST"
        {
            let (target, body) = Scene::request(operation, &input);
            all.push((operation, target, body));
        }
    }
    assert_eq!(all.len(), 34);
    all
}

#[tokio::test]
async fn t11_no_operation_reads_what_is_no_json_object_and_none_writes_then() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let before = world.store.state_export().await.unwrap();
    for (operation, target, body) in with_bodies(&scene) {
        let members = body.strip_prefix('{').unwrap();
        let (first, _) = members.split_once(':').unwrap();
        let broken: [Vec<u8>; 13] = [
            format!("[{body}]").into(),
            "null".into(),
            "\"text\"".into(),
            body[..body.len() - 1].into(),
            format!("{body}x").into(),
            format!("{body}{body}").into(),
            format!("\u{feff}{body}").into(),
            format!("{{{first}:null,{members}").into(),
            format!("{{\"x\":{},{members}", "[".repeat(100_000)).into(),
            format!("{{\"x\":{0}{1},{members}", "[".repeat(40), "]".repeat(40)).into(),
            format!("{{\"x\":1e999,{members}").into(),
            format!("{{\"x\":\"\u{0}\",{members}").into(),
            [b"{\"x\":\"\xff\",", members.as_bytes()].concat(),
        ];
        for (at, broken) in broken.into_iter().enumerate() {
            let answer = world.send(world.signed(ANA, "POST", &target, broken)).await;
            let verdict = (400, "ValidationException");
            assert_eq!(answer.verdict(), verdict, "{operation:?} {at}");
        }
    }
    assert_eq!(world.store.state_export().await.unwrap(), before);
}

#[tokio::test]
async fn t11_t67_no_operation_reads_a_body_that_is_too_large_encoded_or_of_another_type() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let before = world.store.state_export().await.unwrap();
    for (operation, target, body) in with_bodies(&scene) {
        for (name, value) in [
            ("content-encoding", "gzip"),
            ("content-encoding", "br"),
            ("content-type", "text/plain"),
            ("content-type", "application/x-amz-json-1.1"),
        ] {
            let headers = [(name, value)];
            let request = world.signed_with(ANA, "POST", &target, body.clone(), &headers);
            let verdict = (415, "UnsupportedMediaTypeException");
            let answer = world.send(request).await;
            assert_eq!(answer.verdict(), verdict, "{operation:?} {value}");
        }
        let large = Request::post(&target).body(Body::from(vec![b' '; BODY_BYTES_MAX + 1]));
        let verdict = (413, "RequestEntityTooLargeException");
        let answer = world.send(large.unwrap()).await;
        assert_eq!(answer.verdict(), verdict, "{operation:?}");
    }
    assert_eq!(world.store.state_export().await.unwrap(), before);
}

#[tokio::test]
async fn every_reply_carries_the_security_headers_and_a_request_id_of_its_own() {
    let world = World::new().await;
    let mut ids = BTreeSet::new();
    let answers = [
        world.call(ANA, "ListStages", json!({})).await,
        world
            .call(ANA, "ListStages", json!({ "maxResults": 0 }))
            .await,
        world.call(ANA, "StartComposition", json!({})).await,
        world.call(ANA, "NoSuchOperation", json!({})).await,
        world
            .send(Request::options("/ListStages").body(Body::empty()).unwrap())
            .await,
    ];
    for answer in &answers {
        for name in SECURITY_HEADERS.into_iter().chain(["x-amzn-trace-id"]) {
            assert!(answer.headers.contains_key(name), "{name}: {answer:?}");
        }
        let id = answer.headers["x-amzn-requestid"].to_str().unwrap();
        assert_eq!(id.len(), 36);
        assert!(ids.insert(id.to_owned()));
    }
    for answer in &answers[1..4] {
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
        assert!(!answer.error().is_empty());
    }
}

#[tokio::test]
async fn a_browser_may_ask_before_it_calls() {
    let world = World::new().await;
    let arn = "arn%3Aaws%3Aivs%3Aus-west-2%3A111111111111%3Astage%2Fa";
    for path in ["/CreateStage", "/ListStages", &format!("/tags/{arn}")] {
        let request = Request::options(path)
            .header("origin", "https://app.example")
            .header("access-control-request-method", "POST")
            .body(Body::empty());
        let answer = world.send(request.unwrap()).await;
        assert_eq!(answer.status, 204, "{path}");
        assert!(answer.bytes.is_empty());
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
        let allowed = answer.headers["access-control-allow-headers"]
            .to_str()
            .unwrap();
        for name in [
            "authorization",
            "content-type",
            "x-amz-date",
            "x-amz-user-agent",
        ] {
            assert!(allowed.split(',').any(|allowed| allowed == name), "{name}");
        }
    }
    let answer = world
        .send(Request::options("/nowhere").body(Body::empty()).unwrap())
        .await;
    assert_eq!(answer.status, 403);
}
