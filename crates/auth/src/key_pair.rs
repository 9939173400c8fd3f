//! Key pairs of customers: made for them, and read back to sign tokens with. The server itself never needs a private one.
//!
//! What is absent: encrypted private keys (decrypt one with `openssl pkcs8` first), and where a key is kept.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::pkcs8::Document;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use crate::pem::{self, PemFault, TEXT_LEN_MAX};
use crate::public_key::PublicKey;

/// RFC 5958.
const PKCS8: &str = "PRIVATE KEY";
/// RFC 5915; what `openssl ecparam -genkey` prints.
const SEC1: &str = "EC PRIVATE KEY";

/// A new P-384 key pair. Its `Debug` shows the public half only, and its memory is overwritten when it goes.
pub struct KeyPair {
    pkcs8: Document,
    public: PublicKey,
}

/// A private key that signs tokens. Clones share it; its `Debug` shows the public half only.
#[derive(Clone)]
pub struct SigningKey {
    pub(crate) pair: Arc<EcdsaKeyPair>,
    public: PublicKey,
}

/// Why a text is not a private key that can sign tokens. Never repeats any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// Over the size limit.
    #[error("the text is longer than {TEXT_LEN_MAX} bytes")]
    TooLong,
    /// A passphrase would be needed.
    #[error("the private key is encrypted; decrypt it first")]
    Encrypted,
    /// A public key cannot sign.
    #[error("the text holds a public key; signing needs the private one")]
    Public,
    /// Not exactly one block of PEM.
    #[error("the text must hold exactly one PEM block of PRIVATE KEY or EC PRIVATE KEY")]
    Block,
    /// What stands in the block is not base64.
    #[error("the PEM block is not base64 (RFC 7468)")]
    Base64,
    /// Another curve or algorithm, or no key at all.
    #[error("the PEM block is not a private key on P-384 (secp384r1) in PKCS#8 or SEC 1")]
    Key,
}

/// A new key pair.
pub fn generate() -> KeyPair {
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING)
        .expect("P-384 generation needs nothing but the system's randomness");
    KeyPair {
        pkcs8: pair.to_pkcs8v1().expect("a key just made prints"),
        public: public_of(&pair).expect("the public half of a P-384 key is one"),
    }
}

impl KeyPair {
    /// The private half as PKCS#8 in PEM. Whoever has it can sign tokens: it goes into a file that only its owner reads.
    pub fn private_pem(&self) -> String {
        pem::encode(PKCS8, self.pkcs8.as_ref())
    }

    /// The public half as `SubjectPublicKeyInfo` in PEM, ready to be imported.
    pub fn public_pem(&self) -> String {
        self.public.pem()
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("KeyPair").field(&self.public).finish()
    }
}

impl SigningKey {
    /// Reads an unencrypted private key in PEM: PKCS#8, or SEC 1 with or without a block of parameters before it.
    pub fn from_pem(text: &str) -> Result<Self, SigningKeyError> {
        if text.len() > TEXT_LEN_MAX {
            return Err(SigningKeyError::TooLong);
        }
        if text.contains("ENCRYPTED") {
            return Err(SigningKeyError::Encrypted);
        }
        let label = if text.contains("-----BEGIN EC PRIVATE KEY-----") {
            SEC1
        } else if text.contains("-----BEGIN PUBLIC KEY-----") {
            return Err(SigningKeyError::Public);
        } else {
            PKCS8
        };
        let der = pem::decode(text, label).map_err(|fault| match fault {
            PemFault::Block => SigningKeyError::Block,
            PemFault::Base64 => SigningKeyError::Base64,
        })?;
        let algorithm = &ECDSA_P384_SHA384_FIXED_SIGNING;
        let pair = if label == SEC1 {
            EcdsaKeyPair::from_private_key_der(algorithm, &der)
        } else {
            EcdsaKeyPair::from_pkcs8(algorithm, &der)
        };
        Self::from_pair(pair.map_err(|_| SigningKeyError::Key)?).ok_or(SigningKeyError::Key)
    }

    pub(crate) fn from_pair(pair: EcdsaKeyPair) -> Option<Self> {
        let public = public_of(&pair)?;
        Some(Self {
            pair: Arc::new(pair),
            public,
        })
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// `r` and `s` of the message side by side, by ECDSA with SHA-384.
    pub(crate) fn sign(&self, message: &[u8]) -> impl AsRef<[u8]> + use<> {
        self.pair
            .sign(&SystemRandom::new(), message)
            .expect("a checked P-384 key signs any message")
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public).finish()
    }
}

fn public_of(pair: &EcdsaKeyPair) -> Option<PublicKey> {
    let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().ok()?;
    PublicKey::from_spki(spki.as_ref()).ok()
}

#[cfg(test)]
mod tests;
