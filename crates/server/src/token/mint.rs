//! Tokens that customers sign themselves, with the private half of a key whose public half has been imported. What the server
//! would refuse is not made.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use auth::connection_token::{self, ConnectionTokenRequest};
use auth::key_pair::SigningKey;
use auth::token::{TokenRequest, Unverified};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use model::limits::{
    ATTRIBUTES_BYTES_MAX, CONNECTION_TOKEN_LIFE_MAX, TOKEN_MINUTES_MAX, USER_ID_CHARS_MAX,
};
use model::{Capabilities, ConnectionTokenId, ParticipantId, PublicKeyArn, StageArn};

use crate::clock::{Random, random_bytes};
use crate::config::Span;
use crate::endpoints::PublicUrl;

const PARTICIPANT_TOKEN_LIFE_MAX: Duration = Duration::from_mins(TOKEN_MINUTES_MAX as u64);
/// 32 kinds of characters: 120 bits, so that no two are ever equal.
const ID_CHARS: usize = 24;
const ID_ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

const ID_RULE: &str = "--participant-id (or --jti): 1 to 64 of a-z, A-Z, 0-9, - and _";

/// `token mint`.
#[derive(Args, Debug)]
pub(crate) struct MintArgs {
    /// The private key: a PEM file (PKCS#8 or SEC 1, not encrypted), or - for standard input.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The ARN under which its public half has been imported.
    #[arg(long, value_name = "ARN", value_parser = PublicKeyArn::parse)]
    kid: PublicKeyArn,
    /// Make a connection token for the account and region of the key, instead of a participant token.
    #[arg(long)]
    connection: bool,
    /// The stage to join, of the account and region of the key.
    #[arg(
        long,
        value_name = "ARN",
        value_parser = StageArn::parse,
        required_unless_present = "connection",
        conflicts_with = "connection"
    )]
    stage: Option<StageArn>,
    /// The participant's id, or the connection token's: up to 64 of a-z, A-Z, 0-9, - and _. A random one if left out.
    #[arg(long = "participant-id", visible_alias = "jti", value_name = "ID")]
    id: Option<String>,
    /// Your name for the user; every participant can read it.
    #[arg(long, value_name = "TEXT", conflicts_with = "connection")]
    user_id: Option<String>,
    /// An attribute of the participant, which every participant can read. May be given several times.
    #[arg(
        long = "attribute",
        value_name = "KEY=VALUE",
        value_parser = attribute,
        conflicts_with = "connection"
    )]
    attributes: Vec<(String, String)>,
    /// What the participant may do: publish, subscribe, or both if left out. May be given several times.
    #[arg(
        long = "capability",
        value_name = "CAPABILITY",
        ignore_case = true,
        value_delimiter = ',',
        conflicts_with = "connection"
    )]
    capabilities: Vec<Capability>,
    /// How long the token is good to join with: at most 14 days, a connection token 28 days.
    #[arg(long, value_name = "DURATION", default_value = "12h")]
    duration: Span,
    /// The server's public URL, from which the two addresses in the token follow.
    #[arg(
        long,
        visible_alias = "endpoint",
        env = "DOWNSTAGE_PUBLIC_URL",
        value_name = "URL",
        value_parser = PublicUrl::parse
    )]
    server: Option<PublicUrl>,
    /// The stage's endpoints.events, instead of --server.
    #[arg(long, value_name = "URL")]
    events_url: Option<String>,
    /// The stage's endpoints.whip, instead of --server.
    #[arg(long, value_name = "URL", conflicts_with = "connection")]
    whip_url: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Capability {
    Publish,
    Subscribe,
}

fn attribute(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Makes the token.
pub(super) fn mint(args: &MintArgs, now: Timestamp, random: &Random) -> anyhow::Result<String> {
    let pem = if args.key.as_os_str() == "-" {
        super::read_standard_input()
    } else {
        std::fs::read_to_string(&args.key)
    };
    let pem = pem.with_context(|| format!("--key: cannot read {}", args.key.display()))?;
    let key = SigningKey::from_pem(&pem).context("--key")?;
    let id = match &args.id {
        Some(id) => id.clone(),
        None => random_id(random),
    };
    match &args.stage {
        Some(stage) => participant(args, stage, &id, &key, now),
        None => connection(args, &id, &key, now),
    }
}

fn participant(
    args: &MintArgs,
    stage: &StageArn,
    id: &str,
    key: &SigningKey,
    now: Timestamp,
) -> anyhow::Result<String> {
    if (&stage.account, &stage.region) != (&args.kid.account, &args.kid.region) {
        bail!("--kid: the key and the stage must be of one account and region");
    }
    let participant = ParticipantId::parse(id).context(ID_RULE)?;
    let too_long = |id: &String| id.chars().count() > USER_ID_CHARS_MAX;
    if args.user_id.as_ref().is_some_and(too_long) {
        bail!("--user-id: at most {USER_ID_CHARS_MAX} characters");
    }
    let attributes = attributes(&args.attributes)?;
    let (events_url, whip_url) = (events_url(args)?, whip_url(args)?);
    let token = key.sign_participant_token(
        &args.kid,
        &TokenRequest {
            stage,
            participant: &participant,
            user_id: args.user_id.as_deref(),
            attributes: Some(&attributes).filter(|attributes| !attributes.is_empty()),
            capabilities: capabilities(&args.capabilities),
            events_url: &events_url,
            whip_url: &whip_url,
            issued: now,
            life: life(args.duration, PARTICIPANT_TOKEN_LIFE_MAX)?,
        },
    );
    Unverified::read(&token)
        .and_then(|read| read.verify_with(key.public(), now, super::CLOCK_SKEW))
        .context("the server would refuse the token")?;
    Ok(token)
}

fn connection(
    args: &MintArgs,
    id: &str,
    key: &SigningKey,
    now: Timestamp,
) -> anyhow::Result<String> {
    let id = ConnectionTokenId::parse(id).context(ID_RULE)?;
    let token = key.sign_connection_token(
        &args.kid,
        &ConnectionTokenRequest {
            token: &id,
            events_url: &events_url(args)?,
            issued: now,
            life: life(args.duration, CONNECTION_TOKEN_LIFE_MAX)?,
        },
    );
    connection_token::Unverified::read(&token)
        .and_then(|read| read.verify_with(key.public(), now, super::CLOCK_SKEW))
        .context("the server would refuse the token")?;
    Ok(token)
}

fn attributes(given: &[(String, String)]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut attributes = BTreeMap::new();
    for (key, value) in given {
        if attributes.insert(key.clone(), value.clone()).is_some() {
            bail!("--attribute: one key is given twice");
        }
    }
    let bytes: usize = attributes
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if bytes > ATTRIBUTES_BYTES_MAX {
        bail!(
            "--attribute: keys and values may have {ATTRIBUTES_BYTES_MAX} bytes in total; these have {bytes}"
        );
    }
    Ok(attributes)
}

/// As CreateParticipantToken has it: none asked for is both.
fn capabilities(given: &[Capability]) -> Capabilities {
    let may = |capability| given.is_empty() || given.contains(&capability);
    Capabilities {
        publish: may(Capability::Publish),
        subscribe: may(Capability::Subscribe),
    }
}

/// Tokens count in whole seconds.
fn life(span: Span, max: Duration) -> anyhow::Result<Duration> {
    let life = Duration::from_secs(span.0.as_secs());
    if life.is_zero() {
        bail!("--duration: at least one second");
    }
    if life > max {
        bail!("--duration: at most {} days", max.as_secs() / 86_400);
    }
    Ok(life)
}

fn events_url(args: &MintArgs) -> anyhow::Result<String> {
    let of_server = || args.server.as_ref().map(|url| url.endpoints().events);
    let url = args.events_url.clone().or_else(of_server);
    url.context("--events-url or --server must be given")
}

fn whip_url(args: &MintArgs) -> anyhow::Result<String> {
    let of_server = || args.server.as_ref().map(|url| url.endpoints().whip);
    let url = args.whip_url.clone().or_else(of_server);
    url.context("--whip-url or --server must be given")
}

fn random_id(random: &Random) -> String {
    random_bytes::<ID_CHARS>(random)
        .iter()
        .map(|byte| char::from(ID_ALPHABET[usize::from(*byte) % ID_ALPHABET.len()]))
        .collect()
}

#[cfg(test)]
mod tests;
