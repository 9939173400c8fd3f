//! One call of the machine: its moment, and all that a rule of a session changes besides that session.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{ConnectionId, Now, Record, StageArn};
use rand_chacha::ChaCha8Rng;

use crate::connections::{Connections, Place};
use crate::replicas::Route;
use crate::timers::{Alarm, Timers};
use crate::{LeftReason, Settings};

/// What one call wants done, until it is put in order.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) records: Vec<Record>,
    pub(crate) closes: Vec<(ConnectionId, LeftReason)>,
    /// Stages whose publishing participants changed.
    pub(crate) rosters: BTreeSet<Arc<StageArn>>,
    /// Replications about which the source changed something that the destination has not heard of.
    pub(crate) routes: BTreeSet<Route>,
    /// The events socket that this call let in; its reply tells it the roster.
    pub(crate) entered: Option<ConnectionId>,
}

/// One call.
pub(crate) struct Turn<'a> {
    pub(crate) now: Now,
    pub(crate) settings: &'a Settings,
    pub(crate) rng: &'a mut ChaCha8Rng,
    pub(crate) timers: &'a mut Timers,
    pub(crate) connections: &'a mut Connections,
    pub(crate) effects: &'a mut Effects,
}

impl Turn<'_> {
    pub(crate) fn record(&mut self, record: Record) {
        self.effects.records.push(record);
    }

    pub(crate) fn roster_changed(&mut self, stage: &Arc<StageArn>) {
        self.effects.rosters.insert(Arc::clone(stage));
    }

    /// Notes a connection that has been let in.
    pub(crate) fn open(&mut self, connection: ConnectionId, place: Place) {
        self.connections.add(connection, place);
    }

    /// Gives the media of a connection its time to come up.
    pub(crate) fn await_media(&mut self, connection: ConnectionId) {
        let after = self.settings.setup_timeout;
        self.timers
            .set(Alarm::Connection(connection), self.now.mono, after);
    }

    /// Media is up: it may stay so for the longest stream.
    pub(crate) fn limit_duration(&mut self, connection: ConnectionId) {
        let after = self.settings.stream_duration_max;
        self.timers
            .set(Alarm::Connection(connection), self.now.mono, after);
    }

    /// Media is up, and may stay so for ever.
    pub(crate) fn spare(&mut self, connection: ConnectionId) {
        self.timers.cancel(&Alarm::Connection(connection));
    }

    /// Drops a connection from the books; whoever calls takes it out of its session too.
    pub(crate) fn forget(&mut self, connection: ConnectionId) {
        self.connections.remove(connection);
        self.timers.cancel(&Alarm::Connection(connection));
    }

    /// Has the shell close a connection that is forgotten.
    pub(crate) fn close(&mut self, connection: ConnectionId, reason: LeftReason) {
        self.effects.closes.push((connection, reason));
    }
}
