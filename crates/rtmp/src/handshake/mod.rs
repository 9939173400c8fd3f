//! The handshake: three blocks each way, of which nothing is kept.

mod client;
mod digest;
mod server;

pub(crate) use client::Client;
pub use digest::Scheme;
pub(crate) use server::Server;

/// The version of RTMP; anything else is not spoken.
const VERSION: u8 = 3;
/// Bytes of C1, C2, S1 and S2.
const BLOCK: usize = 1_536;

/// One of C1, C2, S1 and S2.
type Block = [u8; BLOCK];

/// A time, a version, and chance: the first block of an end.
fn first_block(version: [u8; 4], random: &[u8; crate::HANDSHAKE_RANDOM_BYTES]) -> Block {
    let mut block = [0; BLOCK];
    // The time stays zero: no end makes anything of it.
    let bytes = [0; 4].iter().chain(&version).chain(random);
    for (to, from) in block.iter_mut().zip(bytes) {
        *to = *from;
    }
    block
}
