//! What a packetiser makes, taken apart again.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::packet::Packet;
use crate::payload;

const SPS: &[u8] = &[0x67, 66, 0xe0, 31, 218, 1, 64, 22, 255, 64];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
const FRAME: Duration = Duration::from_millis(20);

#[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
fn beginning() -> Instant {
    Instant::now()
}

fn take(packetiser: &mut Packetiser) -> Vec<Packet> {
    let parts = packetiser.take();
    let packets = parts.flat_map(|part| part.packets().to_vec());
    packets.map(|packet| Packet::clone(&packet)).collect()
}

/// The NAL units of packets (RFC 6184 section 5), and the sizes of the parts of each that is in fragments.
fn unpack(packets: &[Packet]) -> (Vec<Vec<u8>>, Vec<Vec<usize>>) {
    let (mut nals, mut sizes) = (Vec::<Vec<u8>>::new(), Vec::<Vec<usize>>::new());
    let mut is_open = false;
    for packet in packets {
        let payload = &*packet.payload;
        assert!((1..=1_200).contains(&payload.len()));
        assert_eq!(is_open, payload[0] & 0x1f == 28 && payload[1] & 0x80 == 0);
        match payload[0] & 0x1f {
            24 => {
                let mut rest = &payload[1..];
                let mut count = 0;
                while let Some((length, after)) = rest.split_first_chunk::<2>() {
                    let length = usize::from(u16::from_be_bytes(*length));
                    nals.push(after[..length].to_vec());
                    rest = &after[length..];
                    count += 1;
                }
                assert!(rest.is_empty() && count > 1);
            }
            28 => {
                if payload[1] & 0x80 != 0 {
                    nals.push(vec![payload[0] & 0x60 | payload[1] & 0x1f]);
                    sizes.push(Vec::new());
                }
                nals.last_mut().unwrap().extend_from_slice(&payload[2..]);
                sizes.last_mut().unwrap().push(payload.len());
                is_open = payload[1] & 0x40 == 0;
            }
            _ => nals.push(payload.to_vec()),
        }
    }
    assert!(!is_open);
    (nals, sizes)
}

/// A NAL unit of a type, with so many bytes.
fn nal() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![
        4 => Just(0x41_u8),
        2 => Just(0x65),
        1 => Just(0x06),
        1 => Just(0x01),
        1 => Just(0x09),
        1 => Just(0x0c),
    ];
    let bytes = prop_oneof![3 => 1..60_usize, 2 => 60..1_300_usize, 1 => 1_190..1_210_usize, 2 => 1_300..9_000_usize];
    (kind, bytes, any::<u8>()).prop_map(|(kind, bytes, fill)| {
        let mut nal = vec![kind];
        nal.extend((1..bytes).map(|at| u8::try_from(at % 251).unwrap() ^ fill));
        nal
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_nal_unit_comes_back_in_parts_of_one_size(
        pictures in prop::collection::vec((prop::collection::vec(nal(), 0..6), any::<bool>()), 1..8),
    ) {
        let now = beginning();
        let mut packetiser = Packetiser::new(1);
        packetiser.parameter_sets(0, &[SPS], &[PPS]);
        let mut next = 1;
        for (count, (nals, is_key)) in (0..).zip(&pictures) {
            let refs: Vec<&[u8]> = nals.iter().map(Vec::as_slice).collect();
            packetiser.picture(0, &refs, *is_key, FRAME * count, now + FRAME * count);
            let packets = take(&mut packetiser);
            let (found, sizes) = unpack(&packets);
            let sent: Vec<&[u8]> = refs
                .iter()
                .copied()
                .filter(|nal| ![9, 12].contains(&(nal[0] & 0x1f)))
                .collect();
            let is_idr = refs.iter().any(|nal| nal[0] & 0x1f == 5);
            let mut expected = Vec::new();
            if (*is_key || is_idr) && !sent.is_empty() {
                expected.extend([SPS, PPS]);
            }
            expected.extend(sent);
            prop_assert_eq!(found, expected);
            for sizes in sizes {
                let (last, parts) = sizes.split_last().unwrap();
                prop_assert!(!parts.is_empty() && parts.iter().all(|size| size == &parts[0]));
                // No more parts than it takes, and the last one of nearly the same size.
                prop_assert!(*last <= parts[0] && parts[0] - last <= parts.len());
            }
            for (at, packet) in packets.iter().enumerate() {
                prop_assert_eq!(packet.sequence, next);
                next += 1;
                prop_assert_eq!(packet.marker, at + 1 == packets.len());
                prop_assert_eq!(packet.is_start, is_idr && at == 0);
                prop_assert_eq!(packet.timestamp, 90_000 + 1_800 * count);
            }
        }
    }

    // What comes out of a key frame is what rings and viewers begin with, whatever else is in it.
    #[test]
    fn a_key_frame_is_sound_by_the_rules_for_publishers(bytes in 2..6_000_usize, sei in 1..1_300_usize) {
        let mut idr = vec![0x65, 0x88];
        idr.resize(bytes.max(14), 0x55);
        let mut other = vec![0x06];
        other.resize(sei, 0x11);
        let now = beginning();
        let mut packetiser = Packetiser::new(1);
        packetiser.parameter_sets(0, &[SPS], &[PPS]);
        packetiser.picture(0, &[&other, &idr], true, Duration::ZERO, now);
        let packets = take(&mut packetiser);
        for packet in &packets {
            prop_assert!(payload::inspect(packet.codec, &packet.payload).is_ok());
        }
        let first = payload::inspect(packets[0].codec, &packets[0].payload).unwrap();
        prop_assert_eq!(first.size.map(|size| (size.width, size.height)), Some((1280, 720)));
        let holds = packets.iter().fold(payload::Holds::default(), |all, packet| {
            all.or(payload::holds(packet.codec, &packet.payload, packet.is_start))
        });
        prop_assert_eq!(holds, payload::Holds::ALL);
    }

    #[test]
    fn whatever_is_handed_in_never_panics(
        nals in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
        layer in 0..5_usize,
        millis in any::<u64>(),
    ) {
        let mut packetiser = Packetiser::new(9);
        let refs: Vec<&[u8]> = nals.iter().map(Vec::as_slice).collect();
        let now = beginning();
        packetiser.parameter_sets(layer, &refs, &refs);
        packetiser.picture(layer, &refs, true, Duration::from_millis(millis), now);
        packetiser.opus(refs.first().unwrap_or(&&[][..]), 127, Duration::from_millis(millis / 3), now);
        packetiser.next_source();
        packetiser.picture(layer, &refs, false, Duration::from_millis(millis / 7), now);
        for packet in take(&mut packetiser) {
            prop_assert!(!packet.payload.is_empty());
        }
    }
}

#[test]
fn parameter_sets_of_the_pictures_themselves_take_the_place_of_older_ones() {
    let now = beginning();
    let mut packetiser = Packetiser::new(1);
    packetiser.parameter_sets(0, &[SPS], &[PPS]);
    let idr = [&[0x65, 0x88][..], &[0x55; 20]].concat();
    let delta = [&[0x41, 0xe0][..], &[0x55; 20]].concat();
    // The same id, and other bytes.
    let other = &[0x68, 0xce, 0x3d, 0x80][..];
    packetiser.picture(0, &[SPS, other, &idr], true, Duration::ZERO, now);
    assert_eq!(unpack(&take(&mut packetiser)).0, [SPS, other, &idr]);
    // Between key frames they go where they stand, and in front of the next key frame.
    packetiser.picture(0, &[PPS, &delta], false, FRAME, now);
    assert_eq!(unpack(&take(&mut packetiser)).0, [PPS, &delta]);
    packetiser.picture(0, &[&idr], true, 2 * FRAME, now);
    assert_eq!(unpack(&take(&mut packetiser)).0, [SPS, PPS, &idr]);
}

#[test]
fn viewers_begin_with_a_picture_that_a_decoder_can_begin_with_and_with_no_other() {
    let now = beginning();
    let idr = [&[0x65, 0x88][..], &[0x55; 20]].concat();
    let recovery = [&[0x41, 0xb8][..], &[0x55; 20]].concat();
    let mut packetiser = Packetiser::new(1);
    let mut begins = |sets: &[&[u8]], nal: &[u8]| {
        packetiser.parameter_sets(0, sets, &[PPS]);
        packetiser.picture(0, &[nal], true, Duration::ZERO, now);
        take(&mut packetiser)[0].is_start
    };
    assert!(!begins(&[], &idr), "nothing to read it by");
    assert!(!begins(&[SPS], &recovery), "not an IDR picture");
    assert!(begins(&[SPS], &idr));
}

/// Audio and video for a time, by a source whose clock is off; `late` says how late what comes after that time is.
fn run(ppm: i64, hours: u64, late: impl Fn(u64) -> Duration) -> Vec<(Duration, Packet, Packet)> {
    let zero = beginning();
    let mut packetiser = Packetiser::new(1);
    let delta = [&[0x41, 0xe0][..], &[0x55; 20]].concat();
    let mut seen = Vec::new();
    // One of each every ten seconds, and what is between in short.
    for tick in 0..hours * 3_600 * 2 {
        let at = Duration::from_millis(500 * tick);
        let off = i64::try_from(at.as_nanos()).unwrap() / 1_000_000 * ppm;
        let real = if off < 0 {
            at.checked_sub(Duration::from_nanos(off.unsigned_abs()))
                .unwrap()
        } else {
            at + Duration::from_nanos(off.unsigned_abs())
        };
        let now = zero + real + late(tick);
        packetiser.picture(0, &[&delta], false, at, now);
        packetiser.opus(&[0x78, 1], 127, at, now + Duration::from_millis(40));
        let packets = take(&mut packetiser);
        if tick % 20 == 0 {
            let [video, audio] = &packets[..] else {
                panic!("{packets:?}")
            };
            seen.push((real, video.clone(), audio.clone()));
        }
    }
    for (real, video, audio) in &seen {
        let found = video.captured - zero;
        let apart = found.abs_diff(*real);
        assert!(apart < Duration::from_millis(30), "{apart:?} at {real:?}");
        let apart = audio
            .captured
            .saturating_duration_since(video.captured)
            .max(video.captured.saturating_duration_since(audio.captured));
        assert!(apart < Duration::from_millis(5), "{apart:?} at {real:?}");
    }
    seen
}

#[test]
fn sound_and_picture_are_on_one_line_for_twelve_hours_whatever_the_clock_of_the_source() {
    for ppm in [-100, 0, 100] {
        let seen = run(ppm, 12, |tick| Duration::from_millis(tick * 7 % 25));
        let (_, video, audio) = seen.last().unwrap();
        let at = Duration::from_secs(12 * 3_600 - 10);
        let ticks = |rate: u128| (at.as_millis() + 1_000) * rate / 1_000 % (1 << 32);
        assert_eq!(u128::from(video.timestamp), ticks(90_000));
        assert_eq!(u128::from(audio.timestamp), ticks(48_000));
    }
}

#[test]
fn a_jump_of_the_source_moves_sound_and_picture_together_and_no_timestamp_back() {
    let zero = beginning();
    let delta = [&[0x41, 0xe0][..], &[0x55; 20]].concat();
    for jump in [-3_600_000_i64, -5_000, 5_000, 3_600_000] {
        let mut packetiser = Packetiser::new(1);
        let mut all = Vec::new();
        for tick in 0..200_i64 {
            let now = zero + FRAME * u32::try_from(tick).unwrap();
            let millis = 4_000_000 + 20 * tick;
            // The sound of the last five frames comes after the jump.
            let of = |after: i64| if tick >= after { millis + jump } else { millis };
            let at = |millis: i64| Duration::from_millis(u64::try_from(millis).unwrap());
            packetiser.picture(0, &[&delta], false, at(of(100)), now);
            packetiser.opus(&[0x78, 1], 127, at(of(105)), now);
            all.extend(take(&mut packetiser));
        }
        for (kind, rate) in [(Codec::H264, 90_u32), (Codec::Opus, 48)] {
            let own: Vec<_> = all.iter().filter(|packet| packet.codec == kind).collect();
            for pair in own.windows(2) {
                let ahead = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
                assert_eq!(ahead, 20 * rate, "{jump} {kind:?}");
            }
        }
        for packet in &all {
            assert!(
                packet.captured.max(packet.arrived) - packet.captured.min(packet.arrived) < FRAME
            );
        }
    }
}

#[test]
fn a_network_that_stalls_is_no_jump() {
    let zero = beginning();
    let delta = [&[0x41, 0xe0][..], &[0x55; 20]].concat();
    let mut packetiser = Packetiser::new(1);
    for tick in 0..500_u32 {
        let at = FRAME * tick;
        // Nothing comes for three seconds, and then all of it.
        let came = if (100..250).contains(&tick) {
            FRAME * 250
        } else {
            at
        };
        packetiser.picture(0, &[&delta], false, at, zero + came);
        let packet = take(&mut packetiser).remove(0);
        assert_eq!(packet.timestamp, 90_000 + 1_800 * tick);
        let captured = packet.captured - zero;
        assert!(captured.abs_diff(at) < FRAME, "{captured:?} {at:?}");
    }
}

#[test]
fn another_source_begins_anew_under_another_epoch() {
    let now = beginning();
    let delta = [&[0x41, 0xe0][..], &[0x55; 20]].concat();
    let mut packetiser = Packetiser::new(1);
    packetiser.picture(0, &[&delta], false, Duration::from_secs(1_000), now);
    packetiser.next_source();
    let later = now + FRAME;
    packetiser.picture(0, &[&delta], false, Duration::from_secs(3), later);
    let packets = take(&mut packetiser);
    let facts: Vec<_> = packets
        .iter()
        .map(|packet| {
            (
                packet.epoch,
                packet.sequence,
                packet.timestamp,
                packet.captured,
            )
        })
        .collect();
    assert_eq!(facts, [(0, 1, 90_000, now), (1, 1, 90_000, later)]);
}

#[test]
fn sound_that_belongs_before_the_first_picture_has_times_of_its_own() {
    let zero = beginning();
    let delta = [&[0x41, 0xe0][..], &[0x55; 20]].concat();
    let mut packetiser = Packetiser::new(1);
    packetiser.picture(0, &[&delta], false, 5 * FRAME, zero + 5 * FRAME);
    for at in 2..8 {
        packetiser.opus(&[0x78, 1], 127, at * FRAME, zero + 5 * FRAME);
    }
    let packets = take(&mut packetiser);
    let sounds: Vec<_> = packets[1..].iter().map(|packet| packet.timestamp).collect();
    let expected: Vec<_> = (2..8).map(|at| 48_000 + 960 * at - 5 * 960).collect();
    assert_eq!(sounds, expected);
    assert_eq!(packets[1].captured + 3 * FRAME, packets[0].captured);
}

#[test]
fn sound_that_comes_long_after_its_pictures_is_no_jump() {
    let zero = beginning();
    let delta = [&[0x41, 0xe0][..], &[0x55; 20]].concat();
    let mut packetiser = Packetiser::new(1);
    for tick in 0..500_u32 {
        let at = FRAME * tick;
        packetiser.picture(0, &[&delta], false, at, zero + at);
        let video = take(&mut packetiser).remove(0);
        assert_eq!(video.timestamp, 90_000 + 1_800 * tick);
        if let Some(tick) = tick.checked_sub(100) {
            packetiser.opus(&[0x78, 1], 127, FRAME * tick, zero + at);
            let audio = take(&mut packetiser).remove(0);
            assert_eq!(audio.timestamp, 48_000 + 960 * tick);
        }
    }
}
