//! Which of a client's addresses media is sent to.
//!
//! An ICE-lite agent sends on the pair that the controlling side has nominated (RFC 8445 section 7.3.1.5). Browsers nominate
//! with each check, on several pairs at once if they have them; the highest priority wins then, and a better one that has
//! fallen silent gives way. A check proves the password and not the address that it comes from: one that was seen before, and
//! comes again from elsewhere, moves nothing. When the way in use ends, as a TCP connection does, another one on which checks
//! have come takes its place at once; and where it is silent, the one by which the client sends.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::demux::Remote;
use crate::engine::Check;

/// A way on which nothing has come for this long is left for another that was nominated. Browsers check a way that is in use
/// every 2.5 s at least.
const QUIET: Duration = Duration::from_secs(3);

/// A way on which a check has come within this time may be sent on (RFC 7675 section 5.1: consent lasts 30 s).
const CONSENT: Duration = Duration::from_secs(30);
/// Ways that are remembered beside the one in use: as many as a peer has addresses.
const OTHERS_MAX: usize = 16;

/// Transactions that are remembered: those of the last seconds.
const SEEN_MAX: usize = 32;

/// The way in use.
#[derive(Debug)]
pub(crate) struct Route {
    chosen: Option<(Remote, u32)>,
    heard: Instant,
    /// The last one heard of last.
    others: VecDeque<Other>,
    seen: VecDeque<[u8; 12]>,
}

/// A way that is not in use.
#[derive(Clone, Copy, Debug)]
struct Other {
    remote: Remote,
    is_nominated: bool,
    priority: u32,
    heard: Instant,
}

impl Route {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            chosen: None,
            heard: now,
            others: VecDeque::new(),
            seen: VecDeque::new(),
        }
    }

    /// Where to send.
    pub(crate) fn remote(&self) -> Option<Remote> {
        self.chosen.map(|(remote, _)| remote)
    }

    /// Takes an authentic check; says whether the way has changed.
    pub(crate) fn check(&mut self, remote: Remote, check: Check, now: Instant) -> bool {
        let is_new = !self.seen.contains(&check.transaction);
        if is_new {
            if self.seen.len() >= SEEN_MAX {
                self.seen.pop_front();
            }
            self.seen.push_back(check.transaction);
        }
        if self.remote() == Some(remote) {
            self.heard = now;
            return false;
        }
        let is_better = match self.chosen {
            None => true,
            Some((_, priority)) => {
                check.priority >= priority || now.saturating_duration_since(self.heard) >= QUIET
            }
        };
        if !is_new {
            return false;
        }
        if !check.is_nominated || !is_better {
            self.note(Other {
                remote,
                is_nominated: check.is_nominated,
                priority: check.priority,
                heard: now,
            });
            return false;
        }
        self.take(remote, check.priority, now);
        true
    }

    fn take(&mut self, remote: Remote, priority: u32, now: Instant) {
        self.others.retain(|other| other.remote != remote);
        if let Some((before, priority)) = self.chosen.replace((remote, priority)) {
            self.note(Other {
                remote: before,
                is_nominated: true,
                priority,
                heard: self.heard,
            });
        }
        self.heard = now;
    }

    fn note(&mut self, other: Other) {
        self.others.retain(|known| known.remote != other.remote);
        if self.others.len() >= OTHERS_MAX {
            self.others.pop_front();
        }
        self.others.push_back(other);
    }

    /// Something authentic came from there that is no check; says whether the way has changed.
    ///
    /// A client sends by the way that it uses. So one that checks have come by takes the place of one that has fallen silent,
    /// nominated or not: checks that only renew consent (RFC 7675 section 5.1) nominate nothing, and a NAT gives the client
    /// another address between two of them.
    pub(crate) fn heard(&mut self, remote: Remote, now: Instant) -> bool {
        if self.remote() == Some(remote) {
            self.heard = now;
            return false;
        }
        let is_silent = now.saturating_duration_since(self.heard) >= QUIET;
        let other = self.others.iter().find(|other| {
            other.remote == remote && now.saturating_duration_since(other.heard) < CONSENT
        });
        let Some(other) = other.copied().filter(|_| is_silent) else {
            return false;
        };
        self.take(other.remote, other.priority, now);
        true
    }

    /// The address is the client's no more; says whether it was in use. The best of the others takes its place.
    pub(crate) fn gone(&mut self, remote: Remote, now: Instant) -> bool {
        self.others.retain(|other| other.remote != remote);
        if self.remote() != Some(remote) {
            return false;
        }
        let others = self.others.iter();
        let next = others
            .filter(|other| now.saturating_duration_since(other.heard) < CONSENT)
            .max_by_key(|other| (other.is_nominated, other.priority, other.heard))
            .copied();
        self.chosen = next.map(|next| (next.remote, next.priority));
        if let Some(next) = next {
            self.others.retain(|other| other.remote != next.remote);
            self.heard = next.heard;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Transport;

    fn at(port: u16) -> Remote {
        (
            Transport::Udp,
            std::net::SocketAddr::from(([192, 0, 2, 1], port)),
        )
    }

    fn check(is_nominated: bool, priority: u32, transaction: u8) -> Check {
        Check {
            is_nominated,
            priority,
            transaction: [transaction; 12],
        }
    }

    #[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
    fn beginning() -> Instant {
        Instant::now()
    }

    #[test]
    fn media_goes_the_nominated_way_of_highest_priority() {
        let now = beginning();
        let mut route = Route::new(now);
        assert!(!route.check(at(1), check(false, 9, 1), now));
        assert_eq!(route.remote(), None);
        assert!(route.check(at(1), check(true, 5, 2), now));
        assert!(!route.check(at(2), check(true, 4, 3), now));
        assert!(route.check(at(3), check(true, 6, 4), now));
        assert_eq!(route.remote(), Some(at(3)));
    }

    // T46.
    #[test]
    fn t46_a_client_behind_a_new_address_is_followed_at_its_first_check() {
        let now = beginning();
        let mut route = Route::new(now);
        route.check(at(1), check(true, 5, 5), now);
        assert!(route.check(at(2), check(true, 5, 6), now));
        assert_eq!(route.remote(), Some(at(2)));
    }

    #[test]
    fn a_better_way_that_is_silent_gives_way() {
        let now = beginning();
        let mut route = Route::new(now);
        route.check(at(1), check(true, 9, 7), now);
        route.heard(at(1), now + Duration::from_secs(1));
        assert!(!route.check(at(2), check(true, 1, 8), now + Duration::from_secs(3)));
        assert!(route.check(at(2), check(true, 1, 9), now + Duration::from_secs(4)));
    }

    // T38.
    #[test]
    fn t38_a_check_that_comes_again_from_elsewhere_moves_nothing() {
        let now = beginning();
        let mut route = Route::new(now);
        route.check(at(1), check(true, 5, 1), now);
        assert!(!route.check(at(2), check(true, 5, 1), now));
        assert_eq!(route.remote(), Some(at(1)));
    }

    // T46: what clients do that renew consent without nominating anew.
    #[test]
    fn t46_a_client_whose_checks_nominate_nothing_is_followed_where_it_sends_from() {
        let now = beginning();
        let mut route = Route::new(now);
        route.check(at(1), check(true, 5, 1), now);
        route.heard(at(1), now + Duration::from_secs(1));
        // A datagram alone proves no address, and what is late from another way changes nothing.
        let silent = now + Duration::from_secs(4);
        assert!(!route.heard(at(2), silent));
        assert!(!route.check(at(2), check(false, 4, 2), now + Duration::from_secs(2)));
        assert!(!route.heard(at(2), now + Duration::from_secs(3)));
        assert_eq!(route.remote(), Some(at(1)));
        assert!(route.heard(at(2), silent));
        assert_eq!(route.remote(), Some(at(2)));
        assert!(!route.heard(at(1), silent), "late");
        assert_eq!(route.remote(), Some(at(2)));
        // Checks have come by it too long ago.
        route.check(at(3), check(false, 4, 3), silent);
        assert!(!route.heard(at(3), silent + CONSENT));
    }

    #[test]
    fn the_best_of_the_ways_that_are_left_takes_the_place_of_one_that_ends() {
        let now = beginning();
        let later = now + Duration::from_secs(20);
        let mut route = Route::new(now);
        // Silent since; nominated; nominated, and preferred; not nominated; in use.
        let ways = [
            (at(1), check(true, 8, 1), now),
            (at(2), check(true, 6, 2), later),
            (at(3), check(true, 7, 3), later),
            (at(4), check(false, 9, 4), later),
            (at(5), check(true, 9, 5), later),
        ];
        for (remote, check, when) in ways {
            route.check(remote, check, when);
        }
        // Comes again from elsewhere: no way at all.
        route.check(at(6), check(true, 9, 5), later);
        let end = now + Duration::from_secs(31);
        for (ends, expected) in [
            (at(6), Some(at(5))),
            (at(5), Some(at(3))),
            (at(3), Some(at(2))),
            (at(2), Some(at(4))),
            (at(4), None),
        ] {
            assert_eq!(route.gone(ends, end), expected != Some(at(5)));
            assert_eq!(route.remote(), expected);
        }
    }

    #[test]
    fn a_way_that_was_left_for_a_better_one_is_gone_back_to() {
        let now = beginning();
        let mut route = Route::new(now);
        route.check(at(1), check(true, 5, 1), now);
        assert!(route.check(at(2), check(true, 9, 2), now));
        assert!(route.gone(at(2), now));
        assert_eq!(route.remote(), Some(at(1)));
        assert!(route.gone(at(1), now));
        assert_eq!(route.remote(), None);
    }
}
