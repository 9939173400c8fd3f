//! Commands, in the orders and forms in which encoders send them.

use crate::amf0::Value;
use crate::server::Event;
use crate::{Fault, Status, StatusCode};

use super::wire::{Served, amf, message};

const NULL: Value = Value::Null;

fn connect(members: &[(&str, Value)]) -> Vec<Value> {
    let members = members.iter();
    let members = members.map(|(name, value)| ((*name).to_owned(), value.clone()));
    vec![
        "connect".into(),
        1.0.into(),
        Value::Object(members.collect()),
    ]
}

fn publish_of(served: &mut Served) -> crate::server::Publish {
    match served.events.pop() {
        Some(Event::Publish(publish)) => publish,
        other => panic!("no publish, but {other:?}"),
    }
}

/// A message stream, and what is sent on it.
type Sent = (u32, Vec<Value>);

/// What each encoder sends up to its publish.
fn orders() -> Vec<(&'static str, Vec<Sent>)> {
    let app = [
        ("app", "app".into()),
        ("type", "nonprivate".into()),
        ("flashVer", "FMLE/3.0 (compatible; Lavf60.3.100)".into()),
        ("tcUrl", "rtmp://localhost:1935/app".into()),
    ];
    let call = |name: &str, number: f64, rest: &[Value]| {
        let mut values = vec![name.into(), number.into(), NULL];
        values.extend_from_slice(rest);
        values
    };
    let key = || "rt_key".into();
    let live = || "live".into();
    vec![
        (
            "FFmpeg",
            vec![
                (0, connect(&app)),
                (0, call("releaseStream", 2.0, &[key()])),
                (0, call("FCPublish", 3.0, &[key()])),
                (0, call("createStream", 4.0, &[])),
                (0, call("_checkbw", 5.0, &[])),
                (1, call("publish", 6.0, &[key(), live()])),
            ],
        ),
        (
            "OBS and librtmp",
            vec![
                (
                    0,
                    connect(&[
                        ("app", "app".into()),
                        ("swfUrl", "rtmp://localhost/app".into()),
                    ]),
                ),
                (0, call("releaseStream", 2.0, &[key()])),
                (0, call("FCPublish", 3.0, &[key()])),
                (0, call("createStream", 4.0, &[])),
                (1, call("publish", 5.0, &[key(), live()])),
            ],
        ),
        (
            "GStreamer",
            vec![
                (
                    0,
                    connect(&[
                        ("app", "app".into()),
                        ("tcUrl", "rtmp://localhost/app".into()),
                    ]),
                ),
                (0, call("createStream", 2.0, &[])),
                (0, call("releaseStream", 3.0, &[key()])),
                (0, call("FCPublish", 4.0, &[key()])),
                (1, call("publish", 0.0, &[key(), live()])),
            ],
        ),
        (
            "a hardware encoder",
            vec![
                (0, connect(&app)),
                (0, call("getStreamLength", 2.0, &[key()])),
                (0, call("createStream", 3.0, &[])),
                (0, call("onSomethingOfItsOwn", 0.0, &[])),
                (1, call("publish", 4.0, &[key()])),
            ],
        ),
    ]
}

#[test]
fn r17_the_orders_of_ffmpeg_obs_gstreamer_and_others_lead_to_a_publish() {
    for (encoder, commands) in orders() {
        let mut served = Served::shaken();
        for (stream, values) in commands {
            served.invoke(stream, &values).unwrap();
        }
        let publish = publish_of(&mut served);
        assert_eq!(
            (&*publish.app, publish.name.expose()),
            ("app", "rt_key"),
            "{encoder}"
        );
        assert_eq!(served.events, [], "{encoder}");
        assert!(
            served.has_said("NetConnection.Connect.Success"),
            "{encoder}"
        );
        assert!(!served.has_said("NetStream.Publish.Start"), "{encoder}");
        served.session.accept();
        served.drain();
        assert!(served.has_said("NetStream.Publish.Start"), "{encoder}");
    }
}

#[test]
fn r18_a_query_behind_the_key_is_no_part_of_the_key() {
    let mut served = Served::connected();
    served.publish("rt_key?backup=1&x").unwrap();
    let publish = publish_of(&mut served);
    assert_eq!(publish.name.key(), "rt_key");
    assert_eq!(publish.name.expose(), "rt_key?backup=1&x");
}

#[test]
fn t53_media_before_a_publish_and_commands_before_connect_are_faults() {
    let order = |command, why| Err(Fault::Order { command, why });
    let early = "came before `connect`";
    for command in ["publish", "createStream", "play"] {
        let mut served = Served::shaken();
        assert_eq!(
            served.invoke(1, &[command.into(), 1.0.into()]),
            order(command, early)
        );
        assert_eq!(served.receive(&[0]), order(command, early), "it ends there");
    }
    let mut served = Served::shaken();
    let release = served.invoke(0, &["releaseStream".into(), 1.0.into()]);
    assert_eq!(release, order("another command", early));

    let mut served = Served::connected();
    assert_eq!(
        served.invoke(0, &connect(&[])),
        order("connect", "came a second time")
    );
    for (kind, what) in [(8, "audio"), (9, "video"), (18, "data"), (15, "data")] {
        let mut served = Served::connected();
        let sent = served.receive(&message(4, 0, kind, 1, &[0xaf, 1, 0]));
        assert_eq!(sent, Err(Fault::Unpublished(what)));
    }
    for stream in [0, 2, 7] {
        let mut served = Served::connected();
        let values = ["publish".into(), 3.0.into(), NULL, "key".into()];
        let why = "came on a stream that was not created";
        assert_eq!(served.invoke(stream, &values), order("publish", why));
    }
    let mut served = Served::publishing();
    let why = "came while another stream is published";
    assert_eq!(served.publish("other"), order("publish", why));
}

#[test]
fn t53_play_is_refused_with_a_status() {
    let mut served = Served::connected();
    served
        .invoke(1, &["play".into(), 0.0.into(), NULL, "key".into()])
        .unwrap();
    assert!(served.has_said("NetStream.Play.Failed"));
    assert_eq!(served.events, []);
}

#[test]
fn t53_another_name_and_another_stream_end_nothing() {
    let mut served = Served::publishing();
    let others = [
        (
            0,
            vec!["FCUnpublish".into(), 4.0.into(), NULL, "another".into()],
        ),
        (0, vec!["deleteStream".into(), 5.0.into(), NULL, 2.0.into()]),
        (0, vec!["deleteStream".into(), 5.0.into(), NULL]),
        (0, vec!["closeStream".into(), 0.0.into(), NULL]),
    ];
    for (stream, values) in others {
        served.invoke(stream, &values).unwrap();
        assert_eq!(served.events, []);
        assert!(served.session.is_publishing());
    }
}

#[test]
fn r20_a_stream_ends_once_however_its_encoder_says_so() {
    let ends = [
        vec![(
            0,
            vec!["FCUnpublish".into(), 4.0.into(), NULL, "key".into()],
        )],
        vec![(0, vec!["deleteStream".into(), 5.0.into(), NULL, 1.0.into()])],
        vec![(1, vec!["closeStream".into(), 0.0.into(), NULL])],
    ];
    let all = ends.concat();
    for end in ends.into_iter().chain([all]) {
        let mut served = Served::publishing();
        for (stream, values) in end {
            served.invoke(stream, &values).unwrap();
        }
        assert_eq!(served.events, [Event::Ended]);
        assert!(served.has_said("NetStream.Unpublish.Success"));
        assert!(!served.session.is_publishing());
        // What was under way is no fault, and another stream can follow.
        served.receive(&message(4, 0, 8, 1, &[0xaf, 1, 0])).unwrap();
        served.publish("key").unwrap();
        assert!(matches!(served.events.pop(), Some(Event::Publish(_))));
    }
}

#[test]
fn media_sent_before_the_answer_waits_for_it() {
    let mut served = Served::connected();
    served.publish("key").unwrap();
    publish_of(&mut served);
    served
        .receive(&message(4, 7, 8, 1, &[0xaf, 0, 0x12, 0x10]))
        .unwrap();
    assert_eq!(served.events, []);
    served.session.accept();
    served.drain();
    assert!(matches!(&*served.events, [Event::Audio { at_ms: 7, .. }]));
}

#[test]
fn accepting_what_is_not_pending_changes_nothing() {
    let mut served = Served::connected();
    served.session.accept();
    assert!(!served.session.is_publishing());
    let mut served = Served::publishing();
    served.session.accept();
    assert!(served.session.is_publishing());
    // Ended before it was answered.
    let mut served = Served::connected();
    served.publish("key").unwrap();
    served
        .invoke(0, &["deleteStream".into(), 5.0.into(), NULL, 1.0.into()])
        .unwrap();
    served.session.accept();
    assert!(!served.session.is_publishing());
    served.receive(&message(4, 0, 8, 1, &[0xaf, 1, 0])).unwrap();
    assert!(matches!(&*served.events, [Event::Publish(_), Event::Ended]));
}

#[test]
fn the_first_fault_of_a_session_is_the_one_it_tells() {
    let mut served = Served::connected();
    served.publish("key").unwrap();
    served.receive(&message(4, 0, 8, 1, &[0xaf])).unwrap();
    let unknown = Err(Fault::MessageType(99));
    assert_eq!(served.receive(&message(4, 0, 99, 1, &[])), unknown);
    served.session.accept();
    assert_eq!(served.receive(&[]), unknown);

    // What came before the answer is looked at with it.
    let mut served = Served::connected();
    served.publish("key").unwrap();
    served.receive(&message(4, 0, 8, 1, &[0xaf])).unwrap();
    served.session.accept();
    let sent = served.receive(&[]);
    assert!(matches!(sent, Err(Fault::Tag { what: "audio", .. })));
}

#[test]
fn a_stream_that_is_ended_by_us_says_why() {
    let mut served = Served::publishing();
    let status = Status::new(
        StatusCode::Failed,
        "BITRATE_EXCEEDED: more than 8500 kbit/s",
    );
    served.session.end(&status);
    served.drain();
    assert!(served.has_said("NetStream.Failed"));
    assert!(served.has_said("BITRATE_EXCEEDED: more than 8500 kbit/s"));
    assert!(!served.session.is_publishing());
}

#[test]
fn r16_commands_in_the_wrapper_of_amf3_are_understood() {
    let mut served = Served::shaken();
    let mut body = vec![0];
    body.extend(amf(&connect(&[
        ("app", "app".into()),
        ("objectEncoding", 3.0.into()),
    ])));
    served.receive(&message(3, 0, 17, 0, &body)).unwrap();
    assert!(served.has_said("NetConnection.Connect.Success"));
    let create = amf(&["createStream".into(), 2.0.into(), NULL]);
    served.receive(&message(3, 0, 17, 0, &create)).unwrap();
    served.publish("key").unwrap();
    publish_of(&mut served);
}

#[test]
fn r16_connect_without_app_and_url_is_answered() {
    let mut served = Served::shaken();
    served.invoke(0, &connect(&[])).unwrap();
    served
        .invoke(0, &["createStream".into(), 2.0.into(), NULL])
        .unwrap();
    served.publish("key").unwrap();
    let publish = publish_of(&mut served);
    assert_eq!((&*publish.app, publish.host), ("", None));
}

#[test]
fn r19_metadata_comes_with_and_without_set_data_frame() {
    let object = Value::EcmaArray(vec![
        ("width".to_owned(), 1_280.0.into()),
        ("framerate".to_owned(), f64::NAN.into()),
        ("videodatarate".to_owned(), "2500".into()),
        ("encoder".to_owned(), "Lavf60\n.3.100".into()),
    ]);
    let with = [vec![
        "@setDataFrame".into(),
        "onMetaData".into(),
        object.clone(),
    ]];
    let without = [vec!["onMetaData".into(), object]];
    for (kind, prefix) in [(18, &[][..]), (15, &[0]), (15, &[])] {
        for values in with.iter().chain(&without) {
            let mut served = Served::publishing();
            let body = [prefix, &amf(values)].concat();
            served.receive(&message(4, 0, kind, 1, &body)).unwrap();
            let Some(Event::Metadata(metadata)) = served.events.pop() else {
                panic!("no metadata");
            };
            assert_eq!(metadata.width, Some(1_280.0));
            assert_eq!(metadata.frames_per_second, None);
            assert_eq!(metadata.video_kbps, None);
            assert_eq!(metadata.encoder.as_deref(), Some("Lavf60.3.100"));
        }
    }
    let mut served = Served::publishing();
    let cue = amf(&["onCuePoint".into(), Value::object([])]);
    served.receive(&message(4, 0, 18, 1, &cue)).unwrap();
    assert_eq!(served.events, []);
}

#[test]
fn t53_a_key_is_in_no_debug_and_no_fault() {
    let mut served = Served::connected();
    served.publish("rt_secret").unwrap();
    assert!(!format!("{:?} {:?}", served.session, served.events).contains("rt_secret"));
    let fault = served.publish("rt_secret").unwrap_err();
    assert!(!format!("{fault} {fault:?}").contains("rt_secret"));
    let mut served = Served::shaken();
    let url = [
        ("app", "app/rt_secret".into()),
        ("tcUrl", "rtmp://h/app/rt_secret".into()),
    ];
    served.invoke(0, &connect(&url)).unwrap();
    assert!(!format!("{:?}", served.session).contains("rt_secret"));
}
