//! Ways of packets that are not the usual one: TCP for publishers, other addresses, restarts under media, and ways that end.

use std::time::Duration;

use model::ConnectionId;
use sfu::{Input, Patched, PeerFault, Transport};
use str0m::media::MediaKind::Video;
use str0m::{Candidate, IceCreds};

use crate::client::value;
use crate::media::{key_frame, predicted_frame};
use crate::network::{Leg, Network, SERVER, settings};
use crate::offers;
use crate::patches::{fragment, patch};

/// Frames of two packets each, ten a second, and how many packets of them a viewer got.
fn frames(net: &mut Network, viewer: u64, count: u32, timestamp: u32) -> usize {
    let before = net.client(viewer).received_of(Video).len();
    for frame in 0..count {
        net.frame(&predicted_frame(2), timestamp + 9_000 * frame);
        net.run(Duration::from_millis(100));
    }
    net.client(viewer).received_of(Video).len() - before
}

/// A publisher and a viewer over those transports, connected and past the first key frame.
fn stage(publisher: Transport, viewer: Transport) -> Network {
    let mut net = Network::new(settings());
    net.publish_over(publisher, 1, offers::FFMPEG_PASSIVE);
    net.connect();
    net.subscribe_over(viewer, 2, 1, offers::CHROMIUM_SUBSCRIBE);
    net.connect();
    net.frame(&key_frame(640, 360), 0);
    net.run(Duration::from_millis(33));
    net
}

#[test]
fn publishing_and_viewing_work_over_each_transport() {
    for publisher in [Transport::Udp, Transport::Tcp] {
        for viewer in [Transport::Udp, Transport::Tcp] {
            let mut net = stage(publisher, viewer);
            net.sent.clear();
            assert_eq!(
                frames(&mut net, 2, 10, 3_000),
                20,
                "{publisher:?} to {viewer:?}"
            );
            for sent in &net.sent {
                let way = if sent.destination == net.clients[&ConnectionId(1)].address {
                    publisher
                } else {
                    viewer
                };
                assert_eq!(sent.transport, way);
                assert!(sent.transport == Transport::Udp || sent.segment.is_none());
            }
        }
    }
}

// A TCP connection is a way like an address: another one takes its place, and the session goes on.
#[test]
fn t46_a_peer_over_tcp_may_come_back_by_another_connection() {
    for moved in [1, 2] {
        let mut net = stage(Transport::Tcp, Transport::Tcp);
        assert_eq!(frames(&mut net, 2, 5, 3_000), 10);
        let source = net.client(moved).address;
        net.sfu.handle(Input::TcpClosed { source }, net.now);
        net.client(moved).seen_as = Some("203.0.113.9:1234".parse().unwrap());
        frames(&mut net, 2, 100, 90_000);
        assert_eq!(net.fault(1), None);
        assert_eq!(net.fault(2), None);
        assert_eq!(frames(&mut net, 2, 10, 2_000_000), 20, "moved {moved}");
    }
}

// A client that has gone over to TCP while its way by UDP is there, and loses the connection.
#[test]
fn t46_media_goes_back_to_a_way_that_is_known_when_a_tcp_connection_ends() {
    let mut net = stage(Transport::Udp, Transport::Udp);
    assert_eq!(frames(&mut net, 2, 5, 3_000), 10);
    net.client(2).transport = Transport::Tcp;
    for round in 0..10 {
        // Until a check has come by it.
        frames(&mut net, 2, 5, 90_000 * (round + 1));
    }
    let source = net.client(2).address;
    let by = |net: &mut Network, timestamp| {
        net.sent.clear();
        frames(net, 2, 1, timestamp);
        let is_its = |sent: &&sfu::Transmit| sent.destination == source;
        net.sent.iter().find(is_its).map(|sent| sent.transport)
    };
    assert_eq!(by(&mut net, 2_000_000), Some(Transport::Tcp));
    net.sfu.handle(Input::TcpClosed { source }, net.now);
    net.client(2).transport = Transport::Udp;
    assert_eq!(by(&mut net, 2_100_000), Some(Transport::Udp));
    assert_eq!(frames(&mut net, 2, 10, 3_000_000), 20);
}

// T46: what an address had of a session is worth nothing to who gets the address next.
#[test]
fn t46_the_old_address_of_a_peer_that_moved_gets_nothing_more() {
    let mut net = Network::stage(settings(), 1);
    let old = net.client(2).address;
    net.client(2).seen_as = Some("203.0.113.9:1234".parse().unwrap());
    frames(&mut net, 2, 100, 3_000);
    net.sent.clear();
    assert_eq!(frames(&mut net, 2, 10, 2_000_000), 20);
    assert!(net.sent.iter().all(|sent| sent.destination != old));
}

/// The client begins anew with those credentials, from another address where one is given.
fn restart(net: &mut Network, id: u64, moved: Option<&str>) {
    let now = net.now.mono;
    let fresh = IceCreds::new();
    let text = fragment(&fresh.ufrag, &fresh.pass, &[]);
    let Ok(Patched::Restarted { fragment: reply }) = patch(net, id, &text, true) else {
        panic!("not restarted");
    };
    let client = net.client(id);
    let (address, server) = (client.address, SERVER.parse().unwrap());
    let candidate = |address| Candidate::host(address, "udp").unwrap();
    client.seen_as = moved.map(|address| address.parse().unwrap());
    let mut api = client.rtc.direct_api();
    api.invalidate_candidate(&candidate(server));
    api.invalidate_candidate(&candidate(address));
    api.set_local_ice_credentials(fresh);
    api.set_remote_ice_credentials(IceCreds {
        ufrag: value(&reply, "ice-ufrag").to_owned(),
        pass: value(&reply, "ice-pwd").to_owned(),
    });
    client.rtc.add_local_candidate(candidate(address));
    client.rtc.add_remote_candidate(candidate(server));
    client.drive(now);
}

#[test]
fn t46_a_publisher_and_a_viewer_restart_ice_without_losing_a_packet() {
    for id in [1, 2] {
        let mut net = Network::stage(settings(), 1);
        assert_eq!(frames(&mut net, 2, 5, 3_000), 10);
        restart(&mut net, id, None);
        assert_eq!(frames(&mut net, 2, 200, 90_000), 400, "restart of {id}");
        assert_eq!(net.fault(1), None);
        assert_eq!(net.fault(2), None);
    }
}

// What a phone does that leaves its wireless network.
#[test]
fn t46_a_restart_from_another_address_takes_the_media_there() {
    for id in [1, 2] {
        let mut net = Network::stage(settings(), 1);
        restart(&mut net, id, Some("203.0.113.9:1234"));
        // A few packets may go to where the peer was before its first check is answered.
        frames(&mut net, 2, 50, 3_000);
        assert_eq!(frames(&mut net, 2, 100, 900_000), 200, "restart of {id}");
        assert_eq!(net.fault(id), None);
    }
}

#[test]
fn t46_restarts_in_a_row_leave_the_last_one_in_force() {
    let mut net = Network::stage(settings(), 1);
    for round in 0..5 {
        restart(&mut net, 2, None);
        assert_eq!(
            frames(&mut net, 2, 20, 900_000 * (round + 1)),
            40,
            "{round}"
        );
    }
    assert_eq!(net.fault(2), None);
}

// T45: RFC 7675's consent ends it, well within thirty seconds, and costs nobody else a packet.
#[test]
fn t45_a_viewer_in_a_black_hole_ends_alone() {
    let mut net = Network::stage(settings(), 2);
    let lost = ConnectionId(3);
    net.filter = Box::new(move |leg, _| leg != Leg::Up(lost) && leg != Leg::Down(lost));
    assert_eq!(frames(&mut net, 2, 300, 3_000), 600);
    assert_eq!(net.fault(3), Some(PeerFault::Timeout));
    assert_eq!(net.fault(1), None);
    assert_eq!(net.fault(2), None);
    // Nothing is sent to it any more.
    let address = net.client(3).address;
    net.sent.clear();
    frames(&mut net, 2, 10, 9_000_000);
    assert!(net.sent.iter().all(|sent| sent.destination != address));
}

#[test]
fn t45_a_publisher_in_a_black_hole_ends_and_its_viewers_stay() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut net = stage(transport, Transport::Udp);
        let lost = ConnectionId(1);
        net.filter = Box::new(move |leg, _| leg != Leg::Up(lost) && leg != Leg::Down(lost));
        net.run(Duration::from_secs(8));
        assert_eq!(net.fault(1), None, "too early");
        net.run(Duration::from_secs(22));
        assert_eq!(net.fault(1), Some(PeerFault::Timeout), "{transport:?}");
        assert_eq!(net.fault(2), None);
    }
}
