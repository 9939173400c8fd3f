//! The peers of one worker.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{ConnectionId, ErrorCode, Now};
use srtp::handshake;
use str0m::media::KeyframeRequestKind;
use str0m::net::TcpType;
use str0m::{Candidate, Event, Input as RtcInput, Rtc, RtcError};

use crate::demux::Demux;
use crate::egress::Egress;
use crate::engine::{Common, Panicked};
use crate::feed::Wishes;
use crate::io::Transport;
use crate::peer::{Peer, Role};
use crate::publish::{Publisher, Taken};
use crate::timers::{Grid, Timers};
use crate::{Counters, Input, Output, PeerFault, Settings};

mod admission;
mod ingress;
mod inlet;
mod relay;
mod serve;
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
    /// SHA-256 of our certificate, as the answer prints it.
    fingerprint: String,
    /// Boxed, so that a feed is taken out and put back cheaply while it looks at publishers.
    peers: BTreeMap<ConnectionId, Box<Peer>>,
    /// Publishers without a connection here.
    apart: relay::Apart,
    /// The mirrors that have panicked, until they are made anew.
    broken: BTreeSet<ConnectionId>,
    demux: Demux,
    timers: Timers,
    grid: Grid,
    /// Publishers that have packets to forward.
    pending: BTreeSet<ConnectionId>,
    /// Feeds whose layers are to be chosen.
    choosing: BTreeSet<ConnectionId>,
    egress: Egress,
    counters: Counters,
    round: serve::Round,
    left: Left,
    /// The last moment that was told.
    now: Option<Instant>,
    ssrcs: u32,
    scratch: Scratch,
}

/// Kept for their allocations.
#[derive(Default)]
struct Scratch {
    events: Vec<Event>,
    wishes: Wishes,
}

/// What is left of a turn. It goes on as its outputs are taken, so that what is sealed for one feed is on its way, and its
/// buffer free and still in the processor's cache, before the next one's turn.
#[derive(Clone, Copy, Debug)]
enum Left {
    Nothing,
    /// Feeds to forward to, and then as below.
    Feeds(Now),
    /// Peers whose deadlines have come, and layers to be chosen.
    Timers(Now),
}

impl Sfu {
    /// No peers yet.
    pub fn new(settings: Settings) -> Self {
        let crypto = str0m::crypto::from_feature_flags();
        let certificate = crypto.dtls_provider.generate_certificate();
        let candidates = candidates(&settings);
        let fingerprint = certificate
            .as_ref()
            .map(|certificate| crypto.sha256_provider.sha256(&certificate.certificate))
            .map(|digest| {
                let pairs: Vec<_> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
                pairs.join(":")
            });
        Self {
            common: Common {
                key_taking: Arc::new(handshake::key_taking(&crypto)),
                crypto: Arc::new(handshake::plain(&crypto)),
                certificate,
                candidates: candidates.clone(),
            },
            fingerprint: fingerprint.unwrap_or_default(),
            candidates: candidates.iter().map(Candidate::to_sdp_string).collect(),
            settings,
            peers: BTreeMap::new(),
            apart: relay::Apart::default(),
            broken: BTreeSet::new(),
            demux: Demux::default(),
            timers: Timers::default(),
            grid: Grid::default(),
            pending: BTreeSet::new(),
            choosing: BTreeSet::new(),
            egress: Egress::default(),
            counters: Counters::default(),
            round: serve::Round::default(),
            left: Left::Nothing,
            now: None,
            ssrcs: 0,
            scratch: Scratch::default(),
        }
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input<'_>, now: Now) {
        self.finish_turn();
        let now = now.mono;
        self.now = Some(now);
        match input {
            Input::Publish { connection, offer } => {
                let result = self.publish(connection, &offer, now);
                self.answered(connection, result);
            }
            Input::Subscribe {
                connection,
                publisher,
                offer,
            } => {
                let result = self.subscribe(connection, publisher, &offer, now);
                self.answered(connection, result);
            }
            Input::Feed { connection, offer } => {
                let result = self.feed(connection, &offer, now);
                self.answered(connection, result);
            }
            Input::Reoffer { connection, offer } => {
                let result = self.reoffer(connection, &offer, now);
                self.answered(connection, result);
            }
            Input::Want { connection, wants } => self.want(connection, wants, now),
            Input::Patch {
                connection,
                fragment,
                restart,
            } => self.patch(connection, fragment, restart, now),
            Input::Close { connection } => self.close(connection, now),
            Input::Datagram(datagram) => self.datagram(&datagram, now),
            Input::TcpClosed { source } => {
                if let Some(owner) = self.demux.of_remote((Transport::Tcp, source)) {
                    self.unbind((Transport::Tcp, source), owner, now);
                }
            }
            Input::RelayOpen { publisher, to } => self.relay_open(publisher, to, now),
            Input::RelayClose { publisher, to } => self.relay_close(publisher, to),
            Input::Mirror {
                publisher,
                description,
            } => self.mirror(publisher, description, now),
            Input::Relayed { publisher, packets } => self.relayed(publisher, &packets, now),
            Input::MirrorClose { publisher } => self.mirror_close(publisher, now),
            Input::Inlet {
                connection,
                description,
            } => self.inlet(connection, &description, now),
            Input::InletPackets {
                connection,
                packets,
            } => self.inlet_packets(connection, &packets, now),
            Input::KeyFrameWanted { publisher, tracks } => {
                for track in tracks.iter() {
                    self.key_frame_wanted(publisher, track, now);
                }
            }
        }
    }

    /// Forwards what has come in since the last call and does what is due. Most of it happens as the outputs are taken, all of
    /// which belong to the same moment.
    pub fn handle_timeout(&mut self, now: Now) {
        self.finish_turn();
        self.now = Some(now.mono);
        self.relay();
        self.begin_round();
        self.left = Left::Feeds(now);
    }

    /// When `handle_timeout` is to be called next if nothing comes in.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.pending.is_empty() && self.choosing.is_empty() {
            self.timers.soonest()
        } else {
            self.now
        }
    }

    /// The next effect, until there are none.
    pub fn poll_output(&mut self) -> Option<Output> {
        loop {
            let output = self.egress.outputs.pop_front();
            if output.is_some() || !self.go_on() {
                return output;
            }
        }
    }

    /// A part of what is left; `false` if there was none.
    fn go_on(&mut self) -> bool {
        match self.left {
            Left::Nothing => return false,
            Left::Feeds(now) => {
                if !self.serve_next(now.mono) {
                    self.end_round(now.mono);
                    self.left = Left::Timers(now);
                }
            }
            Left::Timers(now) => {
                self.left = Left::Nothing;
                self.do_due(now);
            }
        }
        true
    }

    /// Does the rest of a turn whose outputs nobody has taken.
    fn finish_turn(&mut self) {
        while self.go_on() {}
    }

    fn do_due(&mut self, now: Now) {
        // Only those that are due at the beginning, so that no peer can keep the worker here.
        let due: Vec<_> = std::iter::from_fn(|| self.timers.take(now.mono)).collect();
        for connection in due {
            self.wake(connection, now);
        }
        for connection in std::mem::take(&mut self.choosing) {
            self.choose(connection, now.mono);
        }
    }

    /// Takes the buffer of a [`crate::Transmit`] back that has been sent, so that the next one needs no new one.
    pub fn reuse(&mut self, buffer: Vec<u8>) {
        self.egress.reuse(buffer);
    }

    /// What has passed so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn put_out(&mut self, output: Output) {
        self.egress.flush();
        self.egress.outputs.push_back(output);
    }

    fn answered(&mut self, connection: ConnectionId, result: Result<crate::Answer, PeerFault>) {
        self.put_out(Output::Answer { connection, result });
    }

    /// A peer's deadline has come.
    fn wake(&mut self, connection: ConnectionId, now: Now) {
        if self.apart.mirrors.contains_key(&connection) {
            self.wake_mirror(connection, now.mono);
            return;
        }
        if self.apart.inlets.contains_key(&connection) {
            self.publisher_news(connection, now.mono);
            self.arm(connection, now.mono);
            return;
        }
        if self.remake(connection) {
            return;
        }
        let Some(peer) = self.peers.get_mut(&connection) else {
            return;
        };
        if peer.expires(&self.settings) <= now.mono {
            self.end(connection, PeerFault::Timeout, now.mono);
            return;
        }
        if let Some(feed) = peer.feed_mut() {
            let egress = &mut self.egress;
            if serve::guarded(|| feed.handle_timeout(now, egress)).is_err() {
                self.panicked(connection, now.mono);
                return;
            }
            self.egress.flush();
            let is_behind = feed.catch_up_is_due(now.mono);
            if feed.choice_is_due(now.mono) {
                self.choosing.insert(connection);
            }
            let is_driven = peer.engine.due <= now.mono;
            if is_behind {
                self.catch_up(connection, now.mono);
            }
            if !is_driven {
                self.arm(connection, now.mono);
                return;
            }
        }
        self.drive(connection, now.mono, |rtc, role, counters| {
            if let Role::Publisher(publisher) = role {
                for ssrc in publisher.take_plainly_repaired() {
                    if let Some(stream) = rtc.direct_api().stream_rx(&ssrc.into()) {
                        stream.suppress_nack(false);
                    }
                }
                for ssrc in publisher.take_key_frame_requests(now.mono) {
                    if let Some(stream) = rtc.direct_api().stream_rx(&ssrc.into()) {
                        stream.request_keyframe(KeyframeRequestKind::Pli);
                        counters.key_frame_requests += 1;
                    }
                }
            }
            rtc.handle_input(RtcInput::Timeout(now.mono))
        });
        self.publisher_news(connection, now.mono);
        if let Some(peer) = self.peers.get_mut(&connection)
            && peer.engine.due <= now.mono
        {
            peer.engine.due = now.mono + DRIVE_INTERVAL;
            self.arm(connection, now.mono);
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
        let mut events = std::mem::take(&mut self.scratch.events);
        let role = &mut peer.role;
        let counters = &mut self.counters;
        let turn = peer.engine.turn(now, &mut events, &mut self.egress, |rtc| {
            mutate(rtc, role, counters)
        });
        let is_over = peer.engine.is_over;
        let fault = serve::guarded(|| {
            let mut events = events.drain(..);
            events.find_map(|event| self.event(connection, event, now))
        });
        self.scratch.events = events;
        match (turn, fault) {
            (Err(Panicked), _) | (_, Err(Panicked)) => self.panicked(connection, now),
            (Ok(()), Ok(Some(fault))) => self.end(connection, fault, now),
            // Without a close from the peer only a handshake ends a connection: by its own timeout, or by a certificate that is
            // not the offer's.
            (Ok(()), Ok(None)) if is_over => self.end(connection, PeerFault::Timeout, now),
            (Ok(()), Ok(None)) => self.arm(connection, now),
        }
    }

    /// What a connection tells; gives back why it has to end.
    fn event(&mut self, connection: ConnectionId, event: Event, now: Instant) -> Option<PeerFault> {
        let peer = self.peers.get_mut(&connection)?;
        #[cfg(test)]
        assert!(
            !peer.publisher().is_some_and(|source| source.panics_next),
            "injected"
        );
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "str0m's events are non-exhaustive; the others concern data channels, statistics and ICE details"
        )]
        match event {
            Event::Connected => {
                peer.heard = now;
                peer.is_connected = true;
                let material = peer.engine.take_material();
                if let Role::Subscriber(feed) = &mut peer.role {
                    let secured = material.map(|material| feed.secure(&material, now));
                    if !matches!(secured, Some(Ok(()))) {
                        return Some(PeerFault::Fault(ErrorCode::InternalServerException));
                    }
                    self.choosing.insert(connection);
                }
                self.put_out(Output::Connected { connection });
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
            Event::SenderFeedback(_) => peer.heard = now,
            Event::Closed => return Some(PeerFault::ClosedByPeer),
            _ => {}
        }
        None
    }

    fn arm(&mut self, connection: ConnectionId, now: Instant) {
        if let Some(peer) = self.peers.get(&connection) {
            let due = self.grid.after(peer.due(&self.settings, now), now);
            self.timers.set(connection, due);
        } else if let Some(mirror) = self.apart.mirrors.get(&connection) {
            self.timers.set(connection, mirror.due(now));
        } else if let Some(due) = self.apart.inlet_due(connection, now) {
            self.timers.set(connection, self.grid.after(due, now));
        }
    }

    fn close(&mut self, connection: ConnectionId, now: Instant) {
        if self.inlet_close(connection, now) {
            return;
        }
        if let Some(peer) = self.peers.get_mut(&connection) {
            let egress = &mut self.egress;
            if let Role::Subscriber(feed) = &mut peer.role
                && serve::guarded(|| feed.goodbye(egress)).is_err()
            {
                self.counters.panics += 1;
                self.egress.discard();
            }
            let mut events = Vec::new();
            let told = peer
                .engine
                .turn(now, &mut events, &mut self.egress, Rtc::close);
            if told.is_err() {
                self.counters.panics += 1;
            }
        }
        self.forget(connection, now);
    }

    /// Ends a peer on its own account.
    fn end(&mut self, connection: ConnectionId, fault: PeerFault, now: Instant) {
        tracing::debug!(%connection, %fault, "peer ends");
        self.close(connection, now);
        self.put_out(Output::Closed { connection, fault });
    }

    fn panicked(&mut self, connection: ConnectionId, now: Instant) {
        tracing::error!(%connection, "connection panicked");
        self.counters.panics += 1;
        self.egress.discard();
        self.forget(connection, now);
        let fault = PeerFault::Fault(ErrorCode::InternalServerException);
        self.put_out(Output::Closed { connection, fault });
    }

    fn forget(&mut self, connection: ConnectionId, now: Instant) {
        let Some(mut peer) = self.peers.remove(&connection) else {
            return;
        };
        self.timers.remove(connection);
        self.pending.remove(&connection);
        self.choosing.remove(&connection);
        self.demux.unname(&peer.engine.local().ufrag);
        for remote in &peer.remotes {
            self.demux.unbind(*remote, connection);
        }
        match &mut peer.role {
            Role::Publisher(publisher) => self.source_gone(connection, publisher, now),
            Role::Subscriber(feed) => {
                for publisher in feed.publishers() {
                    if let Some(source) = self.source(publisher) {
                        source.subscribers.remove(&connection);
                    }
                }
            }
        }
    }
}

impl Sfu {
    /// A publisher is forgotten: those that get its packets are told.
    fn source_gone(&mut self, connection: ConnectionId, source: &mut Publisher, now: Instant) {
        for subscriber in self.wanting(connection) {
            self.publisher_gone(subscriber, connection, now);
        }
        for to in std::mem::take(&mut source.relays) {
            self.put_out(Output::RelayClosed {
                publisher: connection,
                to,
            });
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
