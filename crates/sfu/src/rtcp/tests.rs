//! What is read of well-formed, cut and arbitrary packets, and what str0m makes of ours.

mod peer;

use proptest::prelude::*;

use super::transport::TransportFeedback;
use super::*;
use crate::arrival::Arrival;

/// A packet of the kind, with so many words of body.
fn packet(first: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    assert_eq!(body.len() % 4, 0);
    let words = u16::try_from(body.len() / 4).unwrap();
    let mut packet = vec![0x80 | first, kind];
    packet.extend_from_slice(&words.to_be_bytes());
    packet.extend_from_slice(body);
    packet
}

fn feedback(format: u8, kind: u8, media_ssrc: u32, rest: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 1];
    body.extend_from_slice(&media_ssrc.to_be_bytes());
    body.extend_from_slice(rest);
    packet(format, kind, &body)
}

/// What was read, as text: the iterators in it spelt out.
fn told(plain: &[u8]) -> Vec<String> {
    read(plain)
        .map(|message| match message {
            Message::Nack {
                media_ssrc,
                numbers,
            } => format!("nack {media_ssrc} {:?}", numbers.collect::<Vec<_>>()),
            Message::Fir { ssrcs } => format!("fir {:?}", ssrcs.collect::<Vec<_>>()),
            Message::Remb { bps } => format!("remb {bps}"),
            Message::Transport(feedback) => {
                let arrivals = feedback
                    .arrivals()
                    .map(|arrival| (arrival.sequence, arrival.received))
                    .collect::<Vec<_>>();
                format!("transport {} {arrivals:?}", feedback.number())
            }
            Message::Pli { media_ssrc } => format!("pli {media_ssrc}"),
            Message::Report {
                ssrc,
                fraction_lost,
                last_sr,
                delay,
            } => format!("report {ssrc} lost {fraction_lost} answers {last_sr:#x} {delay}"),
        })
        .collect()
}

const BLOCK: [u8; 24] = [
    0, 0, 0, 7, 64, 0xff, 0xff, 0xfe, 0, 1, 0, 2, 0, 0, 0, 9, 0xab, 0xcd, 0xef, 1, 0, 1, 0x80, 0,
];
const BLOCK_TOLD: &str = "report 7 lost 64 answers 0xabcdef01 98304";

#[test]
fn blocks_of_sender_and_receiver_reports_are_read_alike() {
    let mut receiver = vec![0, 0, 0, 1];
    receiver.extend_from_slice(&BLOCK);
    receiver.extend_from_slice(&BLOCK);
    let mut sender = vec![0; 24];
    sender.extend_from_slice(&BLOCK);
    let mut compound = packet(2, 201, &receiver);
    compound.extend(packet(1, 200, &sender));
    compound.extend(packet(0, 201, &[0, 0, 0, 1]));
    assert_eq!(told(&compound), [BLOCK_TOLD; 3]);
}

#[test]
fn no_more_blocks_are_read_than_announced_and_there() {
    let mut body = vec![0, 0, 0, 1];
    body.extend_from_slice(&BLOCK);
    body.extend_from_slice(&BLOCK);
    assert_eq!(told(&packet(1, 201, &body)).len(), 1);
    assert_eq!(told(&packet(31, 201, &body)).len(), 2);
    assert_eq!(told(&packet(31, 201, &body[..44])).len(), 1);
    assert_eq!(told(&packet(1, 200, &body)).len(), 1, "of a sender report");
    assert_eq!(told(&packet(1, 200, &body[..28])).len(), 0);
    assert_eq!(told(&packet(1, 201, &[])).len(), 0);
}

#[test]
fn a_request_for_packets_names_each_of_them() {
    let pairs = [
        0,
        10,
        0b1000_0000,
        0b0000_0101,
        0xff,
        0xff,
        0,
        1,
        0,
        3,
        0,
        0,
    ];
    assert_eq!(
        told(&feedback(1, 205, 5, &pairs)),
        ["nack 5 [10, 11, 13, 26, 65535, 0, 3]"]
    );
    assert_eq!(told(&feedback(1, 205, 5, &[])), ["nack 5 []"]);
}

#[test]
fn key_frame_requests_name_their_sources() {
    let mut compound = feedback(1, 206, 5, &[]);
    let sources = [0, 0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 9, 4, 0, 0, 0];
    compound.extend(feedback(4, 206, 0, &sources));
    compound.extend(feedback(4, 206, 0, &sources[..12]));
    assert_eq!(told(&compound), ["pli 5", "fir [8, 9]", "fir [8]"]);
}

#[test]
fn an_estimate_of_the_receiver_is_a_mantissa_and_an_exponent() {
    let remb = |bitrate: [u8; 4]| {
        let mut rest = b"REMB".to_vec();
        rest.extend_from_slice(&bitrate);
        rest.extend_from_slice(&[0, 0, 0, 7, 0, 0, 0, 8]);
        told(&feedback(15, 206, 0, &rest))
    };
    assert_eq!(remb([2, 0b0000_1000, 0x03, 0xe8]), ["remb 4000"]);
    assert_eq!(remb([1, 0b0000_0111, 0xff, 0xff]), ["remb 524286"]);
    assert_eq!(remb([9, 0, 0, 0]), ["remb 0"]);
    assert_eq!(
        remb([0, 0xff, 0xff, 0xff]),
        [format!("remb {}", u64::MAX)],
        "beyond all numbers"
    );
    assert_eq!(told(&feedback(15, 206, 0, b"ROMB\0\0\0\0")), [""; 0]);
}

#[test]
fn transport_feedback_has_runs_and_vectors_and_small_differences() {
    let rest = [
        [0xff, 0xfe],
        [0, 13],
        [0, 0],
        [2, 77],
        // Two with small differences.
        [0b0010_0000, 2],
        // One that is lost.
        [0, 1],
        // One bit each for 14 more, of which 10 are there: 1, 1, 0 and so on.
        [0b1011_0000, 0],
        [4, 0],
        [1, 2],
        // To the end of the word.
        [0, 0],
    ];
    let compound = feedback(15, 205, 0, rest.as_flattened());
    let mut expected = vec![
        (65_534, Some(129_000)),
        (65_535, Some(129_000)),
        (0, None),
        (1, Some(129_250)),
        (2, Some(129_750)),
    ];
    expected.extend((3..=10).map(|sequence| (sequence, None)));
    assert_eq!(told(&compound), [format!("transport 77 {expected:?}")]);
}

#[test]
fn transport_feedback_has_times_before_zero_and_large_differences() {
    let rest = [
        [0, 1],
        [0, 7],
        // One unit before zero.
        [0xff, 0xff],
        [0xff, 0],
        // Two bits each: small, large, lost, lost, large, small, lost.
        [0b1101_1000, 0b0010_0100],
        [3, 0xff],
        [0xfe, 0x7f],
        [0xff, 1],
    ];
    let expected = [
        (1, Some(-64_000 + 750)),
        (2, Some(-64_000 + 250)),
        (3, None),
        (4, None),
        (5, Some(-64_000 + 250 + 8_191_750)),
        (6, Some(-64_000 + 250 + 8_191_750 + 250)),
        (7, None),
    ];
    let compound = feedback(15, 205, 0, rest.as_flattened());
    assert_eq!(told(&compound), [format!("transport 0 {expected:?}")]);
}

#[test]
fn t43_transport_feedback_that_announces_more_than_it_holds_is_not_read() {
    let cases: [(&str, &[u8]); 5] = [
        ("no chunks", &[0, 1, 0, 7, 0, 0, 0, 0]),
        (
            "no differences",
            &[0, 1, 0xff, 0xff, 0, 0, 0, 0, 0x3f, 0xff, 0x3f, 0xff],
        ),
        (
            "half a difference",
            &[0, 1, 0, 2, 0, 0, 0, 0, 0x40, 2, 0, 0],
        ),
        (
            "a symbol out of use",
            &[0, 1, 0, 2, 0, 0, 0, 0, 0x60, 2, 0, 0],
        ),
        ("runs of nothing", &[0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]),
    ];
    for (what, rest) in cases {
        let read = TransportFeedback::read(rest).map(|_| ());
        assert_eq!(read, None, "{what}");
        assert_eq!(told(&feedback(15, 205, 0, rest)), [""; 0], "{what}");
    }
    let read = TransportFeedback::read(&[0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
    assert_eq!(read.arrivals().count(), 0, "of no packets");
}

#[test]
fn what_is_not_understood_is_passed_over_until_it_is_no_rtcp() {
    let mut compound = packet(1, 202, &[0, 0, 0, 1, 1, 1, b'a', 0]);
    compound.extend(packet(3, 204, &[0; 8]));
    compound.extend(packet(1, 207, &[0; 8]));
    compound.extend(feedback(2, 206, 5, &[0; 8]));
    compound.extend(packet(1, 206, &[0; 4]));
    compound.extend(packet(1, 203, &[0, 0, 0, 5]));
    compound.extend(feedback(1, 206, 5, &[]));
    let mut padded = feedback(1, 205, 6, &[0, 9, 0, 0, 0, 0, 0, 4]);
    padded[0] |= 0x20;
    compound.extend(padded);
    compound.extend([0x40, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 5]);
    compound.extend(feedback(1, 206, 5, &[]));
    assert_eq!(told(&compound), ["pli 5", "nack 6 [9]"]);
}

#[test]
fn t43_a_storm_in_one_packet_is_bounded() {
    let storm = vec![0xff; 60_000];
    let numbers = feedback(1, 205, 5, &storm);
    let Some(Message::Nack { numbers, .. }) = read(&numbers).next() else {
        panic!();
    };
    assert_eq!(numbers.count(), 1_024);
    let requests = feedback(1, 206, 5, &[]).repeat(5_000);
    assert_eq!(read(&requests).count(), 128);
    let sources = feedback(4, 206, 0, &storm);
    let Some(Message::Fir { ssrcs }) = read(&sources).next() else {
        panic!();
    };
    assert_eq!(ssrcs.count(), 64);
}

const REPORT: SenderReport = SenderReport {
    ssrc: 7,
    ntp: 0x0102_0304_0506_0708,
    rtp: 9,
    packets: 10,
    octets: 11,
};

#[test]
fn a_sender_report_comes_with_the_name() {
    let mut compound = vec![0xff];
    sender_report(
        &mut compound,
        &[REPORT, SenderReport { ssrc: 8, ..REPORT }],
        "abc",
    );
    let rest = [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9, 0, 0, 0, 10, 0, 0, 0, 11];
    let mut expected = vec![0xff, 0x80, 200, 0, 6, 0, 0, 0, 7];
    expected.extend(rest);
    expected.extend([0x80, 200, 0, 6, 0, 0, 0, 8]);
    expected.extend(rest);
    expected.extend([0x82, 202, 0, 6]);
    expected.extend([0, 0, 0, 7, 1, 3, b'a', b'b', b'c', 0, 0, 0]);
    expected.extend([0, 0, 0, 8, 1, 3, b'a', b'b', b'c', 0, 0, 0]);
    assert_eq!(compound, expected);
}

#[test]
fn every_name_ends_with_a_zero_byte_at_a_boundary() {
    for length in 0..300 {
        let mut compound = Vec::new();
        sender_report(&mut compound, &[REPORT], &"n".repeat(length));
        let (report, description) = compound.split_at(28);
        assert_eq!(report[3], 6);
        let words = usize::from(u16::from_be_bytes([description[2], description[3]]));
        assert_eq!(description.len(), 4 * (words + 1));
        assert_eq!(usize::from(description[9]), length.min(255));
        assert_eq!(description.last(), Some(&0));
    }
}

#[test]
fn two_zero_bytes_end_every_name_that_we_make() {
    for (name, expected) in [
        ("", ""),
        ("c1", "c1--"),
        ("c123", "c123"),
        ("c1234", "c1234---"),
    ] {
        let cname = cname(name);
        assert_eq!(cname, expected);
        let mut compound = Vec::new();
        sender_report(&mut compound, &[REPORT; 2], &cname);
        let source = [
            &[0, 0, 0, 7, 1, u8::try_from(cname.len()).unwrap()],
            cname.as_bytes(),
            &[0, 0],
        ];
        let description = compound.split_off(2 * 28 + 4);
        assert_eq!(description, [source.concat(), source.concat()].concat());
    }
}

#[test]
fn as_many_reports_as_are_for_one_packet_fit_a_datagram() {
    let mut compound = Vec::new();
    sender_report(&mut compound, &[REPORT; REPORTS_MAX], "0123456789abcdef");
    assert!(compound.len() < 1_150, "{}", compound.len());
    assert_eq!(read(&compound).count(), 0, "there is no block in it");
}

#[test]
fn a_goodbye_names_every_source() {
    let mut compound = Vec::new();
    goodbye(&mut compound, &[7, 8]);
    let empty = [0x80, 201, 0, 1, 0, 0, 0, 7];
    let bye = [0x82, 203, 0, 2, 0, 0, 0, 7, 0, 0, 0, 8];
    assert_eq!(compound, [&empty[..], &bye].concat());
    compound.clear();
    goodbye(&mut compound, &[5; 40]);
    assert_eq!(compound[8..12], [0x9f, 203, 0, 31]);
    assert_eq!(compound[136..140], [0x89, 203, 0, 9]);
    compound.clear();
    goodbye(&mut compound, &[]);
    sender_report(&mut compound, &[], "abc");
    assert_eq!(compound, [0; 0]);
}

/// Writes feedback in the chunks that `choices` say, as far as they can hold the next packets.
fn encoded(base: u16, reference: i32, arrivals: &[Option<i16>], choices: &[u8]) -> Vec<u8> {
    let symbol = |arrival: &Option<i16>| match arrival {
        None => 0_u16,
        Some(0..=255) => 1,
        Some(_) => 2,
    };
    let count = u16::try_from(arrivals.len()).unwrap();
    let mut bytes = base.to_be_bytes().to_vec();
    bytes.extend_from_slice(&count.to_be_bytes());
    bytes.extend_from_slice(&reference.to_be_bytes()[1..]);
    bytes.push(0);
    let symbols: Vec<u16> = arrivals.iter().map(symbol).collect();
    let mut rest = &symbols[..];
    let mut choices = choices.iter().cycle();
    while let Some(first) = rest.first() {
        let has_large = rest.iter().take(14).any(|symbol| *symbol == 2);
        let (chunk, taken) = match choices.next().unwrap() % 3 {
            0 => {
                let run = rest.iter().take_while(|symbol| *symbol == first).count();
                (first << 13 | u16::try_from(run).unwrap(), run)
            }
            1 if !has_large => (vector(rest, 1, 14) | 0x8000, 14),
            _ => (vector(rest, 2, 7) | 0xc000, 7),
        };
        bytes.extend_from_slice(&chunk.to_be_bytes());
        rest = &rest[taken.min(rest.len())..];
    }
    for delta in arrivals.iter().flatten() {
        match u8::try_from(*delta) {
            Ok(delta) => bytes.push(delta),
            Err(_) => bytes.extend_from_slice(&delta.to_be_bytes()),
        }
    }
    bytes
}

fn vector(symbols: &[u16], bits: u32, length: usize) -> u16 {
    let padded = symbols.iter().copied().chain(std::iter::repeat(0));
    padded
        .take(length)
        .fold(0, |chunk, symbol| chunk << bits | symbol)
}

proptest! {
    #[test]
    fn transport_feedback_is_read_as_it_was_written(
        base: u16,
        reference in -0x80_0000_i32..0x80_0000,
        arrivals in prop::collection::vec(
            prop_oneof![
                3 => (0_i16..256).prop_map(Some),
                1 => any::<i16>().prop_map(Some),
                2 => Just(None),
            ],
            0..300,
        ),
        choices in prop::collection::vec(any::<u8>(), 1..20),
    ) {
        let bytes = encoded(base, reference, &arrivals, &choices);
        let read = TransportFeedback::read(&bytes).unwrap();
        let mut time = i64::from(reference) * 64_000;
        let mut sequence = base;
        let expected: Vec<Arrival> = arrivals.iter().map(|delta| {
            let received = delta.map(|delta| {
                time += i64::from(delta) * 250;
                time
            });
            let arrival = Arrival { sequence, received };
            sequence = sequence.wrapping_add(1);
            arrival
        }).collect();
        prop_assert_eq!(read.arrivals().collect::<Vec<_>>(), expected);
        for cut in 8..bytes.len() {
            prop_assert!(TransportFeedback::read(&bytes[..cut]).is_none());
        }
    }

    #[test]
    fn t43_arbitrary_bytes_are_read_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        told(&bytes);
    }

    #[test]
    fn t43_arbitrary_bodies_are_read_without_a_panic(
        parts in prop::collection::vec(
            (0_u8..64, 199_u8..208, prop::collection::vec(any::<[u8; 4]>(), 0..40), 0_u16..50),
            1..6,
        ),
    ) {
        let mut compound = Vec::new();
        for (first, kind, body, lie) in parts {
            let start = compound.len();
            compound.extend(packet(first, kind, body.as_flattened()));
            if lie < 3 {
                compound[start + 2..start + 4].copy_from_slice(&lie.to_be_bytes());
            }
        }
        told(&compound);
    }
}
