//! How often an address has presented a wrong key: an allowance that comes back with time.
//!
//! It is asked before a key is compared, so that it bounds guesses; right keys cost nothing. Behind a proxy all clients
//! are one address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use auth::allowance;

/// Wrong keys that one address may present at once.
const FAILURES_MAX: u32 = 10;
/// How long one of them counts. Sixty guesses a minute find no key.
const FAILURE_LASTS: Duration = Duration::from_secs(1);
/// Addresses remembered; when there are more, new ones share one allowance.
const ADDRESSES_MAX: usize = 1_024;

/// All allowances, each kept as the moment at which it is whole again.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    whole_at: Mutex<BTreeMap<IpAddr, Instant>>,
}

impl Attempts {
    /// Whether the address may present a key.
    pub(super) fn may_try(&self, address: IpAddr, now: Instant) -> bool {
        let all = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        let whole_at = all.get(&subject(address, &all)).copied().unwrap_or(now);
        whole_at.saturating_duration_since(now) + FAILURE_LASTS <= FAILURE_LASTS * FAILURES_MAX
    }

    /// Notes a wrong key.
    pub(super) fn failed(&self, address: IpAddr, now: Instant) {
        let mut all = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= ADDRESSES_MAX {
            all.retain(|_, whole_at| *whole_at > now);
        }
        let subject = subject(address, &all);
        let whole_at = all.entry(subject).or_insert(now);
        *whole_at = (*whole_at).max(now) + FAILURE_LASTS;
    }
}

/// Who is counted; everybody else together when there are too many.
fn subject(address: IpAddr, known: &BTreeMap<IpAddr, Instant>) -> IpAddr {
    let subject = allowance::subject(address);
    if known.len() < ADDRESSES_MAX || known.contains_key(&subject) {
        subject
    } else {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any start will do")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn an_address_that_guesses_is_stopped_and_comes_back_with_time() {
        let attempts = Attempts::default();
        let (now, address) = (start(), IpAddr::from([192, 0, 2, 1]));
        let guesses = (0..100).filter(|_| {
            let may = attempts.may_try(address, now);
            if may {
                attempts.failed(address, now);
            }
            may
        });
        assert_eq!(guesses.count(), 10);
        assert!(attempts.may_try(IpAddr::from([192, 0, 2, 2]), now));
        let later = now + FAILURE_LASTS;
        assert!(attempts.may_try(address, later));
        attempts.failed(address, later);
        assert!(!attempts.may_try(address, later));
    }

    #[test]
    fn the_list_of_addresses_is_bounded_and_an_ipv6_customer_is_one() {
        let attempts = Attempts::default();
        let now = start();
        for number in 0..10_000_u32 {
            attempts.failed(IpAddr::from(number.to_be_bytes()), now);
        }
        assert!(attempts.whole_at.lock().unwrap().len() <= ADDRESSES_MAX + 1);
        let v6 = |text: &str| text.parse::<IpAddr>().unwrap();
        let fresh = Attempts::default();
        for _ in 0..FAILURES_MAX {
            fresh.failed(v6("2001:db8::1"), now);
        }
        assert!(!fresh.may_try(v6("2001:db8::ffff:2"), now));
        assert!(fresh.may_try(v6("2001:db8:0:1::1"), now));
    }
}
