//! A connection token verifies by the rules C-1 and C-2 of the user guide, and is no participant token.

use std::time::Duration;

use jiff::SignedDuration;
use model::{Capabilities, ParticipantId, StageArn};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::fixtures::{fixture, fixture_key};
use crate::key_pair;
use crate::token::{self, TokenKey, TokenRequest};

const SKEW: Duration = Duration::from_mins(1);
const DAY: i64 = 86_400;

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn kid() -> PublicKeyArn {
    PublicKeyArn::parse("arn:aws:ivs:us-west-2:123456789012:public-key/f99cde61").unwrap()
}

fn signing_key() -> SigningKey {
    SigningKey::from_pem(&key_pair::generate().private_pem()).unwrap()
}

fn claims() -> Value {
    json!({
        "exp": now().as_second() + 28 * DAY,
        "iat": now().as_second(),
        "jti": "connection-1_A",
        "account_id": "123456789012",
        "region": "us-west-2",
        "events_url": "wss://global.events.live-video.net",
        "version": "1.0",
    })
}

fn sign(key: &SigningKey, claims: &Value) -> String {
    let header = jws::header(&Signer::PublicKey(kid()));
    jws::sign(key, header.as_bytes(), claims.to_string().as_bytes())
}

fn verify(key: &PublicKey, token: &str) -> Result<ConnectionGrant, TokenError> {
    Unverified::read(token)?.verify_with(key, now(), SKEW)
}

#[test]
fn tokens_of_other_implementations_verify() {
    for name in ["connection_jose", "connection_hand"] {
        let unverified = Unverified::read(fixture(name)).unwrap();
        assert!(unverified.key().id.as_str().starts_with("f99cde61-"));
        let grant = unverified.verify_with(&fixture_key(), now(), SKEW).unwrap();
        assert_eq!(grant.token.as_str(), "connection_1-A");
        assert_eq!(grant.account.as_str(), "123456789012");
        assert_eq!(grant.region.as_str(), "us-west-2");
        assert_eq!(grant.expires, now() + SignedDuration::from_hours(28 * 24));
    }
}

#[test]
fn a_minted_token_has_the_documented_claims_and_verifies() {
    let key = signing_key();
    let id = ConnectionTokenId::parse("connection-1_A").unwrap();
    let token = key.sign_connection_token(
        &kid(),
        &ConnectionTokenRequest {
            token: &id,
            events_url: "wss://global.events.live-video.net",
            issued: now(),
            life: CONNECTION_TOKEN_LIFE_MAX,
        },
    );
    let payload = jws::decode(token.split('.').nth(1).unwrap(), "payload").unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&payload).unwrap(), claims());
    assert_eq!(verify(key.public(), &token).unwrap().token, id);
}

/// Each claim, and values that it must not have.
const BAD_CLAIMS: &str = r#"
    exp          | "1772452800"
    exp          | 1772452800.5
    exp          | null
    exp          | true
    iat          | "1772366400"
    iat          | null
    nbf          | 1772366461
    jti          | ""
    jti          | "a b"
    jti          | "a/b"
    jti          | 1
    jti          | null
    account_id   | 123456789012
    account_id   | "12345678901"
    account_id   | "210987654321"
    account_id   | null
    region       | "us-east-1"
    region       | "US-WEST-2"
    region       | ""
    region       | ["us-west-2"]
    region       | null
    events_url   | 1
    events_url   | null
    version      | "0.3"
    version      | "1"
    version      | 1.0
    resource     | "arn:aws:ivs:us-west-2:123456789012:stage/abcdABCDefgh"
    resource     | null
    topic        | "abcdABCDefgh"
    whip_url     | "https://whip"
    capabilities | {"allow_publish": true}
    capabilities | {}
"#;

#[test]
fn t28_t29_claims_have_one_form() {
    let key = signing_key();
    let rows = BAD_CLAIMS.lines().filter_map(|line| line.split_once(" | "));
    let rows = rows.map(|(claim, value)| (claim.trim(), serde_json::from_str(value).unwrap()));
    let too_long = [("jti", json!("a".repeat(65)))];
    for (claim, value) in rows.chain(too_long) {
        let mut claims = claims();
        claims[claim] = value;
        let result = verify(key.public(), &sign(&key, &claims));
        assert_eq!(result, Err(TokenError::Claim { claim }), "{claims}");
    }
    for claim in [
        "exp",
        "iat",
        "jti",
        "account_id",
        "region",
        "events_url",
        "version",
    ] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(claim);
        let result = verify(key.public(), &sign(&key, &claims));
        assert_eq!(result, Err(TokenError::Claim { claim }));
    }
    for (claim, value) in [("user_id", json!("ana")), ("jti", json!("a".repeat(64)))] {
        let mut claims = claims();
        claims[claim] = value;
        assert!(verify(key.public(), &sign(&key, &claims)).is_ok());
    }
}

#[test]
fn t26_it_lives_four_weeks_at_most_and_expiry_is_for_the_caller() {
    let key = signing_key();
    let second = now().as_second();
    for (iat, life, expected) in [
        (second, 28 * DAY, None),
        (second, 28 * DAY + 1, Some("exp")),
        (second, 1, None),
        (second, 0, Some("exp")),
        (second, -1, Some("exp")),
        (second + 60, 60, None),
        (second + 61, 60, Some("iat")),
        (second - 400 * DAY, DAY, None),
    ] {
        let mut claims = claims();
        claims["iat"] = json!(iat);
        claims["exp"] = json!(iat + life);
        let result = verify(key.public(), &sign(&key, &claims));
        let expected = expected.map(|claim| TokenError::Claim { claim });
        assert_eq!(result.err(), expected, "{iat} {life}");
    }
    let grant = verify(key.public(), &sign(&key, &claims())).unwrap();
    let just_before = grant.expires - SignedDuration::from_nanos(1);
    assert!(!grant.has_expired(just_before) && grant.has_expired(grant.expires));
}

#[test]
fn it_is_signed_with_an_imported_key_and_no_other() {
    let (key, other) = (signing_key(), signing_key());
    let token = sign(&key, &claims());
    assert_eq!(verify(other.public(), &token), Err(TokenError::Signature));
    let header = jws::header(&Signer::Server);
    let own = jws::sign(&key, header.as_bytes(), claims().to_string().as_bytes());
    let malformed = TokenError::Malformed { what: "header" };
    assert_eq!(Unverified::read(&own).unwrap_err(), malformed);
    for name in ["der", "es256", "es256_padded"] {
        assert_eq!(
            verify(&fixture_key(), fixture(name)),
            Err(TokenError::Signature)
        );
    }
}

#[test]
fn t28_neither_kind_of_token_passes_for_the_other() {
    let key = signing_key();
    let connection = sign(&key, &claims());
    let as_participant = token::Unverified::read(&connection).unwrap();
    let result = as_participant.verify_with(key.public(), now(), SKEW);
    assert_eq!(result, Err(TokenError::Claim { claim: "exp" }));
    let mut short = claims();
    short["exp"] = json!(now().as_second() + DAY);
    let short = sign(&key, &short);
    let result = token::Unverified::read(&short)
        .unwrap()
        .verify_with(key.public(), now(), SKEW);
    assert_eq!(result, Err(TokenError::Claim { claim: "resource" }));

    let request = TokenRequest {
        stage: &StageArn::parse("arn:aws:ivs:us-west-2:123456789012:stage/abcd").unwrap(),
        participant: &ParticipantId::parse("ana").unwrap(),
        user_id: None,
        attributes: None,
        capabilities: Capabilities::default(),
        events_url: "wss://e",
        whip_url: "https://w",
        issued: now(),
        life: Duration::from_hours(1),
    };
    let participant = key.sign_participant_token(&kid(), &request);
    let result = verify(key.public(), &participant);
    assert_eq!(
        result,
        Err(TokenError::Claim {
            claim: "capabilities"
        })
    );
    let server = TokenKey::from_pkcs8(&TokenKey::generate_pkcs8()).unwrap();
    assert!(Unverified::read(&server.sign(&request)).is_err());

    // The claims of both: a connection token names no stage, whatever else it says.
    let mut both = claims();
    both["exp"] = json!(now().as_second() + DAY);
    for (claim, value) in [
        (
            "resource",
            json!("arn:aws:ivs:us-west-2:123456789012:stage/abcd"),
        ),
        ("topic", json!("abcd")),
        ("whip_url", json!("https://w")),
        ("capabilities", json!({})),
    ] {
        both[claim] = value;
        assert!(verify(key.public(), &sign(&key, &both)).is_err(), "{claim}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_and_no_signed_payload_panics(
        text in ".{0,300}",
        payload in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        prop_assert!(verify(&fixture_key(), &text).is_err());
        let key = signing_key();
        let header = jws::header(&Signer::PublicKey(kid()));
        let token = jws::sign(&key, header.as_bytes(), &payload);
        prop_assert!(verify(key.public(), &token).is_err());
    }
}
