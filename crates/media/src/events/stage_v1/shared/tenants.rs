//! What is there by which connection token: connections, and the sessions that have begun on them or come back over them.
//!
//! A revocation has to find all of it, also a session whose client is away. And it has to find what is only just coming in: whoever
//! comes enters here first and looks whether the token is revoked after that.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use model::{AccountId, ConnectionId, ConnectionTokenId, Region};
use tokio::sync::watch;

/// Which connection token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenName {
    /// Whose.
    pub(crate) account: AccountId,
    /// Where.
    pub(crate) region: Region,
    /// Its `jti`.
    pub(crate) token: ConnectionTokenId,
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Ending {
    /// Its token is revoked.
    Revoked,
    /// The process goes down.
    GoingDown,
}

/// Everything that is there.
#[derive(Debug, Default)]
pub(crate) struct Tenants {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    by_token: HashMap<TokenName, ByToken>,
    next: u64,
    is_going_down: bool,
}

#[derive(Debug, Default)]
struct ByToken {
    tenants: BTreeMap<u64, Tenant>,
    /// Stays for those who are still there.
    is_revoked: bool,
}

#[derive(Debug)]
enum Tenant {
    Connection(watch::Sender<Option<Ending>>),
    /// The events socket that `stage` knows.
    Session(ConnectionId),
}

impl Tenants {
    /// A connection comes in; the receiver hears when it is to end.
    pub(in super::super) fn connection(
        self: &Arc<Self>,
        name: &TokenName,
    ) -> (Tenancy, watch::Receiver<Option<Ending>>) {
        let (sender, receiver) = watch::channel(None);
        let tenancy = self.enter(name, Tenant::Connection(sender));
        (tenancy, receiver)
    }

    /// A session comes in, or goes on, by a connection with that token; the socket is the one that `stage` knows.
    pub(in super::super) fn session(
        self: &Arc<Self>,
        name: &TokenName,
        socket: ConnectionId,
    ) -> Tenancy {
        self.enter(name, Tenant::Session(socket))
    }

    fn enter(self: &Arc<Self>, name: &TokenName, tenant: Tenant) -> Tenancy {
        let number = self.with(|state| {
            state.next = state.next.wrapping_add(1);
            if let (true, Tenant::Connection(ending)) = (state.is_going_down, &tenant) {
                ending.send_replace(Some(Ending::GoingDown));
            }
            let of_token = state.by_token.entry(name.clone()).or_default();
            of_token.tenants.insert(state.next, tenant);
            state.next
        });
        Tenancy {
            tenants: Arc::clone(self),
            name: name.clone(),
            number,
        }
    }

    /// A token is revoked: its connections hear of it. The sockets of its sessions, whose participants are to be put out.
    pub(crate) fn revoke(&self, name: &TokenName) -> Vec<ConnectionId> {
        self.with(|state| {
            let Some(of_token) = state.by_token.get_mut(name) else {
                return Vec::new();
            };
            of_token.is_revoked = true;
            let sessions = of_token.tenants.values().filter_map(|tenant| match tenant {
                Tenant::Connection(ending) => {
                    ending.send_replace(Some(Ending::Revoked));
                    None
                }
                Tenant::Session(connection) => Some(*connection),
            });
            sessions.collect()
        })
    }

    /// The process goes down: every connection hears of it.
    pub(crate) fn go_down(&self) {
        self.with(|state| {
            state.is_going_down = true;
            #[expect(
                clippy::disallowed_methods,
                reason = "all are told the same; the order does not matter"
            )]
            let tenants = state.by_token.values().flat_map(|of| of.tenants.values());
            for tenant in tenants {
                if let Tenant::Connection(ending) = tenant {
                    ending.send_if_modified(|ending| ending.replace(Ending::GoingDown).is_none());
                }
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The place of one that is there, until it is dropped.
#[derive(Debug)]
pub(in super::super) struct Tenancy {
    tenants: Arc<Tenants>,
    name: TokenName,
    number: u64,
}

impl Tenancy {
    /// Whether the token has been revoked since somebody is there by it.
    pub(in super::super) fn is_revoked(&self) -> bool {
        let tenants = &self.tenants;
        tenants.with(|state| {
            let of_token = state.by_token.get(&self.name);
            of_token.is_some_and(|of_token| of_token.is_revoked)
        })
    }
}

impl Drop for Tenancy {
    fn drop(&mut self) {
        self.tenants.with(|state| {
            if let Some(of_token) = state.by_token.get_mut(&self.name) {
                of_token.tenants.remove(&self.number);
                if of_token.tenants.is_empty() {
                    state.by_token.remove(&self.name);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(token: &str) -> TokenName {
        TokenName {
            account: AccountId::parse("123456789012").unwrap(),
            region: Region::parse("us-west-2").unwrap(),
            token: ConnectionTokenId::parse(token).unwrap(),
        }
    }

    #[test]
    fn a_revocation_finds_everything_of_its_token_and_nothing_else() {
        let tenants = Arc::new(Tenants::default());
        let (first, first_ends) = tenants.connection(&name("a"));
        let (other, other_ends) = tenants.connection(&name("b"));
        let session = tenants.session(&name("a"), ConnectionId(1));
        let again = tenants.session(&name("a"), ConnectionId(1));
        let _others = tenants.session(&name("b"), ConnectionId(2));
        drop(session);
        // A session outlives the connection on which it has begun.
        drop(first);
        assert_eq!(tenants.revoke(&name("a")), [ConnectionId(1)]);
        assert_eq!(tenants.revoke(&name("c")), []);
        assert!(again.is_revoked() && !other.is_revoked());
        assert_eq!((*first_ends.borrow(), *other_ends.borrow()), (None, None));
        // Who comes by it while somebody is there sees it.
        let (late, _) = tenants.connection(&name("a"));
        assert!(late.is_revoked());
        drop((again, late));
        assert_eq!(tenants.revoke(&name("a")), []);
    }

    #[test]
    fn connections_hear_why_they_end_and_late_ones_too() {
        let tenants = Arc::new(Tenants::default());
        let (_first, ends) = tenants.connection(&name("a"));
        let (_second, stays) = tenants.connection(&name("b"));
        tenants.revoke(&name("a"));
        assert_eq!(*ends.borrow(), Some(Ending::Revoked));
        assert_eq!(*stays.borrow(), None);
        tenants.go_down();
        assert_eq!(*stays.borrow(), Some(Ending::GoingDown));
        let (_late, ends) = tenants.connection(&name("c"));
        assert_eq!(*ends.borrow(), Some(Ending::GoingDown));
    }
}
