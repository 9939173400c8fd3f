//! A socket of a session.

use std::time::Duration;

use axum::extract::ws::{Message, Utf8Bytes, WebSocket, close_code};
use bytes::Bytes;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout_at};

use crate::events::socket;

/// One socket, with its pings.
pub(super) struct Line {
    socket: WebSocket,
    liveness: Duration,
    heard: Instant,
    ping: Interval,
}

/// What a socket yields.
pub(super) enum Heard {
    /// Something to read.
    Text(Utf8Bytes),
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
    pub(super) fn new(socket: WebSocket, liveness: Duration) -> Self {
        let now = Instant::now();
        // Two pings go unanswered before the client counts as gone.
        let period = liveness.mul_f64(0.4);
        let mut ping = interval_at(now + period, period);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            socket,
            liveness,
            heard: now,
            ping,
        }
    }

    /// When a client that says nothing counts as gone.
    pub(super) fn deadline(&self) -> Instant {
        self.heard + self.liveness
    }

    pub(super) fn is_silent(&self) -> bool {
        Instant::now() >= self.deadline()
    }

    /// What comes next; without `reads` only pings go out. A call that is dropped has taken nothing.
    pub(super) async fn next(&mut self, reads: bool) -> Heard {
        tokio::select! {
            biased;
            _ = self.ping.tick() => match self.send(Message::Ping(Bytes::new())).await {
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
                    Some(Ok(Message::Text(text))) => Heard::Text(text),
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

    /// Sends; a client that takes nothing for as long as a silent one may live is as good as silent.
    pub(super) async fn send(&mut self, message: Message) -> Result<(), Unreachable> {
        let patience = Instant::now() + self.liveness;
        match timeout_at(patience, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Unreachable),
        }
    }

    /// Closes it.
    pub(super) async fn close(self, code: u16, reason: &'static str) {
        socket::close(self.socket, code, reason).await;
    }
}
