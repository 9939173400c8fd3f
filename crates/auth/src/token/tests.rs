//! A good token verifies; everything else does not: keys, signatures, headers and shapes of the server's own tokens here,
//! those of customers in `imported`, claims in `claims`. Rows T23 to T29 of the threat table and the list B.11.

mod claims;
mod imported;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
};
use aws_lc_rs::{hmac, rand::SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use model::{Capabilities, ParticipantId, PublicKeyArn, StageArn};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Signer, TokenError, TokenKey, TokenRequest, Unverified};
use crate::explain::{self, Inspection, Known};
use crate::fault::{Fault, TOKEN_LEN_MAX};
use crate::jws;

/// The header of the server's own tokens.
const HEADER: &str = r#"{"alg":"ES384","typ":"JWT"}"#;

const SKEW: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// The order of P-384, big-endian (SEC 2, section 2.5.1).
const ORDER: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn key() -> TokenKey {
    TokenKey::from_pkcs8(&TokenKey::generate_pkcs8()).unwrap()
}

/// The claims of a good token.
fn claims() -> Value {
    json!({
        "exp": now().as_second() + 3_600,
        "iat": now().as_second(),
        "jti": "abcdefghijkl012345678901",
        "resource": "arn:aws:ivs:us-west-2:123456789012:stage/abcdABCDefgh",
        "topic": "abcdABCDefgh",
        "events_url": "ws://127.0.0.1:7400/events",
        "whip_url": "http://127.0.0.1:7400/whip",
        "user_id": "ana",
        "attributes": {"team": "red"},
        "capabilities": {"allow_publish": true, "allow_subscribe": false},
        "version": "1.0",
    })
}

/// The good claims with one replaced, or removed by `None`.
fn claims_with(claim: &str, value: Option<Value>) -> String {
    let mut claims = claims();
    match value {
        Some(value) => claims[claim] = value,
        None => drop(claims.as_object_mut().unwrap().remove(claim)),
    }
    claims.to_string()
}

/// Signs any header and payload with the server's own key.
fn forge(key: &TokenKey, header: &str, payload: &str) -> String {
    jws::sign(&key.key, header.as_bytes(), payload.as_bytes())
}

fn verify(key: &TokenKey, token: &str) -> Result<model::Grant, TokenError> {
    key.verify(token, now(), SKEW)
}

/// The ARN of the key of the account and region of the good claims.
fn kid() -> PublicKeyArn {
    PublicKeyArn::parse("arn:aws:ivs:us-west-2:123456789012:public-key/f99cde61-c2b0").unwrap()
}

/// What becomes of a payload: the same for the server's own token as for one of a customer, and the explanation knows it.
fn judge(key: &TokenKey, payload: impl AsRef<[u8]>) -> Result<model::Grant, TokenError> {
    let payload = payload.as_ref();
    let own = jws::sign(&key.key, HEADER.as_bytes(), payload);
    let result = verify(key, &own);
    let imported = jws::header(&Signer::PublicKey(kid()));
    let imported = jws::sign(&key.key, imported.as_bytes(), payload);
    let unverified = Unverified::read(&imported)?;
    let judged = unverified.verify_with(key.public(), now(), SKEW);
    let by_customer = result.clone().map(|grant| model::Grant {
        issuer: model::Issuer::Customer,
        ..grant
    });
    assert_eq!(judged, by_customer);
    for (token, key) in [
        (&own, explain::Key::Server(key)),
        (&imported, explain::Key::Public(key.public())),
    ] {
        let inspection = Inspection::read(token);
        if inspection.kind() == explain::Kind::Participant {
            let explanation = inspection.explain(&Known {
                now: now(),
                skew: SKEW,
                key,
                stage_exists: None,
                is_banned: None,
                is_revoked: None,
            });
            let faults = explanation.faults.into_iter();
            let faults: Vec<_> = faults.filter(|fault| *fault != Fault::Expired).collect();
            assert_eq!(crate::token::first(&faults).err(), result.clone().err());
        }
    }
    result
}

/// The token of the good claims in its three parts.
fn parts(key: &TokenKey) -> [String; 3] {
    let token = forge(key, HEADER, &claims().to_string());
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

#[test]
fn a_signed_token_has_the_documented_claims_and_reads_back() {
    let key = key();
    let stage = StageArn::parse("arn:aws:ivs:us-west-2:123456789012:stage/abcdABCDefgh").unwrap();
    let participant = ParticipantId::parse("abcdefghijkl012345678901").unwrap();
    let attributes = BTreeMap::from([("team".to_owned(), "red".to_owned())]);
    let token = key.sign(&TokenRequest {
        stage: &stage,
        participant: &participant,
        user_id: Some("ana"),
        attributes: Some(&attributes),
        capabilities: Capabilities {
            publish: true,
            subscribe: false,
        },
        events_url: "ws://127.0.0.1:7400/events",
        whip_url: "http://127.0.0.1:7400/whip",
        issued: now() + SignedDuration::from_millis(999),
        life: HOUR,
    });
    let printed: Vec<Vec<u8>> = token
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap())
        .collect();
    assert_eq!(printed[0], br#"{"alg":"ES384","typ":"JWT"}"#);
    assert_eq!(
        serde_json::from_slice::<Value>(&printed[1]).unwrap(),
        claims()
    );
    assert_eq!(printed[2].len(), 96);

    let grant = verify(&key, &token).unwrap();
    assert_eq!(grant.stage, stage);
    assert_eq!(grant.participant, participant);
    assert_eq!(grant.user_id, "ana");
    assert_eq!(grant.attributes, attributes);
    assert!(grant.capabilities.publish && !grant.capabilities.subscribe);
    assert_eq!(grant.expires, now() + HOUR);
}

#[test]
fn optional_claims_are_absent_when_not_given() {
    let key = key();
    let stage = StageArn::parse("arn:aws:ivs:us-west-2:123456789012:stage/abcd").unwrap();
    let token = key.sign(&TokenRequest {
        stage: &stage,
        participant: &ParticipantId::parse("p").unwrap(),
        user_id: None,
        attributes: None,
        capabilities: Capabilities::default(),
        events_url: "",
        whip_url: "",
        issued: now(),
        life: Duration::from_hours(14 * 24),
    });
    let payload = URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1).unwrap())
        .unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    assert!(payload.get("user_id").is_none() && payload.get("attributes").is_none());
    let grant = verify(&key, &token).unwrap();
    assert!(grant.user_id.is_empty() && grant.attributes.is_empty());
}

#[test]
fn a_key_survives_the_store_and_shows_nothing() {
    let der = TokenKey::generate_pkcs8();
    let token = forge(
        &TokenKey::from_pkcs8(&der).unwrap(),
        HEADER,
        &claims().to_string(),
    );
    let again = TokenKey::from_pkcs8(&der).unwrap();
    assert!(verify(&again, &token).is_ok());
    assert_eq!(format!("{again:?}"), "TokenKey(..)");
}

/// T32's kin: only P-384 in PKCS#8 is a key of ours.
#[test]
fn other_keys_are_refused() {
    let p256 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let der = TokenKey::generate_pkcs8();
    let cut = &der[..der.len() - 1];
    for bad in [
        &[][..],
        b"-----BEGIN PRIVATE KEY-----",
        p256.unwrap().as_ref(),
        cut,
    ] {
        assert!(TokenKey::from_pkcs8(bad).is_err());
    }
}

#[test]
fn t23_other_algorithms_are_refused_even_over_a_good_signature() {
    let key = key();
    for alg in [
        r#""none""#,
        r#""None""#,
        r#""NONE""#,
        r#""nOnE""#,
        r#""HS256""#,
        r#""HS384""#,
        r#""HS512""#,
        r#""RS256""#,
        r#""PS384""#,
        r#""ES256""#,
        r#""ES512""#,
        r#""EdDSA""#,
        r#""KMS""#,
        r#""es384""#,
        r#""ES384 ""#,
        r#""E\u0405384""#,
        r#""""#,
        "null",
        "384",
        r#"["ES384"]"#,
    ] {
        let token = forge(
            &key,
            &format!(r#"{{"alg":{alg},"typ":"JWT"}}"#),
            &claims().to_string(),
        );
        assert_eq!(verify(&key, &token), Err(TokenError::Signature), "{alg}");
        let (signed, _) = token.rsplit_once('.').unwrap();
        assert_eq!(
            verify(&key, &format!("{signed}.")),
            Err(TokenError::Signature),
            "{alg}"
        );
    }
    let token = forge(&key, r#"{"typ":"JWT"}"#, &claims().to_string());
    assert_eq!(verify(&key, &token), Err(TokenError::Signature));
}

/// T23: the public key, in every form that it can be known in, is no HMAC secret.
#[test]
fn t23_hmacs_keyed_with_the_public_key_are_refused() {
    let key = key();
    let point = key.key.pair.public_key().as_ref().to_vec();
    let mut spki = b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00".to_vec();
    spki.extend_from_slice(&point);
    let body = STANDARD.encode(&spki);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----");
    let (x, y) = (
        URL_SAFE_NO_PAD.encode(&point[1..49]),
        URL_SAFE_NO_PAD.encode(&point[49..]),
    );
    let jwk = format!(r#"{{"kty":"EC","crv":"P-384","x":"{x}","y":"{y}"}}"#);
    let secrets: [&[u8]; 7] = [
        pem.as_bytes(),
        &[pem.as_bytes(), b"\n"].concat(),
        &spki,
        &point,
        &point[1..],
        jwk.as_bytes(),
        b"",
    ];
    for secret in secrets {
        for header in [HEADER, r#"{"alg":"HS384","typ":"JWT"}"#] {
            let signed = [header, &claims().to_string()]
                .map(|part| URL_SAFE_NO_PAD.encode(part))
                .join(".");
            let secret = hmac::Key::new(hmac::HMAC_SHA384, secret);
            let mac = hmac::sign(&secret, signed.as_bytes());
            for mac in [mac.as_ref().to_vec(), mac.as_ref().repeat(2)] {
                let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac));
                assert_eq!(verify(&key, &token), Err(TokenError::Signature));
            }
        }
    }
}

#[test]
fn t24_degenerate_signatures_are_refused() {
    let key = key();
    let [header, payload, good] = parts(&key);
    let good: [u8; 96] = URL_SAFE_NO_PAD.decode(good).unwrap().try_into().unwrap();
    let (r, s) = good.split_at(48);
    let zero = [0; 48];
    let one = {
        let mut one = zero;
        one[47] = 1;
        one
    };
    let more = {
        let mut more = ORDER;
        more[47] += 1;
        more
    };
    let signed = format!("{header}.{payload}");
    let der = EcdsaKeyPair::from_pkcs8(
        &ECDSA_P384_SHA384_ASN1_SIGNING,
        key.key.pair.to_pkcs8v1().unwrap().as_ref(),
    );
    let der = der
        .unwrap()
        .sign(&SystemRandom::new(), signed.as_bytes())
        .unwrap();
    for bad in [
        [zero, zero].concat(),
        [&zero, s].concat(),
        [r, &zero].concat(),
        [one, one].concat(),
        [ORDER, ORDER].concat(),
        [&ORDER, s].concat(),
        [r, &ORDER].concat(),
        [&more, s].concat(),
        [[0xff; 48], [0xff; 48]].concat(),
        [s, r].concat(),
        der.as_ref().to_vec(),
        good[..95].to_vec(),
        [&good[..], &[0]].concat(),
        [&[0], &good[..]].concat(),
        [good, good].concat(),
        Vec::new(),
    ] {
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&bad));
        assert_eq!(
            verify(&key, &token),
            Err(TokenError::Signature),
            "{bad:02x?}"
        );
    }
}

#[test]
fn t24_signatures_of_another_key_or_curve_are_refused() {
    let key = key();
    let other = forge(&self::key(), HEADER, &claims().to_string());
    assert_eq!(verify(&key, &other), Err(TokenError::Signature));
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (signed, _) = other.rsplit_once('.').unwrap();
    let signature = p256.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    assert_eq!(verify(&key, &token), Err(TokenError::Signature));
}

/// B.11: every character of every part, and a re-encoded header under the old signature.
#[test]
fn a_changed_character_is_noticed_wherever_it_stands() {
    let key = key();
    let token = parts(&key).join(".");
    assert!(verify(&key, &token).is_ok());
    for at in 0..token.len() {
        for other in ["A", "b", "_", ".", "=", "+", " "] {
            if token[at..].starts_with(other) {
                continue;
            }
            let mut changed = token.clone();
            changed.replace_range(at..=at, other);
            assert!(verify(&key, &changed).is_err(), "{at} {other}");
        }
    }
    let [_, payload, signature] = parts(&key);
    let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ES384"}"#);
    let token = format!("{header}.{payload}.{signature}");
    assert_eq!(verify(&key, &token), Err(TokenError::Signature));
}

/// B.11: a signature has one spelling. 96 bytes end on a whole character; the last of 0x80 payload bytes does not.
#[test]
fn t25_other_spellings_of_base64_are_refused() {
    let key = key();
    let [header, payload, signature] = parts(&key);
    let spellings = [
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}=.{signature}"),
        format!("{header}.{payload}.{signature}="),
        format!("{header}.{payload}.{signature}===="),
        format!(" {header}.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}\n"),
        format!("{header}.{payload}.{}", STANDARD.encode([0xfb; 96])),
    ];
    for token in spellings {
        assert!(verify(&key, &token).is_err(), "{token}");
    }
    // A header whose base64 has unused bits, signed in its wrong spelling by the server's own key.
    let header = r#"{"alg":"ES384","typ":"JWT" }"#;
    for (spelling, accepted) in [
        (URL_SAFE_NO_PAD.encode(header), true),
        (URL_SAFE.encode(header), false),
        (stray_bits(&URL_SAFE_NO_PAD.encode(header)), false),
    ] {
        let signed = format!("{spelling}.{payload}");
        let signature = key
            .key
            .pair
            .sign(&SystemRandom::new(), signed.as_bytes())
            .unwrap();
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        assert_eq!(verify(&key, &token).is_ok(), accepted, "{spelling}");
    }
}

/// The next character of the alphabet at the end: the same bytes to a lenient decoder.
fn stray_bits(text: &str) -> String {
    assert_ne!(text.len() % 4, 0);
    let last = text.chars().last().unwrap();
    let next = char::from_u32(u32::from(last) + 1).unwrap();
    format!("{}{next}", &text[..text.len() - 1])
}

#[test]
fn t25_headers_that_choose_keys_or_formats_are_refused_under_a_good_signature() {
    let key = key();
    for member in [
        r#""jwk":{"kty":"EC"}"#,
        r#""jku":"http://127.0.0.1:1/""#,
        r#""x5u":"http://127.0.0.1:1/""#,
        r#""x5c":["AA=="]"#,
        r#""crit":[]"#,
        r#""crit":["exp"]"#,
        r#""b64":false"#,
        r#""zip":"DEF""#,
        r#""enc":"A256GCM""#,
        r#""cty":"JWT""#,
        r#""kid":"../../etc/passwd""#,
        r#""kid":"' OR 1=1 --""#,
        r#""kid":null"#,
        r#""alg":"ES384""#,
        r#""typ":"JWT""#,
    ] {
        let header = format!(r#"{{"alg":"ES384","typ":"JWT",{member}}}"#);
        let token = forge(&key, &header, &claims().to_string());
        assert_eq!(
            verify(&key, &token),
            Err(TokenError::Malformed { what: "header" }),
            "{member}"
        );
    }
    for header in [
        "",
        "{",
        "[]",
        "null",
        r#""ES384""#,
        "\u{feff}{\"alg\":\"ES384\",\"typ\":\"JWT\"}",
        r#"{"alg":"ES384"}"#,
        r#"{"alg":"ES384","typ":"at+jwt"}"#,
        r#"{"alg":"ES384","typ":"jwt"}"#,
        r#"{"alg":"none","alg":"ES384","typ":"JWT"}"#,
        r#"{"alg":"ES384","typ":"JWT"} {}"#,
    ] {
        let token = forge(&key, header, &claims().to_string());
        assert_eq!(
            verify(&key, &token),
            Err(TokenError::Malformed { what: "header" }),
            "{header}"
        );
    }
    let benign = r#"{"alg":"ES384","typ":"JWT","x":{"y":[1,2.5]}}"#;
    assert!(verify(&key, &forge(&key, benign, &claims().to_string())).is_ok());
}

#[test]
fn t25_other_shapes_are_refused() {
    let key = key();
    let token = parts(&key).join(".");
    let (signed, _) = token.rsplit_once('.').unwrap();
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        signed.to_owned(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.AAAA"),
        format!("{token}.AAAA.AAAA"),
        ".".repeat(1_000_000),
        "A".repeat(1_000_000),
        format!(r#"{{"payload":"{token}"}}"#),
        "\u{1f600}.\u{1f600}.\u{1f600}".to_owned(),
    ] {
        assert!(verify(&key, &bad).is_err(), "{}", bad.len());
    }
}

#[test]
fn t25_the_length_is_judged_before_all_else() {
    let key = key();
    let too_long = Err(TokenError::Malformed { what: "length" });
    assert_eq!(verify(&key, &"A".repeat(TOKEN_LEN_MAX + 1)), too_long);
    assert_ne!(verify(&key, &"A".repeat(TOKEN_LEN_MAX)), too_long);
    // The largest token that the API lets anyone ask for fits: texts that JSON escapes six-fold.
    let mut claims = claims();
    claims["attributes"] = json!({"a": "\u{1}".repeat(1_023)});
    claims["user_id"] = "\u{1}".repeat(128).into();
    let token = forge(&key, HEADER, &claims.to_string());
    assert!(verify(&key, &token).is_ok(), "{}", token.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_panics_or_verifies(text in ".{0,300}") {
        prop_assert!(verify(&key(), &text).is_err());
    }

    #[test]
    fn no_signed_payload_panics(payload in proptest::collection::vec(any::<u8>(), 0..200), header in "[ -~]{0,60}") {
        let key = key();
        let token = jws::sign(&key.key, HEADER.as_bytes(), &payload);
        prop_assert!(verify(&key, &token).is_err());
        let token = jws::sign(&key.key, header.as_bytes(), claims().to_string().as_bytes());
        prop_assert!(verify(&key, &token).is_err());
    }
}
