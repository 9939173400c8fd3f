//! What there is to tell of a subscription, and how often it may be asked about.

use std::sync::Arc;
use std::time::Instant;

use model::ConnectionId;
use sfu::Layers;
use tokio::sync::watch;

use super::{Connections, Peer, Phase, SessionKey};
use crate::news::News;
use auth::allowance::Bucket;

/// Requests about the events and the layer of one subscription that may go on, per second. A player chooses a layer when its
/// window changes.
const ASKS_PER_SECOND: f64 = 5.0;
/// Such requests at once: a window that is being dragged.
const ASKS_BURST: f64 = 30.0;

/// A subscription that can be asked about.
#[derive(Default)]
pub(super) struct Followed {
    news: watch::Sender<News>,
    /// What may still be asked.
    asks: Option<Bucket>,
}

/// Why a request about a subscription is turned down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAsked {
    /// The session is gone, or publishes.
    NoSubscription,
    /// There were too many just now.
    TooOften,
}

/// Why a subscription cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotFollowed {
    /// The session is gone, or publishes.
    NoSubscription,
    /// Enough streams follow it.
    TooMany,
}

impl Connections {
    /// There are other layers for a subscription, or it gets another one.
    pub(crate) fn session_layers(&self, connection: ConnectionId, layers: Layers) {
        self.with(|state| {
            if let Some(Peer {
                phase: Phase::Live { session, .. },
                ..
            }) = state.peers.get(&connection)
                && let Some(followed) = state.news.get(session)
            {
                followed
                    .news
                    .send_modify(|news| news.layers = Some(Arc::new(layers)));
            }
        });
    }

    /// Counts a request about a subscription, unless there are too many.
    pub(crate) fn news_ask(&self, key: SessionKey, now: Instant) -> Result<(), NotAsked> {
        self.with(|state| {
            let followed = state.news.get_mut(&key).ok_or(NotAsked::NoSubscription)?;
            let fresh = || Bucket::new(ASKS_PER_SECOND, ASKS_BURST, now);
            let bucket = followed.asks.get_or_insert_with(fresh);
            bucket.take(now).then_some(()).ok_or(NotAsked::TooOften)
        })
    }

    /// The newest of a subscription as it is now; `None` where there is no such subscription.
    pub(crate) fn news(&self, key: SessionKey) -> Option<News> {
        self.with(|state| Some(state.news.get(&key)?.news.borrow().clone()))
    }

    /// Follows a subscription, unless `streams_max` do so already. The receiver sees the end of the session as the end of its
    /// sender.
    pub(crate) fn news_follow(
        &self,
        key: SessionKey,
        streams_max: usize,
    ) -> Result<watch::Receiver<News>, NotFollowed> {
        self.with(|state| {
            let followed = state.news.get(&key);
            let news = &followed.ok_or(NotFollowed::NoSubscription)?.news;
            if news.receiver_count() >= streams_max {
                return Err(NotFollowed::TooMany);
            }
            Ok(news.subscribe())
        })
    }
}
