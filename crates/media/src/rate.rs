//! How often one address may try a token.
//!
//! Verifying an ES384 signature costs about half a millisecond of a core, so who may cause it how often is limited before
//! it is done. The limit is generous: behind a TLS proxy all clients share one address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use auth::allowance::{Bucket, subject};

/// Attempts per second that one address may keep up: about a quarter of a core in signature checks.
const ATTEMPTS_PER_SECOND: f64 = 500.0;
/// Attempts that one address may make at once: a full room that reconnects after a network fault.
const ATTEMPTS_BURST: f64 = 2_000.0;
/// Addresses remembered. When there are more, those that are idle are forgotten, and if none is, new ones share one bucket.
const ADDRESSES_MAX: usize = 16_384;
/// How often the idle are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// How often each peer address has tried a token.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    buckets: BTreeMap<IpAddr, Bucket>,
    swept: Option<Instant>,
}

impl Attempts {
    /// Whether one more attempt from the address is allowed; if so it is counted.
    pub(crate) fn allow(&self, address: IpAddr, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut subject = subject(address);
        if state.buckets.len() >= ADDRESSES_MAX && !state.buckets.contains_key(&subject) {
            state.sweep(now);
            if state.buckets.len() >= ADDRESSES_MAX {
                subject = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
            }
        }
        let fresh = || Bucket::new(ATTEMPTS_PER_SECOND, ATTEMPTS_BURST, now);
        state.buckets.entry(subject).or_insert_with(fresh).take(now)
    }
}

impl State {
    /// Forgets who is idle. It looks at everybody, so not more often than each second.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_none_or(|at| now >= at + SWEEP_INTERVAL) {
            self.swept = Some(now);
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "a test needs some instant to start from"
    )]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn an_address_that_floods_leaves_others_alone() {
        let attempts = Attempts::default();
        let start = start();
        let flood = IpAddr::from([192, 0, 2, 1]);
        while attempts.allow(flood, start) {}
        assert!(!attempts.allow(flood, start));
        assert!(attempts.allow(IpAddr::from([192, 0, 2, 2]), start));
        assert!(attempts.allow(flood, start + Duration::from_secs(1)));
    }

    #[test]
    fn the_list_of_addresses_is_bounded() {
        let attempts = Attempts::default();
        let start = start();
        let flood = |from: u32, at: Instant| {
            for number in from..from + 40_000 {
                attempts.allow(IpAddr::from(number.to_be_bytes()), at);
            }
            attempts.state.lock().unwrap().buckets.len()
        };
        assert!(flood(0, start) <= ADDRESSES_MAX + 1);
        assert!(flood(1 << 20, start + Duration::from_mins(1)) <= ADDRESSES_MAX + 1);
    }
}
