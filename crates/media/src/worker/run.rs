//! The loop of a worker.

mod orders;
mod outputs;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mio::{Events, Poll};
use model::{ConnectionId, ErrorCode, Now};
use sfu::{
    Answer, Counters, Datagram, Input, PatchFault, Patched, PeerFault, Relayed, Sfu, Transport,
};
use tokio::sync::{oneshot, watch};

use super::feeds::Feeds;
use super::inbox::{Inbox, Order};
use super::inlets::Tap;
use super::relay::{Neighbours, Relays};
use super::tcp::Tcp;
use super::totals::{Totals, sum};
use super::udp::Udp;
use super::{LISTENER, Prepared, Reports, UDP, WAKER};
use crate::settings::Clock;

/// Orders taken per turn, so that a rush of offers does not hold media up.
const ORDERS_PER_TURN: usize = 64;
/// Readiness events taken per poll; the rest come with the next one.
const EVENTS_PER_POLL: usize = 1_024;

pub(crate) use outputs::cause_of;

type AnswerSender = oneshot::Sender<Result<Answer, PeerFault>>;
type PatchSender = oneshot::Sender<Result<Patched, PatchFault>>;

/// Whether the loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    GoOn,
    Stop,
}

/// Tells that a thread has ended although nobody had told it to stop, by a panic too.
struct Alarm {
    failed: watch::Sender<bool>,
    is_armed: bool,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if self.is_armed {
            self.failed.send_replace(true);
        }
    }
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
    reports: Reports,
    totals: Arc<Totals>,
    /// What forwarding units before this one have counted.
    counted_before: Counters,
    peers: BTreeSet<ConnectionId>,
    feeds: Feeds,
    relays: Relays,
    inlets: Tap,
    /// What has come of inlets, and waits until all orders are carried out that were given before.
    made: Vec<(ConnectionId, Relayed)>,
    answers: BTreeMap<ConnectionId, AnswerSender>,
    /// Feeds whose answers are to further offers: an error does not end them.
    reoffers: BTreeSet<ConnectionId>,
    patches: BTreeMap<ConnectionId, VecDeque<PatchSender>>,
}

impl Worker {
    pub(super) fn new(
        prepared: Prepared,
        clock: Clock,
        reports: Reports,
        neighbours: Neighbours,
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
            reports,
            totals,
            counted_before: Counters::default(),
            peers: BTreeSet::new(),
            feeds: Feeds::default(),
            relays: Relays::new(neighbours),
            inlets: prepared.tap,
            made: Vec::new(),
            answers: BTreeMap::new(),
            reoffers: BTreeSet::new(),
            patches: BTreeMap::new(),
        }
    }

    /// Runs until it is told to stop.
    ///
    /// `sfu` keeps a panic of one peer to that peer. One that reaches this place is a bug outside of any peer: what the
    /// forwarding unit holds can no longer be trusted, so its peers end with an event and an empty one takes over.
    ///
    /// Sockets that cannot be polled are beyond help: the thread ends, and `failed` becomes true.
    pub(super) fn run(self, failed: watch::Sender<bool>) {
        self.run_with(Events::with_capacity(EVENTS_PER_POLL), failed);
    }

    fn run_with(mut self, mut events: Events, failed: watch::Sender<bool>) {
        let mut alarm = Alarm {
            failed,
            is_armed: true,
        };
        loop {
            match catch_unwind(AssertUnwindSafe(|| self.serve(&mut events))) {
                Ok(Ok(())) => {
                    alarm.is_armed = false;
                    return;
                }
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
        let is_busy = self.udp.readable
            || self.tcp.is_busy()
            || !self.inbox.is_empty()
            || self.relays.is_busy()
            || self.inlets.is_busy()
            || !self.made.is_empty();
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
        // Before the orders: a mirror is opened by an order that was given before its first packets were.
        let relayed = self.relays.take();
        if self.made.is_empty() {
            self.made = self.inlets.take();
        }
        let mut is_up_to_date = false;
        for _ in 0..ORDERS_PER_TURN {
            let Some(order) = self.inbox.pop() else {
                is_up_to_date = true;
                break;
            };
            if matches!(order, Order::Stop) {
                self.close_all(now);
                return Flow::Stop;
            }
            self.obey(order, now);
        }
        self.carry_out();
        for (publisher, packets) in relayed {
            let input = Input::Relayed { publisher, packets };
            self.sfu.handle(input, now);
        }
        if is_up_to_date {
            self.take_made(now);
        }
        self.receive(now);
        // Other workers begin while this one serves its own subscribers.
        self.sfu.relay();
        self.carry_out();
        for (publisher, tracks) in self.relays.take_lost() {
            let input = Input::KeyFrameWanted { publisher, tracks };
            self.sfu.handle(input, now);
        }
        self.sfu.handle_timeout(now);
        self.carry_out();
        self.count();
        Flow::GoOn
    }

    /// Hands in what has come of inlets. One begins by an order that was given before its first packets were.
    fn take_made(&mut self, now: Now) {
        for (connection, packets) in std::mem::take(&mut self.made) {
            let input = Input::InletPackets {
                connection,
                packets,
            };
            self.sfu.handle(input, now);
        }
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

    fn count(&self) {
        let counters = [self.counted_before, self.sfu.counters()];
        self.totals.store(&sum(counters.into_iter()));
        self.totals
            .tcp_connections
            .store(self.tcp.len() as u64, Ordering::Relaxed);
        self.totals
            .relays_dropped
            .store(self.relays.dropped, Ordering::Relaxed);
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
        let failed = PeerFault::Fault(ErrorCode::InternalServerException);
        for connection in std::mem::take(&mut self.peers) {
            self.ended(connection, failed);
        }
        // The doors that wait see their channel close, and give their peers up.
        self.answers.clear();
        self.reoffers.clear();
        self.patches.clear();
        self.relays.start_over();
        self.counted_before = sum([self.counted_before, self.sfu.counters()].into_iter());
        self.counted_before.panics += 1;
        self.sfu = Sfu::new(self.settings.clone());
    }
}

#[cfg(test)]
mod tests;
