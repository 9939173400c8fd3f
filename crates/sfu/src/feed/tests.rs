//! A feed and the other end of its wire. What each file is about stands at its head; here are the slots.

mod hostile;
mod life;
mod resends;

use std::collections::BTreeMap;

use srtp::{Opener, Profile, Sealer, split};

use super::*;
use crate::codec::{Codec, Kind};
use crate::io::Output;
use crate::offer::{Direction, Offer};
use crate::packet::Passed;
use crate::peer;
use crate::red::Red;

const OFFER: &str = include_str!("../../tests/sfu/offers/chromium-subscribe.sdp");
const ANA: ConnectionId = ConnectionId(1);
const BEN: ConnectionId = ConnectionId(2);
/// The slots of the offer.
const AUDIO: usize = 0;
const VIDEO: usize = 1;

/// A feed, the other end of its wire, and what went out.
struct World {
    feed: Feed,
    client: (Sealer, Opener),
    egress: Egress,
    counters: Counters,
    now: Instant,
    kept: BTreeMap<(Track, u32, u64), Arc<Packet>>,
}

#[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
fn beginning() -> Instant {
    Instant::now()
}

fn video(place: usize) -> Track {
    Track::video(place).unwrap()
}

impl World {
    /// A pool with both slots bound to the first publisher.
    fn new() -> Self {
        Self::grown(2)
    }

    /// The same, with that many slots at first and the others later.
    fn grown(at_first: usize) -> Self {
        Self::of(OFFER, at_first)
    }

    /// The same of a client that has no format for retransmissions.
    fn plain() -> Self {
        let is_rtx = |line: &&str| line.contains(" rtx/") || line.contains(" apt=");
        let lines: Vec<_> = OFFER.lines().filter(|line| !is_rtx(line)).collect();
        Self::of(&(lines.join("\r\n") + "\r\n"), 2)
    }

    fn of(offer: &str, at_first: usize) -> Self {
        let now = beginning();
        let offer = Offer::parse(offer, Direction::Feed).unwrap();
        let mut agreed = peer::agree_to_feed(&offer.terms().sections).unwrap();
        let later = agreed.split_off(at_first);
        let mut ssrc = 0;
        let mut feed = Feed::new(
            Purpose::Pool,
            agreed,
            || {
                ssrc += 1;
                ssrc
            },
            now,
        );
        feed.grow(later, || {
            ssrc += 1;
            ssrc
        });
        let material = |is_client| {
            let bytes: Vec<u8> = (1..=56).collect();
            Material::new(&bytes, Profile::AeadAes128Gcm, is_client)
        };
        feed.secure(&material(false), now).unwrap();
        let remote = std::net::SocketAddr::from(([198, 51, 100, 1], 5_000));
        feed.set_path(Some((crate::io::Transport::Udp, remote)));
        let mut world = Self {
            feed,
            client: split(&material(true)).unwrap(),
            egress: Egress::default(),
            counters: Counters::default(),
            now,
            kept: BTreeMap::new(),
        };
        world.want(ANA);
        world.target(0);
        world
    }

    fn want(&mut self, publisher: ConnectionId) {
        let want = Want {
            publisher,
            audio: true,
            video: Some(crate::io::VideoWant::default()),
        };
        self.feed.want(vec![want], |_| true, self.now);
        self.feed.slots[AUDIO].target = Some(Track::AUDIO);
    }

    fn target(&mut self, place: usize) {
        self.feed.slots[VIDEO].target = Some(video(place));
    }

    fn packet(&self, track: Track, sequence: u64, is_start: bool, bytes: usize) -> Arc<Packet> {
        Arc::new(Packet {
            track,
            codec: match track.place() {
                None => Codec::Opus,
                Some(_) => Codec::H264,
            },
            epoch: 0,
            sequence,
            timestamp: u32::try_from(sequence).unwrap().wrapping_mul(3_000),
            marker: true,
            is_start,
            picture: None,
            red: None,
            extensions: Passed::default(),
            captured: self.now,
            arrived: self.now,
            payload: vec![0x41; bytes].into(),
        })
    }

    fn forward(&mut self, publisher: ConnectionId, packet: Arc<Packet>) {
        let burst = [Arc::clone(&packet)];
        let key = (packet.track, packet.epoch, packet.sequence);
        self.kept.insert(key, packet);
        let (egress, counters) = (&mut self.egress, &mut self.counters);
        self.feed
            .forward(publisher, &burst, egress, counters, self.now);
    }

    /// Hands in what the client seals.
    fn says(&mut self, plain: &[u8]) -> Wishes {
        let mut sealed = plain.to_vec();
        self.client.0.seal_rtcp(&mut sealed, 0).unwrap();
        let mut wishes = Wishes::default();
        self.feed.secured(&sealed, &mut wishes, self.now).unwrap();
        wishes
    }

    /// Answers requests out of what was forwarded.
    fn resend(&mut self, wishes: &Wishes) {
        for asked in &wishes.asked {
            let packet = self.kept.get(&asked.packet());
            let (egress, counters) = (&mut self.egress, &mut self.counters);
            self.feed.resend(*asked, packet, egress, counters, self.now);
        }
    }

    /// The datagrams that have left.
    fn sent(&mut self) -> Vec<Vec<u8>> {
        self.egress.flush();
        let mut datagrams = Vec::new();
        for output in self.egress.outputs.drain(..) {
            let Output::Transmit(transmit) = output else {
                continue;
            };
            let segment = transmit.segment.unwrap_or(transmit.contents.len());
            datagrams.extend(transmit.contents.chunks(segment).map(<[u8]>::to_vec));
        }
        datagrams
    }

    fn ssrc(&self, slot: usize) -> u32 {
        self.feed.slots[slot].ssrc
    }
}

/// One RTCP packet with sender 77.
fn rtcp(kind: u8, format: u8, body: &[u8]) -> Vec<u8> {
    let words = u16::try_from(body.len() / 4 + 1).unwrap();
    let [high, low] = words.to_be_bytes();
    let mut packet = vec![0x80 | format, kind, high, low, 0, 0, 0, 77];
    packet.extend_from_slice(body);
    packet
}

/// Asks for all numbers of a source from one on, 17 by each pair.
fn nack(ssrc: u32, first: u16, pairs: u16) -> Vec<u8> {
    let mut body = ssrc.to_be_bytes().to_vec();
    for pair in 0..pairs {
        body.extend((first.wrapping_add(pair * 17)).to_be_bytes());
        body.extend([0xff, 0xff]);
    }
    rtcp(205, 1, &body)
}

#[test]
fn slots_that_are_added_get_the_extensions_of_their_sections() {
    let headers = [2, 1].map(|at_first| {
        let mut world = World::grown(at_first);
        let mut packet = Packet::clone(&world.packet(video(0), 1, true, 500));
        packet.extensions.orientation = Some(1);
        packet.extensions.playout_delay = Some([1, 2, 3]);
        world.forward(ANA, Arc::new(packet));
        world.sent()[0][..40].to_vec()
    });
    let [at_once, later] = headers;
    assert!(at_once.windows(3).any(|bytes| bytes == [1, 2, 3]));
    assert_eq!(at_once, later);
}

#[test]
fn a_slot_that_was_given_up_is_empty_for_a_while_but_for_who_had_it() {
    for purpose in [Purpose::Pool, Purpose::Single] {
        let mut world = World::new();
        world.feed.purpose = purpose;
        let carried = |world: &World| world.feed.slots[VIDEO].publisher;
        world.feed.want(Vec::new(), |_| true, world.now);
        assert_eq!(carried(&world), None);
        world.want(ANA);
        assert_eq!(carried(&world), Some(ANA), "{purpose:?}");
        world.want(BEN);
        assert_eq!(carried(&world), None);
        // It is asked for again until it is there.
        assert!(world.feed.waits_for_slot(), "{purpose:?}");
        world.now += slot::QUARANTINE;
        world.feed.settle(|_| true, world.now);
        assert_eq!(carried(&world), Some(BEN));
        assert!(!world.feed.waits_for_slot());
    }
}

#[test]
fn what_cannot_be_probed_is_tried_less_and_less_often() {
    let mut world = World::plain();
    let begun = world.now;
    let seconds = |world: &mut World, until: u64| {
        let mut tried = Vec::new();
        while world.now < begun + Duration::from_secs(until) {
            world.now += Duration::from_secs(1);
            let before = world.feed.trial;
            world.feed.try_again(world.now);
            if world.feed.trial != before {
                tried.push((world.now - begun).as_secs());
            }
        }
        tried
    };
    world.feed.slots[VIDEO].is_paused = true;
    let tried = seconds(&mut world, 1_300);
    assert_eq!(tried, [10, 30, 70, 150, 310, 630, 950, 1_270]);
    // One that has gone well makes it begin anew.
    world.feed.slots[VIDEO].is_paused = false;
    assert!(seconds(&mut world, 1_310).is_empty());
    world.feed.slots[VIDEO].is_paused = true;
    assert_eq!(seconds(&mut world, 1_350), [1_311, 1_331]);
}

#[test]
fn slots_are_of_the_kinds_of_the_sections() {
    let world = World::new();
    assert_eq!(world.feed.slots[AUDIO].kind, Kind::Audio);
    assert_eq!(world.feed.slots[VIDEO].kind, Kind::Video);
}
