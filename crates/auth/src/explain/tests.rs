//! An explanation lists all that is wrong, in words, and agrees with the verdict (`judge` in the tests of `token` holds the
//! two against each other for every claim).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::*;
use crate::fixtures::{fixture, fixture_key};

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn known(key: Key<'_>) -> Known<'_> {
    Known {
        now: now(),
        skew: Duration::from_mins(1),
        key,
        stage_exists: None,
        is_banned: None,
        is_revoked: None,
    }
}

fn explain(token: &str, known: &Known<'_>) -> Explanation {
    Inspection::read(token).explain(known)
}

/// The faults, in words.
fn reasons(token: &str, known: &Known<'_>) -> Vec<String> {
    let faults = explain(token, known).faults;
    faults.iter().map(Fault::to_string).collect()
}

fn unsigned(header: &str, payload: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}.{}",
        part(header),
        part(payload),
        part(&"x".repeat(96))
    )
}

#[test]
fn a_good_token_is_shown_and_has_no_fault() {
    let key = fixture_key();
    let inspection = Inspection::read(fixture("participant_jose"));
    assert_eq!(inspection.kind(), Kind::Participant);
    assert_eq!(inspection.stage().unwrap().id.as_str(), "u9OiE29bT6Xp");
    assert_eq!(inspection.participant().unwrap().as_str(), "Mx6clRRHODPy");
    assert_eq!(inspection.connection(), None);
    let explanation = inspection.explain(&known(Key::Public(&key)));
    assert_eq!(explanation.faults, []);
    assert_eq!(explanation.signature, Signature::Verified);
    assert_eq!(explanation.signer.as_ref(), inspection.signer());
    assert_eq!(explanation.issued, Some(now()));
    assert_eq!(
        explanation.expires,
        Some("2026-03-03T12:00:00Z".parse().unwrap())
    );
    assert_eq!(explanation.header.unwrap()["alg"], "ES384");
    assert_eq!(explanation.claims.unwrap()["user_id"], "ana é");
}

#[test]
fn a_good_connection_token_is_one() {
    let key = fixture_key();
    let inspection = Inspection::read(fixture("connection_jose"));
    assert_eq!(inspection.kind(), Kind::Connection);
    assert_eq!((inspection.stage(), inspection.participant()), (None, None));
    let (arn, token) = inspection.connection().unwrap();
    assert_eq!(arn.account.as_str(), "123456789012");
    assert_eq!(token.as_str(), "connection_1-A");
    let explanation = inspection.explain(&known(Key::Public(&key)));
    assert_eq!(explanation.faults, []);
    assert_eq!(explanation.signature, Signature::Verified);
}

#[test]
fn what_the_caller_has_found_is_a_reason() {
    let key = fixture_key();
    let good = known(Key::Public(&key));
    let late = Known {
        now: "2026-03-03T12:00:00Z".parse().unwrap(),
        ..good
    };
    let gone = Known {
        stage_exists: Some(false),
        is_banned: Some(true),
        ..good
    };
    let there = Known {
        stage_exists: Some(true),
        is_banned: Some(false),
        is_revoked: Some(false),
        ..good
    };
    let participant = fixture("participant_jose");
    let faults = |known| explain(participant, known).faults;
    assert_eq!(faults(&late), [Fault::Expired]);
    assert_eq!(faults(&gone), [Fault::StageNotFound, Fault::Banned]);
    assert_eq!(faults(&there), []);
    let revoked = Known {
        is_revoked: Some(true),
        ..good
    };
    let connection = explain(fixture("connection_jose"), &revoked);
    assert_eq!(connection.faults, [Fault::Revoked]);
}

#[test]
fn a_signature_is_verified_refused_or_not_checked() {
    let key = fixture_key();
    let server = TokenKey::from_pkcs8(&TokenKey::generate_pkcs8()).unwrap();
    for (name, key, signature, faults) in [
        (
            "participant_jose",
            Key::Unknown,
            Signature::NotChecked,
            &[][..],
        ),
        (
            "participant_jose",
            Key::NotFound,
            Signature::Refused,
            &[Fault::KeyNotFound],
        ),
        (
            "participant_jose",
            Key::Server(&server),
            Signature::Refused,
            &[Fault::Signature],
        ),
        (
            "other_key",
            Key::Public(&key),
            Signature::Refused,
            &[Fault::Signature],
        ),
        (
            "der",
            Key::Public(&key),
            Signature::NotChecked,
            &[Fault::SignatureForm],
        ),
        (
            "es256",
            Key::Unknown,
            Signature::NotChecked,
            &[Fault::Algorithm, Fault::SignatureForm],
        ),
    ] {
        let explanation = explain(fixture(name), &known(key));
        assert_eq!(explanation.signature, signature, "{name}");
        assert_eq!(explanation.faults, faults, "{name}");
    }
}

#[test]
fn every_fault_is_found_and_said_in_words() {
    let header = r#"{"alg":"none","typ":"JOSE","kid":"mine","jwk":{}}"#;
    let payload = r#"{"exp":"soon","iat":1772366400,"jti":"a b","resource":"arn","capabilities":[],"version":"2.0"}"#;
    assert_eq!(
        reasons(&unsigned(header, payload), &known(Key::Unknown)),
        [
            "the header's alg must be \"ES384\"",
            "the header's typ must be \"JWT\"",
            "the header must not have jwk: a token does not choose how it is verified",
            "the header's kid must be the ARN of a public key",
            "the claim version must be \"1.0\"",
            "the claim exp must be whole seconds since 1970 as an integer",
            "the claim resource must be the ARN of a stage",
            "the claim topic is missing",
            "the claim jti must be 1 to 64 of a-z, A-Z, 0-9, - and _",
            "the claim events_url is missing",
            "the claim whip_url is missing",
            "the claim capabilities must be an object of allow_publish and allow_subscribe, each true or false",
        ]
    );
    let header = r#"{"alg":"ES384","typ":"JWT"}"#;
    let payload = r#"{"exp":1,"iat":1,"jti":"a","account_id":"1","region":"us-west-2","events_url":"wss://e","version":"1.0","topic":"x"}"#;
    assert_eq!(
        reasons(&unsigned(header, payload), &known(Key::Unknown)),
        [
            "the header's kid is missing: a connection token is signed with an imported key",
            "a connection token must not have the claim topic",
            "the claim exp must be after iat, and at most four weeks after it",
            "the claim account_id must be twelve digits",
            "the token has expired (claim exp)",
        ]
    );
}

#[test]
fn what_is_no_token_is_explained_as_far_as_it_can_be_read() {
    for (text, expected) in [
        ("", &[Fault::Parts][..]),
        ("a.b", &[Fault::Parts]),
        ("a.b.c.d", &[Fault::Parts]),
        (&"x".repeat(1 << 20), &[Fault::TooLong]),
        (
            "?.?.?",
            &[
                Fault::Base64 { part: "header" },
                Fault::Base64 { part: "signature" },
                Fault::Base64 { part: "payload" },
            ],
        ),
    ] {
        let explanation = explain(text, &known(Key::Unknown));
        assert_eq!(explanation.faults, expected);
        assert_eq!((explanation.header, explanation.claims), (None, None));
    }
    let twice = unsigned(r#"{"alg":"ES384","typ":"JWT"}"#, r#"{"exp":1,"exp":2}"#);
    let explanation = explain(&twice, &known(Key::Unknown));
    assert_eq!(explanation.faults, [Fault::Json { part: "payload" }]);
    assert_eq!(explanation.claims.unwrap()["exp"], 2);
}

proptest! {
    #[test]
    fn anything_can_be_explained(text in "\\PC{0,200}", header in "[ -~]{0,60}", payload in "[ -~]{0,60}") {
        let key = fixture_key();
        for token in [text, unsigned(&header, &payload)] {
            for key in [Key::Unknown, Key::NotFound, Key::Public(&key)] {
                prop_assert!(!explain(&token, &known(key)).faults.is_empty());
            }
        }
    }
}
