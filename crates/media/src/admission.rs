//! The way of a peer from a verified offer to a live session: `stage` admits it, a worker answers it.
//!
//! A client may drop its request at any point. What it leaves behind is cleaned up by the drop of [`Admission`].

use std::sync::Arc;

use model::{ConnectionId, ErrorCode, StageArn};
use sfu::{Answer, Offer, PeerFault};
use stage::{CloseCause, LeftReason, Reply};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::connections::{Kind, Session, SessionKey};
use crate::plane::{Caller, Plane};
use crate::problem::Problem;
use crate::worker::{InboxFull, Order, WORKER_PATIENCE};

/// A live session, ready to be told to its client.
#[derive(Debug)]
pub(crate) struct Established {
    /// Its name.
    pub(crate) key: SessionKey,
    /// Its first entity tag.
    pub(crate) etag: String,
    /// The answer.
    pub(crate) answer: Answer,
}

/// The publish whose media a subscription gets.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Which.
    pub(crate) publish: ConnectionId,
    /// The stage that it belongs to, whose home has it.
    pub(crate) stage: StageArn,
}

/// A peer that is not live yet.
pub(crate) struct Admission {
    plane: Arc<Plane>,
    connection: ConnectionId,
    outcome: Outcome,
}

/// What is left to do for a peer when its admission ends.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// It failed: `stage` is told so.
    Failed(CloseCause),
    /// `stage` does not know it, or not any more.
    Forgotten,
    /// It is live, and belongs to its worker.
    Live,
}

impl Admission {
    /// A new peer, known to nobody but the table of connections.
    pub(crate) fn open(plane: &Arc<Plane>, kind: Kind) -> Self {
        Self {
            plane: Arc::clone(plane),
            connection: plane.connections.peer_open(kind),
            outcome: Outcome::Failed(CloseCause::Client),
        }
    }

    /// Its id.
    pub(crate) fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// Asks `stage` for somebody on that stage. Yields the publish whose media a subscription gets.
    pub(crate) async fn ask(
        &mut self,
        input: stage::Input,
        stage: &StageArn,
    ) -> Result<Option<Source>, Problem> {
        match self.plane.ask(input).await? {
            Reply::Admitted {
                publisher, source, ..
            } => Ok(publisher.map(|publish| Source {
                publish,
                stage: source.unwrap_or_else(|| stage.clone()),
            })),
            Reply::Refused(refusal) => {
                // `stage` keeps nothing of what it refuses.
                self.outcome = Outcome::Forgotten;
                Err(refusal.into())
            }
            Reply::Done | Reply::Joined { .. } | Reply::Exchanged => Err(Problem::internal()),
        }
    }

    /// Has the offer answered by a worker: publishes by the one that is the stage's home, subscriptions by one of its choice,
    /// wherever what they get is at home.
    pub(crate) async fn establish(
        mut self,
        caller: &Caller,
        offer: Offer,
        source: Option<Source>,
    ) -> Result<Established, Problem> {
        let key = SessionKey::from_random(self.plane.random());
        let etag = new_etag(&self.plane);
        let grant = &caller.grant;
        let placement = &self.plane.placement;
        let seat = source
            .as_ref()
            .map(|_| Arc::new(placement.seat(&grant.stage)));
        let worker = seat.as_ref().map(|seat| seat.worker);
        let worker = worker.unwrap_or_else(|| placement.home(&grant.stage));
        let session = Session {
            connection: self.connection,
            worker,
            stage: grant.stage.clone(),
            participant: grant.participant.clone(),
            token: caller.token.clone(),
            etag: etag.clone(),
            publisher: source.as_ref().map(|source| source.publish),
            video_mid: None,
            seat,
        };
        let (sender, answer) = oneshot::channel();
        let connection = self.connection;
        let order = match source {
            None => Order::Publish {
                connection,
                offer,
                answer: sender,
            },
            Some(source) => Order::Subscribe {
                connection,
                publisher: source.publish,
                home: placement.home(&source.stage),
                offer,
                answer: sender,
            },
        };
        let handle = self
            .plane
            .workers
            .get(worker)
            .ok_or_else(Problem::internal)?;
        let handed =
            self.plane
                .connections
                .peer_send(key, session, || Ok(handle.try_order(order)?));
        match handed {
            Ok(()) => {}
            Err(NotSent::Left(reason)) => {
                // `stage` has forgotten it already.
                self.outcome = Outcome::Forgotten;
                return Err(reason.into());
            }
            Err(NotSent::Full) => return Err(Problem::overloaded()),
        }
        let Ok(answer) = timeout(WORKER_PATIENCE, answer).await else {
            return Err(Problem::overloaded());
        };
        match answer {
            Ok(Ok(answer)) => {
                self.outcome = Outcome::Live;
                Ok(Established { key, etag, answer })
            }
            Ok(Err(fault)) => {
                self.outcome = Outcome::Failed(match fault {
                    PeerFault::Fault(code) => CloseCause::Fault(code),
                    PeerFault::Timeout => CloseCause::Timeout,
                    PeerFault::ClosedByPeer | PeerFault::PublisherGone | PeerFault::Offer => {
                        CloseCause::Client
                    }
                });
                Err(fault.into())
            }
            // The worker has given up what it had.
            Err(_) => {
                self.outcome =
                    Outcome::Failed(CloseCause::Fault(ErrorCode::InternalServerException));
                Err(Problem::internal())
            }
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        match self.outcome {
            Outcome::Live => {}
            Outcome::Forgotten => {
                self.plane.connections.peer_abandon(self.connection);
            }
            Outcome::Failed(cause) => {
                // Where it is gone already, whoever removed it has told.
                if self.plane.connections.peer_abandon(self.connection) {
                    let connection = self.connection;
                    self.plane
                        .facts
                        .push(stage::Input::Closed { connection, cause });
                }
            }
        }
    }
}

/// A strong entity tag, unique among those of its session (RFC 9110, section 8.8.3).
pub(crate) fn new_etag(plane: &Plane) -> String {
    format!("\"{:016x}\"", u64::from_be_bytes(plane.random()))
}

/// Why an offer was not handed to its worker.
enum NotSent {
    Full,
    Left(LeftReason),
}

impl From<InboxFull> for NotSent {
    fn from(_: InboxFull) -> Self {
        Self::Full
    }
}

impl From<LeftReason> for NotSent {
    fn from(reason: LeftReason) -> Self {
        Self::Left(reason)
    }
}
