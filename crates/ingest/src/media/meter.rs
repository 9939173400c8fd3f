//! Rates of what comes, over the last two seconds of stream time.
//!
//! Stream time and not the clock: what a network has held back comes at once, and is no more than the encoder has sent.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Over which time is averaged, in milliseconds.
const WINDOW_MS: i64 = 2_000;
/// Times are kept with this precision, in milliseconds.
const SLOT_MS: i64 = 100;

/// The rate of one source.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    slots: VecDeque<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    number: i64,
    bits: u64,
    messages: u32,
}

impl Meter {
    /// Takes a message of so many bytes.
    pub(super) fn add(&mut self, at_ms: i64, bytes: usize) {
        let number = at_ms.div_euclid(SLOT_MS);
        let bits = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(8);
        match self.slots.back_mut() {
            // Unsteady timestamps count where the newest are.
            Some(newest) if number <= newest.number => {
                newest.bits = newest.bits.saturating_add(bits);
                newest.messages = newest.messages.saturating_add(1);
            }
            _ => self.slots.push_back(Slot {
                number,
                bits,
                messages: 1,
            }),
        }
        let newest = self.slots.back().map_or(number, |newest| newest.number);
        while self
            .slots
            .front()
            .is_some_and(|oldest| oldest.number <= newest - WINDOW_MS / SLOT_MS)
        {
            self.slots.pop_front();
        }
    }

    /// Forgets everything: time has leapt.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
    }

    /// Bits in a second, as if nothing had come before the window.
    pub(super) fn bits_per_second(&self) -> u64 {
        let bits = self
            .slots
            .iter()
            .fold(0_u64, |sum, slot| sum.saturating_add(slot.bits));
        bits.saturating_mul(1_000) / WINDOW_MS.unsigned_abs()
    }

    /// Messages in a second; the newest slot is not counted, because it is not over.
    pub(super) fn messages_per_second(&self) -> f64 {
        let (Some(oldest), Some(newest)) = (self.slots.front(), self.slots.back()) else {
            return 0.0;
        };
        let slots = u32::try_from(newest.number - oldest.number).unwrap_or(u32::MAX);
        if slots == 0 {
            return 0.0;
        }
        let messages: u32 = self.slots.iter().map(|slot| slot.messages).sum();
        f64::from(messages - newest.messages) * 1_000.0 / (f64::from(slots) * 100.0)
    }
}

/// How long media may have been held back on its way, to come at once: a connection that is silent for longer is gone.
const BURST_SECONDS: u64 = 12;
/// What is counted, in millionths, so that little of it drains in microseconds.
const MILLIONTHS: u64 = 1_000_000;

/// What comes by the clock, which timestamps cannot stretch: a bucket that drains at the highest rate.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    millionths: u64,
    drained: Option<Instant>,
}

impl Flow {
    /// Takes some more. False if it is more than so much in a second even after a pause.
    pub(super) fn add(&mut self, amount: u64, per_second_max: u64, now: Instant) -> bool {
        let elapsed = self.drained.map_or(Duration::ZERO, |drained| {
            now.saturating_duration_since(drained)
        });
        self.drained = Some(now);
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        self.millionths = self
            .millionths
            .saturating_sub(per_second_max.saturating_mul(micros))
            .saturating_add(amount.saturating_mul(MILLIONTHS));
        self.millionths <= per_second_max.saturating_mul(BURST_SECONDS * MILLIONTHS)
    }
}
