//! The whole life of a feed, by chance.

use proptest::prelude::*;

use super::*;

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
