//! What holds for any bytes.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::amf0::{self, Value};
use crate::chunk::{Reader, Writer};
use crate::flv::{Audio, Video};
use crate::message::Message;
use crate::{Limits, server};

use super::wire::{Served, header, message, random};

/// Splits `bytes` at each of these shares of what is left.
fn split<'a>(mut bytes: &'a [u8], at: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    for share in at {
        let (part, rest) = bytes.split_at(bytes.len() * usize::from(*share) / 2_560);
        parts.push(part);
        bytes = rest;
    }
    parts.push(bytes);
    parts
}

fn value() -> impl Strategy<Value = Value> {
    let number = any::<f64>().prop_filter("equals itself", |number| !number.is_nan());
    let leaf = prop_oneof![
        9 => number.prop_map(Value::Number),
        9 => any::<bool>().prop_map(Value::Boolean),
        9 => ".{0,20}".prop_map(Value::String),
        1 => Just(Value::string("x".repeat(70_000))),
        9 => (-1e15..1e15).prop_map(Value::Date),
        9 => Just(Value::Null),
        9 => Just(Value::Undefined),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        let members = vec((".{1,8}", inner.clone()), 0..6);
        prop_oneof![
            members.clone().prop_map(Value::Object),
            members.prop_map(Value::EcmaArray),
            vec(inner, 0..6).prop_map(Value::StrictArray),
        ]
    })
}

/// A message, and its chunk stream.
fn sent() -> impl Strategy<Value = (u32, Message)> {
    let id = prop_oneof![2_u32..8, 60_u32..70, 315_u32..325, 65_590_u32..65_600];
    let timestamp = prop_oneof![any::<u32>(), 0_u32..100, 0xff_fff0..0x100_0010_u32];
    let length = prop_oneof![0_usize..5, 120_usize..140, 0_usize..3_000];
    (id, timestamp, length, 8_u8..10, 0_u32..3).prop_map(|(id, timestamp, length, kind, stream)| {
        let body = (0..length).map(|at| u8::try_from(at % 256).unwrap());
        let body = body.collect();
        (
            id,
            Message {
                kind,
                stream,
                timestamp,
                body,
            },
        )
    })
}

/// Messages that are nearly right: what a fuzzer would take long to find.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![1_u8..10, 15_u8..23];
    let whole = (
        2_u8..8,
        any::<u32>(),
        kind,
        0_u32..3,
        vec(any::<u8>(), 0..300),
    )
        .prop_map(|(id, time, kind, stream, body)| message(id, time, kind, stream, &body));
    let command = (
        "(connect|createStream|publish|play|FCUnpublish|deleteStream|x)",
        vec(value(), 0..4),
    )
        .prop_map(|(name, values)| {
            let mut body = Vec::new();
            amf0::write(&Value::String(name), &mut body);
            for value in &values {
                amf0::write(value, &mut body);
            }
            message(3, 0, 20, 1, &body)
        });
    prop_oneof![whole, command, vec(any::<u8>(), 0..40)]
}

proptest! {
    #[test]
    fn t50_arbitrary_bytes_never_panic_however_they_are_split(
        parts in vec(nearly(), 0..30),
        at in vec(any::<u8>(), 0..20),
        begins in 0..3,
    ) {
        let mut served = match begins {
            0 => Served::new(),
            1 => Served::shaken(),
            _ => Served::publishing(),
        };
        let bytes = parts.concat();
        for part in split(&bytes, &at) {
            if served.receive(part).is_err() {
                break;
            }
            served.session.accept();
        }
    }

    #[test]
    fn a_split_changes_nothing(parts in vec(nearly(), 0..30), at in vec(any::<u8>(), 0..20)) {
        let bytes = parts.concat();
        let mut whole = Served::publishing();
        let of_whole = whole.receive(&bytes);
        let mut cut = Served::publishing();
        let of_cut = split(&bytes, &at).into_iter().try_for_each(|part| cut.receive(part));
        prop_assert_eq!(of_whole, of_cut);
        prop_assert_eq!(whole.events, cut.events);
    }

    #[test]
    fn messages_come_back_from_their_chunks(
        messages in vec(sent(), 0..20),
        size in prop_oneof![Just(1_u32), Just(128), 1_u32..5_000],
        at in vec(any::<u8>(), 0..20),
    ) {
        let mut writer = Writer::new();
        writer.set_chunk_size(size);
        let mut bytes = Vec::new();
        for (id, message) in &messages {
            writer.write(*id, message, &mut bytes);
        }
        let mut reader = Reader::new();
        reader.set_chunk_size(size).unwrap();
        let mut read = Vec::new();
        for mut part in split(&bytes, &at) {
            while let Some(message) = reader.next(&mut part, &Limits::default()).unwrap() {
                read.push(message);
            }
        }
        let messages: Vec<Message> = messages.into_iter().map(|(_, message)| message).collect();
        prop_assert_eq!(read, messages);
        prop_assert_eq!(reader.held(), 0);
    }

    #[test]
    fn values_come_back_from_amf0(values in vec(value(), 0..5)) {
        let mut body = Vec::new();
        for value in &values {
 amf0::write(value, &mut body);
}
        let limits = Limits { amf_string_bytes_max: 100_000, ..Limits::default() };
        let mut reader = amf0::Reader::new(&body, &limits);
        for value in values {
            prop_assert_eq!(reader.value().unwrap(), Some(value));
        }
        prop_assert_eq!(reader.value().unwrap(), None);
    }

    #[test]
    fn t51_arbitrary_amf0_never_panics(body in vec(prop_oneof![0_u8..18, any::<u8>()], 0..300)) {
        let limits = Limits::default();
        let mut reader = amf0::Reader::new(&body, &limits);
        while let Ok(Some(_)) = reader.value() {}
    }

    #[test]
    fn bodies_come_back(
        track in any::<u8>(),
        composition_ms in -8_388_608..8_388_608,
        is_key in any::<bool>(),
        nals in vec(any::<u8>(), 1..50),
    ) {
        let nals = Bytes::from(nals);
        let videos = [
            Video::AvcConfig { track, record: nals.clone() },
            Video::Avc { track, composition_ms, is_key, nals: nals.clone() },
            Video::EndOfSequence { track },
        ];
        for video in videos {
            prop_assert_eq!(Video::read(&video.body(), 16), Ok(vec![video]));
        }
        for audio in [Audio::AacConfig(nals.clone()), Audio::Aac(nals), Audio::EndOfSequence] {
            prop_assert_eq!(Audio::read(&audio.body(), 16), Ok(vec![audio]));
        }
    }

    #[test]
    fn arbitrary_bodies_never_panic(first in any::<u8>(), rest in vec(any::<u8>(), 0..80)) {
        let body: Bytes = std::iter::once(first).chain(rest).collect();
        let _ = Audio::read(&body, 16);
        let _ = Video::read(&body, 16);
    }

    #[test]
    fn arbitrary_bytes_of_a_server_never_panic(parts in vec(nearly(), 0..20)) {
        let target = crate::client::Target {
            app: "app".to_owned(),
            tc_url: String::new(),
            name: crate::StreamName::new("key"),
            encoder: String::new(),
        };
        let mut client = crate::client::Session::new(Limits::default(), random(), target);
        let mut server = server::Session::new(Limits::default(), random());
        server.receive(&client.poll_transmit().unwrap()).unwrap();
        client.receive(&server.poll_transmit().unwrap()).unwrap();
        for part in parts {
            if client.receive(&part).is_err() {
                break;
            }
        }
    }
}

#[test]
fn t50_memory_grows_as_data_arrives_and_not_by_headers() {
    let limits = Limits::default();
    let mut reader = Reader::new();
    // Sixty-four messages of four megabytes are announced, and one chunk of each comes.
    let mut sent = 0;
    for id in 0..64_u8 {
        let mut bytes = vec![0, id];
        bytes.extend(&header(2, 0, limits.message_bytes_max, 9, 1)[1..]);
        bytes.extend([0; 128]);
        sent += 128;
        assert_eq!(reader.next(&mut &*bytes, &limits), Ok(None));
        assert!(
            reader.held() <= 2 * sent,
            "{} held for {sent}",
            reader.held()
        );
    }
    // And then one of them grows: what is held stays within twice of what has come.
    let more: Vec<u8> = [&[0xc0, 0][..], &[0; 128]].concat();
    for _ in 0..20_000 {
        assert_eq!(reader.next(&mut &*more, &limits), Ok(None));
        sent += 128;
        assert!(
            reader.held() <= 2 * sent,
            "{} held for {sent}",
            reader.held()
        );
    }
    assert!(reader.held() <= limits.message_bytes_max + 64 * 128);
}
