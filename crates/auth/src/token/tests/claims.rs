//! What each claim must be, under signatures of the server's own key and of an imported one alike. Rows T26, T28 and T29 of the threat table.

use serde_json::json;

use super::{HOUR, SKEW, TokenError, claims, claims_with, judge, key, now, parts};

#[test]
fn t26_dates_have_one_type_and_must_be_there() {
    let key = key();
    for claim in ["exp", "iat"] {
        assert_eq!(
            judge(&key, claims_with(claim, None)),
            Err(TokenError::Claim { claim })
        );
    }
    let second = now().as_second();
    for claim in ["exp", "iat", "nbf"] {
        for value in [
            json!(second.to_string()),
            json!(1_772_366_400.5),
            json!(true),
            json!(null),
            json!([second]),
            json!({"s": second}),
            json!(-1),
            json!(i64::MAX),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1e18),
            json!(253_402_300_800_i64),
        ] {
            assert_eq!(
                judge(&key, claims_with(claim, Some(value.clone()))),
                Err(TokenError::Claim { claim }),
                "{claim} {value}"
            );
        }
    }
    // What the serialiser above cannot print: floats with integer values, overflow, duplicates.
    let exp = format!("\"exp\":{}", second + 3_600);
    for (claim, text) in [
        (Some("exp"), format!("{exp}.0")),
        (Some("exp"), format!("\"exp\":{}e0", second + 3_600)),
        (None, "\"exp\":1e400".to_owned()),
        (None, format!("{exp},{exp}")),
        (None, format!("\"exp\":1,\"\\u0065xp\":{second}")),
        (None, "\"exp\":NaN".to_owned()),
        (None, format!("\"exp\":0{second}")),
    ] {
        let payload = claims().to_string().replacen(&exp, &text, 1);
        let expected = claim.map_or(TokenError::Malformed { what: "payload" }, |claim| {
            TokenError::Claim { claim }
        });
        assert_eq!(judge(&key, payload), Err(expected), "{text}");
    }
}

#[test]
fn t26_dates_are_judged_to_the_second() {
    let key = key();
    let second = now().as_second();
    let days_14 = 14 * 86_400;
    let at = |claim: &str, value: i64| judge(&key, claims_with(claim, Some(json!(value)))).err();
    let bad = |claim| Some(TokenError::Claim { claim });
    assert_eq!(at("iat", second + 60), None);
    assert_eq!(at("iat", second + 61), bad("iat"));
    assert_eq!(at("nbf", second + 60), None);
    assert_eq!(at("nbf", second + 61), bad("nbf"));
    assert_eq!(at("exp", second + days_14), None);
    assert_eq!(at("exp", second + days_14 + 1), bad("exp"));
    assert_eq!(at("exp", second + 1), None);
    assert_eq!(at("exp", second), bad("exp"));
    assert_eq!(at("exp", second - 1), bad("exp"));
}

/// Expiry counts when a participant joins, and the stage judges it: a token verifies for ever.
#[test]
fn t26_an_expired_token_verifies_and_says_when_it_ended() {
    let key = key();
    let token = parts(&key).join(".");
    for late in [HOUR, HOUR * 24 * 400] {
        let grant = key.verify(&token, now() + late, SKEW).unwrap();
        assert_eq!(grant.expires, now() + HOUR);
    }
    assert_eq!(
        key.verify(&token, now() - 2 * SKEW, SKEW),
        Err(TokenError::Claim { claim: "iat" })
    );
}

/// T28, T29: a claim, and values that it must not have.
const BAD_CLAIMS: &str = r#"
    version      | "0.3"
    version      | "1"
    version      | "1.1"
    version      | 1.0
    version      | null
    jti          | ""
    jti          | "a b"
    jti          | "a/b"
    jti          | "é"
    jti          | 1
    jti          | null
    jti          | ["a"]
    resource     | ""
    resource     | "abcdABCDefgh"
    resource     | ["arn:aws:ivs:us-west-2:123456789012:stage/abcdABCDefgh"]
    resource     | "arn:aws:ivs:us-west-2:123456789012:channel/abcdABCDefgh"
    resource     | "arn:aws:ivschat:us-west-2:123456789012:stage/abcdABCDefgh"
    resource     | null
    topic        | "abcdABCDefgi"
    topic        | "ABCDabcdEFGH"
    topic        | ""
    topic        | ["abcdABCDefgh"]
    topic        | null
    events_url   | 1
    events_url   | null
    whip_url     | {}
    whip_url     | null
    user_id      | 1
    user_id      | null
    attributes   | null
    attributes   | []
    attributes   | "{}"
    attributes   | {"a": 1}
    attributes   | {"a": null}
    attributes   | {"a": {"b": "c"}}
    capabilities | null
    capabilities | []
    capabilities | true
    capabilities | "publish"
    capabilities | {"allow_publish": "true"}
    capabilities | {"allow_publish": 1}
    capabilities | {"allow_publish": [true]}
    capabilities | {"allow_subscribe": null}
    capabilities | {"allow_everything": true}
    capabilities | {"allow_publish": true, "allow_admin": false}
"#;

#[test]
fn t28_t29_claims_have_one_form() {
    let key = key();
    let rows = BAD_CLAIMS.lines().filter_map(|line| line.split_once(" | "));
    let rows = rows.map(|(claim, value)| (claim.trim(), serde_json::from_str(value).unwrap()));
    let too_long = [
        ("jti", json!("a".repeat(65))),
        ("user_id", json!("a".repeat(129))),
        ("user_id", json!("é".repeat(129))),
        ("attributes", json!({"a": "b".repeat(1_024)})),
        ("attributes", json!({"é": "é".repeat(512)})),
    ];
    let mut count = 0;
    for (claim, value) in rows.chain(too_long) {
        let result = judge(&key, claims_with(claim, Some(value.clone())));
        assert_eq!(result, Err(TokenError::Claim { claim }), "{claim}: {value}");
        count += 1;
    }
    assert_eq!(count, 50);
    for claim in [
        "version",
        "jti",
        "resource",
        "topic",
        "events_url",
        "whip_url",
        "capabilities",
    ] {
        assert_eq!(
            judge(&key, claims_with(claim, None)),
            Err(TokenError::Claim { claim })
        );
    }
}

#[test]
fn claims_at_their_limits_are_accepted() {
    let key = key();
    for (claim, value) in [
        ("jti", Some(json!("a".repeat(64)))),
        ("jti", Some(json!("-_9zZ"))),
        ("user_id", Some(json!("é".repeat(128)))),
        ("user_id", Some(json!(""))),
        ("user_id", None),
        ("attributes", Some(json!({"a": "b".repeat(1_023)}))),
        ("attributes", Some(json!({}))),
        ("attributes", None),
        ("capabilities", Some(json!({}))),
        ("unknown", Some(json!({"a": [1.5, null]}))),
    ] {
        assert!(
            judge(&key, claims_with(claim, value.clone())).is_ok(),
            "{claim}: {value:?}"
        );
    }
}

#[test]
fn payloads_that_are_no_claims_are_malformed() {
    let key = key();
    for payload in [
        "",
        "{",
        "[]",
        "null",
        "1",
        "\"a\"",
        "{}{}",
        "\u{feff}{}",
        "{\"a\":\"\\ud800\"}",
    ] {
        assert_eq!(
            judge(&key, payload),
            Err(TokenError::Malformed { what: "payload" }),
            "{payload}"
        );
    }
    assert_eq!(
        judge(&key, b"{\"a\":\"\xff\"}"),
        Err(TokenError::Malformed { what: "payload" })
    );
    let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    assert_eq!(
        judge(&key, deep),
        Err(TokenError::Malformed { what: "payload" })
    );
}
