//! Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).

use super::word;
use crate::arrival::Arrival;

/// Unit of a reference time.
const REFERENCE_US: i64 = 64_000;
/// Unit of a difference of times.
const DELTA_US: i64 = 250;

/// When a run of packets has arrived.
#[derive(Clone, Debug)]
pub(crate) struct TransportFeedback<'a> {
    base: u16,
    count: u16,
    reference: i64,
    number: u8,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl<'a> TransportFeedback<'a> {
    /// `None` unless it holds all that it announces.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (range, rest) = word(bytes)?;
        let (time, rest) = word(rest)?;
        let [a, b, c, d] = range.to_be_bytes();
        let [.., number] = time.to_be_bytes();
        let count = u16::from_be_bytes([c, d]);
        let (chunks, needed) = extent(rest, usize::from(count))?;
        let (chunks, deltas) = rest.split_at_checked(chunks)?;
        Some(Self {
            base: u16::from_be_bytes([a, b]),
            count,
            // A number of 24 bits, with a sign.
            reference: i64::from(time.cast_signed() >> 8) * REFERENCE_US,
            number,
            chunks,
            deltas: deltas.get(..needed)?,
        })
    }

    /// Counts the reports, so that a lost one is seen.
    pub(crate) fn number(&self) -> u8 {
        self.number
    }

    /// The first packet that is told of, and the one after the last.
    pub(crate) fn range(&self) -> (u16, u16) {
        (self.base, self.base.wrapping_add(self.count))
    }

    /// Of each packet, in the order of their numbers.
    pub(crate) fn arrivals(&self) -> impl Iterator<Item = Arrival> + use<'a> {
        Arrivals {
            sequence: self.base,
            left: self.count,
            time: self.reference,
            chunk: Chunk::EMPTY,
            chunks: self.chunks,
            deltas: self.deltas,
        }
    }
}

/// How many bytes the chunks for so many packets take, and their differences after these.
fn extent(bytes: &[u8], count: usize) -> Option<(usize, usize)> {
    let (mut left, mut chunks, mut needed) = (count, 0, 0);
    let mut rest = bytes;
    while left > 0 {
        let (chunk, after) = Chunk::read(rest)?;
        needed += chunk.needed(left)?;
        left = left.saturating_sub(chunk.packets());
        chunks += 2;
        rest = after;
    }
    Some((chunks, needed))
}

/// What is said of some packets that follow each other.
#[derive(Clone, Copy, Debug)]
enum Chunk {
    /// The same symbol so many times.
    Run { symbol: u8, length: u16 },
    /// So many symbols of so many bits each, the first one topmost in 14 bits.
    Vector { symbols: u16, bits: u8, length: u8 },
}

/// Nothing has arrived.
const LOST: u8 = 0;
/// It has, by a difference of one byte.
const SMALL: u8 = 1;
/// It has, by a difference of two bytes with a sign.
const LARGE: u8 = 2;

impl Chunk {
    const EMPTY: Self = Self::Run {
        symbol: LOST,
        length: 0,
    };

    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (chunk, rest) = bytes.split_first_chunk()?;
        let chunk = u16::from_be_bytes(*chunk);
        let symbols = chunk & 0x3fff;
        let chunk = match chunk >> 14 {
            0b10 => Self::Vector {
                symbols,
                bits: 1,
                length: 14,
            },
            0b11 => Self::Vector {
                symbols,
                bits: 2,
                length: 7,
            },
            _ => Self::Run {
                symbol: (chunk >> 13 & 0b11) as u8,
                length: chunk & 0x1fff,
            },
        };
        Some((chunk, rest))
    }

    fn packets(self) -> usize {
        match self {
            Self::Run { length, .. } => usize::from(length),
            Self::Vector { length, .. } => usize::from(length),
        }
    }

    /// Bytes of the differences of the first so many packets; `None` if a symbol is not in use.
    fn needed(self, packets: usize) -> Option<usize> {
        if let Self::Run { symbol, length } = self {
            return Some(size(symbol)? * packets.min(usize::from(length)));
        }
        let mut chunk = self;
        let mut needed = 0;
        for _ in 0..packets {
            let Some(symbol) = chunk.next() else {
                break;
            };
            needed += size(symbol)?;
        }
        Some(needed)
    }

    fn next(&mut self) -> Option<u8> {
        match self {
            Self::Run { symbol, length } => {
                *length = length.checked_sub(1)?;
                Some(*symbol)
            }
            Self::Vector {
                symbols,
                bits,
                length,
            } => {
                *length = length.checked_sub(1)?;
                let [_, symbol] = (*symbols >> (14 - *bits)).to_be_bytes();
                *symbols = (*symbols << *bits) & 0x3fff;
                Some(symbol)
            }
        }
    }
}

fn size(symbol: u8) -> Option<usize> {
    match symbol {
        LOST => Some(0),
        SMALL => Some(1),
        LARGE => Some(2),
        _ => None,
    }
}

struct Arrivals<'a> {
    sequence: u16,
    left: u16,
    /// Of the last packet that has arrived.
    time: i64,
    chunk: Chunk,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl Arrivals<'_> {
    fn symbol(&mut self) -> Option<u8> {
        loop {
            if let Some(symbol) = self.chunk.next() {
                return Some(symbol);
            }
            (self.chunk, self.chunks) = Chunk::read(self.chunks)?;
        }
    }

    fn delta(&mut self, symbol: u8) -> Option<i64> {
        let delta;
        (delta, self.deltas) = if symbol == SMALL {
            let (delta, rest) = self.deltas.split_first()?;
            (i64::from(*delta), rest)
        } else {
            let (delta, rest) = self.deltas.split_first_chunk()?;
            (i64::from(i16::from_be_bytes(*delta)), rest)
        };
        Some(delta)
    }
}

impl Iterator for Arrivals<'_> {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        self.left = self.left.checked_sub(1)?;
        let symbol = self.symbol()?;
        let mut received = None;
        if symbol != LOST {
            self.time += self.delta(symbol)? * DELTA_US;
            received = Some(self.time);
        }
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        Some(Arrival { sequence, received })
    }
}
