//! Packet indices (RFC 3711 section 3.3.1), each given out once.

use super::SrtpError;

/// How many of the newest indices may still be claimed, in any order: retransmissions and the gaps of lost packets.
const WINDOW: u64 = 2_048;
const WORDS: usize = 32;
/// An index is a roll-over counter of 32 bits and a sequence number of 16.
const INDEX_END: u64 = 1 << 48;

/// The right to seal one packet.
#[derive(Debug)]
pub(crate) struct Ticket {
    ssrc: u32,
    index: u64,
}

impl Ticket {
    /// The packet's sequence number: the low 16 bits of its index.
    pub(crate) fn sequence(&self) -> u16 {
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
pub(crate) struct Indices {
    ssrc: u32,
    /// The highest that was claimed.
    newest: Option<u64>,
    /// One bit for each of the newest, at its number modulo [`WINDOW`].
    claimed: [u64; WORDS],
}

impl Indices {
    /// Only a sealer makes them, one for a source.
    pub(super) fn new(ssrc: u32) -> Self {
        Self {
            ssrc,
            newest: None,
            claimed: [0; WORDS],
        }
    }

    /// The ticket for an index; `None` if it was given out, is too old to know, or is none.
    ///
    /// A receiver follows a step forward of up to 2^15; the first index has to be below 2^16.
    pub(crate) fn claim(&mut self, index: u64) -> Option<Ticket> {
        if index >= INDEX_END {
            return None;
        }
        match self.newest {
            Some(newest) if index <= newest => {
                if newest - index >= WINDOW {
                    return None;
                }
            }
            Some(newest) if index - newest < WINDOW => {
                for skipped in newest + 1..index {
                    let (word, bit) = self.place(skipped)?;
                    *word &= !bit;
                }
                let (word, bit) = self.place(index)?;
                *word &= !bit;
                self.newest = Some(index);
            }
            _ => {
                self.claimed = [0; WORDS];
                self.newest = Some(index);
            }
        }
        let (word, bit) = self.place(index)?;
        if *word & bit != 0 {
            return None;
        }
        *word |= bit;
        Some(Ticket {
            ssrc: self.ssrc,
            index,
        })
    }

    fn place(&mut self, index: u64) -> Option<(&mut u64, u64)> {
        let place = index % WINDOW;
        let word = usize::try_from(place / 64).ok()?;
        Some((self.claimed.get_mut(word)?, 1 << (place % 64)))
    }
}
