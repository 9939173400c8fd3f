//! Every connection that `stage` knows by an id from here: publishes, subscriptions and events sockets.
//!
//! Doors, workers and `stage` meet in this table, in any order: `stage` may close a publish while its offer is still on
//! the way to a worker, a client may go while `stage` decides. One short lock makes each such step whole.
//!
//! Terms: a *peer* is a publish or a subscription; a *session* is the HTTP resource that stands for a peer (RFC 9725).

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use auth::bearer;
use axum::extract::ws::Utf8Bytes;
use model::{ConnectionId, Grant, ParticipantId, StageArn};
use sfu::Layers;
use stage::{LeftReason, Roster};
use tokio::sync::watch;

use crate::mailbox::{Mailbox, SocketNews};
use crate::news::News;
use crate::placement::Seat;
use crate::rate::Bucket;

/// Requests about the events and the layer of one subscription that may go on, per second. A player chooses a layer when its
/// window changes.
const ASKS_PER_SECOND: f64 = 5.0;
/// Such requests at once: a window that is being dragged.
const ASKS_BURST: f64 = 30.0;

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
    /// RTP packets that were dropped because a worker was too slow to take them from another, since the start.
    pub relays_dropped: u64,
    /// Sends that were dropped because a socket's queue was full, since the start.
    pub transmits_dropped: u64,
}

/// The name of a session: 128 random bits, hard to guess (RFC 9725, section 5).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey(u128);

impl SessionKey {
    /// A key from 16 random bytes.
    pub(crate) fn from_random(random: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(random))
    }

    /// Reads the form that `Display` writes, and no other.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 32 && text.bytes().all(is_hex))
            .then(|| u128::from_str_radix(text, 16).ok().map(Self))
            .flatten()
    }
}

impl fmt::Debug for SessionKey {
    /// Shows nothing: a key in a log would be a session's URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What a session resource is about.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The peer.
    pub(crate) connection: ConnectionId,
    /// The worker that owns it.
    pub(crate) worker: usize,
    /// Whose it is.
    pub(crate) stage: StageArn,
    /// Whose it is.
    pub(crate) participant: ParticipantId,
    /// The token that opened it. It goes on being good for the session, whatever becomes of the key that signed it.
    pub(crate) token: bearer::Key,
    /// Names its ICE session (RFC 9725, section 4.3.1), with quotes.
    pub(crate) etag: String,
    /// Whose media it gets, if it is a subscription.
    pub(crate) publisher: Option<ConnectionId>,
    /// The `mid` of the section that carries video to it, once it is answered.
    pub(crate) video_mid: Option<String>,
    /// Its place on the worker, if it is a subscription.
    #[expect(dead_code, reason = "it is given up by its drop")]
    pub(crate) seat: Option<Arc<Seat>>,
}

impl Session {
    /// Whether the token was given to the participant that made the session.
    pub(crate) fn is_of(&self, grant: &Grant) -> bool {
        self.stage == grant.stage && self.participant == grant.participant
    }
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
    /// Subscriptions that feeds make up: each has the socket of its feed.
    links: HashMap<ConnectionId, Arc<Mailbox<SocketNews>>>,
}

/// A subscription that can be asked about.
#[derive(Default)]
struct Followed {
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

    /// A worker has seen a peer end. Says whether it was still there.
    pub(crate) fn peer_ended(&self, connection: ConnectionId) -> bool {
        self.peer_remove(connection, false)
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
                publishes: publishes as u64,
                subscriptions: (state.peers.len() - publishes + state.links.len()) as u64,
                sockets: state.sockets.len() as u64,
                ..Gauges::default()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use model::StageId;

    use super::*;

    type Closes = Arc<Mutex<Vec<(usize, ConnectionId)>>>;

    fn table() -> (Connections, Closes) {
        let closes = Closes::default();
        let sink = Arc::clone(&closes);
        let close = move |worker, connection| sink.lock().unwrap().push((worker, connection));
        (Connections::new(Box::new(close)), closes)
    }

    fn session(connection: ConnectionId) -> Session {
        Session {
            connection,
            worker: 3,
            stage: StageArn::parse("arn:aws:ivs:us-west-2:123456789012:stage/abcdABCDefgh")
                .unwrap(),
            participant: ParticipantId::parse("ana").unwrap(),
            token: bearer::Key::new("token"),
            etag: "\"1\"".to_owned(),
            publisher: None,
            video_mid: None,
            seat: None,
        }
    }

    const KEY: SessionKey = SessionKey(7);

    #[test]
    fn a_close_that_comes_before_the_offer_is_sent_keeps_it_from_being_sent() {
        let (table, closes) = table();
        let connection = table.peer_open(Kind::Publish);
        table.close(connection, LeftReason::ParticipantDisconnected);
        let sent = table.peer_send(KEY, session(connection), || -> Result<(), LeftReason> {
            unreachable!("the offer must not be sent")
        });
        assert_eq!(sent, Err(LeftReason::ParticipantDisconnected));
        assert!(table.session(KEY).is_none());
        assert!(closes.lock().unwrap().is_empty());
    }

    #[test]
    fn a_close_that_comes_after_it_reaches_the_worker_once() {
        let (table, closes) = table();
        let connection = table.peer_open(Kind::Publish);
        table
            .peer_send::<LeftReason>(KEY, session(connection), || Ok(()))
            .unwrap();
        let found = table.session(KEY).map(|session| session.connection);
        assert_eq!(found, Some(connection));
        table.close(connection, LeftReason::StageDeleted);
        table.close(connection, LeftReason::StageDeleted);
        assert!(!table.peer_abandon(connection));
        assert_eq!(*closes.lock().unwrap(), [(3, connection)]);
        assert!(table.session(KEY).is_none());
        assert_eq!(table.gauges(), Gauges::default());
    }

    #[test]
    fn a_worker_that_is_full_leaves_the_peer_for_its_door_to_give_up() {
        let (table, closes) = table();
        let connection = table.peer_open(Kind::Subscribe);
        let sent = table.peer_send(KEY, session(connection), || Err(LeftReason::TokenReused));
        assert_eq!(sent, Err(LeftReason::TokenReused));
        assert!(table.peer_abandon(connection));
        assert!(closes.lock().unwrap().is_empty());
    }

    #[test]
    fn a_slow_socket_sees_only_the_newest_roster_and_the_first_reason() {
        let (table, _) = table();
        let (connection, receiver) = table.socket_open();
        for roster in ["one", "two"] {
            let nobody = Arc::new(Roster {
                stage: StageId::parse("abcdABCDefgh").unwrap(),
                participants: Vec::new(),
            });
            let to = [connection, ConnectionId(99)];
            table.tell(&to, &nobody, &Utf8Bytes::from_static(roster));
        }
        table.close(connection, LeftReason::TokenReused);
        table.sockets_close(LeftReason::Unknown);
        let told = receiver.borrow();
        assert_eq!(told.roster.as_ref().map(Utf8Bytes::as_str), Some("two"));
        assert_eq!(told.left, Some(LeftReason::TokenReused));
    }

    #[test]
    fn session_names_read_back_only_as_written() {
        let key = SessionKey::from_random([0xab; 16]);
        assert!(SessionKey::parse(&key.to_string()) == Some(key));
        for text in [
            "",
            "ab",
            &"AB".repeat(16),
            &"+a".repeat(16),
            &"ab".repeat(17),
        ] {
            assert!(SessionKey::parse(text).is_none(), "{text}");
        }
    }
}
