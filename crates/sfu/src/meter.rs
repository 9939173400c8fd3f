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
        self.slide(now);
        self.bytes = self.bytes.saturating_add(bytes);
        match self.parts.back_mut() {
            Some((begin, part)) if now.saturating_duration_since(*begin) < self.window / PARTS => {
                *part = part.saturating_add(bytes);
            }
            _ => self.parts.push_back((now, bytes)),
        }
        self.bps(self.bytes)
    }

    /// Counts bytes if the average stays within the bound, in bits per second; says whether it does.
    pub(crate) fn admit(&mut self, bytes: usize, bps_max: u64, now: Instant) -> bool {
        self.slide(now);
        let more = u64::try_from(bytes).unwrap_or(u64::MAX);
        let is_within = self.bps(self.bytes.saturating_add(more)) <= bps_max;
        if is_within {
            self.add(bytes, now);
        }
        is_within
    }

    fn slide(&mut self, now: Instant) {
        while let Some((begin, part)) = self.parts.front().copied() {
            if now.saturating_duration_since(begin) < self.window {
                break;
            }
            self.bytes = self.bytes.saturating_sub(part);
            self.parts.pop_front();
        }
    }

    fn bps(&self, bytes: u64) -> u64 {
        let bits = u128::from(bytes) * 8 * 1_000_000_000;
        u64::try_from(bits / self.window.as_nanos()).unwrap_or(u64::MAX)
    }
}
