//! The two clocks, always passed together as an argument.

use std::time::Instant;

use jiff::Timestamp;

/// One moment on both clocks.
///
/// `mono` never steps and drives every timer; `wall` is what records, tokens and signatures carry and may step when the
/// host's clock is corrected. Nothing below the shells reads a clock: it is given a `Now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time, for timers and durations.
    pub mono: Instant,
    /// Wall time (UTC), for records and expiry.
    pub wall: Timestamp,
}

impl Now {
    /// The moment `by` later on both clocks.
    #[must_use]
    pub fn plus(self, by: std::time::Duration) -> Self {
        let wall = self.wall.saturating_add(
            jiff::SignedDuration::try_from(by).unwrap_or(jiff::SignedDuration::MAX),
        );
        Self {
            mono: self.mono + by,
            wall: wall.unwrap_or(Timestamp::MAX),
        }
    }
}
