//! One stream of a viewer: what is missing and asked for, and what reports say of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::rtcp::{self, Block};

/// What is asked for again while it does not come: about two round trips, as one is not known.
const ASK_INTERVAL: Duration = Duration::from_millis(50);
/// How often a packet is asked for.
const ASKS_MAX: u8 = 10;
/// What has not come so long after it was asked for the last time does not come any more.
const GIVING_UP: Duration = Duration::from_millis(500);
/// Missing packets that are kept in mind, the newest.
const MISSING_MAX: usize = 1_000;
/// A jump of numbers beyond this is a stream that begins anew, not a gap.
const JUMP_MAX: u64 = 3_000;

/// See above.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) ssrc: u32,
    pub(super) payload_type: u8,
    clock_rate: u64,
    is_nacked: bool,
    base: u64,
    highest: u64,
    /// Without retransmissions.
    received: u64,
    /// Expected and received at the last report.
    before: (u64, u64),
    missing: BTreeMap<u64, Missing>,
    /// Since the last time of asking, something is missing that was not asked for.
    has_new_gap: bool,
    transit: Option<u32>,
    /// In sixteenths.
    jitter: u64,
    sender: Option<(u32, Instant)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Missing {
    asked: Option<Instant>,
    asks: u8,
}

impl Stream {
    pub(super) fn new(
        ssrc: u32,
        payload_type: u8,
        clock_rate: u64,
        is_nacked: bool,
        first: u64,
    ) -> Self {
        Self {
            ssrc,
            payload_type,
            clock_rate,
            is_nacked,
            base: first,
            highest: first.saturating_sub(1),
            received: 0,
            before: (0, 0),
            missing: BTreeMap::new(),
            has_new_gap: false,
            transit: None,
            jitter: 0,
            sender: None,
        }
    }

    /// Takes a packet of the stream itself; says whether it is new.
    pub(super) fn take(&mut self, index: u64, timestamp: u32, passed: Duration) -> bool {
        self.received += 1;
        self.time(timestamp, passed);
        if index <= self.highest {
            return self.missing.remove(&index).is_some();
        }
        if index - self.highest > JUMP_MAX {
            self.missing.clear();
        } else {
            for lost in self.highest + 1..index {
                self.missing.insert(lost, Missing::default());
                self.has_new_gap = true;
            }
            while self.missing.len() > MISSING_MAX {
                self.missing.pop_first();
            }
        }
        self.highest = index;
        true
    }

    /// Takes a packet that was sent again, by its sequence number; gives its index if it was missing.
    pub(super) fn take_again(&mut self, sequence: u16) -> Option<u64> {
        let step = sequence.wrapping_sub((self.highest & 0xffff) as u16);
        let index = self.highest.checked_add_signed(step.cast_signed().into())?;
        self.missing.remove(&index).map(|_| index)
    }

    /// Jitter (RFC 3550 appendix A.8).
    fn time(&mut self, timestamp: u32, passed: Duration) {
        let arrival = passed.as_nanos() * u128::from(self.clock_rate) / 1_000_000_000;
        // Both wrap, and only differences count.
        let transit = ((arrival & 0xffff_ffff) as u32).wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let step = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            self.jitter = (self.jitter + u64::from(step)).saturating_sub((self.jitter + 8) >> 4);
        }
    }

    /// Takes note of a sender report.
    pub(super) fn sender_report(&mut self, time: u32, now: Instant) {
        self.sender = Some((time, now));
    }

    /// When it wants to ask for something; the next time counts for all that is missing.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        if !self.is_nacked || self.missing.is_empty() {
            return None;
        }
        Some(if self.has_new_gap {
            now
        } else {
            now + ASK_INTERVAL / 4
        })
    }

    /// The numbers that are to be asked for now.
    pub(super) fn ask(&mut self, now: Instant, numbers: &mut Vec<u16>) {
        numbers.clear();
        self.has_new_gap = false;
        if !self.is_nacked {
            return;
        }
        for (index, missing) in &mut self.missing {
            let is_due = missing
                .asked
                .is_none_or(|asked| rtcp::since(asked, now) >= ASK_INTERVAL);
            if is_due && missing.asks < ASKS_MAX {
                missing.asked = Some(now);
                missing.asks += 1;
                numbers.push((index & 0xffff) as u16);
            }
        }
        self.missing.retain(|_, missing| {
            missing.asks < ASKS_MAX
                || missing
                    .asked
                    .is_none_or(|asked| rtcp::since(asked, now) < GIVING_UP)
        });
    }

    /// What a report says of it.
    pub(super) fn block(&mut self, now: Instant) -> Block {
        let expected = (self.highest + 1).saturating_sub(self.base);
        let (expected_before, received_before) = self.before;
        self.before = (expected, self.received);
        let window = expected.saturating_sub(expected_before);
        let lost = window.saturating_sub(self.received - received_before);
        let share = (lost * 256).checked_div(window).unwrap_or(0).min(255);
        let lost = expected.saturating_sub(self.received).min(0x007f_ffff);
        Block {
            ssrc: self.ssrc,
            fraction_lost: u8::try_from(share).unwrap_or(u8::MAX),
            lost: u32::try_from(lost).unwrap_or(0),
            highest: (self.highest & 0xffff_ffff) as u32,
            jitter: u32::try_from(self.jitter >> 4).unwrap_or(u32::MAX),
            sender: self.sender.map(|(time, at)| (time, rtcp::since(at, now))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_is_missing_is_asked_for_at_once_again_later_and_not_for_ever() {
        let start = clock::now();
        let mut stream = Stream::new(7, 108, 90_000, true, 65_534);
        let mut numbers = Vec::new();
        assert!(stream.take(65_534, 0, MS));
        assert_eq!(stream.due(start), None);
        assert!(stream.take(65_537, 0, MS));
        assert_eq!(stream.due(start), Some(start));
        stream.ask(start, &mut numbers);
        assert_eq!(numbers, [65_535, 0]);
        stream.ask(start + MS, &mut numbers);
        assert_eq!(numbers, [0; 0]);
        assert_eq!(stream.take_again(0), Some(65_536));
        assert_eq!(stream.take_again(0), None);
        assert!(!stream.take(65_536, 0, MS), "it came again already");
        let mut asks = 1;
        for step in 1..100 {
            stream.ask(start + MS * step * 50, &mut numbers);
            asks += numbers.len();
        }
        assert_eq!(asks, usize::from(ASKS_MAX));
        assert_eq!(stream.due(start), None, "it is given up");
    }

    #[test]
    fn a_stream_that_begins_anew_misses_nothing() {
        let now = clock::now();
        let mut stream = Stream::new(7, 108, 90_000, true, 1);
        assert!(stream.take(1, 0, MS));
        assert!(stream.take(20_000, 0, MS));
        assert_eq!(stream.due(now), None);
        let mut deaf = Stream::new(8, 111, 48_000, false, 1);
        assert!(deaf.take(1, 0, MS) && deaf.take(4, 0, MS));
        assert_eq!(deaf.due(now), None);
    }

    #[test]
    fn reports_have_the_loss_since_the_last_one_and_in_all() {
        let now = clock::now();
        let mut stream = Stream::new(7, 108, 90_000, true, 1);
        // Half comes, each 10 ms late by one more than the one before.
        for index in [1_u32, 3, 5, 7] {
            stream.take(index.into(), index * 900, MS * index * 10);
        }
        stream.sender_report(5, now);
        let block = stream.block(now + MS);
        assert_eq!(
            (block.fraction_lost, block.lost, block.highest),
            (109, 3, 7)
        );
        assert_eq!((block.jitter, block.sender), (0, Some((5, MS))));
        stream.take(8, 8 * 900, MS * 96);
        let block = stream.block(now);
        assert_eq!((block.fraction_lost, block.lost), (0, 3));
        assert_eq!(block.jitter, 90);
    }
}
