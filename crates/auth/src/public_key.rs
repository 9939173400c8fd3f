//! Public keys that customers import to sign tokens of their own: P-384, as `SubjectPublicKeyInfo` in PEM.
//!
//! A key has one accepted encoding (DER, uncompressed point), so that two texts of the same key compare equal by bytes.
//! What is absent: other curves and algorithms, certificates, and the list of imported keys (the caller looks one up).

use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, ParsedPublicKey};
use md5::{Digest as _, Md5};

use crate::pem::{self, PemFault, TEXT_LEN_MAX};

const LABEL: &str = "PUBLIC KEY";

/// Object identifier 1.2.840.10045.2.1, `id-ecPublicKey` (RFC 5480 section 2.1.1), without tag and length.
const ID_EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// Object identifier 1.3.132.0.34, `secp384r1` (RFC 5480 section 2.1.1.1), with tag and length.
const SECP384R1: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;

/// Bytes of an uncompressed point of P-384: `04`, x and y (SEC 1 section 2.3.3).
const POINT_LEN: usize = 97;

/// A P-384 public key. Clones share it.
#[derive(Clone)]
pub struct PublicKey {
    inner: Arc<Inner>,
}

struct Inner {
    key: ParsedPublicKey,
    spki: Box<[u8]>,
}

/// Why a text or DER is not a key that can be imported. Never repeats any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// Over the size limit.
    #[error("the text is longer than {TEXT_LEN_MAX} bytes")]
    TooLong,
    /// A private key stands in the text, which must never be sent to anybody.
    #[error("the text holds a private key; import the public key only")]
    Private,
    /// Not exactly one block of PEM.
    #[error("the text must hold exactly one PEM block, and that of a PUBLIC KEY")]
    Block,
    /// What stands in the block is not base64.
    #[error("the PEM block is not base64 (RFC 7468)")]
    Base64,
    /// Not `SubjectPublicKeyInfo`.
    #[error("the PEM block is not a SubjectPublicKeyInfo in DER (RFC 5280)")]
    Encoding,
    /// RSA, Ed25519, …
    #[error("the key is not an elliptic curve key; ECDSA on P-384 (secp384r1) is needed")]
    Algorithm,
    /// P-256, P-521, …
    #[error("the key is on another curve; P-384 (secp384r1) is needed")]
    Curve,
    /// The point is compressed, of another length, or not on the curve.
    #[error("the key is not an uncompressed point on P-384 (secp384r1)")]
    Point,
}

impl PublicKey {
    /// Reads a key in PEM. Text around the block is passed over; lines may end in LF or CRLF.
    pub fn from_pem(text: &str) -> Result<Self, PublicKeyError> {
        if text.len() > TEXT_LEN_MAX {
            return Err(PublicKeyError::TooLong);
        }
        if text.contains("PRIVATE KEY-----") {
            return Err(PublicKeyError::Private);
        }
        if text.matches("-----BEGIN").count() != 1 || text.matches("-----END").count() != 1 {
            return Err(PublicKeyError::Block);
        }
        let der = pem::decode(text, LABEL).map_err(|fault| match fault {
            PemFault::Block => PublicKeyError::Block,
            PemFault::Base64 => PublicKeyError::Base64,
        })?;
        Self::from_spki(&der)
    }

    /// Reads a key in DER: `SubjectPublicKeyInfo` (RFC 5280 section 4.1), nothing after it.
    pub fn from_spki(der: &[u8]) -> Result<Self, PublicKeyError> {
        let point = point(der)?;
        if point.len() != POINT_LEN || point.first() != Some(&0x04) {
            return Err(PublicKeyError::Point);
        }
        let key = ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point)
            .map_err(|_| PublicKeyError::Point)?;
        let spki = der.into();
        Ok(Self {
            inner: Arc::new(Inner { key, spki }),
        })
    }

    /// The key in DER: `SubjectPublicKeyInfo`. Equal keys have equal bytes.
    pub fn spki(&self) -> &[u8] {
        &self.inner.spki
    }

    /// The key in PEM, in lines of 64 characters that end in LF.
    pub fn pem(&self) -> String {
        pem::encode(LABEL, self.spki())
    }

    /// MD5 of the DER as 16 colon-separated lower-case hex bytes: the shape that AWS shows. A name for people, no proof.
    pub fn fingerprint(&self) -> String {
        let bytes: Vec<String> = Md5::digest(self.spki())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        bytes.join(":")
    }

    /// Whether `signature` (`r` and `s` side by side) is that of `message` by ECDSA with SHA-384.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.inner.key.verify_sig(message, signature).is_ok()
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki() == other.spki()
    }
}

impl Eq for PublicKey {}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PublicKey")
            .field(&self.fingerprint())
            .finish()
    }
}

/// The content of the bit string in `SubjectPublicKeyInfo`, whose algorithm must be ECDSA on P-384.
fn point(der: &[u8]) -> Result<&[u8], PublicKeyError> {
    const FAULT: PublicKeyError = PublicKeyError::Encoding;
    let (info, after) = element(SEQUENCE, der).ok_or(FAULT)?;
    let (algorithm, rest) = element(SEQUENCE, info).ok_or(FAULT)?;
    let (bits, after_bits) = element(BIT_STRING, rest).ok_or(FAULT)?;
    let (identifier, parameters) = element(OBJECT_IDENTIFIER, algorithm).ok_or(FAULT)?;
    // The first byte of a bit string counts the unused bits of its last one.
    let point = bits.strip_prefix(&[0]).ok_or(FAULT)?;
    if !after.is_empty() || !after_bits.is_empty() {
        return Err(FAULT);
    }
    if identifier != ID_EC_PUBLIC_KEY {
        return Err(PublicKeyError::Algorithm);
    }
    if parameters != SECP384R1 {
        return Err(PublicKeyError::Curve);
    }
    Ok(point)
}

/// One DER element with the given tag: its content, and what follows it. Lengths have their shortest form, up to two bytes.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match der.strip_prefix(&[tag])? {
        [length @ 0..=0x7f, rest @ ..] | [0x81, length @ 0x80..=0xff, rest @ ..] => {
            (usize::from(*length), rest)
        }
        [0x82, high @ 0x01..=0xff, low, rest @ ..] => {
            (usize::from(u16::from_be_bytes([*high, *low])), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests;
