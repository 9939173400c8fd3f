//! Participant tokens: ES384 JWTs that this server signs with its own key.
//!
//! A token is read in one order: size, shape, header, signature, claims. The key decides the algorithm; the header can
//! only agree. docs/tokens.md has the reasons. What is absent: tokens that customers sign with keys of their own.

mod claims;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use model::{Capabilities, Grant, ParticipantId, StageArn};

use crate::json;
use crate::key_pair::SigningKey;

/// Longest token that is looked at, in bytes. The largest that the API lets anyone ask for is near 10 KiB: 1 KiB of
/// attributes and 128 characters of user id, which JSON escapes six-fold at worst and base64 lengthens by a third.
const TOKEN_LEN_MAX: usize = 12 * 1_024;

/// `r` and `s` of P-384 side by side, in bytes (RFC 7518 section 3.4).
const SIGNATURE_LEN: usize = 96;

const HEADER: &str = r#"{"alg":"ES384","typ":"JWT"}"#;

/// Header members that choose a key, a format or an algorithm (RFC 7515 section 4.1, RFC 7516, RFC 7797). Our tokens have
/// none, and none is ever obeyed.
const HEADER_FOREIGN: [&str; 12] = [
    "apu", "b64", "crit", "cty", "enc", "epk", "jku", "jwk", "kid", "x5c", "x5u", "zip",
];

/// The key that signs this server's tokens, and verifies them. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct TokenKey {
    key: SigningKey,
}

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
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &SystemRandom::new())
            .expect("P-384 generation needs nothing but the system's randomness")
            .as_ref()
            .to_vec()
    }

    /// Reads a key back. Only P-384 in PKCS#8 is a key.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, TokenError> {
        const FAULT: TokenError = TokenError::Malformed { what: "key" };
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der).map_err(|_| FAULT)?;
        let key = SigningKey::from_pair(pair).ok_or(FAULT)?;
        Ok(Self { key })
    }

    /// Signs a token. The caller has checked the request against the API's limits; a token over them does not verify.
    pub fn sign(&self, request: &TokenRequest<'_>) -> String {
        self.sign_parts(HEADER.as_bytes(), &claims::print(request))
    }

    fn sign_parts(&self, header: &[u8], payload: &[u8]) -> String {
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.key.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    /// Verifies a token's signature and claims. Expiry is not judged here (`Grant::expires`, it counts at join only);
    /// `iat` may lie up to `skew` in the future.
    pub fn verify(&self, token: &str, now: Timestamp, skew: Duration) -> Result<Grant, TokenError> {
        if token.len() > TOKEN_LEN_MAX {
            return Err(TokenError::Malformed { what: "length" });
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(PARTS)?;
        let (header, payload) = signed.split_once('.').ok_or(PARTS)?;
        if payload.contains('.') {
            return Err(PARTS);
        }
        check_header(&decode(header, "header")?)?;
        let signature = decode(signature, "signature")?;
        if signature.len() != SIGNATURE_LEN {
            return Err(TokenError::Signature);
        }
        if !self.key.public().verifies(signed.as_bytes(), &signature) {
            return Err(TokenError::Signature);
        }
        claims::read(&decode(payload, "payload")?, now, skew)
    }
}

const PARTS: TokenError = TokenError::Malformed { what: "parts" };

/// Base64url without padding and, so that a token has one spelling, without stray bits in the last character.
fn decode(part: &str, what: &'static str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Malformed { what })
}

fn check_header(bytes: &[u8]) -> Result<(), TokenError> {
    const FAULT: TokenError = TokenError::Malformed { what: "header" };
    let header = json::parse(bytes).map_err(|_| FAULT)?;
    let header = header.as_object().ok_or(FAULT)?;
    let text = |name| header.get(name).and_then(json::Json::as_text);
    if text("alg") != Some("ES384") {
        return Err(TokenError::Signature);
    }
    if text("typ") != Some("JWT") || HEADER_FOREIGN.iter().any(|name| header.contains_key(*name)) {
        return Err(FAULT);
    }
    Ok(())
}
