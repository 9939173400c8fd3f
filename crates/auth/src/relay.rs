//! Time-limited credentials of relays (TURN), as coturn's `use-auth-secret` takes them and draft-uberti-behave-turn-rest-00
//! describes them: a relay and this server share one secret, and never speak to each other about who may come in.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use model::ParticipantId;

/// The secret that a relay shares with us.
#[derive(Clone)]
pub struct SharedSecret(Box<hmac::Key>);

impl std::fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

/// A user name and its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `expiry:participant`, the expiry in seconds of Unix time.
    pub username: String,
    /// HMAC-SHA1 of the user name, in base64.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl SharedSecret {
    /// The secret of this text.
    pub fn new(text: &str) -> Self {
        // SHA-1 is what relays compute. As a MAC it is not touched by the collisions that are known of it (RFC 6194 section 3.3).
        Self(Box::new(hmac::Key::new(
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            text.as_bytes(),
        )))
    }

    /// What lets that participant use the relay until `expiry`.
    pub fn credentials(&self, participant: &ParticipantId, expiry: Timestamp) -> Credentials {
        let username = format!("{}:{}", expiry.as_second(), participant.as_str());
        let tag = hmac::sign(&self.0, username.as_bytes());
        Credentials {
            password: STANDARD.encode(tag.as_ref()),
            username,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Computed with `printf 1700000000:ana | openssl dgst -sha1 -hmac north -binary | base64`.
    #[test]
    fn credentials_are_what_a_relay_computes() {
        let ana = ParticipantId::parse("ana").unwrap();
        let expiry = Timestamp::from_second(1_700_000_000).unwrap();
        let credentials = SharedSecret::new("north").credentials(&ana, expiry);
        assert_eq!(credentials.username, "1700000000:ana");
        assert_eq!(credentials.password, "/V6vMibmvRAPIMy3tyPu2GxFkDI=");
    }

    #[test]
    fn neither_secret_nor_password_is_shown() {
        let secret = SharedSecret::new("hunter2");
        let ana = ParticipantId::parse("ana").unwrap();
        let credentials = secret.credentials(&ana, Timestamp::UNIX_EPOCH);
        let shown = format!("{secret:?} {credentials:?}");
        assert!(!shown.contains("hunter2") && !shown.contains(&credentials.password));
    }
}
