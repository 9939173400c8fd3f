//! Tokens that customers sign: what other implementations make verifies, and a header chooses nothing but an imported key.
//! Rows T23 to T25, T27 and T28 of the threat table and the list B.11; T-5 to T-9 are the rules of the user guide.

use super::*;
use crate::fixtures::{fixture, fixture_key};
use crate::key_pair::{self, SigningKey};
use crate::public_key::PublicKey;

fn verify_with(key: &PublicKey, token: &str) -> Result<model::Grant, TokenError> {
    Unverified::read(token)?.verify_with(key, now(), SKEW)
}

/// A token of the good claims under a header with these members.
fn with_header(key: &SigningKey, members: &str) -> String {
    let header = format!(r#"{{"alg":"ES384","typ":"JWT",{members}}}"#);
    jws::sign(key, header.as_bytes(), claims().to_string().as_bytes())
}

fn signing_key() -> SigningKey {
    SigningKey::from_pem(&key_pair::generate().private_pem()).unwrap()
}

#[test]
fn tokens_of_other_implementations_verify() {
    for name in ["participant_jose", "participant_hand"] {
        let token = fixture(name);
        let unverified = Unverified::read(token).unwrap();
        let kid =
            "arn:aws:ivs:us-west-2:123456789012:public-key/f99cde61-c2b0-4df3-8941-ca7d38acca1a";
        let kid = PublicKeyArn::parse(kid).unwrap();
        assert_eq!(*unverified.signer(), Signer::PublicKey(kid));
        let grant = unverified.verify_with(&fixture_key(), now(), SKEW).unwrap();
        assert_eq!(grant.participant.as_str(), "Mx6clRRHODPy");
        assert_eq!(grant.stage.id.as_str(), "u9OiE29bT6Xp");
        assert_eq!(grant.user_id, "ana é");
        assert_eq!(grant.attributes["team"], "red");
        assert!(grant.capabilities.publish && !grant.capabilities.subscribe);
        assert_eq!(grant.expires, now() + 48 * HOUR);
    }
}

#[test]
fn t24_signatures_of_another_form_digest_key_or_curve_are_refused() {
    for name in [
        "der",
        "sha256",
        "sha512",
        "other_key",
        "es256",
        "es256_padded",
    ] {
        let result = verify_with(&fixture_key(), fixture(name));
        assert_eq!(result, Err(TokenError::Signature), "{name}");
    }
}

#[test]
fn a_minted_token_has_the_documented_header_and_claims_and_verifies() {
    let key = signing_key();
    let stage = StageArn::parse("arn:aws:ivs:us-west-2:123456789012:stage/abcdABCDefgh").unwrap();
    let participant = ParticipantId::parse("abcdefghijkl012345678901").unwrap();
    let attributes = BTreeMap::from([("team".to_owned(), "red".to_owned())]);
    let token = key.sign_participant_token(
        &kid(),
        &TokenRequest {
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
            issued: now(),
            life: HOUR,
        },
    );
    let part = |at: usize| {
        URL_SAFE_NO_PAD
            .decode(token.split('.').nth(at).unwrap())
            .unwrap()
    };
    let header = format!(r#"{{"alg":"ES384","typ":"JWT","kid":"{}"}}"#, kid());
    assert_eq!(part(0), header.as_bytes());
    assert_eq!(serde_json::from_slice::<Value>(&part(1)).unwrap(), claims());
    let grant = verify_with(key.public(), &token).unwrap();
    assert_eq!(grant.stage, stage);
    assert_eq!(grant.participant, participant);
}

/// A key verifies what names it, and the server's key what names none: neither stands in for the other.
#[test]
fn t27_the_server_s_key_and_imported_keys_are_apart() {
    let server = key();
    let own = forge(&server, HEADER, &claims().to_string());
    assert_eq!(*Unverified::read(&own).unwrap().signer(), Signer::Server);
    // The public half of the server's key, were it imported, verifies no token without `kid`.
    assert_eq!(
        verify_with(server.public(), &own),
        Err(TokenError::Signature)
    );
    // A token of the server's key that names an imported key is not the server's.
    let disguised = with_header(&server.key, &format!(r#""kid":"{}""#, kid()));
    assert_eq!(verify(&server, &disguised), Err(TokenError::Signature));
    assert_eq!(
        verify_with(signing_key().public(), &disguised),
        Err(TokenError::Signature)
    );
}

#[test]
fn t27_a_token_minted_by_one_key_does_not_verify_under_another() {
    let (one, other) = (signing_key(), signing_key());
    let token = with_header(&one, &format!(r#""kid":"{}""#, kid()));
    assert!(verify_with(one.public(), &token).is_ok());
    assert_eq!(
        verify_with(other.public(), &token),
        Err(TokenError::Signature)
    );
}

#[test]
fn t27_a_kid_is_the_arn_of_a_public_key_or_the_token_is_malformed() {
    let key = signing_key();
    for kid in [
        r#""""#,
        r#""f99cde61""#,
        r#""../../etc/passwd""#,
        r#""/dev/null""#,
        r#""' OR 1=1 --""#,
        r#""http://127.0.0.1:1/key.pem""#,
        r#""arn:aws:ivs:us-west-2:123456789012:stage/abcdABCDefgh""#,
        r#""arn:aws:ivs:us-west-2:123456789012:public-key/""#,
        r#""arn:aws:ivs:us-west-2:123456789012:public-key/../x""#,
        r#""arn:aws:ivs:us-west-2:123456789012:public-key/x\u0000""#,
        r#""arn:aws:ivs:us-west-2:123456789012:public-key/x ""#,
        // Account and region swapped, as on the page that documents the header.
        r#""arn:aws:ivs:123456789012:us-west-2:public-key/x""#,
        r#""arn:aws-cn:ivs:us-west-2:123456789012:public-key/x""#,
        "null",
        "true",
        "1",
        r#"["arn:aws:ivs:us-west-2:123456789012:public-key/x"]"#,
        r#"{"arn":"x"}"#,
    ] {
        let token = with_header(&key, &format!(r#""kid":{kid}"#));
        let malformed = TokenError::Malformed { what: "header" };
        assert_eq!(Unverified::read(&token).unwrap_err(), malformed, "{kid}");
    }
    let twice = format!(r#""kid":"{0}","kid":"{0}""#, kid());
    assert!(Unverified::read(&with_header(&key, &twice)).is_err());
}

#[test]
fn t27_a_key_signs_for_stages_of_its_own_account_and_region_only() {
    let key = signing_key();
    for (arn, allowed) in [
        ("arn:aws:ivs:us-west-2:123456789012:public-key/other", true),
        ("arn:aws:ivs:us-west-2:210987654321:public-key/x", false),
        ("arn:aws:ivs:us-east-1:123456789012:public-key/x", false),
        ("arn:aws:ivs:us-west-2:000000000000:public-key/x", false),
    ] {
        let token = with_header(&key, &format!(r#""kid":"{arn}""#));
        let result = verify_with(key.public(), &token).map(drop);
        let elsewhere = TokenError::Claim { claim: "resource" };
        assert_eq!(result, allowed.then_some(()).ok_or(elsewhere), "{arn}");
    }
}

#[test]
fn t23_t25_no_header_chooses_an_algorithm_or_carries_a_key() {
    let key = signing_key();
    let kid = format!(r#""kid":"{}""#, kid());
    let point = URL_SAFE_NO_PAD.encode(key.public().spki());
    for member in [
        format!(r#""jwk":{{"kty":"EC","crv":"P-384","x":"{point}","y":"{point}"}}"#),
        r#""jku":"http://127.0.0.1:1/keys""#.to_owned(),
        r#""x5u":"http://127.0.0.1:1/chain""#.to_owned(),
        format!(r#""x5c":["{point}"]"#),
        format!(r#""x5t":"{point}""#),
        format!(r#""x5t#S256":"{point}""#),
        r#""crit":["kid"]"#.to_owned(),
        r#""b64":true"#.to_owned(),
        r#""zip":"DEF""#.to_owned(),
        r#""p2c":1000000000"#.to_owned(),
        r#""alg":"none""#.to_owned(),
    ] {
        for members in [format!("{kid},{member}"), format!("{member},{kid}")] {
            let token = with_header(&key, &members);
            let malformed = TokenError::Malformed { what: "header" };
            assert_eq!(
                Unverified::read(&token).unwrap_err(),
                malformed,
                "{members}"
            );
        }
    }
    for alg in ["none", "HS384", "ES256", "ES512", "RS384", "KMS", "es384"] {
        let header = format!(r#"{{"alg":"{alg}","typ":"JWT",{kid}}}"#);
        let token = jws::sign(&key, header.as_bytes(), claims().to_string().as_bytes());
        assert_eq!(
            Unverified::read(&token).unwrap_err(),
            TokenError::Signature,
            "{alg}"
        );
    }
    assert!(verify_with(key.public(), &with_header(&key, &kid)).is_ok());
}

#[test]
fn t23_hmacs_keyed_with_an_imported_key_are_refused() {
    let pair = key_pair::generate();
    let (pem, spki) = (pair.public_pem(), pair.public().spki());
    for secret in [pem.as_bytes(), pem.trim_end().as_bytes(), spki, &spki[23..]] {
        for alg in ["ES384", "HS384"] {
            let header = format!(r#"{{"alg":"{alg}","typ":"JWT","kid":"{}"}}"#, kid());
            let signed = [header, claims().to_string()]
                .map(|part| URL_SAFE_NO_PAD.encode(part))
                .join(".");
            let mac = hmac::sign(
                &hmac::Key::new(hmac::HMAC_SHA384, secret),
                signed.as_bytes(),
            );
            for mac in [mac.as_ref().to_vec(), mac.as_ref().repeat(2)] {
                let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac));
                assert_eq!(
                    verify_with(pair.public(), &token),
                    Err(TokenError::Signature)
                );
            }
        }
    }
}

#[test]
fn t24_psychic_signatures_are_refused() {
    let key = signing_key();
    let token = with_header(&key, &format!(r#""kid":"{}""#, kid()));
    let (signed, _) = token.rsplit_once('.').unwrap();
    for signature in [
        vec![0; 96],
        [ORDER, ORDER].concat(),
        Vec::new(),
        vec![0; 48],
        vec![0; 104],
    ] {
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        assert_eq!(
            verify_with(key.public(), &token),
            Err(TokenError::Signature)
        );
    }
}

#[test]
fn t25_a_huge_token_is_refused_before_it_is_read() {
    let key = signing_key();
    let token = with_header(
        &key,
        &format!(r#""kid":"{}","x":"{}""#, kid(), "x".repeat(1 << 20)),
    );
    let too_long = TokenError::Malformed { what: "length" };
    assert_eq!(Unverified::read(&token).unwrap_err(), too_long);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What can be asked for verifies and says what was asked for.
    #[test]
    fn minted_tokens_read_back(
        jti in "[a-zA-Z0-9_-]{1,64}",
        user_id in proptest::option::of("\\PC{0,128}"),
        attributes in proptest::option::of(proptest::collection::btree_map("\\PC{0,8}", "\\PC{0,16}", 0..8)),
        publish in any::<bool>(),
        subscribe in any::<bool>(),
        secs in 1..=14 * 86_400_u64,
    ) {
        let key = signing_key();
        let stage = StageArn::parse("arn:aws:ivs:us-west-2:123456789012:stage/a").unwrap();
        let participant = ParticipantId::parse(&jti).unwrap();
        let capabilities = Capabilities { publish, subscribe };
        let token = key.sign_participant_token(&kid(), &TokenRequest {
            stage: &stage,
            participant: &participant,
            user_id: user_id.as_deref(),
            attributes: attributes.as_ref(),
            capabilities,
            events_url: "wss://e",
            whip_url: "https://w",
            issued: now(),
            life: Duration::from_secs(secs),
        });
        let grant = verify_with(key.public(), &token).unwrap();
        prop_assert_eq!(grant, model::Grant {
            stage,
            participant,
            user_id: user_id.unwrap_or_default(),
            attributes: attributes.unwrap_or_default(),
            capabilities,
            expires: now() + Duration::from_secs(secs),
            issuer: model::Issuer::Customer,
            whip_url: "https://w".to_owned(),
            events_url: "wss://e".to_owned(),
        });
    }

    #[test]
    fn a_changed_byte_of_an_imported_token_is_noticed(at in 0..10_000_usize, byte in "[ -~]") {
        let token = fixture("participant_jose");
        let at = at % token.len();
        let mut changed = token.to_owned();
        changed.replace_range(at..=at, &byte);
        prop_assume!(changed != token);
        prop_assert!(verify_with(&fixture_key(), &changed).is_err());
    }
}
