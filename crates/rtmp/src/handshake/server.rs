//! The handshake of the end that was called.

use crate::{Fault, HANDSHAKE_RANDOM_BYTES};

use super::digest::{self, Signer};
use super::{BLOCK, Block, VERSION, first_block};

/// Said in S1 of a signed handshake; the version of a server that signs.
const SIGNED_VERSION: [u8; 4] = [4, 5, 0, 1];

/// Type of the record that a TLS client begins with (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// Waits for C0, C1 and C2, and answers S0, S1 and S2 when C1 is whole.
pub(crate) struct Server {
    random: Box<[u8; HANDSHAKE_RANDOM_BYTES]>,
    /// Of C0 and C1, what has come.
    received: Vec<u8>,
    /// Bytes of C2 that have not come, once C1 has.
    missing: Option<usize>,
}

impl Server {
    pub(crate) fn new(random: Box<[u8; HANDSHAKE_RANDOM_BYTES]>) -> Self {
        Self {
            random,
            received: Vec::new(),
            missing: None,
        }
    }

    /// Takes from the front of `bytes`, and says whether the handshake is over.
    pub(crate) fn receive(&mut self, bytes: &mut &[u8], to: &mut Vec<u8>) -> Result<bool, Fault> {
        if self.missing.is_none() {
            let wanted = (1 + BLOCK).saturating_sub(self.received.len());
            let (taken, rest) = bytes.split_at(wanted.min(bytes.len()));
            self.received.extend_from_slice(taken);
            *bytes = rest;
            let Some((version, block)) = self.received.split_first() else {
                return Ok(false);
            };
            match *version {
                VERSION => {}
                // RTMPE, RTMPE with XTEA, and with Blowfish.
                6 | 8 | 9 => return Err(Fault::Encrypted(*version)),
                TLS_HANDSHAKE => return Err(Fault::Tls),
                b'A'..=b'Z' => return Err(Fault::Http),
                other => return Err(Fault::Version(other)),
            }
            let Ok(block) = block.try_into() else {
                return Ok(false);
            };
            self.answer(block, to);
            self.received = Vec::new();
            self.missing = Some(BLOCK);
        }
        // C2 says nothing that is of use: encoders fill it with what they like.
        let missing = self.missing.unwrap_or_default();
        let (taken, rest) = bytes.split_at(missing.min(bytes.len()));
        *bytes = rest;
        self.missing = Some(missing - taken.len());
        Ok(missing == taken.len())
    }

    fn answer(&self, c1: &Block, to: &mut Vec<u8>) {
        let (s1, s2) = if let Some((scheme, digest)) = digest::find(c1, Signer::Client) {
            let mut s1 = first_block(SIGNED_VERSION, &self.random);
            scheme.seal(&mut s1, Signer::Server);
            let mut s2 = first_block([0; 4], &self.random);
            digest::seal_answer(&mut s2, Signer::Server, &digest);
            (s1, s2)
        } else {
            (first_block([0; 4], &self.random), *c1)
        };
        to.push(VERSION);
        to.extend(s1);
        to.extend(s2);
    }
}
