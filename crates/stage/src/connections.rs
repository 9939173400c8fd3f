//! Every open connection of the process, and how many streams each account has in a region.
//!
//! The index is the only place that counts: a connection is counted by its place when it is added, and by the same place when it
//! is taken out, whatever ended it. So the counts are those of the index at any moment, and the index is that of the
//! sessions (`check`).

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{AccountId, ConnectionId, ParticipantId, Region, StageArn};

/// Where a connection belongs.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) stage: Arc<StageArn>,
    pub(crate) participant: ParticipantId,
    pub(crate) role: Role,
}

/// What a connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Socket,
    Publish,
    Subscription { publisher: ParticipantId },
}

/// How many streams there are, those whose media is not up yet too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Streams {
    pub(crate) publishes: usize,
    pub(crate) subscriptions: usize,
}

/// The index.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    places: BTreeMap<ConnectionId, Place>,
    /// Of the accounts and regions that have any.
    streams: BTreeMap<(AccountId, Region), Streams>,
}

impl Connections {
    /// Adds a connection.
    pub(crate) fn add(&mut self, connection: ConnectionId, place: Place) {
        self.count(&place, |streams| streams.saturating_add(1));
        let older = self.places.insert(connection, place);
        assert!(older.is_none(), "the shell used {connection} twice");
    }

    /// Takes a connection out, if it is there.
    pub(crate) fn remove(&mut self, connection: ConnectionId) {
        if let Some(place) = self.places.remove(&connection) {
            self.count(&place, |streams| streams.saturating_sub(1));
        }
    }

    fn count(&mut self, place: &Place, step: impl Fn(usize) -> usize) {
        let home = home(&place.stage);
        let mut streams = self.streams.remove(&home).unwrap_or_default();
        match place.role {
            Role::Socket => {}
            Role::Publish => streams.publishes = step(streams.publishes),
            Role::Subscription { .. } => streams.subscriptions = step(streams.subscriptions),
        }
        if streams != Streams::default() {
            self.streams.insert(home, streams);
        }
    }

    pub(crate) fn get(&self, connection: ConnectionId) -> Option<&Place> {
        self.places.get(&connection)
    }

    /// The streams of a stage's account in its region, on all its stages.
    pub(crate) fn streams(&self, stage: &StageArn) -> Streams {
        self.streams.get(&home(stage)).copied().unwrap_or_default()
    }

    #[cfg(debug_assertions)]
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// What must hold after each call.
    #[cfg(debug_assertions)]
    pub(crate) fn check(&self) {
        let mut counted = BTreeMap::<_, Streams>::new();
        for place in self.places.values() {
            let streams = counted.entry(home(&place.stage)).or_default();
            match place.role {
                Role::Socket => {}
                Role::Publish => streams.publishes += 1,
                Role::Subscription { .. } => streams.subscriptions += 1,
            }
        }
        counted.retain(|_, streams| *streams != Streams::default());
        assert_eq!(self.streams, counted, "streams are counted as they are");
    }
}

fn home(stage: &StageArn) -> (AccountId, Region) {
    (stage.account.clone(), stage.region.clone())
}
