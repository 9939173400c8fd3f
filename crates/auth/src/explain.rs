//! What a token says, and every reason why it is refused or would be: for people, not for clients.
//!
//! Explaining is in two steps. [`Inspection::read`] says what the caller may want to look up: a key, a stage, a ban, a
//! revocation. [`Inspection::explain`] takes what was found and lists all faults. The claims are read by the very code that
//! verifies tokens, so a token without a fault is one that would be accepted, as far as the caller has looked.
//!
//! Nothing of a token may be believed here unless the explanation says that its signature was verified.

use std::time::Duration;

use jiff::Timestamp;
use model::{ConnectionTokenId, ParticipantId, PublicKeyArn, StageArn};
use serde_json::{Map, Value};

use crate::claims;
use crate::connection_token;
use crate::fault::Fault;
use crate::json::{Json, Object};
use crate::jws::{self, Jws};
use crate::public_key::PublicKey;
use crate::token::{self, Signer, TokenKey};

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To join a stage.
    Participant,
    /// To open a transport for several stages.
    Connection,
}

/// A token that has been looked at, and not been verified.
pub struct Inspection<'t> {
    jws: Option<Jws<'t>>,
    signer: Option<Signer>,
    header: Option<Map<String, Value>>,
    shown: Option<Map<String, Value>>,
    claims: Option<Object>,
    /// What is wrong with its form.
    faults: Vec<Fault>,
}

/// What the caller has found out about what the token names.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// When the token is used.
    pub now: Timestamp,
    /// How far its `iat` may lie in the future.
    pub skew: Duration,
    /// The key of its signature.
    pub key: Key<'a>,
    /// Whether there is the stage of [`Inspection::stage`]; `None` if nobody has looked.
    pub stage_exists: Option<bool>,
    /// Whether the participant is banned from the stage; `None` if nobody has looked.
    pub is_banned: Option<bool>,
    /// Whether the connection token has been revoked; `None` if nobody has looked.
    pub is_revoked: Option<bool>,
}

/// What is known of the key that should have signed.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// Nobody has looked: the signature is not judged.
    Unknown,
    /// There is no such key.
    NotFound,
    /// For a token without `kid`: the server's own.
    Server(&'a TokenKey),
    /// For a token with `kid`: the imported key of that ARN.
    Public(&'a PublicKey),
}

/// What became of a token's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// It is that of the key.
    Verified,
    /// It is not, or there is no such key.
    Refused,
    /// Nobody has looked for the key, or the token's form is not good enough to tell.
    NotChecked,
}

/// Everything about a token, as plain data.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What it is for, by its claims.
    pub kind: Kind,
    /// Whose signature it should be; `None` if the header does not say.
    pub signer: Option<Signer>,
    /// Whether it is.
    pub signature: Signature,
    /// The header, if it can be read at all.
    pub header: Option<Map<String, Value>>,
    /// The claims, if they can be read at all.
    pub claims: Option<Map<String, Value>>,
    /// `iat`, if it is a time.
    pub issued: Option<Timestamp>,
    /// `exp`, if it is a time.
    pub expires: Option<Timestamp>,
    /// All that is wrong: the token would be refused if there is one, and accepted if there is none and the signature was
    /// verified.
    pub faults: Vec<Fault>,
}

impl std::fmt::Debug for Inspection<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Inspection").field(&self.faults).finish()
    }
}

impl<'t> Inspection<'t> {
    /// Looks at a token; anything is one for this purpose.
    pub fn read(token: &'t str) -> Self {
        let mut faults = Vec::new();
        let read = jws::read(token, &mut faults);
        let claims = read.payload.and_then(|payload| {
            jws::object(payload, "payload")
                .map_err(|fault| faults.push(fault))
                .ok()
        });
        Self {
            jws: read.jws,
            signer: read.signer,
            header: read.header.and_then(show),
            shown: read.payload.and_then(show),
            claims,
            faults,
        }
    }

    /// What it is for: a connection token names an account and no stage.
    pub fn kind(&self) -> Kind {
        match &self.claims {
            Some(claims)
                if claims.contains_key("account_id") && !claims.contains_key("resource") =>
            {
                Kind::Connection
            }
            Some(_) | None => Kind::Participant,
        }
    }

    /// Whose signature it should be, if the header says so.
    pub fn signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }

    /// The stage that it is for.
    pub fn stage(&self) -> Option<StageArn> {
        StageArn::parse(self.text("resource")?).ok()
    }

    /// The participant that it is for, of a participant token.
    pub fn participant(&self) -> Option<ParticipantId> {
        match self.kind() {
            Kind::Participant => ParticipantId::parse(self.text("jti")?).ok(),
            Kind::Connection => None,
        }
    }

    /// What a connection token is revoked by: its id, in the account and region of the key.
    pub fn connection(&self) -> Option<(&PublicKeyArn, ConnectionTokenId)> {
        match (self.kind(), &self.signer) {
            (Kind::Connection, Some(Signer::PublicKey(key))) => {
                Some((key, ConnectionTokenId::parse(self.text("jti")?).ok()?))
            }
            (Kind::Connection | Kind::Participant, Some(_) | None) => None,
        }
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.claims.as_ref()?.get(claim).and_then(Json::as_text)
    }

    fn time(&self, claim: &str) -> Option<Timestamp> {
        claims::time(self.claims.as_ref()?.get(claim)?)
    }

    /// Everything about it, with all that is wrong in the order in which it is checked.
    pub fn explain(&self, known: &Known<'_>) -> Explanation {
        let mut faults = self.faults.clone();
        let kind = self.kind();
        if kind == Kind::Connection && self.signer == Some(Signer::Server) {
            faults.push(Fault::KeyIdMissing);
        }
        let signature = self.signature(known.key, &mut faults);
        if let Some(claims) = &self.claims {
            // Without a signer there is no account to compare with.
            let signer = self.signer.as_ref().unwrap_or(&Signer::Server);
            let (now, skew) = (known.now, known.skew);
            match kind {
                Kind::Participant => {
                    token::claims::read(claims, signer, now, skew, &mut faults);
                }
                Kind::Connection => {
                    connection_token::read(claims, signer, now, skew, &mut faults);
                }
            }
        }
        let expires = self.time("exp");
        let found = [
            (expires.is_some_and(|at| at <= known.now), Fault::Expired),
            (known.stage_exists == Some(false), Fault::StageNotFound),
            (known.is_banned == Some(true), Fault::Banned),
            (known.is_revoked == Some(true), Fault::Revoked),
        ];
        faults.extend(found.iter().filter(|(is, _)| *is).map(|(_, fault)| *fault));
        Explanation {
            kind,
            signer: self.signer.clone(),
            signature,
            header: self.header.clone(),
            claims: self.shown.clone(),
            issued: self.time("iat"),
            expires,
            faults,
        }
    }

    fn signature(&self, key: Key<'_>, faults: &mut Vec<Fault>) -> Signature {
        let key = match (&self.signer, key) {
            (_, Key::Unknown) | (None, _) => return Signature::NotChecked,
            (Some(_), Key::NotFound) => Err(Fault::KeyNotFound),
            (Some(Signer::Server), Key::Server(key)) => Ok(key.public()),
            (Some(Signer::PublicKey(_)), Key::Public(key)) => Ok(key),
            (Some(Signer::Server), Key::Public(_))
            | (Some(Signer::PublicKey(_)), Key::Server(_)) => Err(Fault::Signature),
        };
        let opened = match (key, &self.jws) {
            (Ok(_), None) => return Signature::NotChecked,
            (Ok(key), Some(jws)) => jws.open(key),
            (Err(fault), _) => Err(fault),
        };
        match opened {
            // What the payload is has been judged already.
            Ok(_) | Err(Fault::Base64 { .. }) => Signature::Verified,
            Err(fault) => {
                faults.push(fault);
                Signature::Refused
            }
        }
    }
}

/// The members of a part as they are, for people. A member named twice shows its last value; it is a fault too.
fn show(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&jws::decode(part, "").ok()?).ok()
}

#[cfg(test)]
mod tests;
