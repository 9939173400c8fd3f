//! Participant tokens: ES384 JWTs, signed by this server, or by a customer with the private half of an imported key.
//!
//! A token is read in one order: size, shape, header, signature, claims. Reading is in two steps, so that the caller can look
//! up the key between them: [`Unverified::read`] says whose signature it should be, and nothing else about it may be believed;
//! then [`Unverified::verify`] or [`Unverified::verify_with`] gives what it allows. docs/tokens.md has the reasons.
//!
//! What is absent: the keys that are imported, and whether the stage exists, the participant is banned or the token has
//! expired; `stage` judges that when somebody joins.

pub(crate) mod claims;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use jiff::Timestamp;
use model::{Capabilities, Grant, ParticipantId, PublicKeyArn, StageArn};

use crate::fault::Fault;
use crate::jws::{self, Jws};
use crate::key_pair::SigningKey;
use crate::public_key::PublicKey;

pub use crate::jws::Signer;

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
    /// Not signed by the key that it names, or by another algorithm. An unknown key is no other answer.
    #[error("the token's signature does not verify")]
    Signature,
    /// A claim is missing, mistyped or out of range.
    #[error("the token's claim {claim} is not valid")]
    Claim {
        /// Which claim.
        claim: &'static str,
    },
}

impl From<Fault> for TokenError {
    /// What a client is told of a fault.
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooLong => Self::Malformed { what: "length" },
            Fault::Parts => Self::Malformed { what: "parts" },
            Fault::Base64 { part } | Fault::Json { part } => Self::Malformed { what: part },
            Fault::Type | Fault::HeaderMember { .. } | Fault::KeyId | Fault::KeyIdMissing => {
                Self::Malformed { what: "header" }
            }
            Fault::Algorithm | Fault::SignatureForm | Fault::KeyNotFound | Fault::Signature => {
                Self::Signature
            }
            Fault::ClaimMissing { claim }
            | Fault::Claim { claim, .. }
            | Fault::ClaimForeign { claim } => Self::Claim { claim },
            Fault::Expired => Self::Claim { claim: "exp" },
            Fault::StageNotFound => Self::Claim { claim: "resource" },
            Fault::Banned | Fault::Revoked => Self::Claim { claim: "jti" },
        }
    }
}

/// The first fault, if there is one, as an error.
pub(crate) fn first(faults: &[Fault]) -> Result<(), TokenError> {
    faults
        .first()
        .map_or(Ok(()), |fault| Err(TokenError::from(*fault)))
}

/// A token of good form that nobody has verified. It says whose signature it carries; nothing else of it can be asked.
pub struct Unverified<'t> {
    jws: Jws<'t>,
}

impl std::fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Unverified").field(&self.jws.signer).finish()
    }
}

impl<'t> Unverified<'t> {
    /// Reads size, shape and header.
    pub fn read(token: &'t str) -> Result<Self, TokenError> {
        let mut faults = Vec::new();
        let read = jws::read(token, &mut faults);
        first(&faults)?;
        let jws = read.jws.ok_or(TokenError::Signature)?;
        Ok(Self { jws })
    }

    /// Whose signature it should be.
    pub fn signer(&self) -> &Signer {
        &self.jws.signer
    }

    /// Verifies a token of this server: signature and claims. Expiry is not judged (`Grant::expires`, it counts at join only);
    /// `iat` may lie up to `skew` in the future. A token that names an imported key does not verify.
    pub fn verify(
        &self,
        key: &TokenKey,
        now: Timestamp,
        skew: Duration,
    ) -> Result<Grant, TokenError> {
        match self.jws.signer {
            Signer::Server => self.open(key.key.public(), now, skew),
            Signer::PublicKey(_) => Err(TokenError::Signature),
        }
    }

    /// Verifies a token of a customer with the key that [`Unverified::signer`] names, as `verify` does one of this server.
    /// The stage must be of the key's account and region.
    pub fn verify_with(
        &self,
        key: &PublicKey,
        now: Timestamp,
        skew: Duration,
    ) -> Result<Grant, TokenError> {
        match self.jws.signer {
            Signer::Server => Err(TokenError::Signature),
            Signer::PublicKey(_) => self.open(key, now, skew),
        }
    }

    fn open(&self, key: &PublicKey, now: Timestamp, skew: Duration) -> Result<Grant, TokenError> {
        let payload = self.jws.open(key)?;
        let claims = jws::parse(&payload, "payload")?;
        let mut faults = Vec::new();
        let grant = claims::read(&claims, &self.jws.signer, now, skew, &mut faults);
        first(&faults)?;
        // Without a fault the grant is whole.
        grant.ok_or(TokenError::Signature)
    }
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
        let header = jws::header(&Signer::Server);
        jws::sign(&self.key, header.as_bytes(), &claims::print(request))
    }

    /// [`Unverified::read`] and [`Unverified::verify`] in one.
    pub fn verify(&self, token: &str, now: Timestamp, skew: Duration) -> Result<Grant, TokenError> {
        Unverified::read(token)?.verify(self, now, skew)
    }

    /// The public half.
    pub(crate) fn public(&self) -> &PublicKey {
        self.key.public()
    }
}

impl SigningKey {
    /// Signs a participant token. `kid` is the ARN under which the public half has been imported; a token over the API's
    /// limits, or for a stage of another account or region than the key's, does not verify.
    pub fn sign_participant_token(&self, kid: &PublicKeyArn, request: &TokenRequest<'_>) -> String {
        let header = jws::header(&Signer::PublicKey(kid.clone()));
        jws::sign(self, header.as_bytes(), &claims::print(request))
    }
}
