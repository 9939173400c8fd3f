//! The HTTP resource that stands for a peer (RFC 9725), and its name.

use std::fmt;
use std::sync::Arc;

use auth::bearer;
use model::{ConnectionId, Grant, ParticipantId, StageArn};

use crate::placement::Seat;

/// The name of a session: 128 random bits, hard to guess (RFC 9725, section 5).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey(u128);

impl SessionKey {
    /// A key from 16 random bytes.
    pub(crate) fn from_random(random: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(random))
    }

    /// Reads the form that `Display` writes, and no other.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 32 && text.bytes().all(is_hex))
            .then(|| u128::from_str_radix(text, 16).ok().map(Self))
            .flatten()
    }
}

impl fmt::Debug for SessionKey {
    /// Shows nothing: a key in a log would be a session's URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What a session resource is about.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The peer.
    pub(crate) connection: ConnectionId,
    /// The worker that owns it.
    pub(crate) worker: usize,
    /// Whose it is.
    pub(crate) stage: StageArn,
    /// Whose it is.
    pub(crate) participant: ParticipantId,
    /// The token that opened it. It goes on being good for the session, whatever becomes of the key that signed it.
    pub(crate) token: bearer::Key,
    /// Names its ICE session (RFC 9725, section 4.3.1), with quotes.
    pub(crate) etag: String,
    /// Whose media it gets, if it is a subscription.
    pub(crate) publisher: Option<ConnectionId>,
    /// The `mid` of the section that carries video to it, once it is answered.
    pub(crate) video_mid: Option<String>,
    /// Its place on the worker, if it is a subscription.
    #[expect(dead_code, reason = "it is given up by its drop")]
    pub(crate) seat: Option<Arc<Seat>>,
}

impl Session {
    /// Whether the token was given to the participant that made the session.
    pub(crate) fn is_of(&self, grant: &Grant) -> bool {
        self.stage == grant.stage && self.participant == grant.participant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_names_read_back_only_as_written() {
        let key = SessionKey::from_random([0xab; 16]);
        assert!(SessionKey::parse(&key.to_string()) == Some(key));
        for text in [
            "",
            "ab",
            &"AB".repeat(16),
            &"+a".repeat(16),
            &"ab".repeat(17),
        ] {
            assert!(SessionKey::parse(text).is_none(), "{text}");
        }
    }
}
