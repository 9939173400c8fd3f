//! The examples of `docs/stage-v1.md` are what this code reads and writes.

use std::collections::{BTreeMap, BTreeSet};

use model::ParticipantId;
use serde_json::Value;
use stage::{LeftReason, Refusal};

use super::client::Kind;
use super::server::{
    Bound, Entry, Frame, Joined, Layer, Me, Resumed, Slot, Speaker, State, ToClient, Update,
};
use super::{Category, Fault, Pid, Secret, parse};
use crate::ice::IceServer;

const DOCUMENT: &str = include_str!("../../../../../../docs/stage-v1.md");

/// The examples, in their order.
fn examples() -> Vec<Value> {
    let blocks = DOCUMENT.split("```json\n").skip(1);
    let texts = blocks.map(|block| block.split("\n```").next().unwrap());
    texts
        .map(|text| serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")))
        .collect()
}

fn is_of_server(example: &Value) -> bool {
    example.get("seq").is_some()
}

/// Whether `whole` has all that `part` has.
fn has(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(key, value)| whole.get(key).is_some_and(|own| has(own, value))),
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(own, value)| has(own, value))
        }
        _ => whole == part,
    }
}

#[test]
fn the_examples_of_clients_are_read_and_lose_nothing() {
    let mut kinds = BTreeSet::new();
    for example in examples().iter().filter(|example| !is_of_server(example)) {
        let read = parse(&example.to_string());
        let read = read.unwrap_or_else(|explanation| panic!("{explanation}: {example}"));
        let again = serde_json::to_value(&read).unwrap();
        assert!(has(&again, example), "{again}\n{example}");
        kinds.insert(example["type"].as_str().unwrap().to_owned());
    }
    let all = ["exchange", "join", "leave", "mute", "offer", "ping", "sub"];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), all);
}

#[test]
fn the_examples_of_the_server_are_what_it_writes() {
    let written: Vec<Value> = (1..)
        .zip(messages())
        .map(|(seq, message)| {
            let message = &message;
            serde_json::to_value(Frame { seq, message }).unwrap()
        })
        .collect();
    let documented: Vec<Value> = examples().into_iter().filter(is_of_server).collect();
    for (written, documented) in written.iter().zip(&documented) {
        assert_eq!(written, documented);
    }
    assert_eq!(written.len(), documented.len());
}

#[test]
fn answers_and_sessions_are_never_shown() {
    let canary = || Secret("canary".to_owned());
    let joined = Joined {
        session: canary(),
        answer: Some(canary()),
        ..joined()
    };
    let answer = ToClient::Answer {
        sdp: canary(),
        slots: Vec::new(),
    };
    for message in [ToClient::Joined(Box::new(joined)), answer] {
        let shown = format!("{message:?}");
        assert!(!shown.contains("canary"), "{shown}");
        assert!(!shown.contains("c2VjcmV0"), "{shown}");
    }
}

fn pid(id: &str) -> Pid {
    Pid(ParticipantId::parse(id).unwrap())
}

fn slot(mid: &str, kind: Kind) -> Slot {
    let mid = mid.to_owned();
    Slot { mid, kind }
}

fn bound(mid: &str, kind: Kind, paused: bool) -> Bound {
    Bound {
        mid: mid.to_owned(),
        kind,
        pid: pid("cat"),
        paused,
    }
}

fn entry(id: &str, user_id: &str, audio_muted: bool) -> Entry {
    Entry {
        id: pid(id),
        user_id: user_id.to_owned(),
        attributes: BTreeMap::new(),
        is_publishing: true,
        audio_muted,
        video_stopped: false,
    }
}

fn layer(label: &str, width: u32, height: u32, frames_per_second: u32, bitrate_bps: u64) -> Layer {
    Layer {
        label: label.to_owned(),
        width,
        height,
        frames_per_second,
        bitrate_bps,
    }
}

fn joined() -> Joined {
    Joined {
        session: Secret("0123456789abcdef0123456789abcdef".to_owned()),
        resumed: Resumed::No,
        me: Me {
            id: pid("dan"),
            user_id: "user 7".to_owned(),
            attributes: BTreeMap::from([("role".to_owned(), "viewer".to_owned())]),
            capabilities: vec!["subscribe"],
        },
        ice: vec![IceServer {
            urls: vec!["turn:turn.example.com".to_owned()],
            username: Some("1500:dan".to_owned()),
            credential: Some("c2VjcmV0".to_owned()),
        }],
        answer: Some(Secret("v=0\r\n".to_owned())),
        slots: vec![slot("0", Kind::Audio), slot("1", Kind::Video)],
        state: Some(State {
            stage_id: "abcdABCDefgh".to_owned(),
            session_id: "st-abcdefghijklm".to_owned(),
            participants: vec![entry("ana", "user 1", false)],
        }),
    }
}

fn messages() -> Vec<ToClient> {
    let refused = Fault::refused(Category::Subscribe, &Refusal::QuotaExceeded);
    vec![
        ToClient::Joined(Box::new(joined())),
        ToClient::Delta {
            leave: vec![pid("ben")],
            join: vec![entry("cat", "", true)],
            update: vec![Update {
                id: pid("ana"),
                user_id: "user 1".to_owned(),
                attributes: BTreeMap::new(),
                audio_muted: false,
                video_stopped: true,
            }],
        },
        ToClient::Bind {
            slots: vec![
                bound("0", Kind::Audio, false),
                bound("1", Kind::Video, true),
            ],
        },
        ToClient::Need { audio: 6, video: 5 },
        ToClient::Answer {
            sdp: Secret("v=0\r\n".to_owned()),
            slots: vec![slot("0", Kind::Audio)],
        },
        ToClient::Layers {
            pid: pid("cat"),
            list: vec![
                layer("q", 320, 180, 15, 150_000),
                layer("h", 640, 360, 30, 600_000),
            ],
            selected: Some("q".to_owned()),
            reason: "bandwidth",
        },
        ToClient::Speakers {
            list: vec![Speaker {
                pid: pid("cat"),
                level: 24,
            }],
        },
        ToClient::Quality {
            estimate_bps: 2_500_000,
            sent_bps: 1_200_000,
            loss: 0.015_625,
            round_trip_ms: Some(48),
        },
        ToClient::Exchanged {
            me: Me {
                id: pid("dan"),
                user_id: "user 7".to_owned(),
                attributes: BTreeMap::from([("role".to_owned(), "host".to_owned())]),
                capabilities: vec!["publish", "subscribe"],
            },
        },
        ToClient::Error(refused.about(pid("cat"))),
        ToClient::Left {
            reason: LeftReason::ParticipantDisconnected.as_str(),
        },
        ToClient::Pong,
    ]
}
