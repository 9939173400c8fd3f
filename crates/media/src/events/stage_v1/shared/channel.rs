//! The session's end of a channel.

use axum::extract::ws::Utf8Bytes;
use stage::LeftReason;
use tokio::sync::mpsc;
use tokio::time::{Duration, timeout};

use super::envelope::Name;
use crate::events::stage_v1::log;
use crate::events::stage_v1::message::{FromClient, ToClient};

/// What a session has for its client.
pub(super) struct Outgoing {
    pub(super) channel: Name,
    /// The frame.
    pub(super) text: Utf8Bytes,
    /// Whether the channel is over with it, and its name is free.
    pub(super) is_last: bool,
}

/// What is said on a channel; `Err` says what is wrong with it.
pub(super) type Heard = Result<FromClient, String>;

/// To the client of a session, over a connection.
#[derive(Debug)]
pub(in super::super) struct Channel {
    pub(super) name: Name,
    /// Ends with the connection.
    pub(super) heard: mpsc::Receiver<Heard>,
    pub(super) outgoing: mpsc::Sender<Outgoing>,
}

/// The connection is gone, or takes nothing.
pub(in super::super) struct Gone;

impl Channel {
    /// What the client says next; `None` where the connection is gone. A call that is dropped has taken nothing.
    pub(in super::super) async fn next(&mut self) -> Option<Heard> {
        self.heard.recv().await
    }

    /// Sends a frame, which may take so long.
    pub(in super::super) async fn send(
        &self,
        text: Utf8Bytes,
        is_last: bool,
        patience: Duration,
    ) -> Result<(), Gone> {
        let outgoing = Outgoing {
            channel: self.name.clone(),
            text,
            is_last,
        };
        match timeout(patience, self.outgoing.send(outgoing)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    /// Ends it for a client that has not been told.
    pub(in super::super) async fn close(self, patience: Duration) {
        let reason = LeftReason::Unknown.as_str();
        let left = log::print(0, &ToClient::Left { reason });
        // Where it does not go through the client is gone as well.
        let _ = self.send(left, true, patience).await;
    }
}
