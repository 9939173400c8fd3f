//! The administration as its operators meet it: requests through the router, with a real store and real stages behind it.

mod access;
mod documents;
mod explaining;
mod faults;
mod mistakes;
mod resets;
mod streams;

use std::collections::BTreeSet;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use model::StageArn;
use serde_json::{Value, json};
use stage::Input;
use tower::Service as _;

use crate::tests::{ADMIN, ANA, Answer, BEN, World, ingest, pem, storage};

/// Every route, with a body that it takes.
const ROUTES: [(&str, &str, &str); 5] = [
    ("POST", "/_downstage/reset", ""),
    ("GET", "/_downstage/state", ""),
    ("POST", "/_downstage/seed", r#"{"version":1}"#),
    ("POST", "/_downstage/token", r#"{"token":"a.b.c"}"#),
    ("GET", "/_downstage/ingest", ""),
];

impl World {
    /// Sends a request to the administration with these headers.
    async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let response = self.admin.clone().call(request).await.unwrap();
        let (head, body) = response.into_parts();
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            bytes: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    /// Sends a request with the key.
    async fn administer(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        let bearer = format!("Bearer {ADMIN}");
        let headers = [("authorization", bearer.as_str())];
        let target = format!("/_downstage/{path}");
        self.ask(method, &target, &headers, body).await
    }

    async fn reset(&self) {
        let answer = self.administer("POST", "reset", "").await;
        assert_eq!((answer.status, answer.bytes), (204, Vec::new()));
    }

    /// The document of everything.
    async fn export(&self) -> Value {
        let answer = self.administer("GET", "state", "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Seeds a document; the status and the answer.
    async fn seed(&self, document: &Value) -> (u16, Value) {
        let answer = self.administer("POST", "seed", document.to_string()).await;
        (answer.status, answer.json())
    }

    /// The stages that are open by what the stages were told, and those that are stored.
    async fn both_sides(&self) -> (Vec<StageArn>, Vec<StageArn>) {
        let stored = self.store.stage_all().await.unwrap();
        let stored: BTreeSet<_> = stored.into_iter().map(|(arn, _)| arn).collect();
        let mut open = BTreeSet::new();
        for input in self.told.lock().unwrap().iter() {
            if let Input::StageOpened { stage, .. } = input {
                open.insert(stage.clone());
            } else if let Input::StageDeleted { stage } = input {
                open.remove(stage);
            } else if matches!(input, Input::AllStagesDeleted) {
                open.clear();
            }
        }
        (Vec::from_iter(open), Vec::from_iter(stored))
    }
}

/// One resource of each kind, and whatever they can have, in two accounts. Gives the ARN of one stage.
async fn furnish(world: &World) -> String {
    world.public_key(ANA, 0).await;
    world.encoder_configuration(BEN).await;
    let storage = storage(world, ANA).await;
    let body = json!({
        "name": "show",
        "tags": { "team": "media" },
        "autoParticipantRecordingConfiguration": {
            "storageConfigurationArn": storage,
            "mediaTypes": ["AUDIO_ONLY"],
        },
    });
    let made = world.call(ANA, "CreateStage", body).await.json();
    let stage = made["stage"]["arn"].as_str().unwrap().to_owned();
    ingest(world, json!({ "name": "plain", "stageArn": stage })).await;
    let body = json!({
        "redundantIngest": true,
        "insecureIngest": true,
        "userId": "encoder",
        "attributes": { "k": "v" },
    });
    ingest(world, body).await;
    let body = json!({ "stageArn": stage });
    let token = world.call(ANA, "CreateParticipantToken", body).await.json();
    let id = &token["participantToken"]["participantId"];
    let body = json!({ "stageArn": stage, "participantId": id });
    let banned = world.call(ANA, "DisconnectParticipant", body).await;
    assert_eq!(banned.status, 200);
    let body = json!({ "tokenId": "a-connection-token" });
    let revoked = world.call(BEN, "RevokeConnectionToken", body).await;
    assert_eq!(revoked.status, 200);
    stage
}

/// A document with one list.
fn document(list: &str, entries: Value) -> Value {
    let mut document = json!({ "version": 1 });
    document[list] = entries;
    document
}

/// The material of a public key.
fn material(number: usize) -> Value {
    json!(pem(number))
}
