//! Lost packets come again.

use std::time::Duration;

use model::ConnectionId;
use str0m::media::MediaKind::Video;

use crate::media::{key_frame, predicted_frame};
use crate::network::{Filter, Leg, Network, settings};
use crate::offers;

/// Drops every `one_in`th large packet of a leg, each once.
fn lossy(leg: Leg, one_in: usize) -> Filter {
    let mut count = 0;
    Box::new(move |at, contents| {
        let is_media = contents[0] >= 128 && contents.len() > 300;
        if at != leg || !is_media {
            return true;
        }
        count += 1;
        count % one_in != 0
    })
}

fn everything_arrives_despite_loss_on(leg: Leg) {
    let mut net = Network::stage(settings(), 2);
    net.filter = lossy(leg, 10);
    let mut sent = key_frame(640, 360);
    for frame in 0..60 {
        let payloads = predicted_frame(5);
        net.frame(&payloads, 3_000 * (frame + 1));
        sent.extend(payloads);
        net.run(Duration::from_millis(33));
    }
    net.run(Duration::from_secs(1));
    for viewer in [2, 3] {
        let mut received = net.client(viewer).received_of(Video);
        received.sort_by_key(|packet| *packet.seq_no);
        let numbers: Vec<_> = received.iter().map(|packet| *packet.seq_no).collect();
        assert!(
            numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "{viewer}: {numbers:?}"
        );
        let payloads: Vec<_> = received
            .iter()
            .map(|packet| packet.payload.to_vec())
            .collect();
        assert!(
            payloads == sent,
            "viewer {viewer}: {} of {}",
            payloads.len(),
            sent.len()
        );
    }
}

#[test]
fn packets_lost_on_the_way_to_a_viewer_are_sent_again() {
    everything_arrives_despite_loss_on(Leg::Down(ConnectionId(2)));
}

#[test]
fn packets_lost_on_the_way_from_the_publisher_are_asked_for_and_forwarded_in_their_place() {
    everything_arrives_despite_loss_on(Leg::Up(ConnectionId(1)));
}

// Those that ask for lost packets and have named nothing to send them in, as RTP players do.
#[test]
fn a_viewer_without_a_format_for_retransmissions_gets_lost_packets_as_they_were() {
    let mut net = Network::stage(settings(), 0);
    let is_rtx = |line: &&str| line.contains(" rtx/") || line.contains(" apt=");
    let lines = offers::CHROMIUM_SUBSCRIBE.lines();
    let lines: Vec<_> = lines.filter(|line| !is_rtx(line)).collect();
    let offer = lines.join("\r\n") + "\r\n";
    let answer = net.subscribe(2, 1, &offer);
    assert!(!answer.contains("rtx"));
    net.connect();
    let client = net.client(2);
    for ssrc in client.streams.values().copied().collect::<Vec<_>>() {
        let mut api = client.rtc.direct_api();
        api.stream_rx(&ssrc.into()).unwrap().suppress_nack(false);
    }
    // It has begun with the one that was there.
    let mut sent = key_frame(640, 360);
    net.filter = lossy(Leg::Down(ConnectionId(2)), 10);
    for frame in 1..60 {
        let payloads = predicted_frame(5);
        net.frame(&payloads, 3_000 * frame);
        sent.extend(payloads);
        net.run(Duration::from_millis(33));
    }
    net.run(Duration::from_secs(1));
    let mut received = net.client(2).received_of(Video);
    received.sort_by_key(|packet| *packet.seq_no);
    let payloads = received.iter().map(|packet| packet.payload.to_vec());
    assert!(
        payloads.eq(sent.iter().cloned()),
        "{} of {}",
        received.len(),
        sent.len()
    );
    assert!(net.sfu.counters().packets_retransmitted > 20);
}
