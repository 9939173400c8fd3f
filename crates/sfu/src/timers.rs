//! One deadline for each peer, soonest first.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use model::ConnectionId;

/// Deadlines; setting and taking cost the logarithm of the number of peers.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    order: BTreeSet<(Instant, ConnectionId)>,
    of: BTreeMap<ConnectionId, Instant>,
}

impl Timers {
    pub(crate) fn set(&mut self, connection: ConnectionId, at: Instant) {
        if self.of.get(&connection) == Some(&at) {
            return;
        }
        self.remove(connection);
        self.order.insert((at, connection));
        self.of.insert(connection, at);
    }

    pub(crate) fn remove(&mut self, connection: ConnectionId) {
        if let Some(at) = self.of.remove(&connection) {
            self.order.remove(&(at, connection));
        }
    }

    pub(crate) fn soonest(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes one peer whose deadline has come.
    pub(crate) fn take(&mut self, now: Instant) -> Option<ConnectionId> {
        let (at, connection) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.remove(connection);
        Some(connection)
    }
}
