//! SRTP and SRTCP without str0m (RFC 3711, 5764, 7714): of the server's subscribers, and of the load's viewers.
//!
//! [`handshake`] is the DTLS that keeps the keys of a connection back for it.
//!
//! Two packets under one key and one index would give away both (and, with GCM, the means to forge more). That an index is
//! used once is a matter of construction: [`split`] gives one [`Sealer`] for the keys, the sealer gives out the
//! [`Indices`] of a source once, these give out a [`Ticket`] for an index once, and sealing takes the ticket away.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

mod cipher;
mod derive;
pub mod handshake;
mod indices;
mod material;
mod media;
mod open;
mod seal;
#[cfg(test)]
mod tests;
mod window;

pub use indices::{Indices, Ticket};
pub use material::{Material, Profile, media, split};
pub use media::{MediaOpener, Opened};
pub use open::Opener;
pub use seal::Sealer;

/// Longest packet that is sealed or opened, in bytes: the most that a datagram holds.
const PACKET_MAX: usize = 65_535;

/// Why something was not sealed, or not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SrtpError {
    /// Keys of another length than the profile has.
    #[error("keying material of {length} bytes, and the profile wants {expected}")]
    Material {
        /// Bytes that are there.
        length: usize,
        /// Bytes that the profile has.
        expected: usize,
    },
    /// Not the packet that the ticket is for, or none at all.
    #[error("not the RTP or RTCP packet it should be")]
    Packet,
    /// All indices of the keys have been used.
    #[error("the indices of these keys are used up")]
    Exhausted,
    /// The tag is wrong, or so much is missing that there is none.
    #[error("the packet is not authentic")]
    Unauthentic,
    /// Seen before, or too old to know.
    #[error("the packet was there before, or is too old")]
    Replayed,
    /// More sources than one peer has.
    #[error("the peer has too many sources")]
    Sources,
    /// The library has refused, which its contract excludes for what it is given here.
    #[error("the cipher has failed")]
    Cipher,
}

/// Overwrites a secret that is not needed any more; as far as this is possible without `unsafe`.
fn wipe(secret: &mut [u8]) {
    secret.fill(0);
    // The compiler has to believe that somebody looks at it.
    std::hint::black_box(secret);
}
