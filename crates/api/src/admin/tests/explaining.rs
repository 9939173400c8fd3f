//! What is said about tokens, and whether it is what their use would show.

use std::time::Duration;

use super::*;

impl World {
    async fn explain(&self, token: &str) -> Value {
        let body = json!({ "token": token }).to_string();
        let answer = self.administer("POST", "token", body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let text = String::from_utf8(answer.bytes.clone()).unwrap();
        assert!(token.len() < 20 || !text.contains(token));
        answer.json()
    }

    async fn token(&self, stage: &str) -> (String, String) {
        let body = json!({ "stageArn": stage, "userId": "ana" });
        let made = self.call(ANA, "CreateParticipantToken", body).await.json();
        let made = &made["participantToken"];
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("token"), text("participantId"))
    }
}

/// The codes of the reasons.
fn codes(explanation: &Value) -> Vec<&str> {
    let reasons = explanation["reasons"].as_array().unwrap().iter();
    reasons
        .map(|reason| reason["code"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_token_that_is_good_now_is_said_to_be() {
    let world = World::new().await;
    let stage = world.stage(ANA).await;
    let (token, participant) = world.token(&stage).await;
    let explanation = world.explain(&format!(" {token}\n")).await;
    assert_eq!(explanation["accepted"], true);
    assert_eq!(explanation["reasons"], json!([]));
    assert_eq!(explanation["kind"], "PARTICIPANT");
    assert_eq!(explanation["signer"], "SERVER");
    assert_eq!(explanation["signature"], "VERIFIED");
    assert_eq!(explanation["claims"]["jti"], json!(participant));
    assert_eq!(explanation["claims"]["user_id"], "ana");
    assert_eq!(explanation["header"]["alg"], "ES384");
    assert_eq!(explanation["issuedAt"], "2026-03-01T12:00:00Z");
    assert_eq!(explanation["expiresAt"], "2026-03-02T00:00:00Z");
}

#[tokio::test]
async fn every_reason_is_given_in_words() {
    let world = World::new().await;
    let stage = world.stage(ANA).await;
    let (token, participant) = world.token(&stage).await;
    let body = json!({ "stageArn": stage, "participantId": participant });
    let banned = world.call(ANA, "DisconnectParticipant", body).await;
    assert_eq!(banned.status, 200);
    assert_eq!(codes(&world.explain(&token).await), ["BANNED"]);
    world.advance(Duration::from_hours(13));
    assert_eq!(codes(&world.explain(&token).await), ["EXPIRED", "BANNED"]);
    world.reset().await;
    let explanation = world.explain(&token).await;
    assert_eq!(codes(&explanation), ["EXPIRED", "STAGE_NOT_FOUND"]);
    assert_eq!(explanation["accepted"], false);
    assert_eq!(
        explanation["reasons"][1]["message"],
        "the stage does not exist, or has been deleted"
    );

    let (rest, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{rest}.{}", "A".repeat(128));
    let explanation = world.explain(&forged).await;
    assert_eq!(explanation["signature"], "REFUSED");
    assert!(codes(&explanation).contains(&"SIGNATURE"));
    for garbage in ["", "x", "a.b.c", "e30.e30.e30"] {
        let explanation = world.explain(garbage).await;
        assert_eq!(explanation["accepted"], false, "{garbage}");
        assert!(!codes(&explanation).is_empty(), "{garbage}");
    }
}
