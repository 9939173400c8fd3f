//! A bitrate over a sliding window.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many parts the window is counted in: it slides by a twentieth of itself.
const PARTS: u32 = 20;

/// Nanoseconds of a second.
const NANOS: u128 = 1_000_000_000;

/// Bytes of the last window.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    window: Duration,
    /// When what is counted began, after a window without anything.
    began: Option<Instant>,
    parts: VecDeque<(Instant, u64)>,
    bytes: u64,
}

impl Meter {
    pub(crate) fn new(window: Duration) -> Self {
        Self {
            window: window.max(Duration::from_millis(1)),
            began: None,
            parts: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Counts bytes and gives the average in bits per second. Before the first window is full this is an underestimate.
    pub(crate) fn add(&mut self, bytes: usize, now: Instant) -> u64 {
        self.slide(now);
        self.count(u64::try_from(bytes).unwrap_or(u64::MAX), now);
        rate(self.bytes, self.window)
    }

    fn count(&mut self, bytes: u64, now: Instant) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.began.get_or_insert(now);
        match self.parts.back_mut() {
            Some((begin, part)) if now.saturating_duration_since(*begin) < self.window / PARTS => {
                *part = part.saturating_add(bytes);
            }
            _ => self.parts.push_back((now, bytes)),
        }
    }

    /// Counts bytes if the average stays within the bound, in bits per second; says whether it does.
    pub(crate) fn admit(&mut self, bytes: usize, bps_max: u64, now: Instant) -> bool {
        self.slide(now);
        let more = u64::try_from(bytes).unwrap_or(u64::MAX);
        // Without a division: this is asked for each datagram.
        let bits = u128::from(self.bytes.saturating_add(more)) * 8 * NANOS;
        let is_within = bits <= u128::from(bps_max) * self.window.as_nanos();
        if is_within {
            self.count(more, now);
        }
        is_within
    }

    /// The average in bits per second since it began, or over the window if that is shorter: no underestimate at the beginning.
    /// What has begun less than an eighth of the window ago is averaged over that eighth.
    pub(crate) fn average(&self, now: Instant) -> u64 {
        let mut bytes = 0_u64;
        let is_within = |at: Instant| now.saturating_duration_since(at) < self.window;
        for (_, part) in self.parts.iter().filter(|(begin, _)| is_within(*begin)) {
            bytes = bytes.saturating_add(*part);
        }
        let Some(began) = self.began else { return 0 };
        let since = now
            .saturating_duration_since(began)
            .clamp(self.window / 8, self.window);
        rate(bytes, since)
    }

    /// Whether the average is over a whole window.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.began
            .is_some_and(|began| now.saturating_duration_since(began) >= self.window)
    }

    fn slide(&mut self, now: Instant) {
        while let Some((begin, part)) = self.parts.front().copied() {
            if now.saturating_duration_since(begin) < self.window {
                break;
            }
            self.bytes = self.bytes.saturating_sub(part);
            self.parts.pop_front();
        }
        if self.parts.is_empty() {
            self.began = None;
        }
    }
}

fn rate(bytes: u64, time: Duration) -> u64 {
    let bits = u128::from(bytes) * 8 * NANOS;
    u64::try_from(bits / time.as_nanos().max(1)).unwrap_or(u64::MAX)
}
