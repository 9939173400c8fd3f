//! A worker: one thread that owns the sockets and the peers of its stages.
//!
//! Its loop never waits but in `poll`: it takes orders, empties its sockets (each within a budget, so that no source of
//! work starves another), lets `sfu` forward once, carries out what comes of it, and sleeps until something is due.

mod awaited;
mod feeds;
mod framing;
mod inbox;
mod inlets;
mod relay;
mod run;
mod tcp;
mod totals;
mod udp;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use mio::{Poll, Token, Waker};
use model::ConnectionId;
use tokio::sync::watch;

use crate::address;
use crate::connections::Connections;
use crate::facts::Facts;
use crate::settings::{Clock, Settings};
use crate::speakers::Speakers;

pub(crate) use awaited::{Awaited, Unanswered};
pub(crate) use inbox::{Fragment, Inbox, InboxFull, Order};
pub(crate) use inlets::Waiting as InletWaiting;
pub(crate) use relay::{Neighbours, join};
pub(crate) use run::cause_of;
use totals::Totals;
pub(crate) use totals::sum;
pub(crate) use udp::KERNEL_BUFFER_BYTES;

/// How long a door waits for a worker: far longer than a healthy one takes, shorter than clients wait.
pub(crate) const WORKER_PATIENCE: Duration = Duration::from_secs(5);

/// Poll tokens; TCP connections count up from the last.
const WAKER: Token = Token(0);
const UDP: Token = Token(1);
const LISTENER: Token = Token(2);
const FIRST_CONNECTION: usize = 3;

/// How often a free port is drawn again when its TCP twin turns out to be taken.
const EPHEMERAL_ATTEMPTS: usize = 32;

/// What others know of a running worker.
#[derive(Debug)]
pub(crate) struct Handle {
    /// Where it listens.
    pub(crate) local: SocketAddr,
    inbox: Arc<Inbox>,
    /// Where packets of publishers without a connection go.
    pub(crate) inlets: Arc<inlets::Line>,
    totals: Arc<Totals>,
}

impl Handle {
    /// Gives an order that may be turned down: an offer or a patch.
    pub(crate) fn try_order(&self, order: Order) -> Result<(), InboxFull> {
        self.inbox.try_push(order)
    }

    /// Has it close a peer. There is at most one such order for each.
    pub(crate) fn close(&self, connection: ConnectionId) {
        self.inbox.push(Order::Close { connection });
    }

    /// Ends the thread, once it has told its peers.
    pub(crate) fn stop(&self) {
        self.inbox.push(Order::Stop);
    }

    /// What its forwarding unit has counted.
    pub(crate) fn counters(&self) -> sfu::Counters {
        self.totals.counters()
    }

    /// TCP connections to it.
    pub(crate) fn tcp_connections(&self) -> u64 {
        self.totals.tcp_connections.load(Ordering::Relaxed)
    }

    /// RTP packets that other workers were too slow to take from it.
    pub(crate) fn relays_dropped(&self) -> u64 {
        self.totals.relays_dropped.load(Ordering::Relaxed)
    }

    /// RTP packets of publishers without a connection that it was too slow to take.
    pub(crate) fn inlets_dropped(&self) -> u64 {
        self.inlets.dropped()
    }

    /// Sends it had to drop.
    pub(crate) fn transmits_dropped(&self) -> u64 {
        self.totals.transmits_dropped.load(Ordering::Relaxed)
    }
}

/// Where a worker tells what it sees, besides the mailboxes of its feeds.
#[derive(Clone)]
pub(crate) struct Reports {
    /// Which peers there are.
    pub(crate) connections: Arc<Connections>,
    /// What `stage` has to know.
    pub(crate) facts: Arc<Facts>,
    /// Who speaks.
    pub(crate) speakers: Arc<Speakers>,
}

/// A worker with its ports bound, about to run.
pub(crate) struct Prepared {
    local: SocketAddr,
    settings: sfu::Settings,
    poll: Poll,
    inbox: Arc<Inbox>,
    udp: udp::Udp,
    tcp: tcp::Tcp,
    inlets: Arc<inlets::Line>,
    tap: inlets::Tap,
    name: String,
}

impl Prepared {
    /// Binds the ports of the worker with that index.
    pub(crate) fn bind(settings: &Settings, index: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listen = settings.listen;
        if listen.port() != 0 {
            let port = u16::try_from(index)
                .ok()
                .and_then(|index| listen.port().checked_add(index))
                .ok_or_else(|| io::Error::other("not enough ports after the first media port"))?;
            listen.set_port(port);
        }
        let (udp, listener) = bind_both(listen)?;
        let local = udp.local_addr()?;
        let sfu_settings = sfu::Settings {
            addresses: address::advertised(local, &settings.external_addresses)?,
            ..settings.sfu.clone()
        };
        let inbox = Arc::new(Inbox::new(Waker::new(poll.registry(), WAKER)?));
        let (inlets, tap) = inlets::line(Arc::clone(&inbox));
        Ok(Self {
            local,
            settings: sfu_settings,
            inbox,
            inlets: Arc::new(inlets),
            tap,
            udp: udp::Udp::new(udp, poll.registry())?,
            tcp: tcp::Tcp::new(listener, poll.registry())?,
            poll,
            name: format!("media-{index}"),
        })
    }

    /// Where orders go.
    pub(crate) fn inbox(&self) -> Arc<Inbox> {
        Arc::clone(&self.inbox)
    }

    /// Starts the thread. `failed` becomes true if it ends without having been told to.
    pub(crate) fn spawn(
        self,
        clock: Clock,
        reports: Reports,
        neighbours: Neighbours,
        failed: watch::Sender<bool>,
    ) -> io::Result<(Handle, JoinHandle<()>)> {
        let totals = Arc::new(Totals::default());
        let handle = Handle {
            local: self.local,
            inbox: Arc::clone(&self.inbox),
            inlets: Arc::clone(&self.inlets),
            totals: Arc::clone(&totals),
        };
        let name = self.name.clone();
        let worker = run::Worker::new(self, clock, reports, neighbours, totals);
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || worker.run(failed))?;
        Ok((handle, thread))
    }
}

/// A UDP and a TCP socket on the same port.
pub(crate) fn bind_both(
    listen: SocketAddr,
) -> io::Result<(std::net::UdpSocket, std::net::TcpListener)> {
    let mut attempts = 0;
    loop {
        let udp = udp::bind(listen)?;
        match tcp::bind(udp.local_addr()?) {
            Ok(listener) => return Ok((udp, listener)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && listen.port() == 0 => {
                attempts += 1;
                if attempts == EPHEMERAL_ATTEMPTS {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
    }
}
