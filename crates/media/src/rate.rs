//! Allowances: token buckets, alone and per peer address.
//!
//! Verifying an ES384 signature costs about half a millisecond of a core, so who may cause it how often is limited before
//! it is done. The limit is generous: behind a TLS proxy all clients share one address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Attempts per second that one address may keep up: about a quarter of a core in signature checks.
const ATTEMPTS_PER_SECOND: f64 = 500.0;
/// Attempts that one address may make at once: a full room that reconnects after a network fault.
const ATTEMPTS_BURST: f64 = 2_000.0;
/// Addresses remembered. When there are more, those that are idle are forgotten, and if none is, new ones share one bucket.
const ADDRESSES_MAX: usize = 16_384;
/// How often the idle are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// A token bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    tokens: f64,
    burst: f64,
    per_second: f64,
    refilled: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(per_second: f64, burst: f64, now: Instant) -> Self {
        Self {
            tokens: burst,
            burst,
            per_second,
            refilled: now,
        }
    }

    /// Takes one token, if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        self.refill(now);
        let there = self.tokens >= 1.0;
        if there {
            self.tokens -= 1.0;
        }
        there
    }

    /// When there will be a token, if none is taken before.
    pub(crate) fn next(&self) -> Instant {
        let missing = (1.0 - self.tokens).max(0.0) / self.per_second;
        // A little later, so that what is missing by rounding is there as well.
        self.refilled + Duration::from_secs_f64(missing) + Duration::from_millis(1)
    }

    fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens >= self.burst
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.refilled).as_secs_f64();
        self.tokens = passed.mul_add(self.per_second, self.tokens).min(self.burst);
        self.refilled = self.refilled.max(now);
    }
}

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

/// Who is counted: an IPv4 address, or the /64 of an IPv6 one, which is what one customer gets (RFC 6177).
pub(crate) fn subject(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
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
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = start();
        let mut bucket = Bucket::new(2.0, 3.0, start);
        assert_eq!((0..9).filter(|_| bucket.take(start)).count(), 3);
        let later = start + Duration::from_secs(1);
        assert_eq!((0..9).filter(|_| bucket.take(later)).count(), 2);
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
    fn an_ipv6_customer_is_one_subject_and_a_mapped_address_is_its_ipv4_one() {
        let of = |text: &str| subject(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
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
