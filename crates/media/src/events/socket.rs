//! One events socket, from its join to its end.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use model::{ClientInfo, ConnectionId, Grant};
use stage::{CloseCause, Input, Reply};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout, timeout_at};

use super::message::{self, Goodbye, Request};
use crate::connections::Told;
use crate::plane::Plane;
use auth::allowance::Bucket;

/// Messages of a client per second, pings included, that it may keep up.
const MESSAGES_PER_SECOND: f64 = 10.0;
/// Messages that it may send at once.
const MESSAGES_BURST: f64 = 100.0;
/// Messages that are not understood before the socket is closed: they may be of a newer client, or noise.
const UNKNOWN_MESSAGES_MAX: u32 = 100;
/// How long a client may take to answer our close.
pub(super) const GOODBYE_PATIENCE: Duration = Duration::from_secs(1);

/// Joins, serves and leaves.
pub(super) async fn run(plane: Arc<Plane>, socket: WebSocket, grant: Grant, client: ClientInfo) {
    let (connection, told) = plane.connections.socket_open();
    let mut joined = Joined {
        plane: Arc::clone(&plane),
        connection,
        cause: Some(CloseCause::Client),
    };
    let input = Input::Join {
        connection,
        grant,
        client,
    };
    let goodbye = match plane.ask(input).await {
        Ok(Reply::Joined { roster, .. }) => {
            let now = Instant::now();
            let mut conversation = Conversation {
                socket,
                told,
                bucket: Bucket::new(MESSAGES_PER_SECOND, MESSAGES_BURST, plane.now().mono),
                unknown: 0,
                heard: now,
                liveness: plane.liveness_timeout,
                plane,
            };
            let end = conversation.hold(message::stage_state(&roster)).await;
            joined.cause = Some(end.cause());
            // `stage` need not wait for a client that is slow to say goodbye.
            drop(joined);
            conversation.close(end).await;
            return;
        }
        Ok(Reply::Refused(refusal)) => {
            joined.cause = None;
            Goodbye::from(&refusal)
        }
        Ok(Reply::Done | Reply::Admitted { .. } | Reply::Exchanged) | Err(_) => message::FAILED,
    };
    drop(joined);
    let mut socket = socket;
    let text = Message::Text(message::join_error(&goodbye));
    if let Ok(Ok(())) = timeout(GOODBYE_PATIENCE, socket.send(text)).await {
        close(socket, goodbye.close_code, goodbye.reason).await;
    }
}

/// A socket that `stage` may know. Its drop says that it is gone, however that came.
pub(super) struct Joined {
    pub(super) plane: Arc<Plane>,
    pub(super) connection: ConnectionId,
    /// `None` where `stage` does not know it.
    pub(super) cause: Option<CloseCause>,
}

impl Drop for Joined {
    fn drop(&mut self) {
        let connection = self.connection;
        self.plane.connections.socket_remove(connection);
        if let Some(cause) = self.cause {
            self.plane.facts.push(Input::Closed { connection, cause });
        }
    }
}

/// How a conversation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client has closed, or is unreachable.
    Gone,
    /// The client has fallen silent, or reads nothing.
    Silent,
    /// The client breaks the protocol.
    Offence { code: u16, reason: &'static str },
    /// `stage` wants it.
    Told(Goodbye),
}

impl End {
    /// What `stage` is told. It ignores what it has closed itself.
    fn cause(self) -> CloseCause {
        match self {
            Self::Gone | Self::Offence { .. } | Self::Told(_) => CloseCause::Client,
            Self::Silent => CloseCause::Timeout,
        }
    }
}

struct Conversation {
    socket: WebSocket,
    told: watch::Receiver<Told>,
    bucket: Bucket,
    unknown: u32,
    heard: Instant,
    liveness: Duration,
    plane: Arc<Plane>,
}

impl Conversation {
    /// Goes on until there is a reason to end.
    async fn hold(&mut self, first: Utf8Bytes) -> End {
        match self.converse(first).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn converse(&mut self, first: Utf8Bytes) -> Result<std::convert::Infallible, End> {
        self.send(Message::Text(first.clone())).await?;
        let mut current = first;
        // Two pings go unanswered before the client counts as gone.
        let period = self.liveness.mul_f64(0.4);
        let mut ping = interval_at(Instant::now() + period, period);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let deadline = self.heard + self.liveness;
            // The deadline comes last: what has arrived counts, even where this task was late to look.
            tokio::select! {
                biased;
                changed = self.told.changed() => {
                    changed.map_err(|_| End::Gone)?;
                    let told = self.told.borrow_and_update().clone();
                    if let Some(reason) = told.left {
                        return Err(End::Told(Goodbye::from(reason)));
                    }
                    if let Some(roster) = told.roster.filter(|roster| *roster != current) {
                        self.send(Message::Text(roster.clone())).await?;
                        current = roster;
                    }
                }
                _ = ping.tick() => self.send(Message::Ping(bytes::Bytes::new())).await?,
                received = self.socket.recv() => self.receive(received).await?,
                () = tokio::time::sleep_until(deadline) => return Err(End::Silent),
            }
        }
    }

    async fn receive(&mut self, received: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let message = received.ok_or(End::Gone)?;
        let message = message.map_err(|error| match offence(error) {
            Some((code, reason)) => End::Offence { code, reason },
            None => End::Gone,
        })?;
        self.heard = Instant::now();
        if !self.bucket.take(self.plane.now().mono) {
            return Err(End::Offence {
                code: close_code::POLICY,
                reason: "too many messages",
            });
        }
        match message {
            Message::Text(text) => match message::parse(&text) {
                Request::Ping => self.send(Message::Text(message::PONG)).await,
                Request::Unknown => {
                    self.unknown += 1;
                    if self.unknown <= UNKNOWN_MESSAGES_MAX {
                        return Ok(());
                    }
                    Err(End::Offence {
                        code: close_code::POLICY,
                        reason: "too many unknown messages",
                    })
                }
            },
            Message::Binary(_) => Err(End::Offence {
                code: close_code::UNSUPPORTED,
                reason: "text only",
            }),
            // Pings are answered below us.
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(End::Gone),
        }
    }

    /// Sends; a client that takes nothing for as long as a silent one may live is as good as silent. While this waits,
    /// newer snapshots replace each other, so that a slow client costs one.
    async fn send(&mut self, message: Message) -> Result<(), End> {
        let patience = Instant::now() + self.liveness;
        match timeout_at(patience, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Silent),
        }
    }

    async fn close(mut self, end: End) {
        match end {
            End::Gone => {}
            End::Silent => close(self.socket, close_code::AWAY, "timeout").await,
            End::Offence { code, reason } => close(self.socket, code, reason).await,
            End::Told(goodbye) => {
                let text = Message::Text(message::stage_left(&goodbye));
                if let Ok(Ok(())) = timeout(GOODBYE_PATIENCE, self.socket.send(text)).await {
                    close(self.socket, goodbye.close_code, goodbye.reason).await;
                }
            }
        }
    }
}

/// What a failed read says of the client: how it breaks the protocol, or that it is gone.
pub(super) fn offence(error: axum::Error) -> Option<(u16, &'static str)> {
    let error = error.into_inner();
    let (code, reason) = match error.downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => (close_code::SIZE, "message too long"),
        Some(tungstenite::Error::Utf8(_)) => (close_code::INVALID, "not UTF-8"),
        Some(tungstenite::Error::Protocol(
            tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        )) => return None,
        Some(tungstenite::Error::Protocol(_)) => (close_code::PROTOCOL, "protocol error"),
        Some(_) | None => return None,
    };
    Some((code, reason))
}

/// Closes, and reads what is still coming for a moment: unread bytes would turn our close into a reset.
pub(super) async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame {
        code,
        reason: Utf8Bytes::from_static(reason),
    };
    let farewell = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    let _ = timeout(GOODBYE_PATIENCE, farewell).await;
}
