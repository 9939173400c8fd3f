//! Whose datagram it is: by remote address, and for connectivity checks by user name.
//!
//! An address belongs to a peer only after a check from it has proved to know the peer's ICE password; whatever comes from
//! any other address is dropped unanswered. Both look-ups cost the same with one peer and with ten thousand.

use std::collections::HashMap;
use std::net::SocketAddr;

use model::ConnectionId;

use crate::io::Transport;

/// Where a datagram came from.
pub(crate) type Remote = (Transport, SocketAddr);

/// Both maps.
#[derive(Debug, Default)]
pub(crate) struct Demux {
    by_remote: HashMap<Remote, ConnectionId>,
    by_ufrag: HashMap<String, ConnectionId>,
}

impl Demux {
    pub(crate) fn of_remote(&self, remote: Remote) -> Option<ConnectionId> {
        self.by_remote.get(&remote).copied()
    }

    pub(crate) fn of_ufrag(&self, ufrag: &str) -> Option<ConnectionId> {
        self.by_ufrag.get(ufrag).copied()
    }

    /// Gives the address to the peer; gives back whose it was.
    pub(crate) fn bind(
        &mut self,
        remote: Remote,
        connection: ConnectionId,
    ) -> Option<ConnectionId> {
        self.by_remote.insert(remote, connection)
    }

    /// Frees the address if it is the peer's.
    pub(crate) fn unbind(&mut self, remote: Remote, connection: ConnectionId) {
        if self.by_remote.get(&remote) == Some(&connection) {
            self.by_remote.remove(&remote);
        }
    }

    pub(crate) fn name(&mut self, ufrag: &str, connection: ConnectionId) {
        self.by_ufrag.insert(ufrag.to_owned(), connection);
    }

    pub(crate) fn unname(&mut self, ufrag: &str) {
        self.by_ufrag.remove(ufrag);
    }
}

/// What a datagram is by its first byte (RFC 7983 section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class<'a> {
    /// A STUN binding request; the part of its user name that names the receiver.
    Check {
        /// The receiver's user name fragment.
        ufrag: &'a str,
    },
    /// DTLS.
    Handshake,
    /// SRTP or SRTCP.
    Media,
    /// Anything else.
    Unknown,
}

const BINDING_REQUEST: [u8; 2] = [0, 1];
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const USERNAME: [u8; 2] = [0, 6];

/// Looks at a datagram without copying any of it.
pub(crate) fn classify(contents: &[u8]) -> Class<'_> {
    match contents.first() {
        Some(20..=63) => Class::Handshake,
        Some(128..=191) => Class::Media,
        Some(0) => check(contents).map_or(Class::Unknown, |ufrag| Class::Check { ufrag }),
        _ => Class::Unknown,
    }
}

/// The receiver's part of USERNAME in a binding request (RFC 8489 sections 5 and 14.3, RFC 8445 section 7.2.2).
fn check(contents: &[u8]) -> Option<&str> {
    let (header, mut attributes) = contents.split_first_chunk::<20>()?;
    let (kind, rest) = header.split_first_chunk::<2>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    if *kind != BINDING_REQUEST
        || usize::from(u16::from_be_bytes(*length)) != attributes.len()
        || !rest.starts_with(&MAGIC_COOKIE)
    {
        return None;
    }
    while let Some((kind, rest)) = attributes.split_first_chunk::<2>() {
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let value = rest.get(..length)?;
        if *kind == USERNAME {
            let (receiver, _) = std::str::from_utf8(value).ok()?.split_once(':')?;
            return Some(receiver);
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}
