//! `downstage token decode`: what a participant token says, for people who wonder why it does not work.

use std::fmt::Write as _;
use std::io::Read as _;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

/// Tokens are some 1.5 KiB; anything much longer on standard input is not one.
const TOKEN_BYTES_MAX: u64 = 64 * 1024;

/// The token of the command line, or the one on standard input.
pub(crate) fn read(argument: Option<String>) -> anyhow::Result<String> {
    if let Some(token) = argument {
        return Ok(token);
    }
    let mut text = String::new();
    std::io::stdin()
        .take(TOKEN_BYTES_MAX)
        .read_to_string(&mut text)
        .context("cannot read a token from standard input")?;
    Ok(text)
}

/// Explains a token.
pub(crate) fn decode(token: &str, now: Timestamp) -> anyhow::Result<String> {
    let parts: Vec<&str> = token.trim().split('.').collect();
    let [header, claims, _signature] = parts.as_slice() else {
        bail!(
            "a token has three parts with dots between them; this has {}",
            parts.len()
        );
    };
    let header = part(header).context("the first part")?;
    let claims = part(claims).context("the second part")?;
    let mut text = String::new();
    let algorithm = header.get("alg").unwrap_or(&Value::Null);
    let _ = writeln!(text, "algorithm    {algorithm}, signature not verified");
    for (name, what) in [
        ("resource", "stage"),
        ("jti", "participant"),
        ("user_id", "user id"),
        ("attributes", "attributes"),
        ("capabilities", "capabilities"),
        ("whip_url", "WHIP"),
        ("events_url", "events"),
        ("topic", "topic"),
        ("version", "version"),
    ] {
        if let Some(value) = claims.get(name) {
            let _ = writeln!(text, "{what:<12} {value}");
        }
    }
    for (name, what) in [("iat", "issued"), ("exp", "ends")] {
        match claims.get(name) {
            None => drop(writeln!(
                text,
                "{what:<12} missing: the claim {name} is required"
            )),
            Some(value) => drop(writeln!(text, "{what:<12} {}", moment(value, now))),
        }
    }
    let known = [
        "resource",
        "jti",
        "user_id",
        "attributes",
        "capabilities",
        "whip_url",
        "events_url",
        "topic",
        "version",
        "iat",
        "exp",
    ];
    for (name, value) in claims
        .iter()
        .filter(|(name, _)| !known.contains(&name.as_str()))
    {
        let _ = writeln!(
            text,
            "{:<12} {value}",
            Value::from(name.as_str()).to_string()
        );
    }
    Ok(text)
}

fn part(text: &str) -> anyhow::Result<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).context("is not base64url")?;
    serde_json::from_slice(&bytes).context("is not a JSON object")
}

fn moment(value: &Value, now: Timestamp) -> String {
    let Some(at) = value
        .as_i64()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
    else {
        return format!("{value}, which is not a time in whole seconds");
    };
    let distance = at.duration_since(now);
    let far = |distance: SignedDuration| {
        let (hours, minutes) = (distance.as_hours(), distance.as_mins() % 60);
        match (hours, minutes) {
            (0, 0) => format!("{}s", distance.as_secs()),
            (0, _) => format!("{minutes}m"),
            _ => format!("{hours}h {minutes}m"),
        }
    };
    if distance.is_negative() {
        format!("{at}, {} ago", far(distance.abs()))
    } else {
        format!("{at}, in {}", far(distance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!(
            "{}.{}.c2ln",
            part(r#"{"alg":"ES384","typ":"JWT"}"#),
            part(claims)
        )
    }

    #[test]
    fn claims_and_times_are_explained() {
        let now = "2026-01-01T12:00:00Z".parse().unwrap();
        let claims = r#"{"jti":"ana","topic":"abcd","capabilities":{"allow_publish":true},"iat":1767268800,"exp":1767274200,"other":"x\u001b[31m"}"#;
        let text = decode(&token(claims), now).unwrap();
        for line in [
            "algorithm    \"ES384\", signature not verified",
            "participant  \"ana\"",
            "issued       2026-01-01T12:00:00Z, in 0s",
            "ends         2026-01-01T13:30:00Z, in 1h 30m",
            "\"other\"      \"x\\u001b[31m\"",
        ] {
            assert!(text.lines().any(|seen| seen == line), "{line:?} in\n{text}");
        }
    }

    #[test]
    fn what_is_not_a_token_is_explained_too() {
        let now = Timestamp::UNIX_EPOCH;
        for (text, expected) in [
            ("", "three parts"),
            ("a.b", "three parts"),
            ("?.e30.x", "the first part"),
            ("e30.bm8.x", "the second part"),
        ] {
            let error = format!("{:#}", decode(text, now).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
        let text = decode(&token(r#"{"exp":"soon"}"#), now).unwrap();
        assert!(text.contains("issued       missing"), "{text}");
        assert!(text.contains("not a time in whole seconds"), "{text}");
    }
}
