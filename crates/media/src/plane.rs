//! What all doors share: the workers, the table of connections, the way to `stage`, and who may come in.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use auth::bearer;
use auth::public_key::PublicKey;
use auth::token::{Signer, TokenError, TokenKey, Unverified};
use axum::extract::ConnectInfo;
use jiff::Timestamp;
use model::{Grant, Now, ParticipantId, PublicKeyArn};
use stage::{Input, LeftReason, Reply};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::connections::Connections;
use crate::events::{Sessions, Tenants, TokenName};
use crate::facts::Facts;
use crate::ice::{IceServer, IceServerSettings};
use crate::placement::Placement;
use crate::problem::Problem;
use crate::rate::Attempts;
use crate::settings::{Clock, KeysUnavailable, PublicKeys, Random, RevokedTokens, Settings};
use crate::speakers::Speakers;
use crate::whip::STREAMS_MAX;
use crate::{StageSender, worker};

/// How long a door waits for `stage`. Longer than a slow disk takes to sync, shorter than clients wait.
const STAGE_PATIENCE: Duration = Duration::from_secs(8);

/// How long a door waits for an imported key, or for whether a token is revoked.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(5);
/// Lookups at once. One takes some 100 us; a flood of tokens with made-up keys must not keep the API
/// from the store.
const LOOKUPS_MAX: usize = 16;

/// The shared state.
pub(crate) struct Plane {
    /// The way to `stage` for questions.
    pub(crate) stages: StageSender,
    /// The way to `stage` for facts.
    pub(crate) facts: Arc<Facts>,
    /// Every connection.
    pub(crate) connections: Arc<Connections>,
    /// Who speaks.
    pub(crate) speakers: Arc<Speakers>,
    /// The sessions of `stage.v1`.
    pub(crate) sessions: Arc<Sessions>,
    /// What is there by connection tokens.
    pub(crate) tenants: Arc<Tenants>,
    /// Who is served where.
    pub(crate) placement: Arc<Placement>,
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
    public_keys: PublicKeys,
    revoked_tokens: RevokedTokens,
    /// Of keys and of revocations.
    lookups: Semaphore,
    pub(crate) token_skew: Duration,
    /// Streams of events that may still begin.
    pub(crate) streams: Arc<Semaphore>,
    ice_servers: Vec<IceServerSettings>,
    attempts: Attempts,
    closing: AtomicBool,
}

/// Who presents a token that verifies.
#[derive(Debug)]
pub(crate) struct Caller {
    /// What the token allows.
    pub(crate) grant: Grant,
    /// The token itself, to be recognised and never shown.
    pub(crate) token: bearer::Key,
    signer: Signer,
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
        let neighbours = worker::join(&inboxes);
        let close_peer = move |worker: usize, connection| {
            if let Some(inbox) = inboxes.get(worker) {
                inbox.push(worker::Order::Close { connection });
            }
        };
        let connections = Arc::new(Connections::new(Box::new(close_peer)));
        let speakers = Arc::new(Speakers::default());
        let failed = watch::Sender::new(false);
        let mut workers = Vec::with_capacity(count);
        let mut threads = Vec::with_capacity(count);
        for (worker, neighbours) in prepared.into_iter().zip(neighbours) {
            let (handle, thread) = worker.spawn(
                Arc::clone(&settings.clock),
                worker::Reports {
                    connections: Arc::clone(&connections),
                    facts: Arc::clone(&facts),
                    speakers: Arc::clone(&speakers),
                },
                neighbours,
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
            speakers,
            sessions: Arc::default(),
            tenants: Arc::default(),
            placement: Arc::new(Placement::new(count, settings.stage_subscribers_per_worker)),
            workers,
            failed,
            public_url: settings.public_url.trim_end_matches('/').to_owned(),
            liveness_timeout: settings.sfu.liveness_timeout,
            sockets: Mutex::new(Some(sockets)),
            clock: settings.clock,
            random: settings.random,
            token_key: settings.token_key,
            public_keys: settings.public_keys,
            revoked_tokens: settings.revoked_tokens,
            lookups: Semaphore::new(LOOKUPS_MAX),
            token_skew: settings.token_skew,
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            ice_servers: settings.ice_servers,
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

    /// The ICE servers that a participant is told of, with credentials that are good from `now` on.
    pub(crate) fn ice_servers(
        &self,
        participant: &ParticipantId,
        now: Timestamp,
    ) -> Vec<IceServer> {
        self.ice_servers
            .iter()
            .map(|settings| IceServer::told(settings, participant, now))
            .collect()
    }

    /// Lets a request in at all: not when the process is going down.
    pub(crate) fn may_enter(&self) -> Result<(), Problem> {
        if self.closing.load(Ordering::Acquire) {
            return Err(Problem::shutting_down());
        }
        Ok(())
    }

    /// Lets a request try its token: not when the process is going down, and not too often from one address.
    pub(crate) fn may_try(&self, extensions: &http::Extensions) -> Result<(), Problem> {
        self.may_try_from(peer_address(extensions))
    }

    /// The same for whoever has that address.
    pub(crate) fn may_try_from(&self, address: IpAddr) -> Result<(), Problem> {
        self.may_enter()?;
        if self.attempts.allow(address, self.now().mono) {
            Ok(())
        } else {
            Err(Problem::too_many_attempts())
        }
    }

    /// Verifies a token. One that names a key which is not there is refused like one with a bad signature.
    pub(crate) async fn verify(&self, token: &str) -> Result<Caller, Problem> {
        let unverified = Unverified::read(token)?;
        let (now, skew) = (self.now().wall, self.token_skew);
        let grant = match unverified.signer() {
            Signer::Server => unverified.verify(&self.token_key, now, skew)?,
            Signer::PublicKey(arn) => {
                let key = self.public_key(arn).await?;
                unverified.verify_with(&key, now, skew)?
            }
        };
        Ok(Caller {
            grant,
            token: bearer::Key::new(token),
            signer: unverified.signer().clone(),
        })
    }

    /// Verifies once more that the key of a caller is there: a body may take seconds to arrive, in which it may be deleted.
    pub(crate) async fn confirm(&self, caller: &Caller) -> Result<(), Problem> {
        match &caller.signer {
            Signer::Server => Ok(()),
            Signer::PublicKey(arn) => self.public_key(arn).await.map(drop),
        }
    }

    /// The imported key of that ARN. One that is not there is refused like a bad signature.
    pub(crate) async fn public_key(&self, arn: &PublicKeyArn) -> Result<PublicKey, Problem> {
        let key = self.look_up((self.public_keys)(arn.clone())).await?;
        key.ok_or_else(|| TokenError::Signature.into())
    }

    /// Whether a connection token has been revoked.
    pub(crate) async fn is_revoked(&self, name: &TokenName) -> Result<bool, Problem> {
        let (account, region) = (name.account.clone(), name.region.clone());
        let lookup = (self.revoked_tokens)(account, region, name.token.clone());
        self.look_up(lookup).await
    }

    async fn look_up<T>(
        &self,
        lookup: impl Future<Output = Result<T, KeysUnavailable>>,
    ) -> Result<T, Problem> {
        let lookup = async {
            let _permit = self.lookups.acquire().await;
            lookup.await
        };
        match tokio::time::timeout(LOOKUP_PATIENCE, lookup).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(KeysUnavailable)) | Err(_) => Err(Problem::keys_unavailable()),
        }
    }

    /// A connection token is revoked: what is there by it ends.
    pub(crate) fn revoke(&self, name: &TokenName) {
        let reason = LeftReason::ConnectionTokenRevoked;
        for connection in self.tenants.revoke(name) {
            self.facts.push(Input::PutOut { connection, reason });
        }
    }

    /// Asks `stage`. After an error it may still have taken the input.
    pub(crate) async fn ask(&self, input: Input) -> Result<Reply, Problem> {
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
        self.tenants.go_down();
    }
}

/// From where a request comes. Those of which nobody knows have one address.
pub(crate) fn peer_address(extensions: &http::Extensions) -> IpAddr {
    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |ConnectInfo(peer)| {
            peer.ip()
        })
}

impl Drop for Plane {
    /// Workers do not outlive the plane, even where nobody called `shutdown`.
    fn drop(&mut self) {
        for worker in &self.workers {
            worker.stop();
        }
    }
}
