//! A feed under authenticated attack: its client seals whatever it likes. And its whole life, by chance.

use std::collections::BTreeMap;

use proptest::prelude::*;
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

// T43.
#[test]
fn t43_a_storm_of_requests_is_answered_within_a_budget() {
    let mut world = World::new();
    for sequence in 1..=600 {
        let packet = world.packet(video(0), sequence, sequence == 1, 1_000);
        world.forward(ANA, packet);
    }
    let media = world.sent();
    assert_eq!(media.len(), 600);
    let storm = nack(world.ssrc(VIDEO), 1, 35);
    let mut bytes = 0;
    for _ in 0..2_000 {
        let wishes = world.says(&storm);
        assert!(wishes.asked.len() <= 512, "{}", wishes.asked.len());
        world.resend(&wishes);
        bytes += world.sent().iter().map(Vec::len).sum::<usize>();
        world.now += Duration::from_millis(5);
    }
    // What was saved up, and 32,000 bytes a second.
    assert!((500_000..700_000).contains(&bytes), "{bytes}");
    assert!(world.counters.packets_retransmitted < 700);
    assert!(world.counters.retransmissions_refused > 500_000);
}

// A key frame is a hundred packets and more, and may be lost with all of them.
#[test]
fn each_of_hundreds_of_lost_packets_is_sent_again_once_in_a_round_trip() {
    let mut world = World::new();
    for sequence in 1..=400 {
        let packet = world.packet(video(0), sequence, sequence == 1, 100);
        world.forward(ANA, packet);
    }
    world.sent();
    for _ in 0..3 {
        let wishes = world.says(&nack(world.ssrc(VIDEO), 1, 23));
        world.resend(&wishes);
    }
    assert_eq!(world.sent().len(), 391);
    world.now += Duration::from_millis(200);
    let wishes = world.says(&nack(world.ssrc(VIDEO), 1, 23));
    world.resend(&wishes);
    assert_eq!(world.sent().len(), 391);
}

// What could not be sent is not taken for sent.
#[test]
fn a_packet_that_could_not_be_sent_again_may_be_asked_for_at_once() {
    let mut world = World::new();
    for sequence in 1..=10 {
        let packet = world.packet(video(0), sequence, sequence == 1, 100);
        world.forward(ANA, packet);
    }
    world.sent();
    let path = (
        crate::io::Transport::Udp,
        std::net::SocketAddr::from(([198, 51, 100, 1], 5_000)),
    );
    let asked = nack(world.ssrc(VIDEO), 1, 1);
    for (way, expected) in [(None, 0), (Some(path), 10), (Some(path), 0)] {
        world.feed.set_path(way);
        let wishes = world.says(&asked);
        world.resend(&wishes);
        assert_eq!(world.sent().len(), expected);
    }
}

#[test]
fn a_packet_that_comes_again_repeats_nothing() {
    let mut world = World::new();
    world.feed.slots[AUDIO].payloads[0].rtx = Some(50);
    let repeated = [&[0xef, 0, 0, 200, 0x6f][..], &[7; 200], &[9; 50]].concat();
    let plain = world.packet(Track::AUDIO, 1, false, 50);
    let mut redundant = Packet::clone(&world.packet(Track::AUDIO, 2, false, 0));
    redundant.red = Some(Red::read(&repeated, 111).unwrap());
    redundant.payload = repeated.into();
    world.forward(ANA, plain);
    world.forward(ANA, Arc::new(redundant));
    let sizes = |world: &mut World| world.sent().iter().map(Vec::len).collect::<Vec<_>>();
    let [plain, redundant] = sizes(&mut world)[..] else {
        panic!()
    };
    assert_eq!(redundant, plain + 5 + 200);
    let wishes = world.says(&nack(world.ssrc(AUDIO), 1, 1));
    world.resend(&wishes);
    assert_eq!(sizes(&mut world), [plain + 2, plain + 2]);
}

// Its index has been used (RFC 3711 section 9.1): what comes again is what was.
#[test]
fn a_client_without_a_format_for_retransmissions_gets_the_same_bytes_again() {
    let mut world = World::plain();
    for sequence in 1..=200 {
        let packet = world.packet(video(0), sequence, sequence == 1, 1_000);
        world.forward(ANA, packet);
    }
    let media = world.sent();
    // Whatever has become of the publisher's packets, and of what the client knows.
    world.kept.clear();
    world.feed.slots[VIDEO].is_known = true;
    for (first, expected) in [(184, &media[183..200]), (184, &[]), (100, &media[99..116])] {
        let wishes = world.says(&nack(world.ssrc(VIDEO), first, 1));
        world.resend(&wishes);
        assert!(world.sent() == expected, "{first}");
    }
    // Older ones are not kept.
    let wishes = world.says(&nack(world.ssrc(VIDEO), 1, 4));
    world.resend(&wishes);
    assert!(world.sent().is_empty());
    assert_eq!(world.counters.packets_retransmitted, 34);
}

// T43.
#[test]
fn t43_what_is_asked_of_streams_of_others_is_ignored() {
    let mut world = World::new();
    let packet = world.packet(video(0), 1, true, 500);
    world.forward(ANA, packet);
    let foreign = [0, 3, 5_000, u32::MAX];
    for ssrc in foreign {
        let ssrc_bytes = ssrc.to_be_bytes();
        let fir = [&[0; 4][..], &ssrc_bytes, &[1, 0, 0, 0]].concat();
        for plain in [
            nack(ssrc, 1, 30),
            rtcp(206, 1, &ssrc_bytes),
            rtcp(206, 4, &fir),
            // A report about it, and a goodbye for it.
            rtcp(201, 1, &[&ssrc_bytes[..], &[0xff; 20]].concat()),
            rtcp(203, 1, &[]),
        ] {
            if ssrc == 3 && plain[1] == 205 {
                // The third SSRC is the video's own.
                continue;
            }
            let wishes = world.says(&plain);
            let is_own = ssrc == world.ssrc(VIDEO);
            assert!(wishes.asked.is_empty());
            assert_eq!(wishes.key_frames.is_empty(), !is_own || plain[1] < 206);
        }
    }
    // However often it is asked for in one datagram, it is one wish.
    let own = world.ssrc(VIDEO).to_be_bytes();
    let many = rtcp(206, 1, &own).repeat(100);
    assert_eq!(world.says(&many).key_frames, [(ANA, video(0))]);
}

// T43.
#[test]
fn t43_estimates_that_a_client_makes_up_stay_within_bounds() {
    let mut world = World::new();
    let remb = |bitrate: [u8; 4]| {
        let body = [&[0; 4][..], b"REMB", &bitrate, &[0, 0, 0, 2]].concat();
        rtcp(206, 15, &body)
    };
    for bitrate in [[1, 0, 0, 0], [1, 0xff, 0xff, 0xff], [255; 4]] {
        world.says(&remb(bitrate));
        let bps = world.feed.wire.estimator.bitrate_bps();
        assert!((50_000..=50_000_000).contains(&bps), "{bps}");
    }
}

/// Transport-wide feedback: from that number on so many that are lost, then one that has arrived.
fn arrival(from: u16, mut lost: u16, number: u8) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend(from.to_be_bytes());
    body.extend((lost + 1).to_be_bytes());
    body.extend([0, 0, 1, number]);
    while lost > 0 {
        let run = lost.min(0x1fff);
        body.extend(run.to_be_bytes());
        lost -= run;
    }
    // A run of one symbol, and its difference.
    body.extend([0x20, 1, 4]);
    body.resize(body.len().next_multiple_of(4), 0);
    rtcp(205, 15, &body)
}

// T43.
#[test]
fn t43_what_one_datagram_tells_of_arrivals_is_read_up_to_a_limit() {
    for (lost, is_read) in [(8_000, true), (60_000, false)] {
        let mut world = World::new();
        let packet = world.packet(video(0), 1, true, 500);
        world.forward(ANA, packet);
        world.now += Duration::from_millis(40);
        let about_nothing = arrival(1_000, lost, 1);
        world.says(&[about_nothing, arrival(0, 0, 9)].concat());
        let round_trip = world.feed.wire.estimator.round_trip();
        assert_eq!(round_trip.is_some(), is_read, "{lost}");
    }
}

// T43.
#[test]
fn t43_what_a_client_sends_in_excess_is_not_looked_at_for_a_while() {
    let mut world = World::new();
    let admitted = (0..10_000)
        .filter(|_| world.feed.admits(1_000, world.now))
        .count();
    assert_eq!(admitted, 1_000);
    world.now += Duration::from_secs(2);
    assert!(world.feed.admits(1_000, world.now));
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

// T41.
#[test]
fn t41_what_is_not_the_clients_changes_nothing() {
    let mut world = World::new();
    let packet = world.packet(video(0), 1, true, 500);
    world.forward(ANA, packet);
    let mut sealed = rtcp(206, 1, &world.ssrc(VIDEO).to_be_bytes());
    world.client.0.seal_rtcp(&mut sealed, 0).unwrap();
    let mut wishes = Wishes::default();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 0x04;
        assert!(
            world
                .feed
                .secured(&changed, &mut wishes, world.now)
                .is_err()
        );
        let cut = &sealed[..at];
        assert!(world.feed.secured(cut, &mut wishes, world.now).is_err());
    }
    // Media from a subscriber, sealed by the right keys.
    let mut indices = world.client.0.indices(9).unwrap();
    let ticket = indices.claim(1).unwrap();
    let mut media = vec![0x80, 108, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3, 4];
    world.client.0.seal_rtp(ticket, &mut media, 0, 12).unwrap();
    assert!(world.feed.secured(&media, &mut wishes, world.now).is_err());
    assert!(wishes.key_frames.is_empty() && wishes.asked.is_empty());
    // None of it stands in the way of what is genuine, which counts once.
    assert_eq!(world.feed.secured(&sealed, &mut wishes, world.now), Ok(()));
    assert_eq!(wishes.key_frames.len(), 1);
    let again = world.feed.secured(&sealed, &mut wishes, world.now);
    assert_eq!(again, Err(SrtpError::Replayed));
}

/// One thing that happens to a feed.
#[derive(Clone, Debug)]
enum Step {
    /// A packet of a publisher's encoding, so many numbers further; negative ones are late.
    Packet(bool, usize, i64, bool),
    Sound(i64),
    Target(usize),
    Pause,
    Want(bool),
    Nack(u16, u16),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (prop::bool::weighted(0.8), 0..3_usize, -4..6_i64, prop::bool::weighted(0.2))
            .prop_map(|(who, place, by, is_start)| Step::Packet(who, place, by, is_start)),
        4 => (-2..3_i64).prop_map(Step::Sound),
        2 => (0..3_usize).prop_map(Step::Target),
        1 => Just(Step::Pause),
        1 => any::<bool>().prop_map(Step::Want),
        4 => (0..600_u16, 1..4_u16).prop_map(|(first, pairs)| Step::Nack(first, pairs)),
        4 => (0..3_000_u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    // One index of one stream under one key is used for one packet, whatever happens (RFC 3711 section 9.1).
    // A client without a format for retransmissions gets the same bytes again.
    #[test]
    fn no_number_goes_out_twice_in_the_life_of_a_feed(
        steps in prop::collection::vec(step(), 1..600),
        is_plain in any::<bool>(),
    ) {
        let mut world = if is_plain { World::plain() } else { World::new() };
        let mut heads = BTreeMap::new();
        let mut seen = BTreeMap::new();
        for step in steps {
            match step {
                Step::Packet(is_first, place, by, is_start) => {
                    let who = if is_first { ANA } else { BEN };
                    let head = heads.entry((who, place)).or_insert(100_u64);
                    let sequence = head.saturating_add_signed(by);
                    *head = sequence.max(*head);
                    let packet = world.packet(video(place), sequence, is_start, 700);
                    world.forward(who, packet);
                }
                Step::Sound(by) => {
                    let head = heads.entry((ANA, 9)).or_insert(100_u64);
                    let sequence = head.saturating_add_signed(by);
                    *head = sequence.max(*head);
                    let packet = world.packet(Track::AUDIO, sequence, false, 80);
                    world.forward(ANA, packet);
                }
                Step::Target(place) => world.target(place),
                Step::Pause => world.feed.slots[VIDEO].stream.stop(),
                Step::Want(is_first) => world.want(if is_first { ANA } else { BEN }),
                Step::Nack(first, pairs) => {
                    let asked = nack(world.ssrc(VIDEO), first, pairs);
                    let wishes = world.says(&asked);
                    world.resend(&wishes);
                }
                Step::Pass(millis) => {
                    world.now += Duration::from_millis(millis);
                    world.feed.wire.estimator.want_probe(20_000_000, world.now);
                    let wall = "2026-01-01T00:00:00Z".parse().unwrap();
                    let now = Now { mono: world.now, wall };
                    world.feed.handle_timeout(now, &mut world.egress);
                    world.target(0);
                }
            }
            for datagram in world.sent() {
                if (192..224).contains(&datagram[1]) {
                    continue;
                }
                let name: [u8; 6] = [2, 3, 8, 9, 10, 11].map(|at: usize| datagram[at]);
                // The lives are shorter than the range of numbers.
                let before = seen.insert(name, datagram.clone());
                let is_same = is_plain && before.as_ref() == Some(&datagram);
                prop_assert!(before.is_none() || is_same, "{name:?} twice");
            }
        }
    }

    // T43: whatever an authentic client writes.
    #[test]
    fn t43_any_bytes_of_an_authentic_client_are_borne(
        parts in prop::collection::vec(
            (0..32_u8, 192..210_u8, prop::collection::vec(any::<u8>(), 0..80)),
            1..8,
        ),
    ) {
        let mut world = World::new();
        for sequence in 1..=50 {
            let packet = world.packet(video(0), sequence, sequence == 1, 300);
            world.forward(ANA, packet);
        }
        let mut compound = Vec::new();
        for (format, kind, mut body) in parts {
            body.resize(body.len().next_multiple_of(4), 0);
            // Feedback is about the video, so that it is looked at.
            if let Some(media) = body.first_chunk_mut::<4>() {
                *media = world.ssrc(VIDEO).to_be_bytes();
            }
            compound.extend(rtcp(kind, format, &body));
        }
        let wishes = world.says(&compound);
        prop_assert!(wishes.asked.len() <= 512 && wishes.key_frames.len() <= 1);
        world.resend(&wishes);
        let bps = world.feed.wire.estimator.bitrate_bps();
        prop_assert!((50_000..=50_000_000).contains(&bps));
        world.sent();
        let packet = world.packet(video(0), 51, false, 300);
        world.forward(ANA, packet);
        prop_assert_eq!(world.sent().len(), 1);
    }
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
