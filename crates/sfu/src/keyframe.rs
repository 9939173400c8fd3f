//! When a publisher is asked for a key frame.

use std::time::{Duration, Instant};

/// While subscribers wait and no key frame comes, the request is repeated this often: it or its answer may be lost.
const REPEAT: Duration = Duration::from_secs(1);

/// Requests of all subscribers to one publisher, made into few.
#[derive(Debug)]
pub(crate) struct Requests {
    interval: Duration,
    last: Option<Instant>,
    is_wanted: bool,
    waiting: bool,
}

impl Requests {
    pub(crate) fn new(interval: Duration) -> Self {
        Self {
            interval,
            last: None,
            is_wanted: false,
            waiting: false,
        }
    }

    /// A subscriber wants a key frame to go on with (PLI, FIR).
    pub(crate) fn want(&mut self) {
        self.is_wanted = true;
    }

    /// A subscriber cannot begin without one.
    pub(crate) fn wait(&mut self) {
        // One who waits already has asked.
        self.is_wanted |= !self.waiting;
        self.waiting = true;
    }

    /// A key frame has begun to arrive: it serves everybody who has asked.
    pub(crate) fn arrived(&mut self) {
        self.is_wanted = false;
        self.waiting = false;
    }

    /// When the next request is due, if one is; `now` if it is already.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        let gap = match (self.is_wanted, self.waiting) {
            (true, _) => self.interval,
            (false, true) => self.interval.max(REPEAT),
            (false, false) => return None,
        };
        Some(self.last.map_or(now, |last| (last + gap).max(now)))
    }

    /// Whether a request may go out now; if so it counts as sent.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let is_due = self.due(now).is_some_and(|due| due <= now);
        if is_due {
            self.last = Some(now);
            self.is_wanted = false;
        }
        is_due
    }
}
