//! Packet indices (RFC 3711 section 3.3.1), each given out once.

use super::SrtpError;
use super::window::Window;

/// An index is a roll-over counter of 32 bits and a sequence number of 16.
const INDEX_END: u64 = 1 << 48;

/// The right to seal one packet.
#[derive(Debug)]
pub struct Ticket {
    ssrc: u32,
    index: u64,
}

impl Ticket {
    /// The packet's sequence number: the low 16 bits of its index.
    pub fn sequence(&self) -> u16 {
        (self.index & 0xffff) as u16
    }

    /// Takes the ticket away; the packet has to be the one that it is for.
    pub(super) fn redeem(self, header: &[u8]) -> Result<(u32, u64), SrtpError> {
        let sequence = header.get(2..4) == Some(&self.sequence().to_be_bytes());
        let source = header.get(8..12) == Some(&self.ssrc.to_be_bytes());
        if sequence && source {
            Ok((self.ssrc, self.index))
        } else {
            Err(SrtpError::Packet)
        }
    }
}

/// The indices of one source.
#[derive(Debug)]
pub struct Indices {
    ssrc: u32,
    claimed: Window,
}

impl Indices {
    /// Only a sealer makes them, one for a source.
    pub(super) fn new(ssrc: u32) -> Self {
        Self {
            ssrc,
            claimed: Window::default(),
        }
    }

    /// The ticket for an index; `None` if it was given out, is too old to know, or is none.
    ///
    /// A receiver follows a step forward of up to 2^15; the first index has to be below 2^16.
    pub fn claim(&mut self, index: u64) -> Option<Ticket> {
        (index < INDEX_END && self.claimed.take(index)).then_some(Ticket {
            ssrc: self.ssrc,
            index,
        })
    }
}
