//! Key frames: who waits for one, and how often a publisher is asked.

use std::time::Duration;

use crate::media::{key_frame, packets, predicted_frame};
use crate::network::{H264, Network, settings};
use crate::offers;
use str0m::media::MediaKind::Video;

#[test]
fn a_viewer_that_joins_while_a_key_frame_is_fresh_gets_it_and_what_came_since_at_once() {
    let mut net = Network::stage(settings(), 1);
    net.run(Duration::from_secs(2));
    net.frame(&key_frame(640, 360), 3_000);
    net.frame(&predicted_frame(2), 6_000);
    let before = net.client(1).key_frame_requests;
    net.subscribe(3, 1, offers::CHROMIUM_SUBSCRIBE);
    net.connect();
    net.run(Duration::from_millis(200));
    let count = key_frame(640, 360).len() + 2;
    assert_eq!(net.client(3).received_of(Video).len(), count);
    assert_eq!(net.client(1).key_frame_requests, before);

    net.frame(&predicted_frame(1), 9_000);
    let received = net.client(3).received_of(Video);
    let numbers: Vec<_> = received.iter().map(|packet| *packet.seq_no).collect();
    assert_eq!(numbers, (1..=count as u64 + 1).collect::<Vec<_>>());
}

#[test]
fn a_viewer_that_joins_later_starts_with_a_key_frame() {
    let mut net = Network::stage(settings(), 1);
    net.run(Duration::from_secs(2));
    net.subscribe(3, 1, offers::CHROMIUM_SUBSCRIBE);
    net.connect();
    net.frame(&predicted_frame(2), 3_000);
    net.frame(&predicted_frame(2), 6_000);
    assert!(net.client(3).received_of(Video).is_empty());

    net.frame(&key_frame(640, 360), 9_000);
    net.frame(&predicted_frame(2), 12_000);
    let first = net.client(3).received_of(Video)[0];
    assert_eq!(first.payload[..], key_frame(640, 360)[0][..]);
    assert_eq!(*first.seq_no & 0xffff, 1);
    let count = net.client(3).received_of(Video).len();
    assert_eq!(count, key_frame(640, 360).len() + 2);
}

// Without its parameter sets nobody can read a key frame, and whoever begins with it never gets what came before.
#[test]
fn a_viewer_begins_with_the_parameter_sets_though_the_key_frame_has_overtaken_them() {
    let mut net = Network::stage(settings(), 1);
    net.run(Duration::from_secs(2));
    net.subscribe(3, 1, offers::CHROMIUM_SUBSCRIBE);
    net.connect();
    let sent = key_frame(640, 360);
    let now = net.now.mono;
    let client = net.client(1);
    let video = client.tracks.iter_mut().find(|track| track.kind == Video);
    let video = video.unwrap();
    let (mid, first) = (video.mid, video.sequence);
    video.sequence += sent.len() as u64;
    let numbered = packets(&sent, 90_000);
    let numbered: Vec<_> = (first..).zip(numbered).collect();
    let (sets, slices) = numbered.split_first().unwrap();
    for (sequence, packet) in slices.iter().chain([sets]) {
        let client = net.client(1);
        client.send_as(mid, H264, *sequence, *packet, now);
        net.settle();
    }
    assert!(net.client(3).received_of(Video).is_empty());
    net.run(Duration::from_millis(150));
    let payloads = |net: &mut Network| -> Vec<_> {
        let received = net.client(3).received_of(Video);
        received
            .iter()
            .map(|packet| packet.payload.to_vec())
            .collect()
    };
    let got = payloads(&mut net);
    let lengths = |all: &[Vec<u8>]| all.iter().map(Vec::len).collect::<Vec<_>>();
    assert!(
        got == sent,
        "{:?} {:?} {:?}",
        lengths(&got),
        lengths(&sent),
        net.sfu.counters()
    );
    net.frame(&predicted_frame(2), 93_000);
    assert_eq!(payloads(&mut net).len(), sent.len() + 2);
}

#[test]
fn a_viewer_that_connects_makes_the_publisher_send_a_key_frame() {
    let mut net = Network::stage(settings(), 1);
    let before = net.client(1).key_frame_requests;
    net.run(Duration::from_secs(2));
    net.subscribe(3, 1, offers::CHROMIUM_SUBSCRIBE);
    net.connect();
    net.run(Duration::from_millis(100));
    assert_eq!(net.client(1).key_frame_requests, before + 1);
}

// T43: a storm of requests from all viewers reaches the publisher as two a second.
#[test]
fn t43_requests_of_all_viewers_are_made_into_few() {
    let mut net = Network::stage(settings(), 5);
    net.run(Duration::from_secs(2));
    let before = net.client(1).key_frame_requests;
    for _ in 0..20 {
        let now = net.now.mono;
        for viewer in 2..7 {
            net.client(viewer).ask_for_key_frame(now);
        }
        net.run(Duration::from_millis(100));
    }
    let asked = net.client(1).key_frame_requests - before;
    assert!((3..=5).contains(&asked), "{asked}");
    assert!(net.sfu.counters().key_frame_requests >= asked as u64);
}

#[test]
fn a_request_that_comes_too_soon_is_sent_when_it_may() {
    let mut net = Network::stage(settings(), 2);
    net.run(Duration::from_secs(2));
    let before = net.client(1).key_frame_requests;
    let now = net.now.mono;
    net.client(2).ask_for_key_frame(now);
    net.run(Duration::from_millis(100));
    assert_eq!(net.client(1).key_frame_requests, before + 1);

    let now = net.now.mono;
    net.client(3).ask_for_key_frame(now);
    net.run(Duration::from_millis(300));
    assert_eq!(net.client(1).key_frame_requests, before + 1);
    net.run(Duration::from_millis(300));
    assert_eq!(net.client(1).key_frame_requests, before + 2);
}

#[test]
fn a_request_is_served_by_a_key_frame_that_comes_anyway() {
    let mut net = Network::stage(settings(), 2);
    net.run(Duration::from_secs(2));
    let before = net.client(1).key_frame_requests;
    for viewer in [2, 3] {
        let now = net.now.mono;
        net.client(viewer).ask_for_key_frame(now);
        net.run(Duration::from_millis(50));
    }
    net.frame(&key_frame(640, 360), 90_000);
    net.run(Duration::from_secs(2));
    assert_eq!(net.client(1).key_frame_requests, before + 1);
}

#[test]
fn a_waiting_viewer_makes_the_request_be_repeated() {
    let mut net = Network::stage(settings(), 1);
    net.run(Duration::from_secs(1));
    net.subscribe(3, 1, offers::CHROMIUM_SUBSCRIBE);
    net.connect();
    let before = net.client(1).key_frame_requests;
    net.run(Duration::from_secs(3));
    let again = net.client(1).key_frame_requests - before;
    assert!((2..=3).contains(&again), "{again}");
}
