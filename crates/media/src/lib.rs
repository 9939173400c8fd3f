//! The shell around the forwarding unit: worker threads with their sockets, WHIP and WHEP, and the events WebSocket.
//!
//! [`Media`] owns everything. Three kinds of code meet here and exchange values:
//!
//! - the *doors* (`whip`, `events`): async HTTP handlers that verify a token, ask `stage`, and hand offers to a worker;
//! - the *workers* (`worker`): one thread each with its own poll loop, sockets and [`sfu::Sfu`]; no tokio, and no lock on
//!   the path of media;
//! - the *facts* (`facts`): what doors and workers have seen, on its way to `stage`, in order and never lost;
//! - the *mailboxes* (`mailbox`): what `stage` and workers tell the task of one socket, the newest of each thing.
//!
//! The publishers of a stage live on one worker, and its subscribers too until there are many; then packets cross to other workers,
//! once for each (`placement`, `worker::relay`). What is absent: rules about who
//! may do what (`stage`), media itself (`sfu`), and TLS (a proxy in front, or a later listener).

#![forbid(unsafe_code)]

mod address;
mod admission;
mod client_info;
mod connections;
mod events;
mod facts;
mod ice;
mod inlet;
mod mailbox;
mod news;
mod placement;
mod plane;
pub mod probe;
mod problem;
mod rate;
mod settings;
mod speakers;
mod whip;
mod worker;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use model::{AccountId, ConnectionId, ConnectionTokenId, Region};
use stage::{LeftReason, Roster};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

pub use connections::Gauges;
pub use ice::{IceAccess, IceServerSettings, IceUrl, IceUrlError};
pub use inlet::{Inlet, InletFault};
pub use settings::{
    Clock, KeyLookup, KeysUnavailable, PublicKeys, Random, RevocationLookup, RevokedTokens,
    Settings,
};

use events::TokenName;
use plane::Plane;

/// How `stage` is reached: one input, one reply.
pub type StageSender = mpsc::Sender<(stage::Input, oneshot::Sender<stage::Reply>)>;

/// How long `shutdown` waits for sockets to say goodbye, and again for the last facts to reach `stage`.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(3);

/// What is to be done here; `server` forwards it from the stage machine's outputs, and from the API.
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
    /// A connection token is revoked: its connections end, and the sessions that have begun on them.
    RevokeConnectionToken {
        /// Whose.
        account: AccountId,
        /// Where.
        region: Region,
        /// Its `jti`.
        token: ConnectionTokenId,
    },
}

/// The running media plane: worker threads are up and ports are bound. Clones are handles to the same plane.
#[derive(Clone)]
pub struct Media {
    plane: Arc<Plane>,
    running: Arc<Mutex<Running>>,
}

/// What `shutdown` has to wait for.
struct Running {
    threads: Vec<JoinHandle<()>>,
    tasks: JoinSet<()>,
    /// Yields nothing; closes when the last events socket has ended.
    sockets: Option<mpsc::Receiver<()>>,
}

impl Media {
    /// Binds the ports and starts the workers. Must be called within a tokio runtime.
    pub fn start(settings: Settings) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Handle::try_current().map_err(std::io::Error::other)?;
        let (plane, threads, sockets) = Plane::start(settings)?;
        let mut tasks = JoinSet::new();
        tasks.spawn_on(
            speakers::report(Arc::clone(&plane.speakers), Arc::clone(&plane.connections)),
            &runtime,
        );
        tasks.spawn_on(
            facts::report(Arc::clone(&plane.facts), plane.stages.clone()),
            &runtime,
        );
        let running = Running {
            threads,
            tasks,
            sockets: Some(sockets),
        };
        Ok(Self {
            plane: Arc::new(plane),
            running: Arc::new(Mutex::new(running)),
        })
    }

    /// The routes: `/whip…` and `/events/{topic}`.
    ///
    /// Attempts to use a token are limited per peer address, which the handlers read from the request extension
    /// `axum::extract::ConnectInfo<SocketAddr>`; without it all requests share one allowance.
    pub fn router(&self) -> axum::Router {
        whip::router()
            .merge(events::router())
            .with_state(Arc::clone(&self.plane))
    }

    /// A publish without a WebRTC connection, which `stage` can close from here on.
    pub fn inlet(&self) -> Inlet {
        Inlet::open(&self.plane)
    }

    /// Waits until all that inlets have told `stage` so far has gone to it: what is sent there after this comes after it. Waits for
    /// ever if `stage` is gone.
    pub async fn inlets_told(&self) {
        self.plane.facts.caught_up().await;
    }

    /// Carries out what `stage` wants. Never waits: a full queue of one client ends that client.
    pub fn command(&self, command: Command) {
        match command {
            Command::Close { connection, reason } => {
                self.plane.connections.close(connection, reason);
            }
            Command::Roster { to, roster } => {
                let text = events::stage_state(&roster);
                self.plane.connections.tell(&to, &Arc::new(roster), &text);
            }
            Command::RevokeConnectionToken {
                account,
                region,
                token,
            } => self.plane.revoke(&TokenName {
                account,
                region,
                token,
            }),
        }
    }

    /// What the workers have counted, summed.
    pub fn counters(&self) -> sfu::Counters {
        worker::sum(self.plane.workers.iter().map(worker::Handle::counters))
    }

    /// What is there at the moment.
    pub fn gauges(&self) -> Gauges {
        let mut gauges = self.plane.connections.gauges();
        for worker in &self.plane.workers {
            gauges.tcp_connections += worker.tcp_connections();
            gauges.inlets_dropped += worker.inlets_dropped();
            gauges.relays_dropped += worker.relays_dropped();
            gauges.transmits_dropped += worker.transmits_dropped();
        }
        gauges
    }

    /// Returns when a worker has ended that nobody had told to: its stages have no media any more, and only a new start of the
    /// process gives it back.
    pub async fn failed(&self) {
        let mut failed = self.plane.failed.subscribe();
        if failed.wait_for(|has_failed| *has_failed).await.is_err() {
            // The plane that is borrowed here holds the sender.
            std::future::pending::<()>().await;
        }
    }

    /// Where each worker listens, for UDP and TCP alike.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.plane
            .workers
            .iter()
            .map(|worker| worker.local)
            .collect()
    }

    /// Closes every peer and socket and joins the workers.
    pub async fn shutdown(self) {
        self.plane.shut_doors();
        let (threads, mut tasks, sockets) = {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            (
                std::mem::take(&mut running.threads),
                std::mem::take(&mut running.tasks),
                running.sockets.take(),
            )
        };
        if let Some(mut sockets) = sockets {
            let _ = tokio::time::timeout(SHUTDOWN_PATIENCE, sockets.recv()).await;
        }
        for worker in &self.plane.workers {
            worker.stop();
        }
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a media worker ended by a panic");
                }
            }
        });
        if joined.await.is_err() {
            tracing::error!("the media workers could not be joined");
        }
        self.plane.facts.close();
        self.plane.speakers.close();
        let drained = async { while tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(SHUTDOWN_PATIENCE, drained).await;
        tasks.abort_all();
    }
}
