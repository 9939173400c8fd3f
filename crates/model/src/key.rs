//! Public keys with which customers sign tokens of their own, and the connection tokens that have been revoked.

use jiff::Timestamp;

use crate::{AccountId, ConnectionTokenId, PublicKeyArn, Region, Tags};

/// An imported public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Its identity, and the `kid` of tokens signed with its private half.
    pub arn: PublicKeyArn,
    /// The customer's name for it, empty if none; not unique.
    pub name: String,
    /// The PEM text as it was imported, to the last newline.
    pub material: String,
    /// The key itself: `SubjectPublicKeyInfo` in DER (RFC 5280 section 4.1). Unique in its account and region.
    pub spki: Vec<u8>,
    /// Sixteen colon-separated hex bytes.
    pub fingerprint: String,
    /// Its tags.
    pub tags: Tags,
    /// When it was imported.
    pub created: Timestamp,
}

/// A connection token that nobody may use any more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RevokedConnectionToken {
    /// Whose it is.
    pub account: AccountId,
    /// Where it was revoked.
    pub region: Region,
    /// Which one: its `jti`.
    pub id: ConnectionTokenId,
    /// When.
    pub at: Timestamp,
}
