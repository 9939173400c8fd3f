//! How a peer's end is noticed.

use std::time::Duration;

use model::ConnectionId;
use sfu::{Input, PeerFault};

use crate::media::predicted_frame;
use crate::network::{Leg, Network, settings};
use crate::offers;

#[test]
fn w23_a_silent_peer_is_gone_after_the_liveness_timeout() {
    for silent in [1, 2] {
        let mut net = Network::stage(settings(), 1);
        net.filter = Box::new(move |leg, _| leg != Leg::Up(ConnectionId(silent)));
        net.run(Duration::from_secs(5));
        assert_eq!(net.fault(silent), None);
        net.run(Duration::from_secs(6));
        assert_eq!(net.fault(silent), Some(PeerFault::Timeout));
        assert_eq!(net.fault(3 - silent), None);
    }
}

#[test]
fn a_peer_without_media_lives_by_its_connectivity_checks() {
    let mut net = Network::stage(settings(), 1);
    net.run(Duration::from_mins(1));
    assert_eq!(net.fault(1), None);
    assert_eq!(net.fault(2), None);
}

#[test]
fn a_publisher_without_connectivity_checks_lives_by_its_media() {
    let mut net = Network::stage(settings(), 1);
    net.filter = Box::new(|leg, contents| leg != Leg::Up(ConnectionId(1)) || contents[0] >= 2);
    for frame in 0..200 {
        net.frame(&predicted_frame(1), 9_000 * (frame + 1));
        net.run(Duration::from_millis(100));
    }
    assert_eq!(net.fault(1), None);
}

#[test]
fn w6_a_dtls_close_ends_a_peer_at_once() {
    let mut net = Network::stage(settings(), 1);
    let client = net.client(2);
    client.rtc.close().unwrap();
    client.drain();
    net.settle();
    assert_eq!(net.fault(2), Some(PeerFault::ClosedByPeer));
    assert_eq!(net.fault(1), None);
    net.frame(&predicted_frame(2), 3_000);
    assert_eq!(net.fault(1), None);
}

#[test]
fn w7_closing_tells_the_peer_and_nobody_else() {
    let mut net = Network::stage(settings(), 2);
    let connection = ConnectionId(2);
    net.sfu.handle(Input::Close { connection }, net.now);
    net.settle();
    assert!(net.client(2).is_closed);
    assert!(!net.client(3).is_closed && !net.client(1).is_closed);
    assert_eq!(net.fault(2), None);
    let before = net.client(2).received.len();
    net.frame(&predicted_frame(2), 3_000);
    assert_eq!(net.client(2).received.len(), before);
}

// T40: half-open handshakes do not stay, whoever is the DTLS client.
#[test]
fn t40_a_peer_that_never_completes_its_handshake_is_dropped() {
    for offer in [offers::FFMPEG_ACTIVE, offers::FFMPEG_PASSIVE] {
        let mut net = Network::new(settings());
        net.filter = Box::new(|_, contents| contents[0] < 2);
        net.publish(1, offer);
        net.run(Duration::from_secs(10));
        assert_eq!(net.fault(1), None);
        net.run(Duration::from_secs(40));
        assert_eq!(net.fault(1), Some(PeerFault::Timeout));
        assert!(!net.has_connected(1));
        assert_eq!(net.sfu.poll_timeout(), None);
    }
}

// T40: another certificate than the offer's.
#[test]
fn t40_a_fingerprint_that_does_not_match_ends_the_peer() {
    let mut net = Network::new(settings());
    let other = net.publish(9, offers::CHROMIUM_PUBLISH);
    let wrong = crate::client::value(&other, "fingerprint").to_owned();
    net.clients.clear();
    net.publish_with(1, offers::CHROMIUM_PUBLISH, |sdp| {
        let right = crate::client::value(sdp, "fingerprint").to_owned();
        sdp.replace(&right, &wrong)
    });
    net.run(Duration::from_secs(5));
    assert_eq!(net.fault(1), Some(PeerFault::Timeout));
    assert!(!net.has_connected(1));
}

#[test]
fn subscribers_of_a_publisher_that_is_gone_are_not_ended_but_fed_no_more() {
    let mut net = Network::stage(settings(), 1);
    let connection = ConnectionId(1);
    net.sfu.handle(Input::Close { connection }, net.now);
    net.run(Duration::from_secs(20));
    assert_eq!(net.fault(2), None);
}
