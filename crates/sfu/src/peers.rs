//! The peers of one worker.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{ConnectionId, ErrorCode, Now};
use str0m::media::KeyframeRequestKind;
use str0m::net::TcpType;
use str0m::{Candidate, Event, Input as RtcInput, Rtc, RtcError};

use crate::demux::Demux;
use crate::engine::{Common, Panicked};
use crate::io::Transport;
use crate::peer::{Peer, Role};
use crate::publish::Taken;
use crate::timers::Timers;
use crate::{Counters, Input, Output, PeerFault, Settings};

mod admission;
mod ingress;
#[cfg(test)]
mod tests;

/// A connection that wants to be driven at once again, right after it was, waits this long.
const DRIVE_INTERVAL: Duration = Duration::from_millis(1);

/// All peers of one worker.
pub struct Sfu {
    settings: Settings,
    common: Common,
    /// Our candidates, as the answer prints them.
    candidates: Vec<String>,
    peers: BTreeMap<ConnectionId, Peer>,
    demux: Demux,
    timers: Timers,
    /// Publishers that have packets to forward.
    pending: BTreeSet<ConnectionId>,
    outputs: VecDeque<Output>,
    counters: Counters,
    /// Rounds of forwarding: who comes first changes with each.
    rounds: usize,
    /// Kept for its allocation.
    events: Vec<Event>,
    /// The last moment that was told.
    now: Option<Instant>,
}

impl Sfu {
    /// No peers yet.
    pub fn new(settings: Settings) -> Self {
        let crypto = Arc::new(str0m::crypto::from_feature_flags());
        let candidates = candidates(&settings);
        Self {
            common: Common {
                certificate: crypto.dtls_provider.generate_certificate(),
                crypto,
                candidates: candidates.clone(),
            },
            candidates: candidates.iter().map(Candidate::to_sdp_string).collect(),
            settings,
            peers: BTreeMap::new(),
            demux: Demux::default(),
            timers: Timers::default(),
            pending: BTreeSet::new(),
            outputs: VecDeque::new(),
            counters: Counters::default(),
            rounds: 0,
            events: Vec::new(),
            now: None,
        }
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input<'_>, now: Now) {
        let now = now.mono;
        self.now = Some(now);
        match input {
            Input::Publish { connection, offer } => {
                let result = self.publish(connection, &offer, now);
                self.outputs
                    .push_back(Output::Answer { connection, result });
            }
            Input::Subscribe {
                connection,
                publisher,
                offer,
            } => {
                let result = self.subscribe(connection, publisher, &offer, now);
                self.outputs
                    .push_back(Output::Answer { connection, result });
            }
            Input::Feed { connection, .. } | Input::Reoffer { connection, .. } => {
                let result = Err(PeerFault::Offer);
                self.outputs
                    .push_back(Output::Answer { connection, result });
            }
            Input::Want { .. } => {}
            Input::Patch {
                connection,
                fragment,
                restart,
            } => self.patch(connection, fragment, restart, now),
            Input::Close { connection } => self.close(connection, now),
            Input::Datagram(datagram) => self.datagram(&datagram, now),
            Input::TcpClosed { source } => {
                if let Some(owner) = self.demux.of_remote((Transport::Tcp, source)) {
                    self.unbind((Transport::Tcp, source), owner);
                }
            }
        }
    }

    /// Forwards what has come in since the last call and does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        let now = now.mono;
        self.now = Some(now);
        self.forward(now);
        // Only those that are due at the beginning, so that no peer can keep the worker here.
        let due: Vec<_> = std::iter::from_fn(|| self.timers.take(now)).collect();
        for connection in due {
            self.wake(connection, now);
        }
    }

    /// When `handle_timeout` is to be called next if nothing comes in.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.pending.is_empty() {
            self.timers.soonest()
        } else {
            self.now
        }
    }

    /// The next effect, until there are none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What has passed so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Publisher by publisher, subscriber by subscriber: all packets of the burst, one drain.
    fn forward(&mut self, now: Instant) {
        for publisher in std::mem::take(&mut self.pending) {
            let Some(source) = self.peers.get_mut(&publisher).and_then(Peer::publisher) else {
                continue;
            };
            let mut burst = std::mem::take(&mut source.pending);
            let mut subscribers: Vec<_> = source.subscribers.iter().copied().collect();
            self.rounds = self.rounds.wrapping_add(1);
            let first = self.rounds.checked_rem(subscribers.len()).unwrap_or(0);
            subscribers.rotate_left(first);
            for connection in subscribers {
                if !self
                    .peers
                    .get(&connection)
                    .is_some_and(|peer| peer.is_connected)
                {
                    continue;
                }
                self.drive(connection, now, |rtc, role, counters| {
                    if let Role::Subscriber(subscriber) = role {
                        subscriber.write(rtc, &burst, counters);
                    }
                    rtc.handle_input(RtcInput::Timeout(now))
                });
            }
            burst.clear();
            if let Some(source) = self.peers.get_mut(&publisher).and_then(Peer::publisher) {
                source.pending = burst;
            }
        }
    }

    /// A peer's deadline has come.
    fn wake(&mut self, connection: ConnectionId, now: Instant) {
        let Some(peer) = self.peers.get(&connection) else {
            return;
        };
        if peer.expires(&self.settings) <= now {
            self.end(connection, PeerFault::Timeout, now);
            return;
        }
        self.drive(connection, now, |rtc, role, counters| {
            if let Role::Publisher(publisher) = role {
                publisher.layers_changed(now);
                publisher.voice_change(now);
                for ssrc in publisher.take_plainly_repaired() {
                    if let Some(stream) = rtc.direct_api().stream_rx(&ssrc.into()) {
                        stream.suppress_nack(false);
                    }
                }
                for ssrc in publisher.take_key_frame_requests(now) {
                    if let Some(stream) = rtc.direct_api().stream_rx(&ssrc.into()) {
                        stream.request_keyframe(KeyframeRequestKind::Pli);
                        counters.key_frame_requests += 1;
                    }
                }
            }
            rtc.handle_input(RtcInput::Timeout(now))
        });
        if let Some(peer) = self.peers.get_mut(&connection)
            && peer.engine.due <= now
        {
            peer.engine.due = now + DRIVE_INTERVAL;
            self.arm(connection, now);
        }
    }

    /// One mutation of one connection, and all that follows from it.
    fn drive(
        &mut self,
        connection: ConnectionId,
        now: Instant,
        mutate: impl FnOnce(&mut Rtc, &mut Role, &mut Counters) -> Result<(), RtcError>,
    ) {
        let Some(peer) = self.peers.get_mut(&connection) else {
            return;
        };
        let mut events = std::mem::take(&mut self.events);
        let role = &mut peer.role;
        let counters = &mut self.counters;
        let turn = peer
            .engine
            .turn(now, &mut events, &mut self.outputs, |rtc| {
                mutate(rtc, role, counters)
            });
        let is_over = peer.engine.is_over;
        let mut fault = None;
        for event in events.drain(..) {
            if fault.is_none() {
                fault = self.event(connection, event, now);
            }
        }
        self.events = events;
        match (turn, fault) {
            (Err(Panicked), _) => self.panicked(connection),
            (Ok(()), Some(fault)) => self.end(connection, fault, now),
            // Without a close from the peer only a handshake ends a connection: by its own timeout, or by a certificate that is
            // not the offer's.
            (Ok(()), None) if is_over => self.end(connection, PeerFault::Timeout, now),
            (Ok(()), None) => self.arm(connection, now),
        }
    }

    /// What a connection tells; gives back why it has to end.
    fn event(&mut self, connection: ConnectionId, event: Event, now: Instant) -> Option<PeerFault> {
        let peer = self.peers.get_mut(&connection)?;
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "str0m's events are non-exhaustive; the others concern data channels, statistics and ICE details"
        )]
        match event {
            Event::Connected => {
                peer.heard = now;
                peer.is_connected = true;
                if let Role::Subscriber(subscriber) = &peer.role {
                    let publisher = subscriber.publisher;
                    let waits = subscriber.waits_for_key_frame();
                    self.want_key_frame(publisher, waits, now);
                }
                self.outputs.push_back(Output::Connected { connection });
            }
            Event::RtpPacket(packet) => {
                peer.heard = now;
                if let Role::Publisher(publisher) = &mut peer.role {
                    match publisher.take(packet, &mut self.counters, now) {
                        Taken::Fine if publisher.pending.is_empty() => {}
                        Taken::Fine => {
                            self.pending.insert(connection);
                        }
                        Taken::Broken(code) => return Some(PeerFault::Fault(code)),
                    }
                }
            }
            Event::KeyframeRequest(_) => {
                peer.heard = now;
                if let Role::Subscriber(subscriber) = &peer.role {
                    let publisher = subscriber.publisher;
                    self.want_key_frame(publisher, false, now);
                }
            }
            Event::SenderFeedback(_) => peer.heard = now,
            Event::Closed => return Some(PeerFault::ClosedByPeer),
            _ => {}
        }
        None
    }

    fn want_key_frame(&mut self, publisher: ConnectionId, waits: bool, now: Instant) {
        let Some(source) = self.peers.get_mut(&publisher).and_then(Peer::publisher) else {
            return;
        };
        let tracks: Vec<_> = source.video().iter().map(|layer| layer.track).collect();
        for track in tracks {
            if waits {
                source.wait_key_frame(track);
            } else {
                source.want_key_frame(track);
            }
        }
        self.arm(publisher, now);
    }

    fn arm(&mut self, connection: ConnectionId, now: Instant) {
        if let Some(peer) = self.peers.get(&connection) {
            self.timers.set(connection, peer.due(&self.settings, now));
        }
    }

    fn close(&mut self, connection: ConnectionId, now: Instant) {
        if let Some(peer) = self.peers.get_mut(&connection) {
            let mut events = Vec::new();
            let outputs = &mut self.outputs;
            let told = peer.engine.turn(now, &mut events, outputs, Rtc::close);
            if told.is_err() {
                self.counters.panics += 1;
            }
        }
        self.forget(connection);
    }

    /// Ends a peer on its own account.
    fn end(&mut self, connection: ConnectionId, fault: PeerFault, now: Instant) {
        tracing::debug!(%connection, %fault, "peer ends");
        self.close(connection, now);
        self.outputs.push_back(Output::Closed { connection, fault });
    }

    fn panicked(&mut self, connection: ConnectionId) {
        tracing::error!(%connection, "connection panicked");
        self.counters.panics += 1;
        self.forget(connection);
        let fault = PeerFault::Fault(ErrorCode::InternalServerException);
        self.outputs.push_back(Output::Closed { connection, fault });
    }

    fn forget(&mut self, connection: ConnectionId) {
        let Some(peer) = self.peers.remove(&connection) else {
            return;
        };
        self.timers.remove(connection);
        self.pending.remove(&connection);
        self.demux.unname(&peer.engine.local().ufrag);
        for remote in &peer.remotes {
            self.demux.unbind(*remote, connection);
        }
        if let Role::Subscriber(subscriber) = &peer.role
            && let Some(source) = self
                .peers
                .get_mut(&subscriber.publisher)
                .and_then(Peer::publisher)
        {
            source.subscribers.remove(&connection);
        }
    }
}

impl std::fmt::Debug for Sfu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sfu")
            .field("settings", &self.settings)
            .field("peers", &self.peers.len())
            .finish_non_exhaustive()
    }
}

/// Our host candidates: UDP, and TCP to which peers connect (RFC 6544).
fn candidates(settings: &Settings) -> Vec<Candidate> {
    let udp = settings
        .addresses
        .iter()
        .map(|address| Candidate::builder().udp().host(*address).build());
    let tcp = settings
        .addresses
        .iter()
        .filter(|_| settings.tcp)
        .map(|address| {
            Candidate::builder()
                .tcp()
                .host(*address)
                .tcptype(TcpType::Passive)
                .build()
        });
    udp.chain(tcp)
        .filter_map(|candidate| {
            candidate
                .inspect_err(|error| tracing::warn!(%error, "address cannot be advertised"))
                .ok()
        })
        .collect()
}
