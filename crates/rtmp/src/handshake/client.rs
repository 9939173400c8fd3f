//! The handshake of the end that calls.

use crate::{Fault, HANDSHAKE_RANDOM_BYTES};

use super::digest::{self, DIGEST, Scheme, Signer};
use super::{BLOCK, Block, VERSION, first_block};

/// Said in C1 of a signed handshake: some version of Flash Player.
const SIGNED_VERSION: [u8; 4] = [9, 0, 124, 2];

/// Sends C0 and C1, waits for S0, S1 and S2, and answers C2.
pub(crate) struct Client {
    received: Vec<u8>,
    /// The digest of C1, where it was signed.
    digest: Option<[u8; DIGEST]>,
}

impl Client {
    /// Begins without a signature.
    pub(crate) fn new(random: &[u8; HANDSHAKE_RANDOM_BYTES], to: &mut Vec<u8>) -> Self {
        Self::with(&first_block([0; 4], random), None, to)
    }

    /// Begins with a signature.
    pub(crate) fn signed(
        scheme: Scheme,
        random: &[u8; HANDSHAKE_RANDOM_BYTES],
        to: &mut Vec<u8>,
    ) -> Self {
        let mut c1 = first_block(SIGNED_VERSION, random);
        let digest = scheme.seal(&mut c1, Signer::Client);
        Self::with(&c1, Some(digest), to)
    }

    fn with(c1: &Block, digest: Option<[u8; DIGEST]>, to: &mut Vec<u8>) -> Self {
        to.push(VERSION);
        to.extend(c1);
        Self {
            received: Vec::new(),
            digest,
        }
    }

    /// Takes from the front of `bytes`, and says whether the handshake is over.
    pub(crate) fn receive(&mut self, bytes: &mut &[u8], to: &mut Vec<u8>) -> Result<bool, Fault> {
        let wanted = (1 + 2 * BLOCK).saturating_sub(self.received.len());
        let (taken, rest) = bytes.split_at(wanted.min(bytes.len()));
        self.received.extend_from_slice(taken);
        *bytes = rest;
        let Some((version, blocks)) = self.received.split_first() else {
            return Ok(false);
        };
        if *version != VERSION {
            return Err(Fault::Version(*version));
        }
        let Some((s1, s2)) = blocks.split_first_chunk::<BLOCK>() else {
            return Ok(false);
        };
        let Ok(s2) = s2.try_into() else {
            return Ok(false);
        };
        let mut c2 = *s1;
        if let Some(digest) = &self.digest {
            if !digest::is_answer(s2, Signer::Server, digest) {
                return Err(Fault::Signature);
            }
            let (_, theirs) = digest::find(s1, Signer::Server).ok_or(Fault::Signature)?;
            digest::seal_answer(&mut c2, Signer::Client, &theirs);
        }
        to.extend(c2);
        Ok(true)
    }
}
