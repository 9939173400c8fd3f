//! The peers of one worker.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{ConnectionId, ErrorCode, Now};
use str0m::media::KeyframeRequestKind;
use str0m::net::TcpType;
use str0m::{Candidate, Event, Input as RtcInput, Rtc, RtcError};

use crate::answer::{self, Agreed, Local};
use crate::demux::{self, Class, Demux};
use crate::engine::{Common, Engine, Panicked};
use crate::forward::Subscriber;
use crate::io::{Answer, Datagram, PatchFault, Patched, Transport};
use crate::offer::{Direction, Offer};
use crate::peer::{self, Peer, Role};
use crate::publish::{Publisher, Taken};
use crate::timers::Timers;
use crate::{Counters, Input, Output, PeerFault, Settings, fragment};

/// Longest datagram that is looked at; str0m's buffers are of that size.
const DATAGRAM_BYTES_MAX: usize = 2_000;
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

    fn publish(
        &mut self,
        connection: ConnectionId,
        offer: &Offer,
        now: Instant,
    ) -> Result<Answer, PeerFault> {
        if offer.direction() != Direction::Publish {
            return Err(PeerFault::Offer);
        }
        let agreed = peer::agree_to_publish(offer)?;
        let publisher = Publisher::new(&agreed, &self.settings);
        let role = Role::Publisher(Box::new(publisher));
        self.admit(connection, offer, agreed, role, now)
    }

    fn subscribe(
        &mut self,
        connection: ConnectionId,
        publisher: ConnectionId,
        offer: &Offer,
        now: Instant,
    ) -> Result<Answer, PeerFault> {
        if offer.direction() != Direction::Subscribe {
            return Err(PeerFault::Offer);
        }
        let source = self
            .peers
            .get_mut(&publisher)
            .and_then(Peer::publisher)
            .ok_or(PeerFault::PublisherGone)?;
        let agreed = peer::agree_to_subscribe(offer, source)?;
        let subscriber = Subscriber::new(publisher, &agreed);
        let answer = self.admit(connection, offer, agreed, Role::Subscriber(subscriber), now)?;
        if let Some(source) = self.peers.get_mut(&publisher).and_then(Peer::publisher) {
            source.subscribers.insert(connection);
        }
        Ok(answer)
    }

    /// Makes the connection of a new peer.
    fn admit(
        &mut self,
        connection: ConnectionId,
        offer: &Offer,
        agreed: Vec<Agreed>,
        role: Role,
        now: Instant,
    ) -> Result<Answer, PeerFault> {
        if self.peers.contains_key(&connection) {
            return Err(PeerFault::Offer);
        }
        let (terms, direction) = (offer.terms(), offer.direction());
        let normalised = answer::normalised_offer(terms, &terms.credentials, &agreed, direction);
        let accepted = Engine::accept(&self.common, &normalised, &agreed, direction, now);
        let (engine, sdp) = accepted
            .map_err(|Panicked| {
                self.counters.panics += 1;
                PeerFault::Fault(ErrorCode::InternalServerException)
            })?
            .ok_or(PeerFault::Offer)?;
        let stream = match &role {
            Role::Publisher(_) => connection.to_string(),
            Role::Subscriber(subscriber) => subscriber.publisher.to_string(),
        };
        let local = Local {
            candidates: &self.candidates,
            stream: &stream,
        };
        let sdp = answer::completed(&sdp, &agreed, direction, &local);
        self.demux.name(&engine.local().ufrag, connection);
        self.peers.insert(
            connection,
            Peer {
                engine,
                role,
                terms: terms.clone(),
                agreed,
                remote: terms.credentials.clone(),
                remotes: VecDeque::new(),
                is_connected: false,
                begun: now,
                heard: now,
            },
        );
        self.drive(connection, now, |rtc, _, _| {
            rtc.handle_input(RtcInput::Timeout(now))
        });
        Ok(Answer { sdp })
    }

    fn patch(&mut self, connection: ConnectionId, fragment: &str, restart: bool, now: Instant) {
        let result = self.patched(connection, fragment, restart);
        let has_restarted = matches!(result, Ok(Patched::Restarted { .. }));
        self.outputs
            .push_back(Output::Patched { connection, result });
        if has_restarted {
            self.drive(connection, now, |rtc, _, _| {
                rtc.handle_input(RtcInput::Timeout(now))
            });
        }
    }

    fn patched(
        &mut self,
        connection: ConnectionId,
        fragment: &str,
        restart: bool,
    ) -> Result<Patched, PatchFault> {
        let peer = self
            .peers
            .get_mut(&connection)
            .ok_or(PatchFault::NotFound)?;
        let wanted = fragment::read(fragment)
            .ok_or(PatchFault::Malformed)?
            .credentials;
        if wanted == peer.remote {
            return Ok(Patched::Candidates);
        }
        if !restart {
            return Err(PatchFault::RestartNotAllowed);
        }
        let direction = peer.direction();
        let offer = answer::normalised_offer(&peer.terms, &wanted, &peer.agreed, direction);
        let before = peer.engine.local().ufrag.clone();
        match peer.engine.restart(&offer) {
            Ok(Some(local)) => {
                peer.remote = wanted;
                let fragment = answer::restart_fragment(&local, &peer.agreed, &self.candidates);
                self.demux.unname(&before);
                self.demux.name(&local.ufrag, connection);
                Ok(Patched::Restarted { fragment })
            }
            Ok(None) => Err(PatchFault::RestartFailed),
            Err(Panicked) => {
                self.panicked(connection);
                Err(PatchFault::RestartFailed)
            }
        }
    }

    fn datagram(&mut self, datagram: &Datagram<'_>, now: Instant) {
        let remote = (datagram.transport, datagram.source);
        let owner = match demux::classify(datagram.contents) {
            _ if datagram.contents.len() > DATAGRAM_BYTES_MAX => None,
            Class::Check { ufrag } => self.checked(datagram, ufrag, now),
            Class::Secured => self.demux.of_remote(remote),
            Class::Unknown => None,
        };
        let (Some(connection), Some(destination)) = (owner, self.destination(datagram.source))
        else {
            self.counters.datagrams_unknown += 1;
            return;
        };
        self.drive(connection, now, |rtc, _, _| {
            Engine::receive(rtc, datagram, destination, now)
        });
    }

    /// Whose connectivity check it is; binds the address if it is authentic.
    fn checked(
        &mut self,
        datagram: &Datagram<'_>,
        ufrag: &str,
        now: Instant,
    ) -> Option<ConnectionId> {
        let connection = self.demux.of_ufrag(ufrag)?;
        let peer = self.peers.get_mut(&connection)?;
        if !peer
            .engine
            .is_authentic_check(datagram.contents, &peer.remote)
        {
            return None;
        }
        peer.heard = now;
        let remote = (datagram.transport, datagram.source);
        let oldest = peer.add_remote(remote);
        if let Some(oldest) = oldest {
            self.demux.unbind(oldest, connection);
        }
        if let Some(before) = self.demux.bind(remote, connection)
            && before != connection
            && let Some(before) = self.peers.get_mut(&before)
        {
            before.remotes.retain(|at| *at != remote);
        }
        Some(connection)
    }

    fn unbind(&mut self, remote: demux::Remote, owner: ConnectionId) {
        self.demux.unbind(remote, owner);
        if let Some(peer) = self.peers.get_mut(&owner) {
            peer.remotes.retain(|at| *at != remote);
        }
    }

    /// The candidate that stands for the socket a datagram from there came to.
    fn destination(&self, source: SocketAddr) -> Option<SocketAddr> {
        self.settings
            .addresses
            .iter()
            .find(|address| address.is_ipv4() == source.is_ipv4())
            .copied()
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
                self.drive(connection, now, |rtc, peer, counters| {
                    if let (Role::Subscriber(subscriber), true) = (peer.role, peer.is_connected) {
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
        self.drive(connection, now, |rtc, peer, counters| {
            if let Role::Publisher(publisher) = peer.role
                && let Some(mid) = publisher.take_key_frame_request(now)
                && let Some(stream) = rtc.direct_api().stream_rx_by_mid(mid, None)
            {
                stream.request_keyframe(KeyframeRequestKind::Pli);
                counters.key_frame_requests += 1;
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
        mutate: impl FnOnce(&mut Rtc, Driven<'_>, &mut Counters) -> Result<(), RtcError>,
    ) {
        let Some(peer) = self.peers.get_mut(&connection) else {
            return;
        };
        let mut events = std::mem::take(&mut self.events);
        let driven = Driven {
            role: &mut peer.role,
            is_connected: peer.is_connected,
        };
        let counters = &mut self.counters;
        let turn = peer
            .engine
            .turn(now, &mut events, &mut self.outputs, |rtc| {
                mutate(rtc, driven, counters)
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
            // A handshake with another certificate than was offered ends here: nothing that the peer could be told.
            (Ok(()), None) if is_over => self.end(connection, PeerFault::ClosedByPeer, now),
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
        if waits {
            source.key_frames.wait();
        } else {
            source.key_frames.want();
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

/// The parts of a peer that a mutation of its connection may touch.
struct Driven<'a> {
    role: &'a mut Role,
    is_connected: bool,
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use str0m::ice::{StunMessage, TransId};

    use super::*;

    const PUBLISH: &str = include_str!("../tests/sfu/offers/ffmpeg-dtls-passive.sdp");
    const SUBSCRIBE: &str = include_str!("../tests/sfu/offers/chromium-subscribe.sdp");

    #[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
    fn beginning() -> Now {
        Now {
            mono: Instant::now(),
            wall: "2026-01-01T00:00:00Z".parse().unwrap(),
        }
    }

    /// Publisher 1 with subscribers 2 and 3.
    fn stage(now: Now) -> Sfu {
        let mut sfu = Sfu::new(Settings {
            addresses: vec!["192.0.2.1:7401".parse().unwrap()],
            ..Settings::default()
        });
        let offer = Offer::parse(PUBLISH, Direction::Publish).unwrap();
        let publisher = ConnectionId(1);
        let connection = publisher;
        sfu.handle(Input::Publish { connection, offer }, now);
        for connection in [ConnectionId(2), ConnectionId(3)] {
            let offer = Offer::parse(SUBSCRIBE, Direction::Subscribe).unwrap();
            let input = Input::Subscribe {
                connection,
                publisher,
                offer,
            };
            sfu.handle(input, now);
        }
        while let Some(output) = sfu.poll_output() {
            assert!(
                matches!(output, Output::Answer { result: Ok(_), .. }),
                "{output:?}"
            );
        }
        sfu
    }

    /// A connectivity check that the peer could send.
    fn check(sfu: &Sfu, id: u64) -> Vec<u8> {
        let peer = &sfu.peers[&ConnectionId(id)];
        let local = peer.engine.local();
        let name = format!("{}:{}", local.ufrag, peer.remote.ufrag);
        let message = StunMessage::binding_request(&name, TransId::new(), true, 7, 9, false);
        let mut bytes = vec![0; 1_000];
        let hmac = sfu.common.crypto.sha1_hmac_provider;
        let length = message
            .to_bytes(Some(local.password.as_bytes()), &mut bytes, |key, parts| {
                hmac.sha1_hmac(key, parts)
            })
            .unwrap();
        bytes.truncate(length);
        bytes
    }

    /// Hands the peer's check in; gives back what comes out.
    fn checked(sfu: &mut Sfu, id: u64, now: Now) -> Vec<Output> {
        let contents = check(sfu, id);
        let source: SocketAddr = format!("198.51.100.{id}:5000").parse().unwrap();
        let datagram = Datagram {
            transport: Transport::Udp,
            source,
            contents: &contents,
        };
        sfu.handle(Input::Datagram(datagram), now);
        sfu.handle_timeout(now);
        std::iter::from_fn(|| sfu.poll_output()).collect()
    }

    fn is_answered(outputs: &[Output]) -> bool {
        outputs
            .iter()
            .any(|output| matches!(output, Output::Transmit(_)))
    }

    #[test]
    fn t48_a_panic_inside_one_connection_ends_that_peer_and_no_other() {
        for poisoned in 1..=3 {
            let now = beginning();
            let mut sfu = stage(now);
            for id in 1..=3 {
                assert!(is_answered(&checked(&mut sfu, id, now)));
            }
            let peer = sfu.peers.get_mut(&ConnectionId(poisoned)).unwrap();
            peer.engine.panics_next = true;
            let outputs = checked(&mut sfu, poisoned, now);
            let fault = PeerFault::Fault(ErrorCode::InternalServerException);
            assert!(
                matches!(outputs.as_slice(), [Output::Closed { connection, fault: found }]
                    if connection.0 == poisoned && *found == fault),
                "{outputs:?}"
            );
            assert_eq!(sfu.counters().panics, 1);
            for id in (1..=3).filter(|id| *id != poisoned) {
                assert!(is_answered(&checked(&mut sfu, id, now)));
            }
            let later = now.plus(Duration::from_secs(1));
            sfu.handle_timeout(later);
            assert_eq!(sfu.counters().panics, 1);
        }
    }

    #[test]
    fn t48_a_panic_during_a_restart_ends_that_peer() {
        let now = beginning();
        let mut sfu = stage(now);
        let connection = ConnectionId(2);
        sfu.peers.get_mut(&connection).unwrap().engine.panics_next = true;
        let input = Input::Patch {
            connection,
            fragment: "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n",
            restart: true,
        };
        sfu.handle(input, now);
        let outputs: Vec<_> = std::iter::from_fn(|| sfu.poll_output()).collect();
        assert!(
            matches!(
                outputs.as_slice(),
                [
                    Output::Closed { .. },
                    Output::Patched {
                        result: Err(PatchFault::RestartFailed),
                        ..
                    },
                ]
            ),
            "{outputs:?}"
        );
        assert!(is_answered(&checked(&mut sfu, 3, now)));
    }
}
