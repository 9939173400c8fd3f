//! Chunk streams in every form that encoders and attackers give them.

use crate::flv::Audio;
use crate::server::Event;
use crate::{Fault, Limits};

use super::wire::{Served, header, message};

/// Audio that is `length` bytes of AAC; a body is two bytes longer.
fn aac(length: usize) -> Vec<u8> {
    let mut body = vec![0xaf, 1];
    body.extend((0..length).map(|at| u8::try_from(at % 251).unwrap()));
    body
}

/// Times and lengths of all audio that came.
fn heard(served: &Served) -> Vec<(u64, usize)> {
    let audio = |event: &Event| {
        let Event::Audio {
            at_ms,
            audio: Audio::Aac(frame),
        } = event
        else {
            panic!("{event:?}");
        };
        assert_eq!(
            frame[..],
            aac(frame.len())[2..],
            "the bytes are in their order"
        );
        (*at_ms, frame.len())
    };
    served.events.iter().map(audio).collect()
}

/// What is heard of these bytes, whole and in single bytes.
fn hear(bytes: &[u8]) -> Vec<(u64, usize)> {
    let mut whole = Served::publishing();
    whole.receive(bytes).unwrap();
    let mut single = Served::publishing();
    for byte in bytes {
        single.receive(&[*byte]).unwrap();
    }
    assert_eq!(heard(&whole), heard(&single));
    heard(&whole)
}

#[test]
fn r5_basic_headers_of_one_two_and_three_bytes_name_their_chunk_stream() {
    let ids: [(&[u8], u32); 7] = [
        (&[2], 2),
        (&[63], 63),
        (&[0, 0], 64),
        (&[0, 255], 319),
        (&[1, 0, 1], 320),
        (&[1, 0, 0], 64),
        (&[1, 255, 255], 65_599),
    ];
    for (basic, id) in ids {
        let body = aac(10);
        let rest = &header(2, 40, body.len(), 8, 1)[1..];
        let mut begun = [basic, rest, &body].concat();
        // The same stream goes on by the same number, in whatever form.
        let mut again = basic.to_vec();
        again[0] |= 0x80;
        begun.extend([&*again, &[0, 0, 7], &body].concat());
        assert_eq!(hear(&begun), [(40, 10), (47, 10)], "{id}");
    }
    // 64 in two and in three bytes is one chunk stream.
    let body = aac(3);
    let mut bytes = [&[0, 0][..], &header(2, 5, body.len(), 8, 1)[1..], &body].concat();
    bytes.extend([&[0x81, 0, 0, 0, 0, 2][..], &body].concat());
    assert_eq!(hear(&bytes), [(5, 3), (7, 3)]);
}

#[test]
fn r6_each_format_takes_the_rest_of_its_header_from_the_last() {
    let body = aac(20);
    let mut bytes = message(4, 1_000, 8, 1, &body);
    // Format 1: difference, length, type.
    bytes.extend([0x44, 0, 0, 23, 0, 0, 32, 8]);
    bytes.extend(aac(30));
    // Format 2: difference.
    bytes.extend([0x84, 0, 0, 24]);
    bytes.extend(aac(30));
    // Format 3 as the first chunk of a message: the same difference.
    bytes.push(0xc4);
    bytes.extend(aac(30));
    bytes.push(0xc4);
    bytes.extend(aac(30));
    assert_eq!(
        hear(&bytes),
        [
            (1_000, 20),
            (1_023, 30),
            (1_047, 30),
            (1_071, 30),
            (1_095, 30)
        ]
    );
    // Behind format 0 it adds the time of that: FFmpeg and GStreamer count on it.
    let mut bytes = message(4, 23, 8, 1, &body);
    bytes.push(0xc4);
    bytes.extend(&body);
    assert_eq!(hear(&bytes), [(23, 20), (46, 20)]);
}

#[test]
fn r6_a_header_without_the_one_it_refers_to_is_a_fault() {
    for first in [0x84, 0xc4] {
        let mut served = Served::publishing();
        let sent = served.receive(&[first, 0, 0, 0]);
        assert_eq!(sent, Err(Fault::NoEarlierChunk(4)));
    }
    // librtmp begins a chunk stream with format 1.
    let mut bytes = vec![0x44, 0, 0, 23, 0, 0, 4, 8];
    bytes.extend(aac(2));
    assert_eq!(hear(&bytes), [(23, 2)]);
    // A message is not begun inside of another one of its chunk stream.
    let long = message(4, 0, 8, 1, &aac(300));
    for again in [0x04, 0x44, 0x84] {
        let mut served = Served::publishing();
        served.receive(&long[..140]).unwrap();
        let sent = served.receive(&[again, 0, 0, 0, 0, 0, 4, 8, 1, 0, 0, 0]);
        assert_eq!(sent, Err(Fault::MessageCut(4)));
    }
}

fn set_chunk_size(size: u32) -> Vec<u8> {
    message(2, 0, 1, 0, &size.to_be_bytes())
}

#[test]
fn r7_t50_the_chunk_size_is_128_and_changes_to_anything_from_1_to_2147483647() {
    let body = aac(700);
    assert_eq!(hear(&message(4, 0, 8, 1, &body)), [(0, 700)]);
    for size in [1_usize, 2, 127, 4_096, 65_536, 0x7fff_ffff] {
        let mut bytes = set_chunk_size(u32::try_from(size).unwrap());
        bytes.extend(header(4, 9, body.len(), 8, 1));
        let chunks = body.chunks(size).collect::<Vec<_>>();
        bytes.extend(chunks.join(&0xc4));
        assert_eq!(hear(&bytes), [(9, 700)], "{size}");
    }
}

#[test]
fn r7_the_chunk_size_changes_in_the_middle_of_a_message() {
    let body = aac(400);
    let mut bytes = header(4, 0, body.len(), 8, 1);
    bytes.extend(&body[..128]);
    bytes.extend(set_chunk_size(200));
    bytes.push(0xc4);
    bytes.extend(&body[128..328]);
    bytes.push(0xc4);
    bytes.extend(&body[328..]);
    assert_eq!(hear(&bytes), [(0, 400)]);
}

#[test]
fn t50_a_chunk_size_of_zero_or_with_the_high_bit_is_a_fault() {
    for size in [0, 0x8000_0000, u32::MAX] {
        let mut served = Served::shaken();
        assert_eq!(
            served.receive(&set_chunk_size(size)),
            Err(Fault::ChunkSize(size))
        );
    }
}

#[test]
fn r8_t50_messages_of_several_chunk_streams_come_mixed() {
    let (first, second) = (aac(300), aac(200));
    let mut bytes = header(4, 10, first.len(), 8, 1);
    bytes.extend(&first[..128]);
    bytes.extend(header(6, 20, second.len(), 8, 1));
    bytes.extend(&second[..128]);
    bytes.push(0xc4);
    bytes.extend(&first[128..256]);
    bytes.push(0xc6);
    bytes.extend(&second[128..]);
    bytes.push(0xc4);
    bytes.extend(&first[256..]);
    assert_eq!(hear(&bytes), [(20, 200), (10, 300)]);
}

#[test]
fn r9_t50_an_aborted_message_is_gone_and_its_chunk_stream_goes_on() {
    let body = aac(300);
    let mut bytes = header(4, 10, body.len(), 8, 1);
    bytes.extend(&body[..128]);
    bytes.extend(message(2, 0, 2, 0, &4_u32.to_be_bytes()));
    // Of unknown and of finished ones there is nothing to give up.
    bytes.extend(message(2, 0, 2, 0, &77_u32.to_be_bytes()));
    bytes.extend(message(2, 0, 2, 0, &2_u32.to_be_bytes()));
    bytes.extend([0x44, 0, 0, 5, 0, 0, 12, 8]);
    bytes.extend(aac(10));
    assert_eq!(hear(&bytes), [(15, 10)]);
}

/// A message in chunks of 128 bytes that has an extended timestamp in its later chunks, or not.
fn extended(head: &[u8], repeated: Option<u32>, body: &[u8]) -> Vec<u8> {
    let mut between = vec![0xc4];
    between.extend(repeated.iter().flat_map(|time| time.to_be_bytes()));
    [head, &body.chunks(128).collect::<Vec<_>>().join(&*between)].concat()
}

#[test]
fn r10_t52_an_extended_timestamp_is_repeated_in_format_3_or_not() {
    let time = 0x0100_0203;
    // Of 300 bytes the last chunk is so short that an extended timestamp would not fit into it.
    for length in [300, 128 * 2 + 1 - 2, 128 * 2 + 3 - 2, 5_000] {
        let body = aac(length);
        let head = header(4, time, body.len(), 8, 1);
        for repeated in [Some(time), None] {
            let mut bytes = extended(&head, repeated, &body);
            bytes.extend([0x44, 0, 0, 23, 0, 0, 12, 8]);
            bytes.extend(aac(10));
            assert_eq!(
                hear(&bytes),
                [(time.into(), length), (u64::from(time) + 23, 10)]
            );
        }
    }
}

#[test]
fn r10_t52_data_that_looks_like_the_beginning_of_a_timestamp_stays_data() {
    let time = 0x0102_0304_u32;
    // The second chunk begins with 0 to 3 bytes of what the timestamp would be.
    for same in 0..4 {
        let mut body = aac(200);
        body[128..128 + same].copy_from_slice(&time.to_be_bytes()[..same]);
        let mut bytes = extended(&header(4, time, body.len(), 8, 1), None, &body);
        bytes.extend(message(6, 0, 1, 0, &[0, 0, 1, 0]));
        for split in [bytes.len(), 1] {
            let mut served = Served::publishing();
            for part in bytes.chunks(split) {
                served.receive(part).unwrap();
            }
            let Some(Event::Audio { audio, .. }) = served.events.pop() else {
                panic!("nothing is heard");
            };
            assert_eq!(audio, Audio::Aac(body[2..].to_vec().into()));
        }
    }
}

#[test]
fn r10_extended_timestamps_of_formats_1_and_2_are_differences() {
    let step = 0x0200_0000_u32;
    for (with_shape, repeated) in [(true, true), (true, false), (false, true), (false, false)] {
        let body = aac(200);
        let mut bytes = message(4, 1_000, 8, 1, &body);
        let mut head = vec![if with_shape { 0x44 } else { 0x84 }, 0xff, 0xff, 0xff];
        if with_shape {
            head.extend([0, 0, 202, 8]);
        }
        head.extend(step.to_be_bytes());
        // Some repeat the difference, others the time that it led to.
        for field in [step, 1_000 + step] {
            let chunks = extended(&head, repeated.then_some(field), &body);
            let came = hear(&[&*bytes, &*chunks].concat());
            assert_eq!(came, [(1_000, 200), (1_000 + u64::from(step), 200)]);
        }
        // A difference of just 0xffffff has to be extended too.
        bytes.extend([0x84, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0xff]);
        bytes.extend(body.chunks(128).collect::<Vec<_>>().join(&0xc4));
        assert_eq!(hear(&bytes), [(1_000, 200), (1_000 + 0xff_ffff, 200)]);
    }
}

#[test]
fn r10_a_message_that_begins_with_format_3_repeats_an_extended_difference_or_not() {
    let step = 0x0101_0000_u32;
    let body = aac(20);
    for repeated in [true, false] {
        let mut bytes = message(4, 5, 8, 1, &body);
        bytes.extend([0x84, 0xff, 0xff, 0xff]);
        bytes.extend(step.to_be_bytes());
        bytes.extend(&body);
        bytes.push(0xc4);
        if repeated {
            bytes.extend(step.to_be_bytes());
        }
        bytes.extend(&body);
        let step = u64::from(step);
        assert_eq!(hear(&bytes), [(5, 20), (5 + step, 20), (5 + 2 * step, 20)]);
    }
}

#[test]
fn r11_t52_time_wraps_at_32_bits_by_differences_and_by_absolute_times() {
    let body = aac(5);
    let mut bytes = message(4, 0xffff_fff0, 8, 1, &body);
    bytes.extend([0x84, 0, 0, 32]);
    bytes.extend(&body);
    bytes.extend(message(6, 40, 8, 1, &body));
    // Back by ten, as GStreamer says it: a difference that wraps.
    bytes.extend([0x84, 0xff, 0xff, 0xff]);
    bytes.extend((10_u32).wrapping_neg().to_be_bytes());
    bytes.extend(&body);
    let wrap = 1 << 32;
    let expected = [wrap - 16, wrap + 16, wrap + 40, wrap + 6].map(|time| (time, 5));
    assert_eq!(hear(&bytes), expected);
}

#[test]
fn r12_t52_audio_and_video_stay_in_step_after_4_hours_39_minutes() {
    // 0xffffff ms in steps of a frame of AAC at 48 kHz, on two chunk streams: one goes by differences, the other by absolute times.
    let body = aac(200);
    let begin = 0xff_ffff - 3 * 21;
    let mut bytes = message(4, begin, 8, 1, &body);
    let mut expected = vec![(u64::from(begin), 200)];
    for frame in 1..10 {
        let time = begin + frame * 21;
        bytes.extend([0x84, 0, 0, 21]);
        bytes.extend(body.chunks(128).collect::<Vec<_>>().join(&0xc4));
        expected.push((time.into(), 200));
        let mut between = vec![0xc6];
        if time >= 0xff_ffff {
            between.extend(time.to_be_bytes());
        }
        bytes.extend(header(6, time, body.len(), 8, 1));
        bytes.extend(body.chunks(128).collect::<Vec<_>>().join(&*between));
        expected.push((time.into(), 200));
    }
    assert_eq!(hear(&bytes), expected);
}

#[test]
fn t52_time_steps_back_as_the_encoder_says() {
    let body = aac(5);
    let bytes: Vec<u8> = [500, 100, 600]
        .iter()
        .flat_map(|time| message(4, *time, 8, 1, &body))
        .collect();
    assert_eq!(hear(&bytes), [(500, 5), (100, 5), (600, 5)]);
}

#[test]
fn t50_a_message_that_is_announced_too_long_is_a_fault_before_it_comes() {
    let limits = Limits::default();
    for (kind, max) in [
        (8, limits.message_bytes_max),
        (9, limits.message_bytes_max),
        (20, limits.command_bytes_max),
        (18, limits.command_bytes_max),
        (4, limits.command_bytes_max),
    ] {
        for bytes in [max + 1, 16 * 1_024 * 1_024 - 1] {
            let mut served = Served::shaken();
            let fault = Fault::MessageSize { kind, bytes, max };
            assert_eq!(served.receive(&header(4, 0, bytes, kind, 1)), Err(fault));
        }
        let mut served = Served::shaken();
        assert_eq!(served.receive(&header(4, 0, max, kind, 1)), Ok(()));
    }
}

#[test]
fn t50_more_than_64_chunk_streams_are_a_fault() {
    let mut served = Served::publishing();
    // Chunk stream 3 is open by the commands.
    for id in 64_u16..127 {
        let mut bytes = vec![1];
        bytes.extend((id - 64).to_le_bytes());
        bytes.extend(&header(2, 0, 4, 8, 1)[1..]);
        bytes.extend(aac(2));
        served.receive(&bytes).unwrap();
    }
    let one_more = [&[1, 0xff, 0xff], &header(2, 0, 4, 8, 1)[1..]].concat();
    assert_eq!(
        served.receive(&one_more),
        Err(Fault::ChunkStreams { max: 64 })
    );
}

#[test]
fn t50_unfinished_messages_together_have_a_bound() {
    let limits = Limits::default();
    let mut served = Served::publishing();
    served.receive(&set_chunk_size(0x7f_ffff)).unwrap();
    let chunk = vec![0; limits.message_bytes_max - 1];
    let mut sent = Ok(());
    for id in 4_u8..8 {
        sent = served
            .receive(&header(id, 0, limits.message_bytes_max, 9, 1))
            .and_then(|()| {
                // A chunk that is not whole.
                served.receive(&chunk)
            });
        if sent.is_err() {
            assert_eq!(id, 4);
            break;
        }
        served.receive(&[0]).unwrap();
    }
    assert_eq!(sent, Ok(()), "one after the other is no harm");

    let mut served = Served::publishing();
    served.receive(&set_chunk_size(1_000_000)).unwrap();
    let mut sent = 0;
    let fault = (4_u8..60).find_map(|id| {
        sent += 1_000_000;
        let head = header(id, 0, limits.message_bytes_max, 8, 1);
        served.receive(&[head, vec![0; 1_000_000]].concat()).err()
    });
    let max = limits.pending_bytes_max;
    assert_eq!(fault, Some(Fault::Pending { max }));
    assert_eq!(sent, 9_000_000);
}

#[test]
fn t50_unknown_types_of_messages_are_a_fault() {
    for kind in [0, 7, 10, 14, 21, 23, 255] {
        let mut served = Served::publishing();
        assert_eq!(
            served.receive(&message(4, 0, kind, 1, &[0])),
            Err(Fault::MessageType(kind))
        );
    }
    for kind in [16, 19] {
        Served::publishing()
            .receive(&message(4, 0, kind, 1, &[0]))
            .unwrap();
    }
}
