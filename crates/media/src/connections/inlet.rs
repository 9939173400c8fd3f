//! Publishes without a WebRTC connection, as `stage`, their workers and whoever feeds them meet in the table.

use model::{ConnectionId, StageArn};
use stage::LeftReason;
use tokio::sync::watch;

use super::Connections;

/// One of them.
#[derive(Debug)]
pub(super) struct Entry {
    /// The worker that has it, and the stage that it is on, once it has begun.
    pub(super) begun: Option<(usize, StageArn)>,
    left: watch::Sender<Option<LeftReason>>,
}

impl Entry {
    /// Whoever feeds it is told that it is over.
    pub(super) fn left(&self, reason: LeftReason) {
        self.left.send_replace(Some(reason));
    }
}

impl Connections {
    /// A new one, which `stage` can close from here on; the receiver sees that.
    pub(crate) fn inlet_open(&self) -> (ConnectionId, watch::Receiver<Option<LeftReason>>) {
        let connection = self.mint();
        let (left, receiver) = watch::channel(None);
        let entry = Entry { begun: None, left };
        self.with(|state| state.inlets.insert(connection, entry));
        (connection, receiver)
    }

    /// Hands one that is on that stage to its worker by `send`, unless it is gone or has begun. `None` then; where `send` fails it stays as it was.
    pub(crate) fn inlet_send<E>(
        &self,
        connection: ConnectionId,
        (worker, stage): (usize, &StageArn),
        send: impl FnOnce() -> Result<(), E>,
    ) -> Option<Result<(), E>> {
        self.with(|state| {
            let entry = state.inlets.get_mut(&connection)?;
            if entry.begun.is_some() {
                return None;
            }
            let handed = send();
            if handed.is_ok() {
                entry.begun = Some((worker, stage.clone()));
            }
            Some(handed)
        })
    }

    /// Whether it is still there.
    pub(crate) fn inlet_is_open(&self, connection: ConnectionId) -> bool {
        self.with(|state| state.inlets.contains_key(&connection))
    }

    /// Whoever feeds it gives it up: its worker is told. Says whether it was still there.
    pub(crate) fn inlet_abandon(&self, connection: ConnectionId) -> bool {
        self.with(|state| {
            let Some(entry) = state.inlets.remove(&connection) else {
                return false;
            };
            if let Some((worker, _)) = entry.begun {
                (self.close_peer)(worker, connection);
            }
            true
        })
    }

    /// A worker has seen it end. Says whether it was still there.
    pub(super) fn inlet_ended(&self, connection: ConnectionId) -> bool {
        self.with(|state| {
            let entry = state.inlets.remove(&connection);
            if let Some(entry) = &entry {
                entry.left(LeftReason::Unknown);
            }
            entry.is_some()
        })
    }
}
