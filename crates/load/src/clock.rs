//! The clocks of a load.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Now, for timers.
#[expect(
    clippy::disallowed_methods,
    reason = "the load is a client in real time; this is the one place"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Now, for signatures.
#[expect(
    clippy::disallowed_methods,
    reason = "signatures carry the time; this is the one place"
)]
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}

/// Wall-clock time that runs evenly: read once, then carried on by the timers' clock.
#[derive(Clone, Copy, Debug)]
pub struct Wall {
    instant: Instant,
    since_epoch: Duration,
}

impl Wall {
    /// Reads it.
    pub fn start() -> Self {
        Self {
            instant: now(),
            since_epoch: wall().duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }

    /// Since the Unix epoch.
    pub fn at(&self, instant: Instant) -> Duration {
        self.since_epoch + instant.saturating_duration_since(self.instant)
    }
}
