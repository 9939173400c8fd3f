//! What a token says, and whether it would be let in: by a running server, or as far as that can be told without one.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use auth::explain::{Explanation, Inspection, Key, Kind, Known, Signature};
use auth::public_key::PublicKey;
use auth::token::Signer;
use clap::Args;
use jiff::Timestamp;

use super::ask;
use super::{says, token_of, unknown};
use crate::config::{DEV_KEY, Redacted};
use crate::http_client::ServerUrl;

/// Keys are one line; a file that is longer holds something else.
const ADMIN_KEY_BYTES_MAX: usize = 4 * 1_024;

/// `token explain`.
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// The token; read from standard input if left out.
    token: Option<String>,
    /// The public key that should have signed it, as a PEM file: checks the signature without a server.
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    public_key: Option<PathBuf>,
    /// Ask the server at this address, e.g. `http://127.0.0.1:7400`. Without it what only a server knows is not checked.
    #[arg(long, value_name = "URL", value_parser = ServerUrl::parse)]
    server: Option<ServerUrl>,
    /// A file with the server's administration key. On this machine the one of `downstage dev` is taken if nothing is said.
    #[arg(long, env = "DOWNSTAGE_ADMIN_KEY_FILE", value_name = "FILE")]
    admin_key_file: Option<PathBuf>,
    /// The administration key itself. Flags can be read by everybody on the machine: prefer the file or the environment.
    #[arg(
        long,
        env = "DOWNSTAGE_ADMIN_KEY",
        value_name = "SECRET",
        hide_env_values = true
    )]
    admin_key: Option<Redacted>,
}

/// What is told.
pub(super) struct Verdict {
    pub(super) text: String,
    /// Whether the token would be let in, as far as that was looked at.
    pub(super) is_accepted: bool,
}

/// Explains a token.
pub(super) fn explain(args: &ExplainArgs, now: Timestamp) -> anyhow::Result<Verdict> {
    let token = token_of(args.token.clone())?;
    match &args.server {
        Some(server) => asked(&token, server, &admin_key(args, server)?, now),
        None => alone(&token, args.public_key.as_deref(), now),
    }
}

fn alone(token: &str, public_key: Option<&Path>, now: Timestamp) -> anyhow::Result<Verdict> {
    let key = public_key.map(read_public_key).transpose()?;
    let inspection = Inspection::read(token);
    if key.is_some() && inspection.signer() == Some(&Signer::Server) {
        bail!("--public-key: the token names no imported key, the server signed it");
    }
    let explanation = inspection.explain(&Known {
        key: key.as_ref().map_or(Key::Unknown, Key::Public),
        ..unknown(now)
    });
    let mut text = says::text(&explanation, now);
    text += match explanation.signature {
        Signature::Verified => "signature    verified with the given key\n",
        Signature::Refused => "signature    not that of the given key\n",
        Signature::NotChecked => "signature    not verified\n",
    };
    text.push('\n');
    for fault in &explanation.faults {
        let _ = writeln!(text, "would be refused because {fault}");
    }
    let is_accepted = explanation.faults.is_empty();
    if is_accepted {
        text += "would be let in, as far as can be told without the server\n";
    }
    for unchecked in unchecked(&explanation) {
        let _ = writeln!(text, "not checked: {unchecked}");
    }
    Ok(Verdict { text, is_accepted })
}

fn read_public_key(path: &Path) -> anyhow::Result<PublicKey> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("--public-key: cannot read {}", path.display()))?;
    PublicKey::from_pem(&text).context("--public-key")
}

/// What only a server, or only a key, can tell.
fn unchecked(explanation: &Explanation) -> Vec<&'static str> {
    let mut unchecked = Vec::new();
    if explanation.signature == Signature::NotChecked {
        unchecked.push(match explanation.signer {
            Some(Signer::PublicKey(_)) => "the signature (--public-key or --server checks it)",
            Some(Signer::Server) | None => "the signature (--server checks it)",
        });
    }
    if matches!(explanation.signer, Some(Signer::PublicKey(_))) {
        unchecked.push("whether the key is imported and has not been deleted");
    }
    match explanation.kind {
        Kind::Participant => unchecked.extend([
            "whether the stage exists",
            "whether the participant has been disconnected for good",
        ]),
        Kind::Connection => unchecked.push("whether the token has been revoked"),
    }
    unchecked
}

fn asked(
    token: &str,
    server: &ServerUrl,
    key: &Redacted,
    now: Timestamp,
) -> anyhow::Result<Verdict> {
    let answer = ask::ask(server, key, token)?;
    let explanation = Inspection::read(token).explain(&unknown(now));
    let mut text = says::text(&explanation, now);
    text += match answer.signature {
        ask::Signature::Verified => "signature    verified by the server\n",
        ask::Signature::Refused => "signature    refused by the server\n",
        ask::Signature::NotChecked => "signature    not verified\n",
    };
    text.push('\n');
    for reason in &answer.reasons {
        // They come from afar: nothing in them steers the terminal.
        let message: String = reason
            .message
            .chars()
            .filter(|letter| !letter.is_control())
            .collect();
        let _ = writeln!(text, "would be refused because {message}");
    }
    if answer.accepted {
        text += "would be let in\n";
    } else if answer.reasons.is_empty() {
        text += "would be refused\n";
    }
    Ok(Verdict {
        text,
        is_accepted: answer.accepted,
    })
}

fn admin_key(args: &ExplainArgs, server: &ServerUrl) -> anyhow::Result<Redacted> {
    let path = match (&args.admin_key, &args.admin_key_file) {
        (None, Some(path)) => path,
        (Some(key), None) => return Ok(key.clone()),
        (Some(_), Some(_)) => bail!("--admin-key and --admin-key-file: only one of them"),
        (None, None) if server.is_loopback() => return Ok(redacted(DEV_KEY)),
        (None, None) => bail!("--admin-key-file must be given, or DOWNSTAGE_ADMIN_KEY"),
    };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("--admin-key-file: cannot read {}", path.display()))?;
    let key = text.trim();
    if key.is_empty() || key.len() > ADMIN_KEY_BYTES_MAX || key.lines().count() != 1 {
        bail!("--admin-key-file: must hold one line, the key");
    }
    Ok(redacted(key))
}

fn redacted(text: &str) -> Redacted {
    let Ok(secret) = text.parse();
    secret
}
