//! Session keys from master keys (RFC 3711 section 4.3, with AES-256 after RFC 6188, for GCM after RFC 7714 section 11).

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};

use super::{SrtpError, wipe};

/// What a session key is for; the number is that of its encryption key, authentication and salt follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Rtp = 0,
    Rtcp = 3,
}

/// Which key of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Encryption = 0,
    Authentication = 1,
    Salt = 2,
}

/// A session key or salt.
pub(super) struct Secret<const N: usize>(pub(super) [u8; N]);

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// A master key with its salt.
pub(super) struct Derivation {
    key: EncryptingKey,
    salt: [u8; 14],
}

impl Derivation {
    /// A salt of 12 bytes is one of 14 that ends in zeros.
    pub(super) fn new(key: &[u8], salt: &[u8]) -> Result<Self, SrtpError> {
        let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
        let key = UnboundCipherKey::new(algorithm, key)
            .and_then(EncryptingKey::ctr)
            .map_err(|_| SrtpError::Cipher)?;
        let mut padded = [0; 14];
        padded
            .get_mut(..salt.len())
            .ok_or(SrtpError::Cipher)?
            .copy_from_slice(salt);
        Ok(Self { key, salt: padded })
    }

    /// The key stream of the label: as the key derivation rate is zero, no index goes into it.
    pub(super) fn secret<const N: usize>(
        &self,
        label: Label,
        part: Part,
    ) -> Result<Secret<N>, SrtpError> {
        let mut iv = [0; 16];
        for (to, from) in iv.iter_mut().zip(self.salt) {
            *to = from;
        }
        iv[7] ^= label as u8 + part as u8;
        let mut secret = Secret([0; N]);
        self.key
            .less_safe_encrypt(&mut secret.0, EncryptionContext::Iv128((&iv).into()))
            .map_err(|_| SrtpError::Cipher)?;
        Ok(secret)
    }
}

impl Drop for Derivation {
    fn drop(&mut self) {
        wipe(&mut self.salt);
    }
}
