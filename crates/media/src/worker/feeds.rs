//! The feeds of a worker: what becomes of them goes to the mailboxes of their sessions.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::ConnectionId;

use crate::mailbox::{FeedNews, Mailbox};

/// Where each feed's news goes.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    mailboxes: BTreeMap<ConnectionId, Arc<Mailbox<FeedNews>>>,
    homes: BTreeMap<ConnectionId, usize>,
}

impl Feeds {
    /// A feed is about to be.
    pub(super) fn open(
        &mut self,
        connection: ConnectionId,
        home: usize,
        mailbox: Arc<Mailbox<FeedNews>>,
    ) {
        self.mailboxes.insert(connection, mailbox);
        self.homes.insert(connection, home);
    }

    /// The worker that has all publishers that a feed may want; `None` if the peer is no feed.
    pub(super) fn home(&self, connection: ConnectionId) -> Option<usize> {
        self.homes.get(&connection).copied()
    }

    /// A feed is no more; what is told of it later goes nowhere.
    pub(super) fn close(&mut self, connection: ConnectionId) -> Option<Arc<Mailbox<FeedNews>>> {
        self.homes.remove(&connection);
        self.mailboxes.remove(&connection)
    }

    /// Tells something of a peer. Says whether it is a feed.
    pub(super) fn tell(&self, connection: ConnectionId, put: impl FnOnce(&mut FeedNews)) -> bool {
        let mailbox = self.mailboxes.get(&connection);
        mailbox.map(|mailbox| mailbox.put(put)).is_some()
    }
}
