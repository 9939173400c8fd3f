//! The loop of a worker.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mio::{Events, Poll};
use model::{ConnectionId, ErrorCode, Now};
use sfu::{
    Answer, Counters, Datagram, Input, Output, PatchFault, Patched, PeerFault, Sfu, Transport,
};
use stage::CloseCause;
use tokio::sync::oneshot;

use super::inbox::{Inbox, Order};
use super::tcp::Tcp;
use super::totals::{Totals, sum};
use super::udp::Udp;
use super::{LISTENER, Prepared, UDP, WAKER};
use crate::connections::Connections;
use crate::facts::Facts;
use crate::settings::Clock;

/// Orders taken per turn, so that a rush of offers does not hold media up.
const ORDERS_PER_TURN: usize = 64;
/// Readiness events taken per poll; the rest come with the next one.
const EVENTS_PER_POLL: usize = 1_024;

type AnswerSender = oneshot::Sender<Result<Answer, PeerFault>>;
type PatchSender = oneshot::Sender<Result<Patched, PatchFault>>;

/// Whether the loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    GoOn,
    Stop,
}

/// All that a worker's thread owns.
pub(super) struct Worker {
    poll: Poll,
    udp: Udp,
    tcp: Tcp,
    inbox: Arc<Inbox>,
    settings: sfu::Settings,
    sfu: Sfu,
    clock: Clock,
    connections: Arc<Connections>,
    facts: Arc<Facts>,
    totals: Arc<Totals>,
    /// What forwarding units before this one have counted.
    counted_before: Counters,
    peers: BTreeSet<ConnectionId>,
    answers: BTreeMap<ConnectionId, AnswerSender>,
    patches: BTreeMap<ConnectionId, VecDeque<PatchSender>>,
}

impl Worker {
    pub(super) fn new(
        prepared: Prepared,
        clock: Clock,
        connections: Arc<Connections>,
        facts: Arc<Facts>,
        totals: Arc<Totals>,
    ) -> Self {
        Self {
            poll: prepared.poll,
            udp: prepared.udp,
            tcp: prepared.tcp,
            inbox: prepared.inbox,
            sfu: Sfu::new(prepared.settings.clone()),
            settings: prepared.settings,
            clock,
            connections,
            facts,
            totals,
            counted_before: Counters::default(),
            peers: BTreeSet::new(),
            answers: BTreeMap::new(),
            patches: BTreeMap::new(),
        }
    }

    /// Runs until it is told to stop.
    ///
    /// `sfu` keeps a panic of one peer to that peer. One that reaches this place is a bug outside of any peer: what the
    /// forwarding unit holds can no longer be trusted, so its peers end with an event and an empty one takes over.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_PER_POLL);
        loop {
            match catch_unwind(AssertUnwindSafe(|| self.serve(&mut events))) {
                Ok(Ok(())) => return,
                Ok(Err(error)) => {
                    tracing::error!(%error, "a media worker cannot poll its sockets");
                    self.start_over();
                    return;
                }
                Err(_) => {
                    tracing::error!("a media worker panicked; its peers are closed");
                    self.start_over();
                }
            }
        }
    }

    fn serve(&mut self, events: &mut Events) -> io::Result<()> {
        loop {
            self.wait(events)?;
            if self.turn() == Flow::Stop {
                return Ok(());
            }
        }
    }

    /// Sleeps until a socket, an order or a deadline is due.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let is_busy = self.udp.readable || self.tcp.is_busy() || !self.inbox.is_empty();
        let timeout = if is_busy {
            Some(Duration::ZERO)
        } else {
            let now = (self.clock)().mono;
            let due = [self.sfu.poll_timeout(), self.tcp.next_deadline()];
            let next = due.into_iter().flatten().min();
            next.map(|at| at.saturating_duration_since(now))
        };
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        for event in events.iter() {
            match event.token() {
                WAKER => {}
                UDP => {
                    self.udp.readable |= event.is_readable();
                    if event.is_writable() {
                        self.udp.flush();
                    }
                }
                LISTENER => self.tcp.listener_ready(),
                token => {
                    let readable = event.is_readable() || event.is_read_closed();
                    self.tcp
                        .connection_ready(token, readable, event.is_writable());
                }
            }
        }
        Ok(())
    }

    /// Does what is due, once: orders, then what came in, then forwarding.
    fn turn(&mut self) -> Flow {
        let now = (self.clock)();
        for _ in 0..ORDERS_PER_TURN {
            let Some(order) = self.inbox.pop() else { break };
            if matches!(order, Order::Stop) {
                self.close_all(now);
                return Flow::Stop;
            }
            self.obey(order, now);
        }
        self.carry_out();
        self.receive(now);
        self.sfu.handle_timeout(now);
        self.carry_out();
        self.count();
        Flow::GoOn
    }

    fn obey(&mut self, order: Order, now: Now) {
        let input = match order {
            Order::Publish {
                connection,
                offer,
                answer,
            } => {
                self.answers.insert(connection, answer);
                Input::Publish { connection, offer }
            }
            Order::Subscribe {
                connection,
                publisher,
                offer,
                answer,
            } => {
                self.answers.insert(connection, answer);
                Input::Subscribe {
                    connection,
                    publisher,
                    offer,
                }
            }
            Order::Patch {
                connection,
                fragment,
                restart,
                reply,
            } => {
                self.patches.entry(connection).or_default().push_back(reply);
                let input = Input::Patch {
                    connection,
                    fragment: &fragment,
                    restart,
                };
                self.sfu.handle(input, now);
                return;
            }
            Order::Close { connection } => {
                self.peers.remove(&connection);
                Input::Close { connection }
            }
            Order::Stop => return,
        };
        self.sfu.handle(input, now);
    }

    fn receive(&mut self, now: Now) {
        let sfu = &mut self.sfu;
        let mut take = |transport, source, contents: &[u8]| {
            let datagram = Datagram {
                transport,
                source,
                contents,
            };
            sfu.handle(Input::Datagram(datagram), now);
        };
        if self.udp.readable {
            self.udp
                .receive(|source, contents| take(Transport::Udp, source, contents));
        }
        self.tcp.accept(self.poll.registry(), now.mono);
        self.tcp.receive(now.mono, |source, contents| {
            take(Transport::Tcp, source, contents);
        });
        self.tcp.sweep(now.mono);
        for source in self.tcp.take_closed() {
            self.sfu.handle(Input::TcpClosed { source }, now);
        }
    }

    /// Carries out what the forwarding unit wants.
    fn carry_out(&mut self) {
        while let Some(output) = self.sfu.poll_output() {
            match output {
                Output::Transmit(transmit) => match transmit.transport {
                    Transport::Udp => self.udp.send(transmit),
                    Transport::Tcp => self.tcp.send(transmit.destination, &transmit.contents),
                },
                Output::Answer { connection, result } => {
                    if result.is_ok() {
                        self.peers.insert(connection);
                    }
                    // Nobody waits any more where the client has gone; its door closes the peer.
                    if let Some(answer) = self.answers.remove(&connection) {
                        let _ = answer.send(result);
                    }
                }
                Output::Patched { connection, result } => {
                    let waiting = self.patches.get_mut(&connection);
                    if let Some(reply) = waiting.and_then(VecDeque::pop_front) {
                        let _ = reply.send(result);
                    }
                    self.patches.retain(|_, waiting| !waiting.is_empty());
                }
                Output::Connected { connection } => {
                    self.facts.push(stage::Input::Connected { connection });
                }
                Output::Closed { connection, fault } => self.ended(connection, cause_of(fault)),
            }
        }
    }

    /// A peer has ended on its own account.
    fn ended(&mut self, connection: ConnectionId, cause: CloseCause) {
        self.peers.remove(&connection);
        // Where a door or `stage` was faster it has told already, or knows.
        if self.connections.peer_ended(connection) {
            self.facts.push(stage::Input::Closed { connection, cause });
        }
    }

    fn count(&self) {
        let counters = [self.counted_before, self.sfu.counters()];
        self.totals.store(&sum(counters.into_iter()));
        self.totals
            .tcp_connections
            .store(self.tcp.len() as u64, Ordering::Relaxed);
        self.totals
            .transmits_dropped
            .store(self.udp.dropped, Ordering::Relaxed);
    }

    /// Tells every peer goodbye.
    fn close_all(&mut self, now: Now) {
        for connection in std::mem::take(&mut self.peers) {
            self.sfu.handle(Input::Close { connection }, now);
        }
        self.sfu.handle_timeout(now);
        self.carry_out();
        self.udp.flush();
        self.count();
    }

    /// Gives the forwarding unit up with all its peers, and begins with an empty one.
    fn start_over(&mut self) {
        let failed = CloseCause::Fault(ErrorCode::InternalServerException);
        for connection in std::mem::take(&mut self.peers) {
            self.ended(connection, failed);
        }
        // The doors that wait see their channel close, and give their peers up.
        self.answers.clear();
        self.patches.clear();
        self.counted_before = sum([self.counted_before, self.sfu.counters()].into_iter());
        self.counted_before.panics += 1;
        self.sfu = Sfu::new(self.settings.clone());
    }
}

/// What `stage` is told about an end.
fn cause_of(fault: PeerFault) -> CloseCause {
    match fault {
        PeerFault::Timeout => CloseCause::Timeout,
        PeerFault::Fault(code) => CloseCause::Fault(code),
        PeerFault::ClosedByPeer | PeerFault::PublisherGone | PeerFault::Offer => CloseCause::Client,
    }
}
