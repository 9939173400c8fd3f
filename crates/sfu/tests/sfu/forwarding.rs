//! From a publisher to its subscribers.

use std::time::Duration;

use str0m::media::MediaKind::{Audio, Video};

use crate::client::Packet;
use crate::media::{key_frame, packets, predicted_frame};
use crate::network::{H264, Network, settings};
use crate::offers;

/// Publishes by the offer, subscribes as Chromium does, sends a second of media and compares.
fn media_arrives(publish: &str, number: u8) {
    let mut net = Network::new(settings());
    net.publish(1, publish);
    net.connect();
    net.subscribe(2, 1, offers::CHROMIUM_SUBSCRIBE);
    net.subscribe(3, 1, offers::CHROMIUM_SUBSCRIBE);
    net.connect();
    assert!(net.has_connected(1) && net.has_connected(2) && net.has_connected(3));

    let mut video = Vec::new();
    let mut audio = Vec::new();
    for frame in 0..30_u8 {
        let payloads = if frame == 0 {
            key_frame(640, 360)
        } else {
            predicted_frame(3)
        };
        net.send(
            1,
            Video,
            number,
            &packets(&payloads, 9_000 + 3_000 * u32::from(frame)),
        );
        video.extend(payloads);
        let speech = vec![frame; 80];
        let packet = Packet {
            payload: &speech,
            timestamp: 960 * u32::from(frame),
            marker: false,
        };
        net.send(1, Audio, 111, &[packet]);
        audio.push(speech);
        net.run(Duration::from_millis(33));
    }

    for viewer in [2, 3] {
        for (kind, sent) in [(Video, &video), (Audio, &audio)] {
            let received = net.client(viewer).received_of(kind);
            let payloads: Vec<_> = received
                .iter()
                .map(|packet| packet.payload.to_vec())
                .collect();
            assert_eq!(&payloads, sent);
            let numbers: Vec<_> = received.iter().map(|packet| *packet.seq_no).collect();
            let first = numbers[0];
            assert!(numbers.iter().copied().eq(first..first + sent.len() as u64));
        }
        let video = net.client(viewer).received_of(Video);
        let last = key_frame(640, 360).len() - 1;
        assert_eq!(video[last].header.timestamp, video[0].header.timestamp);
        assert!(video[last].header.marker && !video[0].header.marker);
        let following = video[last + 1].header.timestamp;
        assert_eq!(following - video[last].header.timestamp, 3_000);
    }
    assert_eq!(net.sfu.counters().packets_dropped, 0);
    assert_eq!(
        net.sfu.counters().packets_in,
        (video.len() + audio.len()) as u64
    );
    assert_eq!(
        net.sfu.counters().packets_out,
        2 * net.sfu.counters().packets_in
    );
}

#[test]
fn w27_ffmpeg_as_dtls_server_without_candidates_or_mid_extension_reaches_two_viewers() {
    media_arrives(offers::FFMPEG_PASSIVE, 106);
}

#[test]
fn w27_ffmpeg_as_dtls_client_reaches_two_viewers() {
    media_arrives(offers::FFMPEG_ACTIVE, 106);
}

#[test]
fn chromium_reaches_two_viewers() {
    media_arrives(offers::CHROMIUM_PUBLISH, 108);
}

#[test]
fn chromium_with_simulcast_reaches_two_viewers_with_one_layer() {
    media_arrives(offers::CHROMIUM_SIMULCAST, 108);
}

#[test]
fn a_new_source_continues_the_old_ones_numbers_and_begins_with_a_key_frame() {
    let mut net = Network::new(settings());
    net.publish(1, offers::CHROMIUM_PUBLISH);
    net.connect();
    net.subscribe(2, 1, offers::CHROMIUM_SUBSCRIBE);
    net.connect();
    net.send(1, Video, 108, &packets(&key_frame(640, 360), 9_000));
    net.run(Duration::from_secs(1));
    let asked = net.client(1).key_frame_requests;

    let client = net.client(1);
    let mid = client.tracks[1].mid;
    let mut api = client.rtc.direct_api();
    let old = api.stream_tx_by_mid(mid, None).unwrap().ssrc();
    api.remove_stream_tx(old);
    api.declare_stream_tx(777.into(), Some(778.into()), mid, None);
    client.tracks[1].sequence = 5_000;
    net.send(1, Video, 108, &packets(&predicted_frame(2), 4_000_000));
    net.run(Duration::from_millis(500));
    let old = key_frame(640, 360).len();
    assert_eq!(net.client(2).received_of(Video).len(), old);
    assert!(net.client(1).key_frame_requests > asked);

    net.send(1, Video, 108, &packets(&key_frame(320, 180), 4_045_000));
    let received = net.client(2).received_of(Video);
    assert_eq!(received.len(), 2 * old);
    let numbers: Vec<_> = received.iter().map(|packet| *packet.seq_no).collect();
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{numbers:?}"
    );
    let passed = received[old].header.timestamp - received[old - 1].header.timestamp;
    assert!(
        (130_000..140_000).contains(&passed),
        "1.5 s are {passed} ticks"
    );
}

#[test]
fn padding_is_not_forwarded_and_leaves_no_gap() {
    let mut net = Network::stage(settings(), 1);
    let before = net.client(2).received_of(Video).len();
    for frame in 0..10 {
        let timestamp = 3_000 * (frame + 1);
        net.frame(&predicted_frame(2), timestamp);
        let padding = Packet {
            payload: &[],
            timestamp,
            marker: false,
        };
        net.send(1, Video, H264, &[padding, padding]);
    }
    net.run(Duration::from_secs(1));
    let received = net.client(2).received_of(Video);
    assert_eq!(received.len(), before + 20);
    assert!(
        received
            .windows(2)
            .all(|pair| *pair[1].seq_no == *pair[0].seq_no + 1)
    );
    assert_eq!(net.sfu.counters().packets_dropped, 0);
}
