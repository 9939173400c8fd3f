//! Transport-wide feedback: when each packet of a connection came
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).

use std::time::Instant;

use super::rtcp;

/// Packets told of in one message, at most.
const SPAN_MAX: u64 = 1_000;
/// Numbers begin here, so that one may be lower than the first.
const FIRST: u64 = 1 << 16;
/// A difference is a count of these.
const TICK_US: u64 = 250;
/// Ticks of the unit of a reference time, 64 ms.
const REFERENCE_TICKS: u64 = 256;
/// Packets of one chunk that says the same of each, at most.
const RUN_MAX: usize = 0x1fff;
/// Packets of one chunk that says something of each.
const VECTOR: usize = 7;

const LOST: u8 = 0;
const SMALL: u8 = 1;
const LARGE: u8 = 2;

/// What has come and was not told yet.
#[derive(Debug)]
pub(super) struct Arrivals {
    start: Instant,
    highest: Option<u64>,
    /// The first number that nothing was told of.
    next: u64,
    /// Numbers, and ticks since the start.
    came: Vec<(u64, u64)>,
    /// Counts messages.
    number: u8,
    symbols: Vec<u8>,
}

impl Arrivals {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            highest: None,
            next: FIRST,
            came: Vec::new(),
            number: 0,
            symbols: Vec::new(),
        }
    }

    /// Whether there is nothing to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.came.is_empty()
    }

    /// Takes note of a packet.
    pub(super) fn note(&mut self, sequence: u16, now: Instant) {
        let number = match self.highest {
            None => {
                self.next = FIRST + u64::from(sequence);
                self.next
            }
            Some(highest) => {
                let step = sequence
                    .wrapping_sub((highest & 0xffff) as u16)
                    .cast_signed();
                highest.saturating_add_signed(step.into())
            }
        };
        self.highest = self.highest.max(Some(number));
        let passed = now.saturating_duration_since(self.start).as_micros();
        let ticks = u64::try_from(passed).unwrap_or(u64::MAX) / TICK_US;
        self.came.push((number, ticks));
    }

    /// Writes a message about what was not told yet; there may be more afterwards.
    pub(super) fn tell(&mut self, out: &mut Vec<u8>, ssrc: u32) {
        self.came.sort_unstable();
        self.came.dedup_by_key(|(number, _)| *number);
        let Some(&(first, begin)) = self.came.first() else {
            return;
        };
        // What is missing before the first is lost; a late one is told of alone, since its neighbours were.
        let is_late = first < self.next;
        let base = if is_late || first - self.next >= SPAN_MAX {
            first
        } else {
            self.next
        };
        let reference = begin / REFERENCE_TICKS;
        let mut before = reference * REFERENCE_TICKS;
        let mut expected = base;
        let mut told = 0;
        let mut deltas: Vec<u8> = Vec::with_capacity(self.came.len() * 2);
        self.symbols.clear();
        for &(number, ticks) in &self.came {
            let step = i64::try_from(ticks).unwrap_or(0) - i64::try_from(before).unwrap_or(0);
            let Ok(large) = i16::try_from(step) else {
                break;
            };
            if number - base >= SPAN_MAX || (is_late && number != expected) {
                break;
            }
            while expected < number {
                self.symbols.push(LOST);
                expected += 1;
            }
            if let Ok(small) = u8::try_from(step) {
                self.symbols.push(SMALL);
                deltas.push(small);
            } else {
                self.symbols.push(LARGE);
                deltas.extend(large.to_be_bytes());
            }
            before = ticks;
            expected = number + 1;
            told += 1;
        }
        self.came.drain(..told);
        self.next = self.next.max(expected);
        let (symbols, number) = (&self.symbols, self.number);
        self.number = self.number.wrapping_add(1);
        rtcp::feedback(out, ssrc, |out| {
            out.extend(((base & 0xffff) as u16).to_be_bytes());
            out.extend(u16::try_from(symbols.len()).unwrap_or(0).to_be_bytes());
            // 24 bits, which wrap after twelve days.
            let [.., a, b, c] = reference.to_be_bytes();
            out.extend([a, b, c, number]);
            push_chunks(out, symbols);
            out.extend(deltas);
        });
    }
}

fn push_chunks(out: &mut Vec<u8>, mut symbols: &[u8]) {
    while let Some(&first) = symbols.first() {
        let run = symbols.iter().take(RUN_MAX);
        let run = run.take_while(|symbol| **symbol == first).count();
        let (chunk, length) = if run >= VECTOR || run == symbols.len() {
            let length = u16::try_from(run).unwrap_or(0);
            (u16::from(first) << 13 | length, run)
        } else {
            let mut chunk = 0b11;
            for place in 0..VECTOR {
                chunk = chunk << 2 | u16::from(symbols.get(place).copied().unwrap_or(LOST));
            }
            (chunk, VECTOR.min(symbols.len()))
        };
        out.extend(chunk.to_be_bytes());
        symbols = symbols.get(length..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock;

    /// What is told of so many packets, of which some come late or not at all: numbers, and microseconds since the first.
    fn told(arrivals: &mut Arrivals) -> Vec<u8> {
        let mut out = Vec::new();
        arrivals.tell(&mut out, 7);
        let words = usize::from(u16::from_be_bytes([out[2], out[3]]));
        assert_eq!(out.len(), (words + 1) * 4);
        assert_eq!(out[1..2], [205]);
        assert_eq!(out[0] & 0x9f, 0x8f);
        assert_eq!(out[4..12], [0, 0, 0, 1, 0, 0, 0, 7]);
        out[12..].to_vec()
    }

    #[test]
    fn packets_that_came_and_those_that_did_not_are_told_of_once() {
        let start = clock::now();
        let at = |us| start + Duration::from_micros(us);
        let mut arrivals = Arrivals::new(start);
        for (sequence, us) in [
            (65_534, 64_000),
            (65_535, 64_500),
            (1, 65_000),
            (2, 200_000),
        ] {
            arrivals.note(sequence, at(us));
        }
        // Small, small, lost, small, large: a vector. 0, 2, 2, and 540 ticks. One byte of padding.
        let expected = [
            0xff,
            0xfe,
            0,
            5,
            0,
            0,
            1,
            0,
            0b1101_0100,
            0b0110_0000,
            0,
            2,
            2,
            0x02,
            0x1c,
            1,
        ];
        assert_eq!(told(&mut arrivals), expected);
        assert!(arrivals.is_empty());
        // The lost one comes after all, behind it a gap.
        arrivals.note(0, at(256_000));
        arrivals.note(4, at(256_250));
        let expected = [0, 0, 0, 1, 0, 0, 4, 1, 0x20, 1, 0, 1];
        assert_eq!(told(&mut arrivals), expected);
        let expected = [0, 3, 0, 2, 0, 0, 4, 2, 0b1100_0100, 0, 1, 1];
        assert_eq!(told(&mut arrivals), expected);
        assert!(arrivals.is_empty());
    }

    #[test]
    fn long_runs_take_one_chunk_and_long_pauses_another_message() {
        let start = clock::now();
        let mut arrivals = Arrivals::new(start);
        for sequence in 0..20 {
            arrivals.note(sequence, start);
        }
        arrivals.note(20, start + Duration::from_secs(9));
        assert_eq!(told(&mut arrivals)[8..10], [0x20, 20]);
        assert!(!arrivals.is_empty());
        assert_eq!(told(&mut arrivals)[..4], [0, 20, 0, 1]);
        assert!(arrivals.is_empty());
    }
}
