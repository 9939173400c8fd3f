//! What a DTLS handshake leaves for SRTP (RFC 5764 section 4.2).

use std::fmt;

use super::cipher::Cipher;
use super::derive::{Derivation, Label};
use super::{MediaOpener, Opener, Sealer, SrtpError, wipe};

/// How packets are protected (RFC 5764 section 4.1.2, RFC 7714 section 14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `SRTP_AES128_CM_HMAC_SHA1_80`.
    Aes128CmSha1,
    /// `SRTP_AEAD_AES_128_GCM`.
    AeadAes128Gcm,
    /// `SRTP_AEAD_AES_256_GCM`.
    AeadAes256Gcm,
}

impl Profile {
    /// Bytes of a master key.
    pub(super) fn key(self) -> usize {
        match self {
            Self::Aes128CmSha1 | Self::AeadAes128Gcm => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Bytes of a master salt.
    pub(super) fn salt(self) -> usize {
        match self {
            Self::Aes128CmSha1 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }

    /// Bytes of an authentication tag.
    pub(super) fn tag(self) -> usize {
        match self {
            Self::Aes128CmSha1 => 10,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }

    /// Bytes of what a handshake exports.
    fn material(self) -> usize {
        2 * (self.key() + self.salt())
    }
}

/// The keys of both directions, as the handshake exports them.
pub struct Material {
    bytes: Vec<u8>,
    profile: Profile,
    is_client: bool,
}

impl Material {
    /// `is_client` is our role in the handshake.
    pub fn new(bytes: &[u8], profile: Profile, is_client: bool) -> Self {
        Self {
            bytes: bytes.to_vec(),
            profile,
            is_client,
        }
    }

    /// As if the shorter keys of another profile had been exported: for tests, whose libraries agree on the best one only.
    #[doc(hidden)]
    pub fn cut(&self, profile: Profile) -> Self {
        let bytes = self.bytes.get(..profile.material()).unwrap_or_default();
        Self::new(bytes, profile, self.is_client)
    }

    /// Keys and salts: client's key, server's key, client's salt, server's salt.
    fn halves(&self) -> Option<(Half<'_>, Half<'_>)> {
        let (key, salt) = (self.profile.key(), self.profile.salt());
        let (client_key, rest) = self.bytes.split_at_checked(key)?;
        let (server_key, rest) = rest.split_at_checked(key)?;
        let (client_salt, server_salt) = rest.split_at_checked(salt)?;
        let client = Half {
            key: client_key,
            salt: client_salt,
        };
        let server = Half {
            key: server_key,
            salt: server_salt,
        };
        (server_salt.len() == salt).then_some((client, server))
    }

    /// Ours and the peer's.
    fn directions(&self) -> Result<(Half<'_>, Half<'_>), SrtpError> {
        let (client, server) = self.halves().ok_or_else(|| SrtpError::Material {
            length: self.bytes.len(),
            expected: self.profile.material(),
        })?;
        Ok(if self.is_client {
            (client, server)
        } else {
            (server, client)
        })
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Material")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

impl Drop for Material {
    fn drop(&mut self) {
        wipe(&mut self.bytes);
    }
}

/// Master key and salt of one direction.
#[derive(Clone, Copy)]
struct Half<'a> {
    key: &'a [u8],
    salt: &'a [u8],
}

/// The two directions of a connection: what we send, and what we get of reports.
pub fn split(material: &Material) -> Result<(Sealer, Opener), SrtpError> {
    let (ours, theirs) = material.directions()?;
    let ours = Derivation::new(ours.key, ours.salt)?;
    let theirs = Derivation::new(theirs.key, theirs.salt)?;
    let profile = material.profile;
    let media = Cipher::new(profile, &ours, Label::Rtp)?;
    let reports = Cipher::new(profile, &ours, Label::Rtcp)?;
    let incoming = Cipher::new(profile, &theirs, Label::Rtcp)?;
    Ok((
        Sealer::new(profile, media, reports),
        Opener::new(profile, incoming),
    ))
}

/// What a client gets of media.
pub fn media(material: &Material) -> Result<MediaOpener, SrtpError> {
    let (_, theirs) = material.directions()?;
    let theirs = Derivation::new(theirs.key, theirs.salt)?;
    let incoming = Cipher::new(material.profile, &theirs, Label::Rtp)?;
    Ok(MediaOpener::new(material.profile, incoming))
}
