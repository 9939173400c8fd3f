//! The process's clock and its randomness: the only places that read them.

use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use jiff::Timestamp;
use model::Now;

/// How everybody is given the time.
pub(crate) type Clock = Arc<dyn Fn() -> Now + Send + Sync>;
/// How everybody is given randomness.
pub(crate) type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// The system's clocks.
pub(crate) fn system_clock() -> Clock {
    Arc::new(read_clocks)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the process's clock; everything else is given a `Now`"
)]
fn read_clocks() -> Now {
    Now {
        mono: Instant::now(),
        wall: Timestamp::now(),
    }
}

/// The operating system's generator, through AWS-LC.
pub(crate) fn system_random() -> Random {
    let generator = SystemRandom::new();
    Arc::new(move |bytes| {
        generator
            .fill(bytes)
            .expect("AWS-LC's generator, once seeded by the system, does not fail");
    })
}

/// `N` random bytes.
pub(crate) fn random_bytes<const N: usize>(random: &Random) -> [u8; N] {
    let mut bytes = [0; N];
    random(&mut bytes);
    bytes
}
