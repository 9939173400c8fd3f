//! A client that seals whatever it likes.

use super::*;

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
