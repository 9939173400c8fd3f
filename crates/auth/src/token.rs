//! Participant tokens: ES384 JWTs that this server signs with its own key.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use model::{Capabilities, Grant, ParticipantId, StageArn};

/// The key that signs this server's tokens, and verifies them. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct TokenKey;

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey(..)")
    }
}

/// What a new token says.
#[derive(Clone, Debug)]
pub struct TokenRequest<'a> {
    /// For which stage.
    pub stage: &'a StageArn,
    /// For whom (`jti`).
    pub participant: &'a ParticipantId,
    /// The customer's name for the user, `None` if not given.
    pub user_id: Option<&'a str>,
    /// The customer's attributes, `None` if not given.
    pub attributes: Option<&'a BTreeMap<String, String>>,
    /// What it allows.
    pub capabilities: Capabilities,
    /// `events_url` claim.
    pub events_url: &'a str,
    /// `whip_url` claim.
    pub whip_url: &'a str,
    /// `iat`, cut to whole seconds.
    pub issued: Timestamp,
    /// `exp` - `iat`.
    pub life: Duration,
}

/// Why a token is refused. Never repeats any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Over the size limit, or not three base64url parts of JSON, JSON and signature.
    #[error("the token is malformed: {what}")]
    Malformed {
        /// Which part.
        what: &'static str,
    },
    /// Not signed by this server, or by another algorithm.
    #[error("the token's signature does not verify")]
    Signature,
    /// A claim is missing, mistyped or out of range.
    #[error("the token's claim {claim} is not valid")]
    Claim {
        /// Which claim.
        claim: &'static str,
    },
}

impl TokenKey {
    /// A new key as PKCS#8 DER, to be kept by the store.
    pub fn generate_pkcs8() -> Vec<u8> {
        unimplemented!()
    }

    /// Reads a key back.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, TokenError> {
        let _ = der;
        unimplemented!()
    }

    /// Signs a token.
    pub fn sign(&self, request: &TokenRequest<'_>) -> String {
        let _ = request;
        unimplemented!()
    }

    /// Verifies a token's signature and claims. Expiry is not judged here (`Grant::expires`, it counts at join only);
    /// `iat` may lie up to `skew` in the future.
    pub fn verify(&self, token: &str, now: Timestamp, skew: Duration) -> Result<Grant, TokenError> {
        let _ = (token, now, skew);
        unimplemented!()
    }
}
