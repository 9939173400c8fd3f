//! Our server and our client against each other.

use bytes::Bytes;

use crate::client::{self, Target};
use crate::flv::{Audio, Video};
use crate::server::{self, Event};
use crate::{Limits, Metadata, Scheme, Status, StatusCode, StreamName};

use super::wire::random;

struct Pair {
    server: server::Session,
    client: client::Session,
    events: Vec<Event>,
    answers: Vec<client::Event>,
}

impl Pair {
    fn new(app: &str, name: &str) -> Self {
        Self::with(client::Session::new(
            Limits::default(),
            random(),
            target(app, name),
        ))
    }

    fn with(client: client::Session) -> Self {
        let mut pair = Self {
            server: server::Session::new(Limits::default(), random()),
            client,
            events: Vec::new(),
            answers: Vec::new(),
        };
        pair.run();
        pair
    }

    /// Until nobody has anything to say.
    fn run(&mut self) {
        loop {
            let up = self.client.poll_transmit();
            let down = self.server.poll_transmit();
            if up.is_none() && down.is_none() {
                break;
            }
            self.server.receive(&up.unwrap_or_default()).unwrap();
            self.client.receive(&down.unwrap_or_default()).unwrap();
        }
        self.events
            .extend(std::iter::from_fn(|| self.server.poll_event()));
        self.answers
            .extend(std::iter::from_fn(|| self.client.poll_event()));
    }

    fn accepted(app: &str, name: &str) -> Self {
        let mut pair = Self::new(app, name);
        pair.server.accept();
        pair.run();
        assert_eq!(pair.answers, [client::Event::Published]);
        pair.events.clear();
        pair
    }
}

fn target(app: &str, name: &str) -> Target {
    Target {
        app: app.to_owned(),
        tc_url: format!("rtmp://stage.example:1935/{app}"),
        name: StreamName::new(name),
        encoder: "an encoder".to_owned(),
    }
}

#[test]
fn a_stream_goes_from_the_client_to_the_server_as_it_was() {
    let mut pair = Pair::accepted("app", "rt_key?x=1");
    let metadata = Metadata {
        encoder: Some("Lavf".to_owned()),
        width: Some(1_280.0),
        audio_channels: Some(2.0),
        ..Metadata::default()
    };
    pair.client.send_metadata(&metadata);
    let config = Audio::AacConfig(Bytes::from_static(&[0x12, 0x10]));
    pair.client.send_audio(0, &config);
    let pictures = [0, 1, 2].map(|track| Video::Avc {
        track,
        composition_ms: -7,
        is_key: track == 0,
        nals: vec![track; 100_000].into(),
    });
    for (at, picture) in (0..).zip(&pictures) {
        pair.client.send_video(40 + at, picture);
    }
    pair.run();
    let mut expected = vec![
        Event::Metadata(metadata),
        Event::Audio {
            at_ms: 0,
            audio: config,
        },
    ];
    expected.extend(
        (40..)
            .zip(pictures)
            .map(|(at_ms, video)| Event::Video { at_ms, video }),
    );
    assert_eq!(pair.events, expected);
    pair.events.clear();
    pair.client.end();
    pair.run();
    assert_eq!(pair.events, [Event::Ended]);
}

#[test]
fn r1_r2_the_handshake_is_plain_or_signed_in_both_schemes() {
    for scheme in [None, Some(Scheme::Zero), Some(Scheme::One)] {
        let target = target("app", "key");
        let pair = Pair::with(match scheme {
            None => client::Session::new(Limits::default(), random(), target),
            Some(scheme) => client::Session::signed(Limits::default(), random(), target, scheme),
        });
        let [Event::Publish(publish)] = &*pair.events else {
            panic!("{scheme:?}: {:?}", pair.events);
        };
        assert_eq!(publish.name.expose(), "key");
        assert_eq!(publish.app, "app");
        assert_eq!(publish.encoder, "an encoder");
        assert_eq!(publish.host.as_deref(), Some("stage.example:1935"));
    }
}

#[test]
fn a_refused_publisher_is_told_why_and_heard_no_more() {
    let mut pair = Pair::new("app", "key");
    pair.server.refuse(&Status::new(
        StatusCode::Denied,
        "INVALID_STREAM_KEY: no such key",
    ));
    pair.run();
    let refused = client::Event::Refused {
        code: "NetStream.Publish.Denied".to_owned(),
        description: "INVALID_STREAM_KEY: no such key".to_owned(),
    };
    assert_eq!(pair.answers, [refused]);
    assert_eq!(pair.server.receive(&[0xff; 10_000]), Ok(()));
    assert_eq!(pair.server.poll_event(), None);
}
