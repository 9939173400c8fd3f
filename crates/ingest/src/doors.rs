//! The doors: listeners for RTMP and RTMPS, and everybody who has come through them.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{IngestProtocol, IngestReport};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use crate::addresses::{Addresses, Crowd};
use crate::admission::{Shared, Visitor};
use crate::connection::{self, drain_begins};
use crate::ledger::{Counters, Ledger};
use crate::reason::Reason;
use crate::redundant::Pairs;
use crate::settings::Settings;
use crate::stages::Authorities;
use crate::tls::{IdentityError, IdentitySource, Tls, handshake_fault};

/// Pause after a failed accept: it fails for want of file descriptors, and they come back when connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long connections may take to end when the doors close.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(2);

/// RTMP ingest. It listens nowhere until it is told to.
pub struct Ingest {
    shared: Arc<Shared>,
    draining: watch::Sender<bool>,
    /// Whether a door has shut by itself.
    failed: watch::Sender<bool>,
    tasks: Mutex<JoinSet<()>>,
}

/// Tells, when it is dropped, that a door has shut, unless all of them are to.
struct Alarm {
    draining: watch::Receiver<bool>,
    failed: watch::Sender<bool>,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if !*self.draining.borrow() {
            self.failed.send_replace(true);
        }
    }
}

/// A way in.
#[derive(Clone)]
struct Door {
    shared: Arc<Shared>,
    /// With it, the door takes RTMPS.
    tls: Option<TlsAcceptor>,
    draining: watch::Receiver<bool>,
}

impl Ingest {
    /// Doors that are still shut.
    pub fn new(settings: Settings) -> Self {
        let addresses = Arc::new(Addresses::new(&settings.limits));
        Self {
            shared: Arc::new(Shared {
                authorities: Authorities::new(
                    settings.stages,
                    Arc::clone(&settings.outlets),
                    settings.configurations,
                ),
                outlets: settings.outlets,
                pairs: Pairs::default(),
                ledger: Arc::new(Ledger::new()),
                addresses,
                clock: settings.clock,
                random: settings.random,
                limits: settings.limits,
                media: settings.media,
            }),
            draining: watch::Sender::new(false),
            failed: watch::Sender::new(false),
            tasks: Mutex::default(),
        }
    }

    /// Takes RTMP. Must be called within a tokio runtime.
    pub fn listen(&self, listener: TcpListener) {
        self.open(listener, None);
    }

    /// Takes RTMPS with that certificate. Must be called within a tokio runtime.
    pub fn listen_tls(
        &self,
        listener: TcpListener,
        source: IdentitySource,
    ) -> Result<(), IdentityError> {
        let (tls, identity) = Tls::new(source)?;
        self.open(listener, Some(tls.acceptor()));
        let mut draining = self.draining.subscribe();
        self.spawn(async move {
            tokio::select! {
                () = tls.reload(identity) => {}
                () = drain_begins(&mut draining) => {}
            }
        });
        Ok(())
    }

    fn open(&self, listener: TcpListener, tls: Option<TlsAcceptor>) {
        let door = Door {
            shared: Arc::clone(&self.shared),
            tls,
            draining: self.draining.subscribe(),
        };
        self.spawn(door.serve(listener));
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let alarm = Alarm {
            draining: self.draining.subscribe(),
            failed: self.failed.clone(),
        };
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn(async move {
            let _alarm = alarm;
            task.await;
        });
    }

    /// Returns when a door has shut by itself: a bug, and encoders come in no more.
    pub async fn failed(&self) {
        let mut failed = self.failed.subscribe();
        // It has a sender as long as this is there.
        let _ = failed.wait_for(|failed| *failed).await;
    }

    /// Who publishes, and who was refused.
    pub fn report(&self) -> IngestReport {
        self.shared.ledger.report()
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        let connections = self.shared.addresses.connections();
        self.shared.ledger.counters(connections)
    }

    /// Shuts the doors and ends everybody. Streams that `stage` has not closed by then end a second later.
    pub async fn shutdown(&self) {
        self.shared.authorities.close();
        self.draining.send_replace(true);
        let mut tasks = {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *tasks)
        };
        let ended = async { while tasks.join_next().await.is_some() {} };
        let _ = timeout(SHUTDOWN_PATIENCE, ended).await;
        tasks.shutdown().await;
    }
}

impl Door {
    async fn serve(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        let mut draining = self.draining.clone();
        loop {
            tokio::select! {
                biased;
                () = drain_begins(&mut draining) => break,
                Some(ended) = connections.join_next() => self.reap(ended),
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.take(stream, peer, &mut connections),
                    Err(error) => {
                        self.complain(&error);
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        }
        drop(listener);
        while let Some(ended) = connections.join_next().await {
            self.reap(ended);
        }
    }

    fn complain(&self, error: &io::Error) {
        let protocol = self.protocol().as_str();
        let error = error as &dyn std::error::Error;
        tracing::warn!(error, protocol, "cannot accept a connection");
    }

    fn protocol(&self) -> IngestProtocol {
        if self.tls.is_some() {
            IngestProtocol::Rtmps
        } else {
            IngestProtocol::Rtmp
        }
    }

    fn take(&self, stream: TcpStream, peer: SocketAddr, connections: &mut JoinSet<()>) {
        let shared = &self.shared;
        let (now, address) = ((shared.clock)(), peer.ip().to_canonical());
        let place = match shared.addresses.enter(address, now.mono) {
            Ok(place) => place,
            Err(crowd) => {
                let reason = Reason::crowded(match crowd {
                    Crowd::All => "there are as many connections as there may be",
                    Crowd::OfAddress => "the address has as many connections as it may have",
                });
                tracing::debug!(what = reason.what, "a connection is closed as it comes");
                shared.ledger.refused(None, &reason, address, now.wall);
                return;
            }
        };
        shared.ledger.connected(self.protocol());
        let visitor = Visitor {
            place,
            address,
            protocol: self.protocol(),
            since: Instant::now(),
            draining: self.draining.clone(),
        };
        connections.spawn(self.clone().connection(stream, visitor));
    }

    async fn connection(self, stream: TcpStream, visitor: Visitor) {
        // Only latency is lost where it fails.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else {
            return connection::serve(self.shared, visitor, stream).await;
        };
        let limit = self.shared.limits.handshake_timeout;
        let mut draining = self.draining.clone();
        let shaken = tokio::select! {
            shaken = timeout(limit, tls.accept(stream)) => shaken,
            () = drain_begins(&mut draining) => return,
        };
        let reason = match shaken {
            Ok(Ok(stream)) => {
                let visitor = Visitor {
                    since: Instant::now(),
                    ..visitor
                };
                return connection::serve(self.shared, visitor, stream).await;
            }
            // Who connects and goes without a word is a probe.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return,
            Ok(Err(error)) => Reason::tls(handshake_fault(&error)),
            Err(_) => Reason::tls(format!(
                "the TLS handshake has not ended within {} s",
                limit.as_secs_f64()
            )),
        };
        let (address, at) = (visitor.address, (self.shared.clock)().wall);
        let ledger = &self.shared.ledger;
        ledger.refused(None, &reason, address, at);
        let (code, what) = (reason.code, &reason.what);
        tracing::info!(%address, code, what, "an encoder is refused");
    }

    fn reap(&self, ended: Result<(), JoinError>) {
        if ended.is_err_and(|error| error.is_panic()) {
            self.shared
                .ledger
                .flow
                .panics
                .fetch_add(1, Ordering::Relaxed);
            tracing::error!("a connection of an encoder has ended by a panic");
        }
    }
}
