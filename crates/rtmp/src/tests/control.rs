//! Control messages, both ways.

use crate::{Fault, Limits};

use super::wire::{Served, message};

fn window(bytes: u32) -> Vec<u8> {
    message(2, 0, 5, 0, &bytes.to_be_bytes())
}

/// A control message as we write it first on chunk stream 2 of a session.
fn ours(kind: u8, body: &[u8]) -> Vec<u8> {
    message(2, 0, kind, 0, body)
}

#[test]
fn r13_what_has_come_is_acknowledged_once_in_a_window() {
    let mut served = Served::shaken();
    served.receive(&window(5_000)).unwrap();
    // The handshake counts: 3,073 bytes, and 16 of the window.
    served.receive(&ping(1)[..10]).unwrap();
    assert!(served.said.is_empty());
    let shared_object = message(4, 0, 19, 0, &[0; 2_000]);
    served.receive(&ping(1)[10..]).unwrap();
    served.said.clear();
    served.receive(&shared_object).unwrap();
    let received = 3_073 + 16 + 18 + u32::try_from(shared_object.len()).unwrap();
    assert!(
        served.said.ends_with(&received.to_be_bytes()),
        "{:?}",
        served.said
    );
    served.said.clear();
    served.receive(&message(4, 0, 19, 0, &[0])).unwrap();
    assert!(served.said.is_empty());
}

#[test]
fn r13_a_window_of_nothing_is_acknowledged_no_more_than_once_in_a_read() {
    let mut served = Served::shaken();
    for bytes in [0, 1] {
        served.receive(&window(bytes)).unwrap();
        served.said.clear();
        served.receive(&message(4, 0, 19, 0, &[0; 5_000])).unwrap();
        assert!(served.said.len() <= 16);
        assert!(!served.said.is_empty());
    }
}

#[test]
fn r13_connect_is_answered_with_a_window_and_a_bandwidth_and_acknowledgements_are_taken() {
    let mut served = Served::connected();
    let window = 2_500_000_u32.to_be_bytes();
    let asked = ours(5, &window);
    assert!(served.said.starts_with(&asked));
    assert!(
        served.said[asked.len()..].starts_with(&[0x42]),
        "the bandwidth follows"
    );
    served
        .receive(&message(2, 0, 3, 0, &u32::MAX.to_be_bytes()))
        .unwrap();
}

#[test]
fn r14_another_bandwidth_is_answered_with_its_window_once() {
    let mut served = Served::shaken();
    let bandwidth = [&7_u32.to_be_bytes()[..], &[2]].concat();
    served.receive(&message(2, 0, 6, 0, &bandwidth)).unwrap();
    assert_eq!(served.said, ours(5, &7_u32.to_be_bytes()));
    served.said.clear();
    served.receive(&message(2, 0, 6, 0, &bandwidth)).unwrap();
    assert!(served.said.is_empty());
}

fn ping(time: u32) -> Vec<u8> {
    message(2, 0, 4, 0, &[&[0, 6], &time.to_be_bytes()[..]].concat())
}

#[test]
fn r15_a_ping_is_answered_with_its_time() {
    let mut served = Served::shaken();
    served.receive(&ping(0x0a0b_0c0d)).unwrap();
    assert_eq!(served.said, ours(4, &[0, 7, 10, 11, 12, 13]));
    served.said.clear();
    // A pong, the length of a buffer, and an event that nobody knows.
    for body in [
        &[0, 7, 0, 0, 0, 1][..],
        &[0, 3, 0, 0, 0, 1, 0, 0, 0, 9],
        &[0, 99],
    ] {
        served.receive(&message(2, 0, 4, 0, body)).unwrap();
    }
    assert!(served.said.is_empty());
}

#[test]
fn t50_control_messages_that_are_too_short_are_a_fault() {
    for kind in 1..=6 {
        for length in [0, 1, 3] {
            let mut body = vec![0; length];
            if kind == 4 && length > 1 {
                body[1] = 6;
            }
            let bytes = body.len();
            let sent = Served::shaken().receive(&message(2, 0, kind, 0, &body));
            if kind == 4 && length == 1 {
                assert!(sent.is_err());
            }
            assert_eq!(sent, Err(Fault::Control { kind, bytes }), "{kind} {length}");
        }
    }
}

#[test]
fn t50_answers_that_nobody_reads_have_a_bound() {
    let limits = Limits {
        transmit_bytes_max: 1_000,
        ..Limits::default()
    };
    let mut served = Served::shaken_with(limits);
    let pings = ping(1).repeat(200);
    assert_eq!(served.receive(&pings), Err(Fault::Transmit { max: 1_000 }));
    assert!(served.said.len() < 1_100);
}
