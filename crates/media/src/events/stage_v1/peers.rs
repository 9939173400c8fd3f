//! What a session has elsewhere: its feed on a worker, and its links in `stage`. Each is given up by its drop.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;

use model::{ConnectionId, ErrorCode, ParticipantId, StageArn};
use sfu::{Answer, PeerFault};
use stage::{CloseCause, Reply};

use crate::mailbox::{FeedNews, Mailbox, SocketNews};
use crate::placement::Seat;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::worker::{self, Awaited, Order};

/// A feed that a worker has, or is about to.
pub(super) struct FeedPeer {
    plane: Arc<Plane>,
    seat: Seat,
    connection: ConnectionId,
    mailbox: Arc<Mailbox<FeedNews>>,
    /// Of the offer that is being answered.
    answer: Option<Awaited<Result<Answer, PeerFault>>>,
    /// Whether an offer has been answered.
    pub(super) is_live: bool,
}

/// The worker has too much to do.
pub(super) struct Busy;

impl FeedPeer {
    /// Hands the first offer to the worker.
    pub(super) fn open(
        plane: &Arc<Plane>,
        stage: &StageArn,
        offer: sfu::Offer,
    ) -> Result<Self, Busy> {
        // Where it is given up the feed is closed, so that the worker need not ask.
        let (awaited, answer, _) = Awaited::new();
        let mut feed = Self {
            plane: Arc::clone(plane),
            seat: plane.placement.seat(stage),
            connection: plane.connections.feed_open(),
            mailbox: Arc::default(),
            answer: None,
            is_live: false,
        };
        feed.order(Order::Feed {
            connection: feed.connection,
            offer,
            mailbox: Arc::clone(&feed.mailbox),
            answer,
        })?;
        feed.answer = Some(awaited);
        Ok(feed)
    }

    /// Hands another offer to the worker.
    pub(super) fn reoffer(&mut self, offer: sfu::Offer) -> Result<(), Busy> {
        let (awaited, answer, claim) = Awaited::new();
        self.order(Order::Reoffer {
            connection: self.connection,
            offer,
            claim,
            answer,
        })?;
        self.answer = Some(awaited);
        Ok(())
    }

    /// Tells the worker what the feed wants, and where that is.
    pub(super) fn want(
        &self,
        wants: Vec<sfu::Want>,
        homes: BTreeMap<ConnectionId, usize>,
    ) -> Result<(), Busy> {
        self.order(Order::Want {
            connection: self.connection,
            wants,
            homes,
        })
    }

    fn order(&self, order: Order) -> Result<(), Busy> {
        let worker = self.plane.workers.get(self.seat.worker).ok_or(Busy)?;
        worker.try_order(order).map_err(|_| Busy)
    }

    /// What the worker says, once there is something. A call that is dropped has taken nothing.
    pub(super) async fn next(&mut self) -> FeedWord {
        let is_live = self.is_live;
        let answer = &mut self.answer;
        let answered = async {
            match answer {
                Some(awaited) => awaited.outcome().await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            // An answer comes before what follows from it.
            answered = answered => {
                self.answer = None;
                // Else the worker has given up what it had, or has too much to do.
                FeedWord::Answer(answered.unwrap_or_else(|_| Err(failed())))
            }
            news = self.mailbox.take(), if is_live => FeedWord::News(news),
        }
    }
}

/// What a worker says of a feed.
pub(super) enum FeedWord {
    /// To an offer.
    Answer(Result<Answer, PeerFault>),
    /// Of what becomes of it.
    News(FeedNews),
}

impl Drop for FeedPeer {
    fn drop(&mut self) {
        if let Some(worker) = self.plane.workers.get(self.seat.worker) {
            worker.close(self.connection);
        }
    }
}

/// What is told of an offer that nobody could look at.
pub(super) fn failed() -> PeerFault {
    PeerFault::Fault(ErrorCode::InternalServerException)
}

/// A subscription that `stage` may know.
pub(super) struct Link {
    plane: Arc<Plane>,
    pub(super) connection: ConnectionId,
    /// The publish that it gets and the worker that has that, once `stage` has let it in.
    pub(super) source: Option<(ConnectionId, usize)>,
    cause: CloseCause,
    is_known: bool,
}

impl Link {
    pub(super) fn open(plane: &Arc<Plane>, mailbox: &Arc<Mailbox<SocketNews>>) -> Self {
        Self {
            plane: Arc::clone(plane),
            connection: plane.connections.link_open(mailbox),
            source: None,
            cause: CloseCause::Client,
            is_known: true,
        }
    }

    /// The feed has ended, so that it ends too.
    pub(super) fn end(&mut self, fault: PeerFault) {
        self.cause = worker::cause_of(fault);
    }

    /// `stage` keeps nothing of what it refuses.
    pub(super) fn is_refused(&mut self) {
        self.is_known = false;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let connection = self.connection;
        // Where `stage` has ended it, it knows.
        if self.plane.connections.link_abandon(connection) && self.is_known {
            let cause = self.cause;
            let closed = stage::Input::Closed { connection, cause };
            self.plane.facts.push(closed);
        }
    }
}

/// What came of a question to `stage`.
pub(super) struct Asked {
    pub(super) ask: u64,
    pub(super) publisher: ParticipantId,
    pub(super) link: Link,
    pub(super) reply: Result<Reply, Problem>,
}
