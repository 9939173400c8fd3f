//! Bytes from strangers.

use std::net::SocketAddr;
use std::time::Duration;

use model::ConnectionId;
use proptest::prelude::*;
use sfu::{Datagram, Input, Output, Transport};
use str0m::media::MediaKind::Video;

use crate::client::Packet;
use crate::media::{predicted_frame, slice};
use crate::network::{H264, Leg, Network, settings};

const STRANGER: &str = "203.0.113.66:6666";

/// Hands the bytes in from an address; gives back how many bytes go out to it.
fn inject(net: &mut Network, source: SocketAddr, contents: &[u8]) -> usize {
    let datagram = Datagram {
        transport: Transport::Udp,
        source,
        contents,
    };
    net.sfu.handle(Input::Datagram(datagram), net.now);
    net.sfu.handle_timeout(net.now);
    let mut bytes = 0;
    while let Some(output) = net.sfu.poll_output() {
        if let Output::Transmit(sent) = output {
            bytes += if sent.destination == source {
                sent.contents.len()
            } else {
                0
            };
        } else {
            net.told.push(output);
        }
    }
    bytes
}

/// A connectivity check that the viewer is about to send.
fn next_check(net: &mut Network) -> Vec<u8> {
    for _ in 0..200 {
        net.now = net.now.plus(Duration::from_millis(50));
        let now = net.now.mono;
        net.client(2).drive(now);
        let check = net.client(2).outbox.iter().find(|contents| contents[0] < 2);
        if let Some(check) = check.cloned() {
            return check;
        }
        net.settle();
    }
    panic!("never sent");
}

/// A media packet that the publisher is about to send.
fn next_media(net: &mut Network) -> Vec<u8> {
    let now = net.now.mono;
    let payload = slice(false, 0, 900);
    let packet = Packet {
        payload: &payload,
        timestamp: 3_000,
        marker: true,
    };
    net.client(1).send(Video, H264, packet, now);
    let media = net
        .client(1)
        .outbox
        .iter()
        .find(|contents| contents.len() > 900);
    media.expect("sent at once").clone()
}

fn is_alive(net: &mut Network) {
    let before = net.client(2).received_of(Video).len();
    net.frame(&predicted_frame(3), 900_000);
    assert_eq!(net.client(2).received_of(Video).len(), before + 3);
    assert_eq!((net.fault(1), net.fault(2)), (None, None));
    assert_eq!(net.sfu.counters().panics, 0);
}

// T38, T47.
#[test]
fn t38_checks_that_prove_nothing_are_dropped_and_counted() {
    let mut net = Network::stage(settings(), 1);
    let stranger: SocketAddr = STRANGER.parse().unwrap();
    let check = next_check(&mut net);
    net.settle();
    let mut cases = vec![
        vec![],
        vec![0],
        check[..19].to_vec(),
        check[..20].to_vec(),
        check[..check.len() - 4].to_vec(),
        [&check[..], &[0; 4]].concat(),
    ];
    for at in 0..check.len() {
        let mut changed = check.clone();
        changed[at] ^= 1;
        cases.push(changed);
    }
    let unknown = net.sfu.counters().datagrams_unknown;
    let count = cases.len() as u64;
    let mut dropped = 0;
    for case in cases {
        let sent = inject(&mut net, stranger, &case);
        // A changed fingerprint (the last attribute) leaves the proof of the password whole.
        let is_proof = sent > 0;
        assert!(!is_proof || case.len() == check.len(), "{case:?}");
        dropped += u64::from(!is_proof);
    }
    assert!(dropped >= count - 12, "{dropped} of {count}");
    assert!(net.sfu.counters().datagrams_unknown - unknown >= dropped);
    is_alive(&mut net);
}

// T39: a ClientHello, and everything else that is secured, from an address that has proved nothing.
#[test]
fn t39_secured_datagrams_from_unknown_addresses_are_dropped() {
    let mut net = Network::stage(settings(), 1);
    let stranger: SocketAddr = STRANGER.parse().unwrap();
    let hello = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 1, 0, 0, 48];
    let media = next_media(&mut net);
    let before = net.sfu.counters();
    for contents in [
        &hello[..],
        &media[..],
        &[0x80; 12],
        &[0x80, 200, 0, 1, 0, 0, 0, 0],
    ] {
        assert_eq!(inject(&mut net, stranger, contents), 0);
    }
    assert_eq!(
        net.sfu.counters().datagrams_unknown,
        before.datagrams_unknown + 4
    );
    assert_eq!(net.sfu.counters().packets_in, before.packets_in);
    net.settle();
    is_alive(&mut net);
}

// T41: the right address, and keys that are not there.
#[test]
fn t41_media_that_does_not_authenticate_never_ends_a_session() {
    let mut net = Network::stage(settings(), 1);
    let media = next_media(&mut net);
    net.settle();
    let source = net.client(1).address;
    let packets_in = net.sfu.counters().packets_in;
    for round in 0..1_000_usize {
        let mut changed = media.clone();
        let at = round % changed.len();
        changed[at] ^= 0x10;
        if changed[0] >> 6 == 2 {
            inject(&mut net, source, &changed);
        }
        // Replayed as it was.
        inject(&mut net, source, &media);
    }
    assert_eq!(net.sfu.counters().packets_in, packets_in);
    is_alive(&mut net);
}

// T41: what was authentic once is not so twice, neither from its own address nor from a stranger's.
#[test]
fn t41_replayed_media_is_forwarded_once() {
    let mut net = Network::stage(settings(), 1);
    let before = net.client(2).received_of(Video).len();
    let media = next_media(&mut net);
    let home = net.client(1).datagram(&media).source;
    for source in [STRANGER.parse().unwrap(), home, home, home] {
        net.sfu.handle(
            Input::Datagram(Datagram {
                transport: Transport::Udp,
                source,
                contents: &media,
            }),
            net.now,
        );
    }
    // The client's own copy comes last.
    net.settle();
    assert_eq!(net.client(2).received_of(Video).len(), before + 1);
    is_alive(&mut net);
}

// T39, T40: DTLS records from the right address: alerts in clear, hellos, junk.
#[test]
fn t40_junk_records_on_an_established_session_are_ignored() {
    let mut net = Network::stage(settings(), 1);
    let source = net.client(2).address;
    for contents in [
        &[21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0][..],
        &[21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40],
        &[
            22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
        &[
            23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
            14, 15, 16,
        ],
        &[20, 0],
        &[63; 1_500],
    ] {
        inject(&mut net, source, contents);
    }
    net.settle();
    is_alive(&mut net);
}

#[test]
fn t41_a_replayed_check_from_elsewhere_moves_no_media() {
    // The check is authentic, so its address is bound; but media goes where the client nominates.
    let mut net = Network::stage(settings(), 1);
    let check = next_check(&mut net);
    let stranger: SocketAddr = STRANGER.parse().unwrap();
    let sent = inject(&mut net, stranger, &check);
    assert!(
        sent <= 2 * check.len(),
        "no amplification: {sent} for {}",
        check.len()
    );
    net.settle();
    net.run(Duration::from_secs(15));
    is_alive(&mut net);
}

/// Whether media goes to an address.
fn has_media_to(net: &Network, destination: SocketAddr) -> bool {
    let mut sent = net.sent.iter();
    sent.any(|sent| sent.destination == destination && sent.contents[0] >= 128)
}

#[test]
fn t41_a_check_that_was_seen_moves_nothing_when_it_comes_again_from_elsewhere() {
    let mut net = Network::stage(settings(), 1);
    let check = next_check(&mut net);
    net.settle();
    let stranger: SocketAddr = STRANGER.parse().unwrap();
    inject(&mut net, stranger, &check);
    net.sent.clear();
    net.frame(&predicted_frame(3), 3_000);
    assert!(!has_media_to(&net, stranger));
    is_alive(&mut net);
}

// T46.
#[test]
fn t46_media_follows_the_first_check_from_another_address_at_once() {
    let mut net = Network::stage(settings(), 1);
    let home = net.client(2).address;
    let moved: SocketAddr = "203.0.113.9:1234".parse().unwrap();
    next_check(&mut net);
    net.client(2).seen_as = Some(moved);
    net.settle();
    net.sent.clear();
    net.frame(&predicted_frame(3), 3_000);
    assert!(has_media_to(&net, moved) && !has_media_to(&net, home));
    is_alive(&mut net);
}

#[test]
fn t45_a_black_holed_viewer_disturbs_nobody() {
    let mut net = Network::stage(settings(), 2);
    net.filter =
        Box::new(|leg, _| leg != Leg::Down(ConnectionId(3)) && leg != Leg::Up(ConnectionId(3)));
    for frame in 0..100 {
        net.frame(&predicted_frame(2), 9_000 * (frame + 1));
        net.run(Duration::from_millis(100));
    }
    net.run(Duration::from_secs(2));
    assert!(net.fault(3).is_some());
    is_alive(&mut net);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    // T38, T39, T41, T47: any bytes, from strangers and from known addresses.
    #[test]
    fn t47_arbitrary_datagrams_change_nothing(
        datagrams in prop::collection::vec(
            (prop::option::of(0..2_u64), prop::collection::vec(any::<u8>(), 0..200)),
            1..60,
        ),
    ) {
        let mut net = Network::stage(settings(), 1);
        for (whose, contents) in datagrams {
            let source = match whose {
                None => STRANGER.parse().unwrap(),
                Some(id) => net.client(id + 1).address,
            };
            let sent = inject(&mut net, source, &contents);
            prop_assert!(whose.is_some() || sent == 0);
        }
        net.settle();
        is_alive(&mut net);
    }
}
