//! Nothing that is secret or personal reaches the log, at any level (T61).

use std::io::Write;
use std::sync::PoisonError;

use tracing::level_filters::LevelFilter;

use super::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn t61_no_canary_is_found_in_the_log_at_trace() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // For all threads: the store has its own. Other tests write to the log meanwhile, but none has the canaries.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let secrets = calls_with_canaries().await;

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for expected in [
        "CreateStage",
        "111111111111",
        "outcome=\"ok\"",
        "the store does not answer",
        "the object store cannot be used",
    ] {
        assert!(text.contains(expected), "{expected} is missing in the log");
    }
    let lower = text.to_lowercase();
    for line in lower.lines() {
        assert!(!line.contains("canary"), "{line}");
        assert!(!line.contains(ADMIN), "{line}");
    }
    for secret in secrets {
        assert!(
            !text.contains(&secret),
            "a signature, a token or a stream key is in the log"
        );
    }
}

/// Good and bad calls with a canary wherever text can stand. Gives the secrets that cannot be named so.
async fn calls_with_canaries() -> Vec<String> {
    let who = Who {
        secret: "canary-secret",
        ..ANA
    };
    let world = World::with(|settings| {
        let key = settings.access_keys.get_mut(ANA.key).unwrap();
        key.secret = Secret::new(who.secret.to_owned());
    })
    .await;
    let body = json!({
        "name": "canary-name",
        "tags": { "canary-key": "canary-value" },
        "participantTokenConfigurations": [
            { "userId": "canary-user", "attributes": { "canary-attribute": "canary-content" } },
        ],
        "unknown": "canary-member",
    });
    let request = world.signed(who, "POST", "/CreateStage", body.to_string());
    let authorization = request.headers()["authorization"].to_str().unwrap();
    let signature = authorization.rsplit('=').next().unwrap().to_owned();
    let made = world.send(request).await.json();
    let arn = made["stage"]["arn"].as_str().unwrap().to_owned();
    let token = made["participantTokens"][0]["token"]
        .as_str()
        .unwrap()
        .to_owned();

    let bad = json!({ "arn": arn, "name": "canary name" });
    world.call(who, "UpdateStage", bad).await;
    world
        .call(who, "UpdateStage", json!({ "canary-json": 1 }))
        .await;
    world
        .call(
            Who {
                secret: "canary-guess",
                ..ANA
            },
            "GetStage",
            json!({ "arn": arn }),
        )
        .await;
    world
        .call(who, "ListStages", json!({ "nextToken": "canary-cursor" }))
        .await;
    world.call(who, "CanaryPath", json!({})).await;
    world
        .session(&arn, SESSION, &[("someone", "canary-user", false, true)])
        .await;
    let filter = json!({ "stageArn": arn, "sessionId": SESSION, "filterByUserId": "canary-user" });
    assert_eq!(
        world.call(who, "ListParticipants", filter).await.status,
        200
    );
    administer(&world, &token).await;
    let mut secrets = vec![signature, token];
    secrets.extend(stream_keys(&world, who).await);
    world.sqlite.close().await;
    assert_eq!(
        world
            .call(who, "GetStage", json!({ "arn": arn }))
            .await
            .status,
        503
    );
    secrets
}

/// Calls about ingest and storage configurations. Gives the secret ends of the stream keys.
async fn stream_keys(world: &World, who: Who) -> Vec<String> {
    let body = json!({
        "name": "canary-name",
        "ingestProtocol": "RTMPS",
        "userId": "canary-user",
        "attributes": { "canary-attribute": "canary-content" },
        "tags": { "canary-key": "canary-value" },
    });
    let made = world.call(who, "CreateIngestConfiguration", body).await;
    let arn = made.json()["ingestConfiguration"]["arn"].clone();
    let body = json!({ "arn": arn, "redundantIngest": true });
    let update = world.call(who, "UpdateIngestConfiguration", body).await;
    let get = world.call(who, "GetIngestConfiguration", json!({ "arn": arn }));
    assert_eq!(get.await.status, 200);
    let list = world.call(who, "ListIngestConfigurations", json!({}));
    assert_eq!(list.await.status, 200);
    let body = json!({ "arn": arn, "stageArn": "canary" });
    let refused = world.call(who, "UpdateIngestConfiguration", body).await;
    assert_eq!(refused.status, 400);
    let body = json!({ "name": "canary", "s3": { "bucketName": "out-of-reach" } });
    let fault = world.call(who, "CreateStorageConfiguration", body).await;
    assert_eq!(fault.status, 503);
    let update = update.json();
    let credentials = update["ingestConfiguration"]["redundantIngestCredentials"].as_array();
    let keys = credentials.unwrap().iter();
    keys.map(|credential| {
        let key = credential["streamKey"].as_str().unwrap();
        key.rsplit('_').next().unwrap().to_owned()
    })
    .collect()
}

/// Calls of the administration with a canary in its key and in everything that it is given.
async fn administer(world: &World, token: &str) {
    let bearer = format!("Bearer {ADMIN}");
    let document = json!({
        "version": 1,
        "stages": [{ "name": "canary-name", "tags": { "canary-key": "canary-value" } }],
        "ingestConfigurations": [{
            "arn": "arn:aws:ivs:us-west-2:111111111111:ingest-configuration/i",
            "ingestProtocol": "RTMPS",
            "streamKey": "rt_111111111111_us-west-2_i_canary",
            "userId": "canary-user",
            "attributes": { "canary-attribute": "canary-content" },
        }],
    });
    let wrong = json!({ "version": 1, "stages": [{ "canary-member": "canary-name" }] });
    for (method, path, key, body, status) in [
        ("POST", "seed", bearer.as_str(), document.to_string(), 200),
        ("POST", "seed", &bearer, wrong.to_string(), 400),
        ("POST", "seed", &bearer, "canary".to_owned(), 400),
        ("GET", "state?history=true", &bearer, String::new(), 200),
        ("GET", "state?canary=1", &bearer, String::new(), 400),
        (
            "POST",
            "token",
            &bearer,
            json!({ "token": token }).to_string(),
            200,
        ),
        ("GET", "canary", &bearer, String::new(), 404),
        ("GET", "state", "Bearer canary-guess", String::new(), 401),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(format!("/_downstage/{path}"))
            .header("authorization", key)
            .body(Body::from(body))
            .unwrap();
        let answer = world.admin.clone().call(request).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
    }
}
