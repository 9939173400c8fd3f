//! What threads tell the task of one socket: the newest of each thing, so that a slow client costs its own news and nobody's
//! time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::ConnectionId;
use sfu::{Binding, Layers, PeerFault, Quality};
use stage::{LeftReason, Roster};
use tokio::sync::Notify;

/// One box. Anybody puts in, one task takes out.
#[derive(Debug, Default)]
pub(crate) struct Mailbox<T> {
    news: Mutex<T>,
    changed: Notify,
}

impl<T: Default> Mailbox<T> {
    /// Puts something in; never waits.
    pub(crate) fn put(&self, put: impl FnOnce(&mut T)) {
        put(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
    }

    /// Takes everything out, once there is something. A call that is dropped has taken nothing.
    pub(crate) async fn take(&self) -> T {
        self.changed.notified().await;
        std::mem::take(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What `stage` tells a session.
#[derive(Debug, Default)]
pub(crate) struct SocketNews {
    /// The newest roster.
    pub(crate) roster: Option<Arc<Roster>>,
    /// Set once: say goodbye.
    pub(crate) left: Option<LeftReason>,
    /// Links that have been ended; each at most once.
    pub(crate) ended: Vec<ConnectionId>,
}

impl SocketNews {
    /// Adds what came after this.
    pub(crate) fn add(&mut self, newer: Self) {
        self.roster = newer.roster.or_else(|| self.roster.take());
        self.left = self.left.or(newer.left);
        self.ended.extend(newer.ended);
    }
}

/// What a worker tells of a feed. It grows with the publishers that the feed gets, and with nothing else.
#[derive(Debug, Default)]
pub(crate) struct FeedNews {
    /// ICE and DTLS are done.
    pub(crate) is_connected: bool,
    /// What the slots carry.
    pub(crate) bindings: Option<Vec<Binding>>,
    /// Slots that are needed, for audio and for video.
    pub(crate) need: Option<(usize, usize)>,
    /// Layers that changed, by publisher.
    pub(crate) layers: BTreeMap<ConnectionId, Layers>,
    /// How it is served.
    pub(crate) quality: Option<Quality>,
    /// It has ended on its own account.
    pub(crate) closed: Option<PeerFault>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taker_gets_the_newest_of_everything_that_was_put() {
        let mailbox = Arc::new(Mailbox::<FeedNews>::default());
        for need in [(1, 1), (4, 2)] {
            mailbox.put(|news| news.need = Some(need));
        }
        mailbox.put(|news| news.is_connected = true);
        let news = mailbox.take().await;
        assert_eq!((news.need, news.is_connected), (Some((4, 2)), true));
        let late = Arc::clone(&mailbox);
        let (news, ()) = tokio::join!(mailbox.take(), async move {
            late.put(|news| news.closed = Some(PeerFault::Timeout));
        });
        assert_eq!((news.need, news.closed), (None, Some(PeerFault::Timeout)));
    }
}
