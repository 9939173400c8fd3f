//! No operation runs for a request without a good signature (T1, T3, T4, T5, T6, T7).

use std::time::Duration;

use http::{HeaderValue, Request, header};
use model::Region;

use super::*;

const ARN: &str = "arn:aws:ivs:us-west-2:111111111111:stage/abcdABCDefgh";
/// What is done to a request after it was signed.
type Change = fn(&mut Request<Body>);

const SEALED: (u16, &str) = (403, "MissingAuthenticationTokenException");

#[tokio::test]
async fn t1_no_operation_answers_without_a_signature() {
    let world = World::new().await;
    let schemes = [
        None,
        Some("Basic QUtJREFOQTphbmEncyBzZWNyZXQ="),
        Some("Bearer eyJhbGciOiJub25lIn0.e30."),
        Some("AWS3 AWSAccessKeyId=AKIDANA,Algorithm=HmacSHA256,Signature=x"),
        Some(
            "AWS4-ECDSA-P256-SHA256 Credential=AKIDANA/20260301/ivs/aws4_request, \
             SignedHeaders=host;x-amz-date;x-amz-region-set, Signature=3044",
        ),
    ];
    for operation in Operation::ALL {
        for scheme in schemes {
            let mut request = Request::builder()
                .method(operation.method())
                .uri(target(operation, ARN))
                .header(header::HOST, HOST)
                .header("x-amz-date", "20260301T120000Z")
                .body(Body::from("{}"))
                .unwrap();
            if let Some(scheme) = scheme {
                let headers = request.headers_mut();
                headers.insert(header::AUTHORIZATION, HeaderValue::from_static(scheme));
            }
            let answer = world.send(request).await;
            let name = operation.name();
            assert_eq!(answer.status, 403, "{name} {scheme:?}");
            assert!(
                [
                    "MissingAuthenticationTokenException",
                    "IncompleteSignatureException"
                ]
                .contains(&answer.error()),
                "{name} {scheme:?}: {}",
                answer.error()
            );
            let body = answer.json();
            let members: Vec<_> = body.as_object().unwrap().keys().collect();
            assert_eq!(members, ["message"], "{name} {scheme:?}");
        }
    }
    assert!(world.told.lock().unwrap().is_empty());
    let ok = world
        .calls
        .snapshot()
        .iter()
        .any(|call| call.outcome == crate::Outcome::Ok);
    assert!(!ok);
}

#[tokio::test]
async fn unknown_paths_and_methods_look_like_a_missing_signature() {
    let world = World::new().await;
    let unsigned = Request::post("/CreateStage").body(Body::empty()).unwrap();
    let expected = world.send(unsigned).await;
    assert_eq!(expected.verdict(), SEALED);
    for (method, path) in [
        ("GET", "/CreateStage"),
        ("POST", "/"),
        ("POST", "/createstage"),
        ("POST", "/CreateStage/"),
        ("POST", "//CreateStage"),
        ("POST", "/x/../CreateStage"),
        ("POST", "/CreateStage%00"),
        (
            "PUT",
            "/tags/arn%3Aaws%3Aivs%3Aus-west-2%3A111111111111%3Astage%2Fa",
        ),
        ("POST", "/NoSuchOperation"),
    ] {
        let answer = world.send(world.signed(ANA, method, path, "{}")).await;
        assert_eq!(
            answer.fingerprint(),
            expected.fingerprint(),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn t3_a_request_that_was_changed_after_signing_is_refused() {
    let world = World::new().await;
    let arn = world.stage(ANA).await;
    let tags = format!("/tags/{}?tagKeys=a&tagKeys=b", escape(&arn));
    let changes: [(&str, Change); 6] = [
        ("body", |request| {
            *request.body_mut() = Body::from("{ }");
        }),
        ("no body", |request| *request.body_mut() = Body::empty()),
        ("path", |request| {
            *request.uri_mut() = "/ListStages".parse().unwrap();
        }),
        ("query", |request| {
            *request.uri_mut() = format!("{}?a=b", request.uri().path()).parse().unwrap();
        }),
        ("host", |request| {
            let headers = request.headers_mut();
            headers.insert(header::HOST, HeaderValue::from_static("other:7400"));
        }),
        ("method", |request| {
            *request.method_mut() = http::Method::GET;
        }),
    ];
    for (what, change) in changes {
        let target = if what == "method" {
            tags.as_str()
        } else {
            "/CreateStage"
        };
        let body = if what == "method" {
            r#"{"tags":{}}"#
        } else {
            "{}"
        };
        let mut request = world.signed(ANA, "POST", target, body);
        change(&mut request);
        let answer = world.send(request).await;
        assert_eq!(
            answer.verdict(),
            (403, "InvalidSignatureException"),
            "{what}"
        );
    }
}

#[tokio::test]
async fn t4_t6_stale_requests_wrong_secrets_and_unknown_keys_are_refused() {
    let world = World::new().await;
    let stranger = Who {
        key: "AKIDNOBODY",
        ..ANA
    };
    let impostor = Who {
        secret: BEN.secret,
        ..ANA
    };
    for (who, error) in [
        (stranger, "UnrecognizedClientException"),
        (impostor, "InvalidSignatureException"),
    ] {
        let answer = world.call(who, "ListStages", json!({})).await;
        assert_eq!(answer.verdict(), (403, error), "{who:?}");
    }
    for (late, status) in [(299, 200), (301, 403)] {
        let request = world.signed(ANA, "POST", "/ListStages", "{}");
        world.advance(Duration::from_secs(late));
        assert_eq!(world.send(request).await.status, status, "{late} s late");
    }
}

#[tokio::test]
async fn t6_a_region_that_is_not_served_is_no_place_to_sign_for() {
    let served = Region::parse(ANA.region).unwrap();
    let world = World::with(|settings| settings.regions = [served].into()).await;
    for (who, verdict) in [
        (ANA, (200, "")),
        (ANA_ABROAD, (403, "InvalidSignatureException")),
    ] {
        let answer = world.call(who, "CreateStage", json!({})).await;
        assert_eq!(answer.verdict(), verdict, "{who:?}");
    }
    assert_eq!(world.store.stage_all().await.unwrap().len(), 1);
}

#[tokio::test]
async fn t5_the_same_bytes_again_never_break_anything() {
    let world = World::new().await;
    let arn = world.stage(ANA).await;
    let body = json!({ "arn": arn }).to_string();
    let replay = || world.signed(ANA, "POST", "/DeleteStage", body.clone());
    let mut verdicts = Vec::new();
    for _ in 0..50 {
        verdicts.push(world.send(replay()).await.status);
    }
    assert_eq!(verdicts.iter().filter(|status| **status == 200).count(), 1);
    assert!(verdicts[1..].iter().all(|status| *status == 404));
}

#[tokio::test]
async fn a_session_token_of_temporary_credentials_is_accepted_when_signed() {
    let world = World::new().await;
    let headers = [("x-amz-security-token", "any")];
    let request = world.signed_with(ANA, "POST", "/ListStages", "{}", &headers);
    assert_eq!(world.send(request).await.status, 200);
}
