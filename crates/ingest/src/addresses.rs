//! Who may connect, and try stream keys, how often: counted by address.
//!
//! A key has 160 bits, so nobody finds one by trying. The limits keep one address from taking all connections for itself and
//! from making the store look up names all day. They are generous: a studio's encoders share one address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use auth::allowance::{Bucket, subject};

use crate::settings::Limits;

/// Addresses remembered. When there are more, those without connections that have not tried anything of late are forgotten; if that
/// frees nothing, new ones are refused.
const ADDRESSES_MAX: usize = 16_384;
/// How often the idle are looked for: it looks at everybody.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Why a connection is closed as soon as it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowd {
    /// There are as many as there may be.
    All,
    /// There are as many of this address as there may be.
    OfAddress,
}

/// All addresses of which something is known.
#[derive(Debug)]
pub(crate) struct Addresses {
    connections_max: usize,
    per_address_max: usize,
    attempts_per_second: f64,
    attempts_burst: f64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    connections: usize,
    subjects: BTreeMap<IpAddr, Subject>,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Subject {
    connections: usize,
    attempts: Bucket,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    addresses: Arc<Addresses>,
    subject: IpAddr,
}

impl Addresses {
    /// Nobody is there.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            connections_max: limits.connections_max,
            per_address_max: limits.connections_per_address_max,
            attempts_per_second: limits.attempts_per_second,
            attempts_burst: limits.attempts_burst,
            state: Mutex::default(),
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a connection, if there is room for it.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr, now: Instant) -> Result<Place, Crowd> {
        let subject = subject(address);
        self.with(|state| {
            if state.connections >= self.connections_max {
                return Err(Crowd::All);
            }
            if state.subjects.len() >= ADDRESSES_MAX && !state.subjects.contains_key(&subject) {
                state.sweep(now);
                if state.subjects.len() >= ADDRESSES_MAX {
                    return Err(Crowd::All);
                }
            }
            let known = state.subjects.entry(subject).or_insert_with(|| Subject {
                connections: 0,
                attempts: Bucket::new(self.attempts_per_second, self.attempts_burst, now),
            });
            if known.connections >= self.per_address_max {
                return Err(Crowd::OfAddress);
            }
            known.connections += 1;
            state.connections += 1;
            Ok(Place {
                addresses: Arc::clone(self),
                subject,
            })
        })
    }

    /// Connections at the moment.
    pub(crate) fn connections(&self) -> usize {
        self.with(|state| state.connections)
    }
}

impl Place {
    /// Whether one more stream key may be tried; if so it is counted.
    pub(crate) fn may_try(&self, now: Instant) -> bool {
        self.addresses.with(|state| {
            let known = state.subjects.get_mut(&self.subject);
            known.is_some_and(|known| known.attempts.take(now))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.addresses.with(|state| {
            state.connections -= 1;
            if let Some(known) = state.subjects.get_mut(&self.subject) {
                known.connections -= 1;
            }
        });
    }
}

impl State {
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_none_or(|at| now >= at + SWEEP_INTERVAL) {
            self.swept = Some(now);
            self.subjects
                .retain(|_, known| known.connections > 0 || !known.attempts.is_full(now));
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

    fn addresses() -> Arc<Addresses> {
        Arc::new(Addresses::new(&Limits {
            connections_max: 5,
            connections_per_address_max: 3,
            attempts_per_second: 2.0,
            attempts_burst: 4.0,
            ..Limits::default()
        }))
    }

    #[test]
    fn t49_connections_are_bounded_by_address_and_in_all_and_counted_until_they_end() {
        let (addresses, now) = (addresses(), start());
        let [one, two] = [IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])];
        let mut places: Vec<Place> = (0..3).map(|_| addresses.enter(one, now).unwrap()).collect();
        assert_eq!(addresses.enter(one, now).unwrap_err(), Crowd::OfAddress);
        places.extend((0..2).map(|_| addresses.enter(two, now).unwrap()));
        assert_eq!(addresses.enter(two, now).unwrap_err(), Crowd::All);
        drop(places.remove(0));
        assert!(addresses.enter(one, now).is_ok());
        drop(places);
        assert_eq!(addresses.connections(), 0);
    }

    #[test]
    fn t53_an_address_tries_keys_so_often_and_others_are_left_alone() {
        let (addresses, now) = (addresses(), start());
        let place = addresses.enter([192, 0, 2, 1].into(), now).unwrap();
        assert_eq!((0..9).filter(|_| place.may_try(now)).count(), 4);
        // Connecting anew is no way around it.
        drop(place);
        let place = addresses.enter([192, 0, 2, 1].into(), now).unwrap();
        assert!(!place.may_try(now));
        let other = addresses.enter([192, 0, 2, 2].into(), now).unwrap();
        assert!(other.may_try(now));
        let later = now + Duration::from_secs(1);
        assert_eq!((0..9).filter(|_| place.may_try(later)).count(), 2);
    }

    #[test]
    fn the_list_of_addresses_is_bounded() {
        let addresses = addresses();
        let now = start();
        for number in 0..40_000_u32 {
            if let Ok(place) = addresses.enter(number.to_be_bytes().into(), now) {
                place.may_try(now);
            }
        }
        assert!(addresses.with(|state| state.subjects.len()) <= ADDRESSES_MAX);
        let later = now + Duration::from_mins(1);
        assert!(addresses.enter([255, 0, 0, 1].into(), later).is_ok());
        assert_eq!(addresses.with(|state| state.subjects.len()), 1);
    }
}
