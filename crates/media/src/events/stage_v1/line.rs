//! How a session reaches its client: by a socket of its own, or by a channel of a shared connection.

use std::future::pending;
use std::time::Duration;

use axum::extract::ws::{Message, Utf8Bytes, WebSocket, close_code};
use bytes::Bytes;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout_at};

use super::message::{self, FromClient};
use super::shared::Channel;
use crate::events::socket::{self, GOODBYE_PATIENCE};

/// One way to a client.
#[derive(Debug)]
pub(super) struct Line {
    way: Way,
    liveness: Duration,
}

#[derive(Debug)]
enum Way {
    Socket(Box<Own>),
    /// The connection sees to it that its client lives.
    Channel(Channel),
}

/// A socket, with its pings.
#[derive(Debug)]
struct Own {
    socket: WebSocket,
    heard: Instant,
    ping: Interval,
}

/// What a client yields.
pub(super) enum Heard {
    /// A message; `Err` says what is wrong with it.
    Said(Box<Result<FromClient, String>>),
    /// A ping or a pong, which counts and says nothing.
    Control,
    /// A ping of ours was due.
    Nothing,
    /// The client has closed it.
    Closed,
    /// The connection is gone.
    Lost,
    /// The client breaks the protocol.
    Offence(u16, &'static str),
}

/// The client takes nothing, or is gone.
pub(super) struct Unreachable;

impl Line {
    /// By a socket.
    pub(super) fn of_socket(socket: WebSocket, liveness: Duration) -> Self {
        let now = Instant::now();
        // Two pings go unanswered before the client counts as gone.
        let period = liveness.mul_f64(0.4);
        let mut ping = interval_at(now + period, period);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let own = Own {
            socket,
            heard: now,
            ping,
        };
        let way = Way::Socket(Box::new(own));
        Self { way, liveness }
    }

    /// By a channel.
    pub(super) fn of_channel(channel: Channel, liveness: Duration) -> Self {
        let way = Way::Channel(channel);
        Self { way, liveness }
    }

    /// When a client that says nothing counts as gone, if that is ours to see.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.way {
            Way::Socket(own) => Some(own.heard + self.liveness),
            Way::Channel(_) => None,
        }
    }

    pub(super) fn is_silent(&self) -> bool {
        let deadline = self.deadline();
        deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// What comes next; without `reads` only pings go out. A call that is dropped has taken nothing.
    pub(super) async fn next(&mut self, reads: bool) -> Heard {
        match &mut self.way {
            Way::Socket(own) => own.next(reads, self.liveness).await,
            Way::Channel(_) if !reads => pending().await,
            Way::Channel(channel) => match channel.next().await {
                Some(message) => Heard::Said(Box::new(message)),
                None => Heard::Lost,
            },
        }
    }

    /// Sends a frame; a client that takes nothing for as long as a silent one may live is as good as silent. After the last
    /// frame [`Line::finish`] follows.
    pub(super) async fn send(&mut self, text: Utf8Bytes, is_last: bool) -> Result<(), Unreachable> {
        match &mut self.way {
            Way::Socket(own) => own.send(Message::Text(text), self.liveness).await,
            Way::Channel(channel) => {
                let sent = channel.send(text, is_last, self.liveness).await;
                sent.map_err(|_| Unreachable)
            }
        }
    }

    /// Closes it after the last frame.
    pub(super) async fn finish(self, code: u16, reason: &'static str) {
        match self.way {
            Way::Socket(own) => socket::close(own.socket, code, reason).await,
            Way::Channel(_) => {}
        }
    }

    /// Closes it where there has been no last frame.
    pub(super) async fn close(self, code: u16, reason: &'static str) {
        match self.way {
            Way::Socket(own) => socket::close(own.socket, code, reason).await,
            Way::Channel(channel) => channel.close(GOODBYE_PATIENCE).await,
        }
    }
}

impl Own {
    async fn next(&mut self, reads: bool, liveness: Duration) -> Heard {
        tokio::select! {
            biased;
            _ = self.ping.tick() => match self.send(Message::Ping(Bytes::new()), liveness).await {
                Ok(()) => Heard::Nothing,
                Err(Unreachable) => Heard::Lost,
            },
            received = self.socket.recv(), if reads => {
                self.heard = Instant::now();
                match received {
                    None => Heard::Lost,
                    Some(Err(error)) => match socket::offence(error) {
                        Some((code, reason)) => Heard::Offence(code, reason),
                        None => Heard::Lost,
                    },
                    Some(Ok(Message::Text(text))) => {
                        Heard::Said(Box::new(message::parse(&text)))
                    }
                    Some(Ok(Message::Binary(_))) => {
                        Heard::Offence(close_code::UNSUPPORTED, "text only")
                    }
                    // Pings are answered below us.
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => Heard::Control,
                    Some(Ok(Message::Close(_))) => Heard::Closed,
                }
            }
        }
    }

    async fn send(&mut self, message: Message, liveness: Duration) -> Result<(), Unreachable> {
        let patience = Instant::now() + liveness;
        match timeout_at(patience, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Unreachable),
        }
    }
}
