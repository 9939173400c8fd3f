//! The claims of a participant token, printed and read. Each is one type only: a date is an integer, never a text or a
//! fraction; what is mistyped is refused, never taken as absent (the class of CVE-2026-25537).

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::limits::{ATTRIBUTES_BYTES_MAX, TOKEN_MINUTES_MAX, USER_ID_CHARS_MAX};
use model::{Capabilities, Grant, ParticipantId, StageArn};
use serde::Serialize;

use super::{TokenError, TokenRequest};
use crate::json::{self, Json, Object};

/// The only version there is. Its minor part is a bit field of client requirements; `0` has none.
const VERSION: &str = "1.0";

/// Longest `exp` - `iat`, in seconds.
const LIFE_SECS_MAX: i64 = TOKEN_MINUTES_MAX as i64 * 60;

#[derive(Serialize)]
struct Printed<'a> {
    exp: i64,
    iat: i64,
    jti: &'a str,
    resource: String,
    topic: &'a str,
    events_url: &'a str,
    whip_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<&'a BTreeMap<String, String>>,
    capabilities: PrintedCapabilities,
    version: &'static str,
}

#[derive(Serialize)]
struct PrintedCapabilities {
    allow_publish: bool,
    allow_subscribe: bool,
}

/// The payload of a new token.
pub(super) fn print(request: &TokenRequest<'_>) -> Vec<u8> {
    let iat = request.issued.as_second();
    let life = i64::try_from(request.life.as_secs()).unwrap_or(i64::MAX);
    let printed = Printed {
        exp: iat.saturating_add(life),
        iat,
        jti: request.participant.as_str(),
        resource: request.stage.to_string(),
        topic: request.stage.id.as_str(),
        events_url: request.events_url,
        whip_url: request.whip_url,
        user_id: request.user_id,
        attributes: request.attributes,
        capabilities: PrintedCapabilities {
            allow_publish: request.capabilities.publish,
            allow_subscribe: request.capabilities.subscribe,
        },
        version: VERSION,
    };
    serde_json::to_vec(&printed).expect("texts, integers and booleans always print")
}

/// Reads and checks the payload of a token whose signature holds. Claims that are not ours are passed over.
pub(super) fn read(payload: &[u8], now: Timestamp, skew: Duration) -> Result<Grant, TokenError> {
    const FAULT: TokenError = TokenError::Malformed { what: "payload" };
    let payload = json::parse(payload).map_err(|_| FAULT)?;
    let claims = payload.as_object().ok_or(FAULT)?;

    if text(claims, "version")? != VERSION {
        return Err(bad("version"));
    }
    let expires = times(claims, now, skew)?;
    let stage = StageArn::parse(text(claims, "resource")?).map_err(|_| bad("resource"))?;
    if text(claims, "topic")? != stage.id.as_str() {
        return Err(bad("topic"));
    }
    let participant = ParticipantId::parse(text(claims, "jti")?).map_err(|_| bad("jti"))?;
    for url in ["events_url", "whip_url"] {
        text(claims, url)?;
    }
    Ok(Grant {
        stage,
        participant,
        user_id: user_id(claims)?,
        attributes: attributes(claims)?,
        capabilities: capabilities(claims)?,
        expires,
    })
}

const fn bad(claim: &'static str) -> TokenError {
    TokenError::Claim { claim }
}

fn text<'a>(claims: &'a Object, claim: &'static str) -> Result<&'a str, TokenError> {
    claims
        .get(claim)
        .and_then(Json::as_text)
        .ok_or_else(|| bad(claim))
}

fn time(value: &Json, claim: &'static str) -> Result<Timestamp, TokenError> {
    match value {
        Json::Integer(second) if *second >= 0 => {
            Timestamp::from_second(*second).map_err(|_| bad(claim))
        }
        Json::Null
        | Json::Bool(_)
        | Json::Integer(_)
        | Json::OtherNumber
        | Json::Text(_)
        | Json::List(_)
        | Json::Object(_) => Err(bad(claim)),
    }
}

/// Checks `iat`, `nbf` and `exp` against each other and the clock, and gives `exp`.
fn times(claims: &Object, now: Timestamp, skew: Duration) -> Result<Timestamp, TokenError> {
    let skew = SignedDuration::try_from(skew).unwrap_or(SignedDuration::MAX);
    let latest = now.saturating_add(skew).unwrap_or(Timestamp::MAX);
    let issued = time(claims.get("iat").ok_or(bad("iat"))?, "iat")?;
    if issued > latest {
        return Err(bad("iat"));
    }
    if let Some(not_before) = claims.get("nbf")
        && time(not_before, "nbf")? > latest
    {
        return Err(bad("nbf"));
    }
    let expires = time(claims.get("exp").ok_or(bad("exp"))?, "exp")?;
    let life_secs = expires.as_second() - issued.as_second();
    if !(1..=LIFE_SECS_MAX).contains(&life_secs) {
        return Err(bad("exp"));
    }
    Ok(expires)
}

fn user_id(claims: &Object) -> Result<String, TokenError> {
    let Some(value) = claims.get("user_id") else {
        return Ok(String::new());
    };
    let text = value.as_text().ok_or(bad("user_id"))?;
    if text.chars().count() > USER_ID_CHARS_MAX {
        return Err(bad("user_id"));
    }
    Ok(text.to_owned())
}

fn attributes(claims: &Object) -> Result<BTreeMap<String, String>, TokenError> {
    const CLAIM: &str = "attributes";
    let Some(value) = claims.get(CLAIM) else {
        return Ok(BTreeMap::new());
    };
    let mut bytes: usize = 0;
    let mut attributes = BTreeMap::new();
    for (name, value) in value.as_object().ok_or(bad(CLAIM))? {
        let value = value.as_text().ok_or(bad(CLAIM))?;
        bytes = bytes.saturating_add(name.len()).saturating_add(value.len());
        attributes.insert(name.clone(), value.to_owned());
    }
    if bytes > ATTRIBUTES_BYTES_MAX {
        return Err(bad(CLAIM));
    }
    Ok(attributes)
}

/// A capability that is not named is not given; one that does not exist is an error, not a wish to ignore.
fn capabilities(claims: &Object) -> Result<Capabilities, TokenError> {
    const CLAIM: &str = "capabilities";
    let mut capabilities = Capabilities::default();
    for (name, value) in claims
        .get(CLAIM)
        .and_then(Json::as_object)
        .ok_or(bad(CLAIM))?
    {
        let Json::Bool(allowed) = value else {
            return Err(bad(CLAIM));
        };
        match name.as_str() {
            "allow_publish" => capabilities.publish = *allowed,
            "allow_subscribe" => capabilities.subscribe = *allowed,
            _ => return Err(bad(CLAIM)),
        }
    }
    Ok(capabilities)
}
