//! The source by a clock that goes on by milliseconds.

use super::*;
use crate::clock;

const WALL: Duration = Duration::from_secs(1_790_000_000);

/// All packets of a source by the time, in milliseconds from its start, at which they came; looked at each millisecond.
fn packets(source: &Source, millis: u32, ask_at: Option<u32>) -> Vec<(u32, Packet)> {
    let start = clock::now();
    let mut generator = Generator::new(source, 3, start);
    let mut all = Vec::new();
    for at in 0..millis {
        let now = start + Duration::from_millis(1) * at;
        if ask_at == Some(at) {
            generator.want_key_frame(0, now);
        }
        let mut out = Vec::new();
        generator.take(now, WALL, &mut out);
        assert!(generator.due().is_some_and(|due| due > now));
        all.extend(out.into_iter().map(|packet| (at, packet)));
    }
    all
}

#[test]
fn a_burst_has_thirty_pictures_of_nine_packets_and_a_key_frame_each_two_seconds() {
    let all = packets(&Source::default(), 4_000, None);
    // Two of the pictures are key frames with one packet more.
    assert_eq!(all.len(), 120 * 9 + 2);
    assert_eq!(all.iter().filter(|(_, packet)| packet.marker).count(), 120);
    let bytes: usize = all
        .iter()
        .map(|(_, packet)| packet.payload.len())
        .filter(|bytes| *bytes == 1_160)
        .sum();
    assert_eq!(bytes * 8, 4 * 2_505_600);
    let sets: Vec<_> = all
        .iter()
        .filter(|(_, packet)| packet.payload[0] == 0x78)
        .map(|(at, packet)| (*at, packet.timestamp))
        .collect();
    assert_eq!(sets, [(0, 0), (2_000, 180_000)]);
    let last = all.last().unwrap();
    assert_eq!((last.0, last.1.timestamp), (3_967, 357_000));
    let mut times: Vec<_> = all.iter().map(|(at, _)| *at).collect();
    times.dedup();
    assert_eq!(times.len(), 120);
}

#[test]
fn spaced_packets_go_evenly_over_the_picture() {
    let source = Source {
        pacing: Pacing::Spaced,
        ..Source::default()
    };
    let all = packets(&source, 1_000, None);
    let times: Vec<_> = all.iter().skip(10).take(9).map(|(at, _)| *at).collect();
    assert_eq!(times, [34, 38, 41, 45, 49, 52, 56, 60, 63]);
    assert_eq!(all.len(), 30 * 9 + 1);
}

#[test]
fn packets_say_who_made_them_and_when() {
    let source = Source {
        layers: Layer::SIMULCAST.to_vec(),
        audio: true,
        ..Source::default()
    };
    let all = packets(&source, 100, None);
    for (at, packet) in all {
        let offset = packet.layer.map_or(stamp::IN_AUDIO, |_| stamp::IN_VIDEO);
        let Some(stamp) = Stamp::read(&packet.payload, offset) else {
            assert_eq!((at, packet.payload[0]), (0, 0x78), "parameter sets only");
            continue;
        };
        assert_eq!(usize::from(stamp.layer), packet.layer.unwrap_or(0));
        assert_eq!((stamp.publisher, stamp.made), (3, WALL));
        let later = WALL + Duration::from_millis(7);
        assert_eq!(age(&packet.payload, later), Some(Duration::from_millis(7)));
        let per_second = if packet.layer.is_some() { 30 } else { 50 };
        assert_eq!(u32::from(stamp.picture), at * per_second / 1_000);
    }
}

#[test]
fn the_layers_have_their_bitrates() {
    let source = Source {
        layers: Layer::SIMULCAST.to_vec(),
        ..Source::default()
    };
    let all = packets(&source, 10_000, None);
    for (layer, expected) in Layer::SIMULCAST.iter().enumerate() {
        let of = all.iter().filter(|(_, packet)| packet.layer == Some(layer));
        let bits: usize = of.map(|(_, packet)| packet.payload.len() * 8).sum();
        let off = (bits as u64 / 10).abs_diff(expected.bitrate_bps);
        assert!(off * 50 < expected.bitrate_bps, "{layer}: {off}");
    }
}

#[test]
fn a_key_frame_comes_with_the_next_picture_when_asked_for() {
    let key_frames = |answers_requests, ask_at| {
        let source = Source {
            answers_requests,
            ..Source::default()
        };
        let all = packets(&source, 1_000, Some(ask_at));
        let keys = all.iter().filter(|(_, packet)| packet.payload[0] == 0x78);
        keys.map(|(at, _)| *at).collect::<Vec<_>>()
    };
    assert_eq!(key_frames(true, 500), [0, 500]);
    assert_eq!(key_frames(true, 501), [0, 534]);
    assert_eq!(key_frames(true, 100), [0], "too soon after the last");
    assert_eq!(key_frames(false, 500), [0]);
}

#[test]
fn a_stall_is_not_caught_up_with() {
    let start = clock::now();
    let mut generator = Generator::new(&Source::default(), 0, start);
    let mut out = Vec::new();
    generator.take(start, WALL, &mut out);
    out.clear();
    generator.take(start + Duration::from_secs(20), WALL, &mut out);
    assert!(out.len() <= 10, "{}", out.len());
}

#[test]
fn a_short_rest_joins_the_fragment_before() {
    for (bytes, expected) in [(36, 1), (1_160, 1), (1_190, 1), (1_196, 2), (10_440, 9)] {
        assert_eq!(fragments(bytes, 1_160), expected, "{bytes}");
    }
}
