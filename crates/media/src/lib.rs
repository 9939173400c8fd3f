//! The shell around the forwarding unit: worker threads with their sockets, WHIP and WHEP, and the events WebSocket.

use std::net::SocketAddr;
use std::sync::Arc;

use auth::token::TokenKey;
use model::{ConnectionId, Now};
use stage::{LeftReason, Roster};
use tokio::sync::{mpsc, oneshot};

/// How `stage` is reached: one input, one reply.
pub type StageSender = mpsc::Sender<(stage::Input, oneshot::Sender<stage::Reply>)>;

/// What `stage` wants done here; `server` forwards it from the machine's outputs.
#[derive(Clone, Debug)]
pub enum Command {
    /// A connection is to be closed, its client told.
    Close {
        /// Which.
        connection: ConnectionId,
        /// Why.
        reason: LeftReason,
    },
    /// Sockets get a new roster.
    Roster {
        /// Which sockets.
        to: Vec<ConnectionId>,
        /// What they are told.
        roster: Roster,
    },
}

/// Everything the media plane needs.
pub struct Settings {
    /// First UDP and TCP port; one more for each worker.
    pub listen: SocketAddr,
    /// Worker threads.
    pub workers: usize,
    /// Addresses that candidates advertise instead of the listening one.
    pub external_addresses: Vec<std::net::IpAddr>,
    /// Base of resource URLs in `Location`, e.g. `http://127.0.0.1:7400`.
    pub public_url: String,
    /// Forwarding settings; `addresses` is filled in for each worker.
    pub sfu: sfu::Settings,
    /// Verifies participant tokens.
    pub token_key: TokenKey,
    /// How far a token's `iat` may lie in the future.
    pub token_skew: std::time::Duration,
    /// The clock.
    pub clock: Arc<dyn Fn() -> Now + Send + Sync>,
    /// Randomness for resource URLs and worker secrets.
    pub random: Arc<dyn Fn(&mut [u8]) + Send + Sync>,
    /// Where stages live.
    pub stages: StageSender,
}

/// The running media plane: worker threads are up and ports are bound.
pub struct Media {
    _private: (),
}

impl Media {
    /// Binds the ports and starts the workers.
    pub fn start(settings: Settings) -> std::io::Result<Self> {
        let _ = settings;
        Ok(Self { _private: () })
    }

    /// The routes: `/whip…` and `/events/{topic}`.
    pub fn router(&self) -> axum::Router {
        axum::Router::new()
    }

    /// Carries out what `stage` wants. Never waits: a full queue of one client ends that client.
    pub fn command(&self, command: Command) {
        let _ = command;
    }

    /// What the workers have counted, summed.
    pub fn counters(&self) -> sfu::Counters {
        sfu::Counters::default()
    }

    /// Closes every peer and socket and joins the workers.
    pub async fn shutdown(self) {}
}
