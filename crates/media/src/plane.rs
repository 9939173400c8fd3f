//! What all doors share: the workers, the table of connections, the way to `stage`, and who may come in.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use auth::token::TokenKey;
use axum::extract::ConnectInfo;
use model::{Grant, Now, StageArn};
use stage::{LeftReason, Reply};
use tokio::sync::{mpsc, oneshot, watch};

use crate::connections::Connections;
use crate::facts::Facts;
use crate::problem::Problem;
use crate::rate::Attempts;
use crate::settings::{Clock, Random, Settings};
use crate::{StageSender, worker};

/// How long a door waits for `stage`. Longer than a slow disk takes to sync, shorter than clients wait.
const STAGE_PATIENCE: Duration = Duration::from_secs(8);

/// The shared state.
pub(crate) struct Plane {
    /// The way to `stage` for questions.
    pub(crate) stages: StageSender,
    /// The way to `stage` for facts.
    pub(crate) facts: Arc<Facts>,
    /// Every connection.
    pub(crate) connections: Arc<Connections>,
    /// Every worker, by index.
    pub(crate) workers: Vec<worker::Handle>,
    /// Becomes true when a worker has ended that nobody had told to.
    pub(crate) failed: watch::Sender<bool>,
    /// Base of resource URLs, without a slash at the end.
    pub(crate) public_url: String,
    /// How long a silent client is taken for alive.
    pub(crate) liveness_timeout: Duration,
    /// Each events socket holds a clone until it has ended; gone when the doors are shut.
    sockets: Mutex<Option<mpsc::Sender<()>>>,
    clock: Clock,
    random: Random,
    token_key: TokenKey,
    token_skew: Duration,
    attempts: Attempts,
    closing: AtomicBool,
}

/// What a start yields: the plane, the threads to join, and the end of all sockets.
type Started = (Plane, Vec<JoinHandle<()>>, mpsc::Receiver<()>);

impl Plane {
    /// Binds the ports and starts the workers.
    pub(crate) fn start(settings: Settings) -> std::io::Result<Started> {
        let facts = Arc::new(Facts::default());
        let count = settings.workers.max(1);
        let prepared = (0..count)
            .map(|index| worker::Prepared::bind(&settings, index))
            .collect::<std::io::Result<Vec<_>>>()?;
        let inboxes: Vec<_> = prepared.iter().map(worker::Prepared::inbox).collect();
        let close_peer = move |worker: usize, connection| {
            if let Some(inbox) = inboxes.get(worker) {
                inbox.push(worker::Order::Close { connection });
            }
        };
        let connections = Arc::new(Connections::new(Box::new(close_peer)));
        let failed = watch::Sender::new(false);
        let mut workers = Vec::with_capacity(count);
        let mut threads = Vec::with_capacity(count);
        for worker in prepared {
            let (handle, thread) = worker.spawn(
                Arc::clone(&settings.clock),
                Arc::clone(&connections),
                Arc::clone(&facts),
                failed.clone(),
            )?;
            workers.push(handle);
            threads.push(thread);
        }
        let (sockets, sockets_ended) = mpsc::channel(1);
        let plane = Self {
            stages: settings.stages,
            facts,
            connections,
            workers,
            failed,
            public_url: settings.public_url.trim_end_matches('/').to_owned(),
            liveness_timeout: settings.sfu.liveness_timeout,
            sockets: Mutex::new(Some(sockets)),
            clock: settings.clock,
            random: settings.random,
            token_key: settings.token_key,
            token_skew: settings.token_skew,
            attempts: Attempts::default(),
            closing: AtomicBool::new(false),
        };
        Ok((plane, threads, sockets_ended))
    }

    /// The time.
    pub(crate) fn now(&self) -> Now {
        (self.clock)()
    }

    /// Fresh random bytes.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.random)(&mut bytes);
        bytes
    }

    /// The worker that owns a stage: always the same, wherever and whenever it is asked.
    pub(crate) fn worker_of(&self, stage: &StageArn) -> usize {
        // FNV-1a, 64 bits.
        let hash = stage
            .id
            .as_str()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        // The high half is mixed best; it fits any usize.
        usize::try_from(hash >> 33).unwrap_or(0) % self.workers.len().max(1)
    }

    /// Lets a request try its token: not when the process is going down, and not too often from one address.
    pub(crate) fn may_try(&self, extensions: &http::Extensions) -> Result<(), Problem> {
        if self.closing.load(Ordering::Acquire) {
            return Err(Problem::shutting_down());
        }
        let address = extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |ConnectInfo(peer)| {
                peer.ip()
            });
        if self.attempts.allow(address, self.now().mono) {
            Ok(())
        } else {
            Err(Problem::too_many_attempts())
        }
    }

    /// Verifies a token.
    pub(crate) fn verify(&self, token: &str) -> Result<Grant, Problem> {
        let wall = self.now().wall;
        Ok(self.token_key.verify(token, wall, self.token_skew)?)
    }

    /// Asks `stage`. After an error it may still have taken the input.
    pub(crate) async fn ask(&self, input: stage::Input) -> Result<Reply, Problem> {
        let (sender, receiver) = oneshot::channel();
        let asked = async {
            let sent = self.stages.send((input, sender)).await;
            sent.map_err(|_| Problem::shutting_down())?;
            receiver.await.map_err(|_| Problem::shutting_down())
        };
        match tokio::time::timeout(STAGE_PATIENCE, asked).await {
            Ok(reply) => reply,
            Err(_) => Err(Problem::overloaded()),
        }
    }

    /// A mark that an events socket is there; shutdown waits until none is left.
    pub(crate) fn socket_mark(&self) -> Result<mpsc::Sender<()>, Problem> {
        let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.clone().ok_or_else(Problem::shutting_down)
    }

    /// Nobody comes in any more, and every socket says goodbye.
    pub(crate) fn shut_doors(&self) {
        self.closing.store(true, Ordering::Release);
        drop(
            self.sockets
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        self.connections.sockets_close(LeftReason::Unknown);
    }
}

impl Drop for Plane {
    /// Workers do not outlive the plane, even where nobody called `shutdown`.
    fn drop(&mut self) {
        for worker in &self.workers {
            worker.stop();
        }
    }
}
