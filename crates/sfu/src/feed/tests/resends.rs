//! What is lost on the way and comes again.

use super::*;

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
