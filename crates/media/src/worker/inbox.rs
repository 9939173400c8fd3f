//! Orders for a worker, from any thread.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use mio::Waker;
use model::ConnectionId;
use sfu::{Answer, InletDescription, Offer, PatchFault, Patched, PeerFault, Want};
use tokio::sync::oneshot;

use super::awaited::Claim;
use super::relay::Across;
use crate::mailbox::{FeedNews, Mailbox};

/// Offers and patches that may wait for a worker. One that is this far behind takes longer to answer than clients wait.
const WAITING_MAX: usize = 1_024;

/// What a worker can be told to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Answer a publisher's offer.
    Publish {
        /// The new peer.
        connection: ConnectionId,
        /// Its offer.
        offer: Offer,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<Answer, PeerFault>>,
    },
    /// A publisher without a connection begins; its packets come by a line of their own.
    Inlet {
        /// The new publisher.
        connection: ConnectionId,
        /// What it sends.
        description: InletDescription,
    },
    /// Answer a subscriber's offer.
    Subscribe {
        /// The new peer.
        connection: ConnectionId,
        /// Whose media it gets.
        publisher: ConnectionId,
        /// The worker that has the publisher: the home of the stage that it belongs to, which need not be the subscriber's.
        home: usize,
        /// Its offer.
        offer: Offer,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<Answer, PeerFault>>,
    },
    /// Answer the offer of a subscriber with slots.
    Feed {
        /// The new peer.
        connection: ConnectionId,
        /// Its offer.
        offer: Offer,
        /// Where what becomes of it goes.
        mailbox: Arc<Mailbox<FeedNews>>,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<Answer, PeerFault>>,
    },
    /// Answer another offer of a feed.
    Reoffer {
        /// Which peer.
        connection: ConnectionId,
        /// The offer.
        offer: Offer,
        /// To be taken before it begins.
        claim: Claim,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<Answer, PeerFault>>,
    },
    /// Give a subscriber something else from now on.
    Want {
        /// Which peer.
        connection: ConnectionId,
        /// All that it is to get.
        wants: Vec<Want>,
        /// The workers that have those publishers, unless this one is known to have them or a mirror of them.
        homes: BTreeMap<ConnectionId, usize>,
    },
    /// Apply a trickle fragment.
    Patch {
        /// Which peer.
        connection: ConnectionId,
        /// The fragment.
        fragment: Fragment,
        /// Whether it may restart ICE.
        restart: bool,
        /// To be taken before it begins.
        claim: Claim,
        /// Where the result goes.
        reply: oneshot::Sender<Result<Patched, PatchFault>>,
    },
    /// Something between workers.
    Across(Across),
    /// Close a peer.
    Close {
        /// Which.
        connection: ConnectionId,
    },
    /// Close every peer and end.
    Stop,
}

/// A body of a PATCH. It is never shown: an ICE password lets others into the connection.
pub(crate) struct Fragment(pub(crate) String);

impl fmt::Debug for Fragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fragment(..)")
    }
}

/// Too many orders wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InboxFull;

/// The queue, with the waker of its worker.
#[derive(Debug)]
pub(crate) struct Inbox {
    queue: Mutex<VecDeque<Order>>,
    waker: Waker,
}

impl Inbox {
    /// An empty queue.
    pub(crate) fn new(waker: Waker) -> Self {
        Self {
            queue: Mutex::default(),
            waker,
        }
    }

    /// Queues an order unless too many wait.
    pub(crate) fn try_push(&self, order: Order) -> Result<(), InboxFull> {
        self.with(|queue| {
            if queue.len() >= WAITING_MAX {
                return Err(InboxFull);
            }
            queue.push_back(order);
            Ok(())
        })?;
        self.wake();
        Ok(())
    }

    /// Queues an order that must not get lost. There are few for each peer.
    pub(crate) fn push(&self, order: Order) {
        self.with(|queue| queue.push_back(order));
        self.wake();
    }

    /// The next order.
    pub(crate) fn pop(&self) -> Option<Order> {
        self.with(VecDeque::pop_front)
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.with(|queue| queue.is_empty())
    }

    /// Makes the worker look at its orders, and at what other workers have for it.
    pub(super) fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "a media worker cannot be woken");
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut VecDeque<Order>) -> T) -> T {
        act(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
