//! The feeds of a worker: what becomes of them goes to the mailboxes of their sessions.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::ConnectionId;

use crate::mailbox::{FeedNews, Mailbox};

/// Where each feed's news goes.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    mailboxes: BTreeMap<ConnectionId, Arc<Mailbox<FeedNews>>>,
}

impl Feeds {
    /// A feed is about to be.
    pub(super) fn open(&mut self, connection: ConnectionId, mailbox: Arc<Mailbox<FeedNews>>) {
        self.mailboxes.insert(connection, mailbox);
    }

    /// Whether a peer is a feed.
    pub(super) fn contains(&self, connection: ConnectionId) -> bool {
        self.mailboxes.contains_key(&connection)
    }

    /// A feed is no more; what is told of it later goes nowhere.
    pub(super) fn close(&mut self, connection: ConnectionId) -> Option<Arc<Mailbox<FeedNews>>> {
        self.mailboxes.remove(&connection)
    }

    /// Tells something of a peer. Says whether it is a feed.
    pub(super) fn tell(&self, connection: ConnectionId, put: impl FnOnce(&mut FeedNews)) -> bool {
        let mailbox = self.mailboxes.get(&connection);
        mailbox.map(|mailbox| mailbox.put(put)).is_some()
    }
}
