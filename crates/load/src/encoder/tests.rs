//! What an encoder sends, read by a server's session.

use std::time::Duration;

use rtmp::client::{self, Target};
use rtmp::flv::{Audio, Video};
use rtmp::server::{self, Event};
use rtmp::{HANDSHAKE_RANDOM_BYTES, Limits, StreamName};

use super::EncoderSource;
use crate::options::{Layer, Source};
use crate::stamp::{self, Stamp};

/// A session of either side, between which a stream is admitted.
fn pair() -> (client::Session, server::Session) {
    let target = Target {
        app: "app".to_owned(),
        tc_url: String::new(),
        name: StreamName::new("key"),
        encoder: "test".to_owned(),
    };
    let random = [7; HANDSHAKE_RANDOM_BYTES];
    let mut client = client::Session::new(Limits::default(), random, target);
    let mut server = server::Session::new(Limits::default(), random);
    for _ in 0..10 {
        while let Some(bytes) = client.poll_transmit() {
            server.receive(&bytes).unwrap();
        }
        while let Some(event) = server.poll_event() {
            assert!(matches!(event, Event::Publish(_)), "{event:?}");
            server.accept();
        }
        while let Some(bytes) = server.poll_transmit() {
            client.receive(&bytes).unwrap();
        }
    }
    assert!(client.is_publishing());
    (client, server)
}

/// Everything of the first two seconds, with the time of each message.
fn events(source: &Source) -> Vec<Event> {
    let (mut client, mut server) = pair();
    let mut encoder = EncoderSource::new(source, 5);
    encoder.begin(&mut client);
    while encoder.due() < Duration::from_secs(2) {
        let made = Duration::from_secs(100) + encoder.due();
        encoder.send(&mut client, made);
    }
    while let Some(bytes) = client.poll_transmit() {
        server.receive(&bytes).unwrap();
    }
    std::iter::from_fn(|| server.poll_event()).collect()
}

/// Time, kind and NAL units of a picture.
fn picture(event: &Event) -> Option<(u64, bool, &[u8])> {
    let Event::Video { at_ms, video } = event else {
        return None;
    };
    let Video::Avc { is_key, nals, .. } = video else {
        return None;
    };
    Some((*at_ms, *is_key, nals))
}

#[test]
fn an_encoder_sends_pictures_and_sound_in_the_order_of_their_time() {
    let source = Source {
        audio: true,
        key_frame_interval: Duration::from_secs(1),
        ..Source::default()
    };
    let events = events(&source);
    assert!(matches!(events[0], Event::Metadata(_)));
    let (mut times, mut pictures, mut keys, mut frames) = (Vec::new(), 0, Vec::new(), 0);
    for event in &events[3..] {
        if let Event::Audio {
            at_ms,
            audio: Audio::Aac(_),
        } = event
        {
            times.push(*at_ms);
            frames += 1;
            continue;
        }
        let (at_ms, is_key, nals) = picture(event).unwrap();
        times.push(at_ms);
        if is_key {
            keys.push(at_ms);
        }
        pictures += 1;
        // 2.5 Mbit/s, and the length in front of the one slice.
        assert_eq!(nals.len(), 10_440 + 4);
        assert_eq!(nals[..4], 10_440_u32.to_be_bytes());
        // In the first fragment it stands one byte further on, as that has one byte more of head.
        let stamp = Stamp::read(&nals[4..], stamp::IN_VIDEO - 1).unwrap();
        assert_eq!(stamp.publisher, 5);
        let at = Duration::from_millis(100_000 + at_ms);
        assert!(stamp.made.abs_diff(at) < Duration::from_millis(1));
    }
    assert!(times.is_sorted());
    assert_eq!((pictures, frames), (60, 94));
    assert_eq!(keys, [0, 1_000]);
}

#[test]
fn layers_are_tracks_of_enhanced_rtmp() {
    let source = Source {
        layers: Layer::SIMULCAST.to_vec(),
        ..Source::default()
    };
    let tracks = events(&source).into_iter().filter_map(|event| {
        if let Event::Video {
            video: Video::AvcConfig { track, .. },
            ..
        } = event
        {
            Some(track)
        } else {
            None
        }
    });
    assert_eq!(tracks.collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn a_small_picture_has_its_stamp_where_one_packet_carries_it() {
    let layer = Layer {
        bitrate_bps: 120_000,
        ..Layer::SIMULCAST[0]
    };
    let source = Source {
        layers: vec![layer],
        ..Source::default()
    };
    let found = events(&source)
        .iter()
        .filter_map(picture)
        .find_map(|(_, _, nals)| Stamp::read(&nals[4..], stamp::IN_VIDEO));
    assert!(found.is_some());
}
