//! Every connection that `stage` knows by an id from here: publishes, subscriptions and events sockets.
//!
//! Doors, workers and `stage` meet in this table, in any order: `stage` may close a publish while its offer is still on
//! the way to a worker, a client may go while `stage` decides. One short lock makes each such step whole.
//!
//! Terms: a *peer* is a publish or a subscription; a *session* is the HTTP resource that stands for a peer (RFC 9725).

mod inlet;
mod session;
mod subscription;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::ws::Utf8Bytes;
use model::{ConnectionId, StageArn};
use stage::{LeftReason, Roster};
use tokio::sync::watch;

use crate::mailbox::{Mailbox, SocketNews};

pub(crate) use session::{Session, SessionKey};
use subscription::Followed;
pub(crate) use subscription::{NotAsked, NotFollowed};

/// What is there at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Publishes that have been admitted.
    pub publishes: u64,
    /// Subscriptions that have been admitted.
    pub subscriptions: u64,
    /// Events sockets, and sessions of `stage.v1` that wait for theirs.
    pub sockets: u64,
    /// TCP connections to media ports.
    pub tcp_connections: u64,
    /// RTP packets of publishes without a WebRTC connection that were dropped because a worker was too slow to take them, since
    /// the start.
    pub inlets_dropped: u64,
    /// RTP packets that were dropped because a worker was too slow to take them from another, since the start.
    pub relays_dropped: u64,
    /// Sends that were dropped because a socket's queue was full, since the start.
    pub transmits_dropped: u64,
}

/// Which way a peer's media goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// From the client.
    Publish,
    /// To the client.
    Subscribe,
}

/// How an events socket hears of what it is to tell its client.
#[derive(Clone, Debug)]
enum Ear {
    /// In the dialect of IVS.
    Ivs(watch::Sender<Told>),
    /// In `stage.v1`.
    StageV1(Arc<Mailbox<SocketNews>>),
}

impl Ear {
    fn left(&self, reason: LeftReason) {
        match self {
            Self::Ivs(told) => told.send_modify(|told| told.left = told.left.or(Some(reason))),
            Self::StageV1(mailbox) => mailbox.put(|news| news.left = news.left.or(Some(reason))),
        }
    }
}

/// What an events socket in the dialect of IVS is to tell its client. A slow one only ever gets the newest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// The newest roster, as text for the wire.
    pub(crate) roster: Option<Utf8Bytes>,
    /// Set once: say goodbye.
    pub(crate) left: Option<LeftReason>,
}

#[derive(Debug)]
struct Peer {
    kind: Kind,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// A door is asking `stage`, or about to hand the offer to a worker.
    Pending,
    /// `stage` closed it meanwhile.
    Refused(LeftReason),
    /// A worker has its offer.
    Live { worker: usize, session: SessionKey },
}

/// The table.
pub(crate) struct Connections {
    next: AtomicU64,
    state: Mutex<State>,
    /// Tells a worker to close a peer.
    close_peer: Box<dyn Fn(usize, ConnectionId) + Send + Sync>,
}

#[derive(Default)]
struct State {
    peers: HashMap<ConnectionId, Peer>,
    sessions: HashMap<SessionKey, Session>,
    /// The newest of each subscription, for the streams that tell of it.
    news: HashMap<SessionKey, Followed>,
    sockets: HashMap<ConnectionId, Ear>,
    /// Publishes without a WebRTC connection.
    inlets: HashMap<ConnectionId, inlet::Entry>,
    /// Subscriptions that feeds make up: each has the socket of its feed.
    links: HashMap<ConnectionId, Arc<Mailbox<SocketNews>>>,
}

impl State {
    fn session_remove(&mut self, key: SessionKey) {
        self.sessions.remove(&key);
        self.news.remove(&key);
    }
}

impl Connections {
    /// An empty table.
    pub(crate) fn new(close_peer: Box<dyn Fn(usize, ConnectionId) + Send + Sync>) -> Self {
        Self {
            next: AtomicU64::new(1),
            state: Mutex::default(),
            close_peer,
        }
    }

    fn mint(&self) -> ConnectionId {
        ConnectionId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A new peer, which `stage` can close from here on.
    pub(crate) fn peer_open(&self, kind: Kind) -> ConnectionId {
        let connection = self.mint();
        let peer = Peer {
            kind,
            phase: Phase::Pending,
        };
        self.with(|state| state.peers.insert(connection, peer));
        connection
    }

    /// Hands an admitted peer to its worker by `send`, unless `stage` has closed it meanwhile. Where `send` fails the peer
    /// stays as it was.
    pub(crate) fn peer_send<E: From<LeftReason>>(
        &self,
        key: SessionKey,
        session: Session,
        send: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        self.with(|state| {
            let gone = || E::from(LeftReason::Unknown);
            let peer = state.peers.get_mut(&session.connection).ok_or_else(gone)?;
            match peer.phase {
                Phase::Pending => {}
                Phase::Refused(reason) => return Err(E::from(reason)),
                Phase::Live { .. } => return Err(gone()),
            }
            send()?;
            peer.phase = Phase::Live {
                worker: session.worker,
                session: key,
            };
            if session.publisher.is_some() {
                state.news.insert(key, Followed::default());
            }
            state.sessions.insert(key, session);
            Ok(())
        })
    }

    /// Forgets a peer. Its worker is told to close it where `tell_worker`.
    fn peer_remove(&self, connection: ConnectionId, tell_worker: bool) -> bool {
        self.with(|state| {
            let Some(peer) = state.peers.remove(&connection) else {
                return false;
            };
            if let Phase::Live { worker, session } = peer.phase {
                state.session_remove(session);
                if tell_worker {
                    (self.close_peer)(worker, connection);
                }
            }
            true
        })
    }

    /// A door gives a peer up. Says whether it was still there.
    pub(crate) fn peer_abandon(&self, connection: ConnectionId) -> bool {
        self.peer_remove(connection, true)
    }

    /// A worker has seen a peer or an inlet end. Says whether it was still there.
    pub(crate) fn peer_ended(&self, connection: ConnectionId) -> bool {
        self.peer_remove(connection, false) || self.inlet_ended(connection)
    }

    /// The session of that name.
    pub(crate) fn session(&self, key: SessionKey) -> Option<Session> {
        self.with(|state| state.sessions.get(&key).cloned())
    }

    /// The session has a new ICE session, so a new entity tag.
    pub(crate) fn session_restarted(&self, key: SessionKey, etag: &str) {
        self.with(|state| {
            if let Some(session) = state.sessions.get_mut(&key) {
                etag.clone_into(&mut session.etag);
            }
        });
    }

    /// On which stage a live peer is.
    pub(crate) fn stage_of(&self, connection: ConnectionId) -> Option<StageArn> {
        self.with(|state| {
            if let Some(inlet) = state.inlets.get(&connection) {
                return Some(inlet.begun.as_ref()?.1.clone());
            }
            let Phase::Live { session, .. } = state.peers.get(&connection)?.phase else {
                return None;
            };
            Some(state.sessions.get(&session)?.stage.clone())
        })
    }

    /// The session is answered: that section carries its video, if any does.
    pub(crate) fn session_answered(&self, key: SessionKey, video_mid: Option<String>) {
        self.with(|state| {
            if let Some(session) = state.sessions.get_mut(&key) {
                session.video_mid = video_mid;
            }
        });
    }

    /// A new events socket; the receiver sees what it is told.
    pub(crate) fn socket_open(&self) -> (ConnectionId, watch::Receiver<Told>) {
        let connection = self.mint();
        let (sender, receiver) = watch::channel(Told::default());
        self.with(|state| state.sockets.insert(connection, Ear::Ivs(sender)));
        (connection, receiver)
    }

    /// A new socket that speaks `stage.v1`; it is told through the mailbox.
    pub(crate) fn stage_socket_open(&self, mailbox: &Arc<Mailbox<SocketNews>>) -> ConnectionId {
        let connection = self.mint();
        let ear = Ear::StageV1(Arc::clone(mailbox));
        self.with(|state| state.sockets.insert(connection, ear));
        connection
    }

    /// A new feed. Nobody but its worker knows it.
    pub(crate) fn feed_open(&self) -> ConnectionId {
        self.mint()
    }

    /// A new subscription that a feed makes up, which `stage` can end from here on; the mailbox hears of it.
    pub(crate) fn link_open(&self, mailbox: &Arc<Mailbox<SocketNews>>) -> ConnectionId {
        let connection = self.mint();
        self.with(|state| state.links.insert(connection, Arc::clone(mailbox)));
        connection
    }

    /// Whether `stage` has not ended a link.
    pub(crate) fn link_is_open(&self, connection: ConnectionId) -> bool {
        self.with(|state| state.links.contains_key(&connection))
    }

    /// A feed gives a link up. Says whether it was still there.
    pub(crate) fn link_abandon(&self, connection: ConnectionId) -> bool {
        self.with(|state| state.links.remove(&connection).is_some())
    }

    /// The socket is gone.
    pub(crate) fn socket_remove(&self, connection: ConnectionId) {
        self.with(|state| state.sockets.remove(&connection));
    }

    /// Tells sockets the newest roster; `text` is what those get that speak the dialect of IVS.
    pub(crate) fn tell(&self, to: &[ConnectionId], roster: &Arc<Roster>, text: &Utf8Bytes) {
        let ears: Vec<Ear> = self.with(|state| {
            to.iter()
                .filter_map(|connection| state.sockets.get(connection).cloned())
                .collect()
        });
        // Thousands of tasks wake here; workers need not wait for the table meanwhile.
        for ear in ears {
            match ear {
                Ear::Ivs(told) => told.send_modify(|told| told.roster = Some(text.clone())),
                Ear::StageV1(mailbox) => {
                    mailbox.put(|news| news.roster = Some(Arc::clone(roster)));
                }
            }
        }
    }

    /// `stage` wants a connection closed.
    pub(crate) fn close(&self, connection: ConnectionId, reason: LeftReason) {
        self.with(|state| {
            if let Some(socket) = state.sockets.get(&connection) {
                socket.left(reason);
            }
            if let Some(mailbox) = state.links.remove(&connection) {
                mailbox.put(|news| news.ended.push(connection));
            }
            if let Some(entry) = state.inlets.remove(&connection) {
                entry.left(reason);
                if let Some((worker, _)) = entry.begun {
                    (self.close_peer)(worker, connection);
                }
            }
            let Some(peer) = state.peers.get_mut(&connection) else {
                return;
            };
            if let Phase::Live { worker, session } = peer.phase {
                (self.close_peer)(worker, connection);
                state.session_remove(session);
                state.peers.remove(&connection);
            } else {
                peer.phase = Phase::Refused(reason);
            }
        });
    }

    /// Every socket says goodbye, and every stream of events ends.
    pub(crate) fn sockets_close(&self, reason: LeftReason) {
        self.with(|state| {
            state.news.clear();
            #[expect(
                clippy::disallowed_methods,
                reason = "all get the same; the order does not matter"
            )]
            for socket in state.sockets.values() {
                socket.left(reason);
            }
        });
    }

    /// What is there.
    pub(crate) fn gauges(&self) -> Gauges {
        self.with(|state| {
            #[expect(
                clippy::disallowed_methods,
                reason = "a count does not depend on the order"
            )]
            let publishes = state
                .peers
                .values()
                .filter(|peer| peer.kind == Kind::Publish)
                .count();
            Gauges {
                publishes: (publishes + state.inlets.len()) as u64,
                subscriptions: (state.peers.len() - publishes + state.links.len()) as u64,
                sockets: state.sockets.len() as u64,
                ..Gauges::default()
            }
        })
    }
}

#[cfg(test)]
mod tests;
