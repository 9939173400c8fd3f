//! The one clock of the measurements.

use std::time::Instant;

/// Now.
#[expect(
    clippy::disallowed_methods,
    reason = "a measurement reads the clock; this is the one place"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
