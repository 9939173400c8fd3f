//! Segmented sends, TCP, and addresses that change.

use std::time::Duration;

use model::ConnectionId;
use sfu::{Input, Transport};
use str0m::media::MediaKind::{Audio, Video};

use crate::client::Packet;
use crate::media::{predicted_frame, slice};
use crate::network::{H264, Network, settings};
use crate::offers;

#[test]
fn a_frame_of_nine_packets_leaves_as_one_send_for_each_viewer() {
    let mut net = Network::stage(settings(), 3);
    net.run(Duration::from_secs(2));
    net.sent.clear();
    net.frame(&predicted_frame(9), 3_000);
    for viewer in 2..5 {
        let address = net.client(viewer).address;
        let sends: Vec<_> = net
            .sent
            .iter()
            .filter(|sent| sent.destination == address && sent.contents[0] >= 128)
            .collect();
        assert_eq!(sends.len(), 1, "viewer {viewer}");
        let segment = sends[0].segment.expect("several datagrams");
        assert!(segment > 1_000 && sends[0].contents.len() > 8 * segment);
        assert!(
            sends[0].contents.len() < 9 * segment,
            "the last one is shorter"
        );
    }
}

#[test]
fn datagrams_of_other_sizes_are_not_joined_and_nothing_is_lost_or_reordered() {
    let sizes = [200, 200, 300, 100, 100, 100, 400, 399, 400];
    let mut net = Network::stage(settings(), 1);
    net.run(Duration::from_secs(2));
    net.sent.clear();
    let payloads: Vec<_> = sizes.iter().map(|size| slice(false, 0, *size)).collect();
    net.frame(&payloads, 3_000);
    let received = net.client(2).received_of(Video);
    let last = &received[received.len() - sizes.len()..];
    assert!(last.iter().map(|packet| packet.payload.len()).eq(sizes));
    assert!(
        last.windows(2)
            .all(|pair| *pair[1].seq_no == *pair[0].seq_no + 1)
    );
    for sent in &net.sent {
        if let Some(segment) = sent.segment {
            assert!(sent.contents.len() > segment);
        }
    }
    let address = net.client(2).address;
    let sends = net
        .sent
        .iter()
        .filter(|sent| sent.destination == address && sent.contents[0] >= 128);
    // 200 200 | 300 100 | 100 100 | 400 399 | 400
    assert_eq!(sends.count(), 5);
}

#[test]
fn a_long_burst_is_cut_at_64_datagrams_and_65000_bytes() {
    for (bytes, most) in [(1_000, 65_000), (300, 65_000)] {
        let mut net = Network::stage(settings(), 1);
        net.run(Duration::from_secs(2));
        net.sent.clear();
        let payloads: Vec<_> = (0..150).map(|_| slice(false, 0, bytes)).collect();
        net.frame(&payloads, 3_000);
        let mut count = 0;
        for sent in &net.sent {
            let segment = sent.segment.unwrap_or(sent.contents.len());
            assert!(sent.contents.len() <= most && sent.contents.len().div_ceil(segment) <= 64);
            count = count.max(sent.contents.len().div_ceil(segment));
        }
        assert!(count > 50, "{count}");
    }
}

#[test]
fn a_viewer_over_tcp_gets_the_same_in_single_datagrams() {
    let mut net = Network::stage(settings(), 0);
    net.run(Duration::from_secs(2));
    net.subscribe_over(Transport::Tcp, 2, 1, offers::CHROMIUM_SUBSCRIBE);
    net.connect();
    net.frame(&crate::media::key_frame(640, 360), 3_000);
    net.frame(&predicted_frame(9), 6_000);
    let count = crate::media::key_frame(640, 360).len() + 9;
    assert_eq!(net.client(2).received_of(Video).len(), count);
    let address = net.client(2).address;
    let to_viewer = net.sent.iter().filter(|sent| sent.destination == address);
    assert!(
        to_viewer
            .into_iter()
            .all(|sent| { sent.transport == Transport::Tcp && sent.segment.is_none() })
    );

    let source = address;
    net.sfu.handle(Input::TcpClosed { source }, net.now);
    let before = net.sfu.counters().datagrams_unknown;
    net.client(2).outbox.push(vec![0x80; 100]);
    net.settle();
    assert_eq!(net.sfu.counters().datagrams_unknown, before + 1);
}

// T46: a NAT gives the client another address; its next check makes that one known.
#[test]
fn t46_a_peer_whose_address_changes_stays() {
    for moved in [1, 2] {
        let mut net = Network::stage(settings(), 1);
        net.client(moved).seen_as = Some("203.0.113.9:1234".parse().unwrap());
        for frame in 0..60 {
            net.frame(&predicted_frame(2), 30_000 * (frame + 1));
            net.run(Duration::from_millis(500));
        }
        assert_eq!(net.fault(moved), None);
        let before = net.client(2).received_of(Video).len();
        net.frame(&predicted_frame(2), 30_000 * 61);
        assert_eq!(
            net.client(2).received_of(Video).len(),
            before + 2,
            "moved {moved}"
        );
    }
}

#[test]
fn audio_and_video_of_one_burst_keep_their_own_numbers() {
    let mut net = Network::stage(settings(), 1);
    let now = net.now.mono;
    for at in 0..5_u32 {
        let speech = [7; 100];
        let picture = slice(false, 0, 900);
        let client = net.client(1);
        let audio = Packet {
            payload: &speech,
            timestamp: 960 * at,
            marker: false,
        };
        client.send(Audio, 111, audio, now);
        let video = Packet {
            payload: &picture,
            timestamp: 3_000 * (at + 1),
            marker: true,
        };
        client.send(Video, H264, video, now);
    }
    net.settle();
    let audio = net.client(2).received_of(Audio);
    assert!(audio.iter().map(|packet| *packet.seq_no & 0xffff).eq(1..=5));
    assert_eq!(net.sfu.counters().packets_dropped, 0);
    assert_eq!(net.fault(ConnectionId(2).0), None);
}
