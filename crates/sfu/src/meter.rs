//! A bitrate over a sliding window.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many parts the window is counted in: it slides by a twentieth of itself.
const PARTS: u32 = 20;

/// Bytes of the last window.
#[derive(Debug)]
pub(crate) struct Meter {
    window: Duration,
    parts: VecDeque<(Instant, u64)>,
    bytes: u64,
}

impl Meter {
    pub(crate) fn new(window: Duration) -> Self {
        Self {
            window: window.max(Duration::from_millis(1)),
            parts: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Counts bytes and gives the average in bits per second. Before the first window is full this is an underestimate.
    pub(crate) fn add(&mut self, bytes: usize, now: Instant) -> u64 {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        while let Some((begin, part)) = self.parts.front().copied() {
            if now.saturating_duration_since(begin) < self.window {
                break;
            }
            self.bytes = self.bytes.saturating_sub(part);
            self.parts.pop_front();
        }
        self.bytes = self.bytes.saturating_add(bytes);
        match self.parts.back_mut() {
            Some((begin, part)) if now.saturating_duration_since(*begin) < self.window / PARTS => {
                *part = part.saturating_add(bytes);
            }
            _ => self.parts.push_back((now, bytes)),
        }
        let bits = u128::from(self.bytes) * 8 * 1_000_000_000;
        u64::try_from(bits / self.window.as_nanos()).unwrap_or(u64::MAX)
    }
}
