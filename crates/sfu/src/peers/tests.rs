//! One connection panics; the others go on.

use std::net::SocketAddr;

use str0m::ice::{StunMessage, TransId};

use super::*;
use crate::packet::Packet;
use crate::{Datagram, Direction, Offer, PatchFault, Want};

const PUBLISH: &str = include_str!("../../tests/sfu/offers/ffmpeg-dtls-passive.sdp");
const SUBSCRIBE: &str = include_str!("../../tests/sfu/offers/chromium-subscribe.sdp");

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

/// A connectivity check that the peer could send, with or without the nomination of its way.
fn check(sfu: &Sfu, id: u64, is_nominated: bool) -> Vec<u8> {
    let peer = &sfu.peers[&ConnectionId(id)];
    let local = peer.engine.local();
    let name = format!("{}:{}", local.ufrag, peer.remote.ufrag);
    let message = StunMessage::binding_request(&name, TransId::new(), true, 7, 9, is_nominated);
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
    checked_as(sfu, id, false, now)
}

fn checked_as(sfu: &mut Sfu, id: u64, is_nominated: bool, now: Now) -> Vec<Output> {
    let contents = check(sfu, id, is_nominated);
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
fn t48_a_panic_in_what_a_publisher_sends_ends_that_publisher() {
    let now = beginning();
    let mut sfu = stage(now);
    let source = sfu.source(ConnectionId(1)).unwrap();
    source.panics_next = true;
    // Its connection tells that there is a way.
    let outputs = checked_as(&mut sfu, 1, true, now);
    assert_eq!(closed(&outputs), [1], "{outputs:?}");
    assert_eq!(sfu.counters().panics, 1);
    for id in 2..=3 {
        assert!(is_answered(&checked(&mut sfu, id, now)));
    }
}

#[test]
fn t48_a_panic_in_a_goodbye_ends_that_feed_and_no_other() {
    let now = beginning();
    let mut sfu = stage(now);
    poison(&mut sfu, 2);
    let connection = ConnectionId(2);
    sfu.handle(Input::Close { connection }, now);
    assert_eq!(sfu.counters().panics, 1);
    assert!(!sfu.peers.contains_key(&connection));
    let source = sfu.source(ConnectionId(1)).unwrap();
    assert_eq!(source.subscribers.len(), 1);
    assert!(is_answered(&checked(&mut sfu, 3, now)));
}

#[test]
fn t48_an_offer_that_ends_its_feed_is_not_answered_as_if_it_had_not() {
    let now = beginning();
    let mut sfu = stage(now);
    let connection = ConnectionId(4);
    let offer = || Offer::parse(SUBSCRIBE, Direction::Feed).unwrap();
    let input = Input::Feed {
        connection,
        offer: offer(),
    };
    sfu.handle(input, now);
    while sfu.poll_output().is_some() {}
    sfu.peers.get_mut(&connection).unwrap().engine.panics_next = true;
    let input = Input::Reoffer {
        connection,
        offer: offer(),
    };
    sfu.handle(input, now);
    let outputs: Vec<_> = std::iter::from_fn(|| sfu.poll_output()).collect();
    assert_eq!(closed(&outputs), [4], "{outputs:?}");
    let fault = PeerFault::Fault(ErrorCode::InternalServerException);
    assert!(
        outputs.iter().any(|output| {
            matches!(output, Output::Answer { result: Err(found), .. } if *found == fault)
        }),
        "{outputs:?}"
    );
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

/// The peers that have ended.
fn closed(outputs: &[Output]) -> Vec<u64> {
    let ended = |output: &Output| {
        if let Output::Closed { connection, .. } = output {
            Some(connection.0)
        } else {
            None
        }
    };
    outputs.iter().filter_map(ended).collect()
}

fn poison(sfu: &mut Sfu, id: u64) {
    let peer = sfu.peers.get_mut(&ConnectionId(id)).unwrap();
    peer.feed_mut().unwrap().panics_next = true;
}

/// A packet of the publisher's waits to be forwarded.
fn film(sfu: &mut Sfu, now: Now) {
    let packet = sound(now);
    let publisher = sfu.source(ConnectionId(1)).unwrap();
    publisher.pending.push(Arc::new(packet));
    sfu.pending.insert(ConnectionId(1));
}

fn sound(now: Now) -> Packet {
    Packet {
        track: crate::packet::Track::AUDIO,
        codec: crate::codec::Codec::Opus,
        epoch: 0,
        sequence: 1,
        timestamp: 0,
        marker: false,
        is_start: false,
        picture: None,
        red: None,
        extensions: crate::packet::Passed::default(),
        captured: now.mono,
        arrived: now.mono,
        payload: [1].into(),
    }
}

#[test]
fn t48_a_panic_inside_one_feed_ends_that_feed_and_no_other() {
    type Cause = fn(&mut Sfu, Now);
    let causes: [(&str, Cause); 3] = [
        ("forwarding", |sfu, now| {
            film(sfu, now);
            sfu.handle_timeout(now);
        }),
        ("wanting", |sfu, now| {
            let input = Input::Want {
                connection: ConnectionId(2),
                wants: Vec::new(),
            };
            sfu.handle(input, now);
        }),
        ("feedback", |sfu, now| {
            let datagram = Datagram {
                transport: Transport::Udp,
                source: "198.51.100.2:5000".parse().unwrap(),
                contents: &[0x80, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1],
            };
            sfu.handle(Input::Datagram(datagram), now);
        }),
    ];
    for (name, cause) in causes {
        let now = beginning();
        let mut sfu = stage(now);
        for id in 1..=3 {
            assert!(is_answered(&checked(&mut sfu, id, now)));
        }
        poison(&mut sfu, 2);
        cause(&mut sfu, now);
        let closed: Vec<_> = std::iter::from_fn(|| sfu.poll_output())
            .filter_map(|output| {
                let Output::Closed { connection, fault } = output else {
                    return None;
                };
                Some((connection.0, fault))
            })
            .collect();
        let fault = PeerFault::Fault(ErrorCode::InternalServerException);
        assert_eq!(closed, [(2, fault)], "{name}");
        assert_eq!(sfu.counters().panics, 1, "{name}");
        let source = sfu.source(ConnectionId(1)).unwrap();
        assert_eq!(source.subscribers.len(), 1, "{name}");
        film(&mut sfu, now);
        sfu.handle_timeout(now.plus(Duration::from_millis(1)));
        assert_eq!(sfu.counters().panics, 1, "{name}");
        for id in [1, 3] {
            assert!(is_answered(&checked(&mut sfu, id, now)), "{name}");
        }
    }
}

/// Another worker, where viewers 2 and 3 get publisher 1, and what it was mirrored by.
fn away(now: Now) -> (Sfu, crate::Description) {
    let mut home = stage(now);
    let publisher = ConnectionId(1);
    home.handle(Input::RelayOpen { publisher, to: 1 }, now);
    let Some(Output::RelayOpened { description, .. }) = home.poll_output() else {
        panic!("not opened");
    };
    let description = description.unwrap();
    let mut away = Sfu::new(home.settings.clone());
    mirror(&mut away, &description, now);
    for connection in [ConnectionId(2), ConnectionId(3)] {
        let offer = Offer::parse(SUBSCRIBE, Direction::Subscribe).unwrap();
        let input = Input::Subscribe {
            connection,
            publisher,
            offer,
        };
        away.handle(input, now);
    }
    while away.poll_output().is_some() {}
    (away, description)
}

fn mirror(sfu: &mut Sfu, description: &crate::Description, now: Now) {
    let input = Input::Mirror {
        publisher: ConnectionId(1),
        description: description.clone(),
    };
    sfu.handle(input, now);
}

fn relayed(sfu: &mut Sfu, now: Now) -> Vec<Output> {
    let packets = [Arc::new(sound(now))];
    for packets in crate::Relayed::parts(&packets) {
        let publisher = ConnectionId(1);
        sfu.handle(Input::Relayed { publisher, packets }, now);
    }
    sfu.handle_timeout(now);
    std::iter::from_fn(|| sfu.poll_output()).collect()
}

fn is_lost(outputs: &[Output]) -> bool {
    let mut outputs = outputs.iter();
    outputs.any(|output| matches!(output, Output::MirrorLost { publisher } if publisher.0 == 1))
}

#[test]
fn t48_viewers_keep_a_publisher_whose_mirror_has_panicked() {
    let begun = beginning();
    let (mut sfu, description) = away(begun);
    let now = begun.plus(Duration::from_secs(3));
    sfu.source(ConnectionId(1)).unwrap().panics_next = true;
    let outputs = relayed(&mut sfu, now);
    assert!(is_lost(&outputs), "{outputs:?}");
    assert_eq!(sfu.counters().panics, 1);
    // Packets that were on their way are nobody's.
    assert!(!is_lost(&relayed(&mut sfu, now)));

    mirror(&mut sfu, &description, now);
    assert_eq!(sfu.source(ConnectionId(1)).unwrap().subscribers.len(), 2);
    for viewer in [2, 3] {
        let peer = sfu.peers.get_mut(&ConnectionId(viewer)).unwrap();
        let slots = &peer.feed_mut().unwrap().slots;
        assert!(slots.iter().all(|slot| slot.carries().is_some()));
    }

    // What broke it may come again at once, and costs no more for that.
    sfu.source(ConnectionId(1)).unwrap().panics_next = true;
    assert!(!is_lost(&relayed(&mut sfu, now)));
    let later = now.plus(Duration::from_secs(2));
    assert!(is_lost(&relayed(&mut sfu, later)));
    assert_eq!(sfu.counters().panics, 2);

    // It has ended meanwhile.
    let publisher = ConnectionId(1);
    sfu.handle(Input::MirrorClose { publisher }, later);
    assert!(sfu.wanting(publisher).is_empty());
}

#[test]
fn t48_a_mirror_that_has_panicked_and_nobody_wants_is_forgotten() {
    let begun = beginning();
    let (mut sfu, _) = away(begun);
    sfu.source(ConnectionId(1)).unwrap().panics_next = true;
    relayed(&mut sfu, begun);
    for connection in [ConnectionId(2), ConnectionId(3)] {
        sfu.handle(Input::Close { connection }, begun);
    }
    let outputs = relayed(&mut sfu, begun.plus(Duration::from_secs(2)));
    assert!(
        outputs
            .iter()
            .any(|output| matches!(output, Output::MirrorIdle { publisher } if publisher.0 == 1)),
        "{outputs:?}"
    );
}

#[test]
fn what_is_wanted_of_a_publisher_that_is_gone_is_forgotten_with_or_without_a_slot() {
    let now = beginning();
    let mut sfu = stage(now);
    let publisher = ConnectionId(4);
    let offer = Offer::parse(PUBLISH, Direction::Publish).unwrap();
    let connection = publisher;
    sfu.handle(Input::Publish { connection, offer }, now);
    let connection = ConnectionId(5);
    let offer = Offer::parse(SUBSCRIBE, Direction::Feed).unwrap();
    sfu.handle(Input::Feed { connection, offer }, now);
    let want = |publisher| Want {
        publisher,
        audio: true,
        video: Some(crate::VideoWant::default()),
    };
    let wants = vec![want(ConnectionId(1)), want(publisher)];
    sfu.handle(Input::Want { connection, wants }, now);
    let needs = |sfu: &mut Sfu| {
        let outputs: Vec<_> = std::iter::from_fn(|| sfu.poll_output()).collect();
        outputs
            .iter()
            .any(|output| matches!(output, Output::Need { .. }))
    };
    assert!(needs(&mut sfu));
    let connection = publisher;
    sfu.handle(Input::Close { connection }, now);
    assert!(sfu.wanting(publisher).is_empty());
    assert_eq!(sfu.wanting(ConnectionId(1)).len(), 3);
    assert!(!needs(&mut sfu));
}

#[test]
fn t46_of_many_addresses_the_one_in_use_is_kept() {
    let now = beginning();
    let mut sfu = stage(now);
    for port in 5_000..5_040 {
        let contents = check(&sfu, 2, port == 5_000);
        let source = SocketAddr::from(([198, 51, 100, 2], port));
        let datagram = Datagram {
            transport: Transport::Udp,
            source,
            contents: &contents,
        };
        sfu.handle(Input::Datagram(datagram), now);
    }
    let known = |port| {
        let source = SocketAddr::from(([198, 51, 100, 2], port));
        sfu.demux.of_remote((Transport::Udp, source)).is_some()
    };
    assert!(known(5_000) && known(5_039));
    assert_eq!((5_000..5_040).filter(|port| known(*port)).count(), 16);
}

#[test]
fn t48_a_panic_in_what_an_inlet_sends_ends_that_inlet() {
    let now = beginning();
    let mut sfu = stage(now);
    let connection = ConnectionId(9);
    let description = crate::InletDescription {
        audio: true,
        video: Vec::new(),
    };
    sfu.handle(
        Input::Inlet {
            connection,
            description: description.clone(),
        },
        now,
    );
    sfu.apart
        .inlets
        .get_mut(&connection)
        .unwrap()
        .source
        .panics_next = true;
    let mut packetiser = crate::Packetiser::new(0);
    packetiser.opus(&[1, 2, 3], 127, Duration::ZERO, now.mono);
    let packets = packetiser.take().next().unwrap();
    sfu.handle(
        Input::InletPackets {
            connection,
            packets: packets.clone(),
        },
        now,
    );
    let outputs: Vec<_> = std::iter::from_fn(|| sfu.poll_output()).collect();
    assert_eq!(closed(&outputs), [9]);
    assert_eq!(sfu.counters().panics, 1);
    for id in 1..=3 {
        assert!(is_answered(&checked(&mut sfu, id, now)));
    }
    // The name is free, and what has no inlet any more is dropped.
    let before = sfu.counters().packets_in;
    sfu.handle(
        Input::InletPackets {
            connection,
            packets: packets.clone(),
        },
        now,
    );
    assert_eq!(sfu.counters().packets_in, before);
    sfu.handle(
        Input::Inlet {
            connection,
            description,
        },
        now,
    );
    sfu.handle(
        Input::InletPackets {
            connection,
            packets,
        },
        now,
    );
    assert_eq!(sfu.counters().packets_in, before + 1);
}
