//! `downstage token`: participant and connection tokens made, shown and explained.

mod ask;
mod explain;
mod mint;
mod says;

use std::io::Read as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use auth::explain::{Inspection, Key, Known};
use auth::fault::Fault;
use jiff::Timestamp;

use crate::cli::TokenCommand;
use crate::{clock, terminal};

pub(crate) use explain::ExplainArgs;
pub(crate) use mint::MintArgs;

/// Tokens are some 1.5 KiB and keys shorter; anything much longer on standard input is neither.
const INPUT_BYTES_MAX: u64 = 64 * 1024;

/// How far ahead a token's `iat` may be: the default of the setting `token_clock_skew`.
const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// Carries a command out. Failure is for a token that would be refused, too.
pub(crate) fn run(command: TokenCommand) -> anyhow::Result<ExitCode> {
    let now = (clock::system_clock())().wall;
    match command {
        TokenCommand::Mint(args) => {
            let token = mint::mint(&args, now, &clock::system_random())?;
            terminal::print(&(token + "\n"));
        }
        TokenCommand::Decode { token } => terminal::print(&decode(&token_of(token)?, now)?),
        TokenCommand::Explain(args) => {
            let verdict = explain::explain(&args, now)?;
            terminal::print(&verdict.text);
            if !verdict.is_accepted {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The token of the command line, or the one on standard input.
fn token_of(argument: Option<String>) -> anyhow::Result<String> {
    let text = match argument {
        Some(token) => token,
        None => read_standard_input().context("cannot read a token from standard input")?,
    };
    Ok(text.trim().to_owned())
}

fn read_standard_input() -> std::io::Result<String> {
    let mut text = String::new();
    std::io::stdin()
        .take(INPUT_BYTES_MAX)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// What a token says. It is not judged.
fn decode(token: &str, now: Timestamp) -> anyhow::Result<String> {
    let explanation = Inspection::read(token).explain(&unknown(now));
    if explanation.claims.is_none() || explanation.header.is_none() {
        let unreadable = explanation.faults.iter().filter(|fault| {
            matches!(fault, Fault::TooLong | Fault::Parts)
                || matches!(fault, Fault::Base64 { part } | Fault::Json { part } if *part != "signature")
        });
        let whys: Vec<String> = unreadable.map(ToString::to_string).collect();
        bail!("not a token: {}", whys.join("; "));
    }
    Ok(says::text(&explanation, now) + "signature    not verified\n")
}

/// Nothing is known of what the token names.
fn unknown(now: Timestamp) -> Known<'static> {
    Known {
        now,
        skew: CLOCK_SKEW,
        key: Key::Unknown,
        stage_exists: None,
        is_banned: None,
        is_revoked: None,
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn token(header: &str, claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", part(header), part(claims))
    }

    #[test]
    fn a_participant_token_is_shown_with_its_times_and_without_control_characters() {
        let now = "2026-01-01T12:00:00Z".parse().unwrap();
        let claims = r#"{"jti":"ana","topic":"abcd","capabilities":{"allow_publish":true},"iat":1767268800,"exp":1767274200,"other":"x\u001b[31m"}"#;
        let text = decode(&token(r#"{"alg":"ES384","typ":"JWT"}"#, claims), now).unwrap();
        for line in [
            "kind         participant token",
            "signed by    the server",
            "algorithm    \"ES384\"",
            "participant  \"ana\"",
            "issued       2026-01-01T12:00:00Z, in 0s",
            "ends         2026-01-01T13:30:00Z, in 1h 30m",
            "\"other\"      \"x\\u001b[31m\"",
            "signature    not verified",
        ] {
            assert!(text.lines().any(|seen| seen == line), "{line:?} in\n{text}");
        }
    }

    #[test]
    fn a_connection_token_is_shown_with_the_key_that_it_names() {
        let kid = "arn:aws:ivs:us-west-2:123456789012:public-key/abcdABCDefgh";
        let header = format!(r#"{{"alg":"ES384","typ":"JWT","kid":"{kid}"}}"#);
        let claims = r#"{"jti":"c-1","account_id":"123456789012","region":"us-west-2","exp":0}"#;
        let text = decode(&token(&header, claims), Timestamp::UNIX_EPOCH).unwrap();
        for line in [
            "kind         connection token".to_owned(),
            format!("signed by    {kid}"),
            "id           \"c-1\"".to_owned(),
            "account      \"123456789012\"".to_owned(),
            "issued       missing: the claim iat is required".to_owned(),
        ] {
            assert!(text.lines().any(|seen| seen == line), "{line:?} in\n{text}");
        }
    }

    #[test]
    fn what_is_not_a_token_is_told_apart() {
        let now = Timestamp::UNIX_EPOCH;
        for (text, expected) in [
            ("", "three parts"),
            ("a.b", "three parts"),
            ("?.e30.x", "the header"),
            ("e30.bm8.x", "the payload"),
        ] {
            let error = format!("{:#}", decode(text, now).unwrap_err());
            assert!(error.contains(expected), "{text:?}: {error}");
        }
        let text = decode(&token("{}", r#"{"exp":"soon"}"#), now).unwrap();
        assert!(text.contains("not a time in whole seconds"), "{text}");
    }
}
