//! What a token says, line by line. Texts of the token are shown as JSON, so that none can steer a terminal.

use std::fmt::Write as _;

use auth::explain::{Explanation, Kind};
use auth::token::Signer;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Claims and what they are to people, in the order in which they are shown.
const CLAIMS: [(&str, &str); 12] = [
    ("resource", "stage"),
    ("topic", "topic"),
    ("jti", "id"),
    ("user_id", "user id"),
    ("attributes", "attributes"),
    ("capabilities", "capabilities"),
    ("account_id", "account"),
    ("region", "region"),
    ("whip_url", "WHIP"),
    ("events_url", "events"),
    ("version", "version"),
    ("nbf", "not before"),
];

const TIMES: [(&str, &str); 2] = [("iat", "issued"), ("exp", "ends")];

/// Header, claims and times.
pub(super) fn text(explanation: &Explanation, now: Timestamp) -> String {
    let mut text = String::new();
    let mut line = |what: &str, says: &dyn std::fmt::Display| {
        let _ = writeln!(text, "{what:<12} {says}");
    };
    let (kind, id) = match explanation.kind {
        Kind::Participant => ("participant token", "participant"),
        Kind::Connection => ("connection token", "id"),
    };
    line("kind", &kind);
    match &explanation.signer {
        Some(Signer::Server) => line("signed by", &"the server"),
        Some(Signer::PublicKey(arn)) => line("signed by", arn),
        None => line("signed by", &"a key that cannot be told"),
    }
    for (name, value) in explanation.header.iter().flatten() {
        match name.as_str() {
            "alg" => line("algorithm", value),
            "typ" | "kid" => {}
            other => line(&format!("header {}", Value::from(other)), value),
        }
    }
    let Some(claims) = &explanation.claims else {
        return text;
    };
    for (name, what) in CLAIMS {
        if let Some(value) = claims.get(name) {
            line(if name == "jti" { id } else { what }, value);
        }
    }
    for (name, what) in TIMES {
        match claims.get(name) {
            None => line(what, &format!("missing: the claim {name} is required")),
            Some(value) => line(what, &moment(value, now)),
        }
    }
    let is_known = |name: &str| CLAIMS.iter().chain(&TIMES).any(|(known, _)| *known == name);
    for (name, value) in claims.iter().filter(|(name, _)| !is_known(name)) {
        line(&Value::from(name.as_str()).to_string(), value);
    }
    text
}

fn moment(value: &Value, now: Timestamp) -> String {
    let Some(at) = value
        .as_i64()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
    else {
        return format!("{value}, which is not a time in whole seconds");
    };
    let distance = at.duration_since(now);
    if distance.is_negative() {
        format!("{at}, {} ago", length(distance.abs()))
    } else {
        format!("{at}, in {}", length(distance))
    }
}

fn length(distance: SignedDuration) -> String {
    let (hours, minutes) = (distance.as_hours(), distance.as_mins() % 60);
    match (hours, minutes) {
        (0, 0) => format!("{}s", distance.as_secs()),
        (0, _) => format!("{minutes}m"),
        _ => format!("{hours}h {minutes}m"),
    }
}
