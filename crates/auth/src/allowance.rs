//! Allowances: token buckets, and who is counted by them where strangers knock.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// A token bucket.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    tokens: f64,
    burst: f64,
    per_second: f64,
    refilled: Instant,
}

impl Bucket {
    /// A full bucket of `burst` tokens, which fills by so many in a second.
    pub fn new(per_second: f64, burst: f64, now: Instant) -> Self {
        Self {
            tokens: burst,
            burst,
            per_second,
            refilled: now,
        }
    }

    /// Takes one token, if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        self.refill(now);
        let there = self.tokens >= 1.0;
        if there {
            self.tokens -= 1.0;
        }
        there
    }

    /// When there will be a token, if none is taken before.
    pub fn next(&self) -> Instant {
        let missing = (1.0 - self.tokens).max(0.0) / self.per_second;
        // A little later, so that what is missing by rounding is there as well.
        self.refilled + Duration::from_secs_f64(missing) + Duration::from_millis(1)
    }

    /// Whether nothing has been taken of late: it is as good as a new one.
    pub fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens >= self.burst
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.refilled).as_secs_f64();
        self.tokens = passed.mul_add(self.per_second, self.tokens).min(self.burst);
        self.refilled = self.refilled.max(now);
    }
}

/// Who is counted: an IPv4 address, or the /64 of an IPv6 one, which is what one customer gets (RFC 6177).
pub fn subject(address: IpAddr) -> IpAddr {
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
    fn an_ipv6_customer_is_one_subject_and_a_mapped_address_is_its_ipv4_one() {
        let of = |text: &str| subject(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
