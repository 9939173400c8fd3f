//! The two ways to protect a packet: AEAD (RFC 7714), and a counter mode with a tag (RFC 3711 sections 4.1.1 and 4.2.1).

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

use super::derive::{Derivation, Label, Part, Secret};
use super::{Profile, SrtpError};

/// Bytes of an RTCP header that stay readable.
pub(super) const RTCP_HEADER: usize = 8;
/// Bytes of the word that says whether a packet is encrypted, and its index.
pub(super) const WORD: usize = 4;
/// Said in the word of every packet that is encrypted.
pub(super) const ENCRYPTED: u32 = 1 << 31;
/// Bytes of a tag in counter mode; the rest of the digest is cut off.
const COUNTER_TAG: usize = 10;

/// The keys of one direction, for RTP or for RTCP.
pub(super) enum Cipher {
    Gcm(Gcm),
    /// Boxed, as it holds its key schedules itself.
    Counter(Box<Counter>),
}

impl Cipher {
    pub(super) fn new(
        profile: Profile,
        derivation: &Derivation,
        label: Label,
    ) -> Result<Self, SrtpError> {
        Ok(match profile {
            Profile::Aes128CmSha1 => Self::Counter(Box::new(Counter::new(derivation, label)?)),
            Profile::AeadAes128Gcm => {
                let key: Secret<16> = derivation.secret(label, Part::Encryption)?;
                let unbound = UnboundKey::new(&AES_128_GCM, &key.0);
                Self::Gcm(Gcm::new(unbound.map_err(fail)?, derivation, label)?)
            }
            Profile::AeadAes256Gcm => {
                let key: Secret<32> = derivation.secret(label, Part::Encryption)?;
                let unbound = UnboundKey::new(&AES_256_GCM, &key.0);
                Self::Gcm(Gcm::new(unbound.map_err(fail)?, derivation, label)?)
            }
        })
    }
}

#[cfg(test)]
impl Cipher {
    /// Session keys as they stand in published examples.
    pub(super) fn gcm(key: &[u8], salt: [u8; 12]) -> Self {
        let algorithm = if key.len() == 32 {
            &AES_256_GCM
        } else {
            &AES_128_GCM
        };
        Self::Gcm(Gcm {
            key: LessSafeKey::new(UnboundKey::new(algorithm, key).unwrap()),
            salt: Secret(salt),
        })
    }

    /// Session keys as they stand in published examples; its tags are worth nothing.
    pub(super) fn counter(key: &[u8], salt: [u8; 14]) -> Self {
        Self::Counter(Box::new(Counter {
            key: EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, key).unwrap()).unwrap(),
            authentication: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[]),
            salt: Secret(salt),
        }))
    }
}

/// Both AEAD profiles.
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: Secret<12>,
}

impl Gcm {
    fn new(key: UnboundKey, derivation: &Derivation, label: Label) -> Result<Self, SrtpError> {
        Ok(Self {
            key: LessSafeKey::new(key),
            salt: derivation.secret(label, Part::Salt)?,
        })
    }

    /// Encrypts in place and gives back the tag.
    pub(super) fn seal(
        &self,
        nonce: [u8; 12],
        readable: &[u8],
        payload: &mut [u8],
    ) -> Result<[u8; 16], SrtpError> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(readable), payload)
            .map_err(fail)?;
        tag.as_ref().try_into().map_err(|_| SrtpError::Cipher)
    }

    /// Decrypts in place. After an error `payload` holds anything.
    pub(super) fn open(
        &self,
        nonce: [u8; 12],
        readable: &[u8],
        tag: &[u8],
        payload: &mut [u8],
    ) -> Result<(), SrtpError> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key
            .open_in_place_separate_tag(nonce, Aad::from(readable), tag, payload)
            .map_err(|_| SrtpError::Unauthentic)?;
        Ok(())
    }

    /// RFC 7714 section 8.1: two zero bytes, source, roll-over counter and sequence number, over the salt.
    pub(super) fn nonce_rtp(&self, ssrc: u32, index: u64) -> [u8; 12] {
        let number = (u128::from(ssrc) << 48) | u128::from(index);
        self.salted(number)
    }

    /// RFC 7714 section 9.1: two zero bytes, source, two zero bytes, index, over the salt.
    pub(super) fn nonce_rtcp(&self, ssrc: u32, index: u32) -> [u8; 12] {
        let number = (u128::from(ssrc) << 48) | u128::from(index);
        self.salted(number)
    }

    fn salted(&self, number: u128) -> [u8; 12] {
        let [_, _, _, _, mut nonce @ ..] = number.to_be_bytes();
        for (to, from) in nonce.iter_mut().zip(self.salt.0) {
            *to ^= from;
        }
        nonce
    }
}

/// The profile with a tag of HMAC-SHA1.
pub(super) struct Counter {
    key: EncryptingKey,
    authentication: hmac::Key,
    salt: Secret<14>,
}

impl Counter {
    fn new(derivation: &Derivation, label: Label) -> Result<Self, SrtpError> {
        let key: Secret<16> = derivation.secret(label, Part::Encryption)?;
        let authentication: Secret<20> = derivation.secret(label, Part::Authentication)?;
        Ok(Self {
            key: UnboundCipherKey::new(&AES_128, &key.0)
                .and_then(EncryptingKey::ctr)
                .map_err(fail)?,
            authentication: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &authentication.0),
            salt: derivation.secret(label, Part::Salt)?,
        })
    }

    /// Encrypts or decrypts in place.
    pub(super) fn apply(&self, ssrc: u32, index: u64, payload: &mut [u8]) -> Result<(), SrtpError> {
        // RFC 3711 section 4.1.1; the last 16 bits count the blocks of the packet.
        let number = (u128::from(ssrc) << 64) | (u128::from(index) << 16);
        let mut iv = number.to_be_bytes();
        for (to, from) in iv.iter_mut().zip(self.salt.0) {
            *to ^= from;
        }
        self.key
            .less_safe_encrypt(payload, EncryptionContext::Iv128((&iv).into()))
            .map_err(fail)?;
        Ok(())
    }

    /// The tag of an RTP packet, which covers its roll-over counter, or of an RTCP packet with its word.
    pub(super) fn tag(&self, packet: &[u8], rollover: Option<u32>) -> [u8; COUNTER_TAG] {
        let mut context = hmac::Context::with_key(&self.authentication);
        context.update(packet);
        if let Some(rollover) = rollover {
            context.update(&rollover.to_be_bytes());
        }
        let mut tag = [0; COUNTER_TAG];
        for (to, from) in tag.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        tag
    }

    /// Compares the tag of a packet with what it should be; see [`Self::tag`].
    pub(super) fn verify(
        &self,
        packet: &[u8],
        rollover: Option<u32>,
        tag: &[u8],
    ) -> Result<(), SrtpError> {
        verify_slices_are_equal(&self.tag(packet, rollover), tag)
            .map_err(|_| SrtpError::Unauthentic)
    }
}

fn fail(_: aws_lc_rs::error::Unspecified) -> SrtpError {
    SrtpError::Cipher
}
