//! One deadline for each peer, soonest first.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

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

/// Distance of two points of the grid.
const STEP: Duration = Duration::from_millis(20);
/// What is due sooner than this is done when it is due.
const SOON: Duration = Duration::from_millis(10);

/// Deadlines that can wait a little fall on common points in time, so that a worker wakes once for many peers.
#[derive(Debug, Default)]
pub(crate) struct Grid {
    epoch: Option<Instant>,
}

impl Grid {
    /// The point at which to do what is due at `due`.
    pub(crate) fn after(&mut self, due: Instant, now: Instant) -> Instant {
        let epoch = *self.epoch.get_or_insert(now);
        if due.saturating_duration_since(now) < SOON {
            return due;
        }
        let since = due.saturating_duration_since(epoch).as_micros();
        let steps = u32::try_from(since.div_ceil(STEP.as_micros()));
        steps.map_or(due, |steps| epoch + STEP * steps)
    }
}
