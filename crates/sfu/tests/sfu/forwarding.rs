//! From a publisher to its subscribers.

use str0m::media::MediaKind::{Audio, Video};

use crate::client::Packet;
use crate::media::{key_frame, packets, predicted_frame};
use crate::network::{Network, settings};
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
        net.run(std::time::Duration::from_millis(33));
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
