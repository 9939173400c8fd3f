//! An imported public key.

use model::PublicKey;
use wire::types;

/// `PublicKey`.
pub(crate) fn public_key(key: PublicKey) -> types::PublicKey {
    types::PublicKey {
        arn: Some(key.arn.to_string()),
        name: Some(key.name),
        public_key_material: Some(key.material),
        fingerprint: Some(key.fingerprint),
        tags: Some(key.tags),
    }
}

/// `PublicKeySummary`.
pub(crate) fn public_key_summary(key: PublicKey) -> types::PublicKeySummary {
    types::PublicKeySummary {
        arn: Some(key.arn.to_string()),
        name: Some(key.name),
        tags: Some(key.tags),
    }
}
