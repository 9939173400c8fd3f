//! One `Sfu`, clients, and the wires between them, in simulated time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use model::{ConnectionId, Now};
use sfu::{Answer, Direction, Input, Offer, Output, PeerFault, Settings, Sfu, Transmit, Transport};
use str0m::media::MediaKind;

use crate::client::{Client, Packet};
use crate::link::{Link, Weather};
use crate::media::{key_frame, packets};
use crate::offers;

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Leg {
    Up(ConnectionId),
    Down(ConnectionId),
}

/// Says whether a datagram gets through.
pub(crate) type Filter = Box<dyn FnMut(Leg, &[u8]) -> bool>;

pub(crate) struct Network {
    pub(crate) sfu: Sfu,
    pub(crate) now: Now,
    pub(crate) clients: BTreeMap<ConnectionId, Client>,
    /// Everything the `Sfu` has put out but bytes.
    pub(crate) told: Vec<Output>,
    /// The bytes.
    pub(crate) sent: Vec<Transmit>,
    pub(crate) filter: Filter,
    /// Ways that are not perfect.
    pub(crate) links: BTreeMap<Leg, Link>,
    /// The newest number of each stream that went out, and all of them.
    indices: BTreeMap<u32, (u64, BTreeMap<u64, Vec<u8>>)>,
}

/// The payload type of H.264 in FFmpeg's offer.
pub(crate) const H264: u8 = 106;
/// The address that answers advertise.
pub(crate) const SERVER: &str = "192.0.2.1:7401";

pub(crate) fn settings() -> Settings {
    Settings {
        addresses: vec![
            SERVER.parse().unwrap(),
            "[2001:db8::1]:7401".parse().unwrap(),
        ],
        ..Settings::default()
    }
}

#[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
pub(crate) fn beginning() -> Now {
    Now {
        mono: Instant::now(),
        wall: "2026-01-01T00:00:00Z".parse().unwrap(),
    }
}

impl Network {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            sfu: Sfu::new(settings),
            now: beginning(),
            clients: BTreeMap::new(),
            told: Vec::new(),
            sent: Vec::new(),
            filter: Box::new(|_, _| true),
            links: BTreeMap::new(),
            indices: BTreeMap::new(),
        }
    }

    fn address(id: u64) -> SocketAddr {
        format!("198.51.100.{}:{}", id % 250 + 1, 40_000 + id)
            .parse()
            .unwrap()
    }

    /// Adds a publisher by its offer; gives back the answer.
    pub(crate) fn publish(&mut self, id: u64, template: &str) -> String {
        self.publish_with(id, template, str::to_owned)
    }

    /// The same, with a last change to the offer.
    pub(crate) fn publish_with(
        &mut self,
        id: u64,
        template: &str,
        change: impl FnOnce(&str) -> String,
    ) -> String {
        self.publish_by(Transport::Udp, id, template, change)
    }

    pub(crate) fn publish_over(&mut self, transport: Transport, id: u64, template: &str) -> String {
        self.publish_by(transport, id, template, str::to_owned)
    }

    fn publish_by(
        &mut self,
        transport: Transport,
        id: u64,
        template: &str,
        change: impl FnOnce(&str) -> String,
    ) -> String {
        let connection = ConnectionId(id);
        let client = Client::new(template, Self::address(id), transport, self.now.mono);
        let offer = Offer::parse(&change(&client.sdp), Direction::Publish).unwrap();
        self.join(connection, client, Input::Publish { connection, offer })
    }

    pub(crate) fn subscribe(&mut self, id: u64, publisher: u64, template: &str) -> String {
        self.subscribe_over(Transport::Udp, id, publisher, template)
    }

    pub(crate) fn subscribe_over(
        &mut self,
        transport: Transport,
        id: u64,
        publisher: u64,
        template: &str,
    ) -> String {
        let connection = ConnectionId(id);
        let client = Client::new(template, Self::address(id), transport, self.now.mono);
        let offer = Offer::parse(&client.sdp, Direction::Subscribe).unwrap();
        let publisher = ConnectionId(publisher);
        self.join(
            connection,
            client,
            Input::Subscribe {
                connection,
                publisher,
                offer,
            },
        )
    }

    /// Adds a viewer with a pool of slots.
    pub(crate) fn feed(&mut self, id: u64, template: &str) -> Answer {
        let connection = ConnectionId(id);
        let client = Client::new(template, Self::address(id), Transport::Udp, self.now.mono);
        let offer = Offer::parse(&client.sdp, Direction::Feed).unwrap();
        self.join_with(connection, client, Input::Feed { connection, offer })
    }

    /// The viewer offers again; `None` if it is refused.
    pub(crate) fn reoffer(&mut self, id: u64, template: &str) -> Option<Answer> {
        let connection = ConnectionId(id);
        let sdp = self.client(id).offer_again(template);
        let offer = Offer::parse(&sdp, Direction::Feed).expect("an offer");
        self.sfu
            .handle(Input::Reoffer { connection, offer }, self.now);
        let mut answer = None;
        while let Some(output) = self.sfu.poll_output() {
            if let Output::Answer { result, .. } = output {
                answer = Some(result);
            } else {
                self.told.push(output);
            }
        }
        let Some(answer) = answer else {
            panic!("no answer");
        };
        let answer = answer.ok()?;
        let now = self.now.mono;
        self.client(id).accept_again(&answer.sdp, now);
        Some(answer)
    }

    fn join(&mut self, connection: ConnectionId, client: Client, input: Input<'_>) -> String {
        self.join_with(connection, client, input).sdp
    }

    fn join_with(
        &mut self,
        connection: ConnectionId,
        mut client: Client,
        input: Input<'_>,
    ) -> Answer {
        self.sfu.handle(input, self.now);
        let Some(Output::Answer { result, .. }) = self.sfu.poll_output() else {
            panic!("no answer");
        };
        let answer = result.expect("an answer");
        client.accept(&answer.sdp, self.now.mono);
        self.clients.insert(connection, client);
        answer
    }

    /// A publisher by FFmpeg's offer, number 1, and viewers from 2 on, all connected and past the first key frame.
    pub(crate) fn stage(settings: Settings, viewers: u64) -> Self {
        let mut net = Self::new(settings);
        net.publish(1, offers::FFMPEG_PASSIVE);
        net.connect();
        for viewer in 2..2 + viewers {
            net.subscribe(viewer, 1, offers::CHROMIUM_SUBSCRIBE);
        }
        net.connect();
        net.frame(&key_frame(640, 360), 0);
        net.run(Duration::from_millis(33));
        net.sent.clear();
        net
    }

    /// The publisher of [`Network::stage`] sends one frame, all its packets in one read of the socket.
    pub(crate) fn frame(&mut self, payloads: &[Vec<u8>], timestamp: u32) {
        self.send(1, MediaKind::Video, H264, &packets(payloads, timestamp));
    }

    pub(crate) fn client(&mut self, id: u64) -> &mut Client {
        self.clients.get_mut(&ConnectionId(id)).unwrap()
    }

    /// The client sends a burst of packets; then everything is delivered.
    pub(crate) fn send(&mut self, id: u64, kind: MediaKind, number: u8, packets: &[Packet<'_>]) {
        let now = self.now.mono;
        for packet in packets {
            self.client(id).send(kind, number, *packet, now);
        }
        self.settle();
    }

    /// Delivers until nothing moves.
    pub(crate) fn settle(&mut self) {
        loop {
            let is_still = !self.arrive() & !self.up() & !self.down();
            if is_still {
                return;
            }
        }
    }

    /// Hands in what a client has sent, and nothing more; gives back how many datagrams of media that were.
    pub(crate) fn ingest(&mut self, id: u64) -> usize {
        let client = self.clients.get_mut(&ConnectionId(id)).unwrap();
        let mut count = 0;
        for contents in std::mem::take(&mut client.outbox) {
            count += usize::from(contents[0] >= 128 && contents.len() > 300);
            let datagram = client.datagram(&contents);
            self.sfu.handle(Input::Datagram(datagram), self.now);
        }
        count
    }

    fn up(&mut self) -> bool {
        let mut has_moved = false;
        for (connection, client) in &mut self.clients {
            for contents in std::mem::take(&mut client.outbox) {
                has_moved = true;
                let leg = Leg::Up(*connection);
                if !(self.filter)(leg, &contents) {
                    continue;
                }
                if let Some(link) = self.links.get_mut(&leg) {
                    link.push(&contents, self.now.mono);
                } else {
                    let datagram = client.datagram(&contents);
                    self.sfu.handle(Input::Datagram(datagram), self.now);
                }
            }
        }
        self.sfu.handle_timeout(self.now);
        has_moved
    }

    fn down(&mut self) -> bool {
        let mut has_moved = false;
        while let Some(output) = self.sfu.poll_output() {
            has_moved = true;
            self.deliver(output);
        }
        has_moved
    }

    /// Carries one output out.
    pub(crate) fn deliver(&mut self, output: Output) {
        let Output::Transmit(transmit) = output else {
            self.told.push(output);
            return;
        };
        let segment = transmit.segment.unwrap_or(transmit.contents.len());
        for contents in transmit.contents.chunks(segment) {
            check_index(&mut self.indices, contents);
            let to = self.clients.iter_mut().find(|(_, client)| {
                client.seen_as.unwrap_or(client.address) == transmit.destination
                    && client.transport == transmit.transport
            });
            if let Some((connection, client)) = to
                && (self.filter)(Leg::Down(*connection), contents)
            {
                match self.links.get_mut(&Leg::Down(*connection)) {
                    Some(link) => link.push(contents, self.now.mono),
                    None => {
                        client.receive(SERVER.parse().unwrap(), contents, self.now.mono);
                    }
                }
            }
        }
        self.sent.push(transmit);
    }

    /// Takes off imperfect ways what has come to their ends.
    fn arrive(&mut self) -> bool {
        let mut has_moved = false;
        let now = self.now;
        for (leg, link) in &mut self.links {
            while let Some(contents) = link.take(now.mono) {
                has_moved = true;
                let (Leg::Up(connection) | Leg::Down(connection)) = leg;
                let Some(client) = self.clients.get_mut(connection) else {
                    continue;
                };
                if matches!(leg, Leg::Down(_)) {
                    client.receive(SERVER.parse().unwrap(), &contents, now.mono);
                } else {
                    let datagram = client.datagram(&contents);
                    self.sfu.handle(Input::Datagram(datagram), now);
                }
            }
        }
        has_moved
    }

    /// Puts a client behind a way like that in both directions, the limit and the losses on the way to it.
    pub(crate) fn place(&mut self, id: u64, weather: Weather) {
        let connection = ConnectionId(id);
        let up = Weather {
            bps: None,
            loss: 0,
            late: 0,
            ..weather
        };
        self.links
            .insert(Leg::Down(connection), Link::new(weather, id));
        self.links.insert(Leg::Up(connection), Link::new(up, !id));
    }

    /// Changes what the way to a client is like.
    pub(crate) fn weather(&mut self, id: u64) -> &mut Weather {
        let link = self.links.get_mut(&Leg::Down(ConnectionId(id)));
        &mut link.unwrap().weather
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, duration: Duration) {
        let end = self.now.mono + duration;
        loop {
            self.settle();
            if self.now.mono >= end {
                return;
            }
            let next = self
                .clients
                .values()
                .map(|client| client.due)
                .chain(self.sfu.poll_timeout())
                .chain(self.links.values().filter_map(Link::due))
                .min()
                .unwrap_or(end)
                .max(self.now.mono + Duration::from_millis(1))
                .min(end);
            self.now = self.now.plus(next - self.now.mono);
            for client in self.clients.values_mut() {
                if client.due <= next {
                    client.drive(next);
                }
            }
        }
    }

    /// Runs until all clients are connected.
    pub(crate) fn connect(&mut self) {
        for _ in 0..40 {
            self.run(Duration::from_millis(50));
            if self.clients.values().all(|client| client.is_connected) {
                // The peer's own side of DTLS ends a flight later.
                self.run(Duration::from_millis(50));
                return;
            }
        }
        panic!("not connected");
    }

    /// Why a peer has ended, if it has.
    pub(crate) fn fault(&self, id: u64) -> Option<PeerFault> {
        self.told.iter().find_map(|output| {
            if let Output::Closed { connection, fault } = output
                && connection.0 == id
            {
                Some(*fault)
            } else {
                None
            }
        })
    }

    pub(crate) fn has_connected(&self, id: u64) -> bool {
        self.told
            .iter()
            .any(|output| matches!(output, Output::Connected { connection } if connection.0 == id))
    }
}

/// No number of a stream goes out with other bytes, which its tag tells: with it, a key would be used twice for other bytes (RFC 3711 section 9.1).
fn check_index(indices: &mut BTreeMap<u32, (u64, BTreeMap<u64, Vec<u8>>)>, contents: &[u8]) {
    let Some([first, second, high, low, _, _, _, _, ssrc @ ..]) = contents.first_chunk::<12>()
    else {
        return;
    };
    // RTP, and not RTCP (RFC 5761 section 4).
    if first >> 6 != 2 || (192..224).contains(second) {
        return;
    }
    let number = u64::from(u16::from_be_bytes([*high, *low]));
    let ssrc = u32::from_be_bytes(*ssrc);
    let (newest, used) = indices.entry(ssrc).or_insert((number, BTreeMap::new()));
    // The one of that number that is nearest to the newest (RFC 3711 section 3.3.1).
    let near = (*newest & !0xffff) | number;
    let index = [near, near + 0x1_0000]
        .into_iter()
        .chain(near.checked_sub(0x1_0000))
        .min_by_key(|index| index.abs_diff(*newest))
        .unwrap();
    *newest = (*newest).max(index);
    let tag = contents[contents.len().saturating_sub(16)..].to_vec();
    let before = used.insert(index, tag.clone());
    assert!(
        before.is_none_or(|before| before == tag),
        "{ssrc:#x} used {index} twice"
    );
}
