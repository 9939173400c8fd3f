//! The claims of a participant token, printed and read.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use model::limits::{ATTRIBUTES_BYTES_MAX, TOKEN_MINUTES_MAX, USER_ID_CHARS_MAX};
use model::{Capabilities, Grant, Issuer, ParticipantId, StageArn};
use serde::Serialize;

use super::TokenRequest;
use crate::claims::{Claims, Life, VERSION};
use crate::fault::Fault;
use crate::json::{Json, Object};
use crate::jws::Signer;

const LIFE: Life = Life {
    secs_max: TOKEN_MINUTES_MAX as i64 * 60,
    rule: "after iat, and at most 14 days after it",
};

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

/// Reads and checks the claims of a token that names this signer. Claims that are not ours are passed over. The grant is
/// whole only where no fault was added.
pub(crate) fn read(
    object: &Object,
    signer: &Signer,
    now: Timestamp,
    skew: Duration,
    faults: &mut Vec<Fault>,
) -> Option<Grant> {
    let mut claims = Claims::new(object, faults);
    claims.version();
    let expires = claims.times(now, skew, &LIFE);
    let stage = stage(&mut claims, signer);
    let participant = claims.parsed(
        "jti",
        "1 to 64 of a-z, A-Z, 0-9, - and _",
        ParticipantId::parse,
    );
    let events_url = claims.text("events_url").map(str::to_owned);
    let whip_url = claims.text("whip_url").map(str::to_owned);
    let user_id = user_id(&mut claims);
    let attributes = attributes(&mut claims);
    let capabilities = capabilities(&mut claims);
    Some(Grant {
        stage: stage?,
        participant: participant?,
        user_id: user_id?,
        attributes: attributes?,
        capabilities: capabilities?,
        expires: expires?,
        issuer: match signer {
            Signer::Server => Issuer::Service,
            Signer::PublicKey(_) => Issuer::Customer,
        },
        whip_url: whip_url?,
        events_url: events_url?,
    })
}

/// `resource` and `topic` agree, and a key signs for stages of its own account and region only.
fn stage(claims: &mut Claims<'_>, signer: &Signer) -> Option<StageArn> {
    let stage = claims.parsed("resource", "the ARN of a stage", StageArn::parse);
    let topic = claims.text("topic");
    let stage = stage?;
    if let Signer::PublicKey(key) = signer
        && (&key.account, &key.region) != (&stage.account, &stage.region)
    {
        claims.fault(
            "resource",
            "a stage in the account and region of the key (kid)",
        );
    }
    if topic.is_some_and(|topic| topic != stage.id.as_str()) {
        claims.fault("topic", "the last part of resource");
    }
    Some(stage)
}

fn user_id(claims: &mut Claims<'_>) -> Option<String> {
    const CLAIM: &str = "user_id";
    let Some(value) = claims.optional(CLAIM) else {
        return Some(String::new());
    };
    let text = value
        .as_text()
        .filter(|text| text.chars().count() <= USER_ID_CHARS_MAX);
    if text.is_none() {
        claims.fault(CLAIM, "a text of at most 128 characters");
    }
    text.map(str::to_owned)
}

fn attributes(claims: &mut Claims<'_>) -> Option<BTreeMap<String, String>> {
    const CLAIM: &str = "attributes";
    let Some(value) = claims.optional(CLAIM) else {
        return Some(BTreeMap::new());
    };
    let attributes: Option<BTreeMap<String, String>> = value.as_object().and_then(|object| {
        let texts = object.iter().map(|(name, value)| {
            let value = value.as_text()?;
            Some((name.clone(), value.to_owned()))
        });
        texts.collect()
    });
    let Some(attributes) = attributes else {
        claims.fault(CLAIM, "an object of texts");
        return None;
    };
    let bytes: usize = attributes
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if bytes > ATTRIBUTES_BYTES_MAX {
        claims.fault(CLAIM, "at most 1,024 bytes, names and values together");
    }
    Some(attributes)
}

/// A capability that is not named is not given; one that does not exist is an error, not a wish to ignore.
fn capabilities(claims: &mut Claims<'_>) -> Option<Capabilities> {
    const CLAIM: &str = "capabilities";
    const RULE: &str = "an object of allow_publish and allow_subscribe, each true or false";
    let value = claims.required(CLAIM)?;
    let mut capabilities = Capabilities::default();
    let members = value.as_object();
    for (name, value) in members.into_iter().flatten() {
        let member = match name.as_str() {
            "allow_publish" => &mut capabilities.publish,
            "allow_subscribe" => &mut capabilities.subscribe,
            _ => {
                claims.fault(CLAIM, RULE);
                return None;
            }
        };
        let Json::Bool(allowed) = value else {
            claims.fault(CLAIM, RULE);
            return None;
        };
        *member = *allowed;
    }
    if members.is_none() {
        claims.fault(CLAIM, RULE);
        return None;
    }
    Some(capabilities)
}
