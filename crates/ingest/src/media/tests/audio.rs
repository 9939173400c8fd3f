//! What is heard of AAC: pitch, channels, continuity, and when.

use bytes::Bytes;
use model::ErrorCode;

use super::super::audio::{Audio, Packet};
use super::fixture::{self, Aac};
use super::listener::{Heard, amplitude, roughness};

/// Media time of the first frame, in milliseconds.
const FIRST_MS: i64 = 1_000;
const FIRST: f64 = 1.0;

fn audio(aac: &Aac) -> Audio {
    let mut audio = Audio::new(128_000);
    audio.configure(aac.record.clone()).unwrap();
    audio
}

/// Plays a tone for some frames with timestamps as an encoder writes them.
fn play(aac: &Aac, frames: usize) -> Vec<Packet> {
    let mut audio = audio(aac);
    for frame in 0..frames {
        audio
            .frame(aac.endless(frame), FIRST_MS + aac.ms(frame))
            .unwrap();
    }
    audio.take().collect()
}

#[test]
fn a_tone_keeps_its_pitch_its_level_and_its_side() {
    for aac in [fixture::tone_44100_stereo(), fixture::tone_48000_stereo()] {
        let heard = Heard::new(&play(&aac, 120));
        assert_eq!(heard.jumps, 0);
        assert_eq!(heard.mono_packets, 0);
        let hertz = |periods: u32| f64::from(aac.rate) * f64::from(periods) / 1_024.0;
        let (left, right) = (heard.left(1.5, 2.5), heard.right(1.5, 2.5));
        for (loud, quiet, hertz) in [(left, right, hertz(10)), (right, left, hertz(24))] {
            let loud = amplitude(loud, hertz);
            // The AAC encoder itself is some per cent off.
            assert!((loud - 0.5).abs() < 0.08, "{loud} at {hertz}");
            let quiet = amplitude(quiet, hertz);
            assert!(quiet < 0.001, "{quiet} of it on the other side");
        }
    }
}

#[test]
fn each_packet_tells_how_loud_it_is() {
    // A sine of half of full scale is at -9; each side has its own, and both count as one.
    for aac in [
        fixture::tone_44100_stereo(),
        fixture::tone_48000_stereo(),
        fixture::tone_48000_mono(),
    ] {
        let packets = play(&aac, 120);
        let (first, rest) = packets.split_at(3);
        assert!(first.iter().all(|packet| packet.level <= 127));
        for packet in rest {
            assert!((8..=10).contains(&packet.level), "{}", packet.level);
        }
    }
}

#[test]
fn what_fills_a_gap_is_silence() {
    let aac = fixture::tone_48000_stereo();
    let mut audio = audio(&aac);
    for frame in 0..100 {
        let gap = if frame < 50 { 0 } else { 180 };
        audio
            .frame(aac.endless(frame), FIRST_MS + aac.ms(frame) + gap)
            .unwrap();
    }
    let levels: Vec<_> = audio.take().map(|packet| packet.level).collect();
    let silent: usize = levels.iter().map(|level| usize::from(*level == 127)).sum();
    // At both ends of it there is sound in the same packet.
    assert!((7..=9).contains(&silent), "{levels:?}");
}

#[test]
fn mono_stays_mono_and_comes_out_of_both_sides() {
    let heard = Heard::new(&play(&fixture::tone_48000_mono(), 120));
    assert_eq!(heard.mono_packets, heard.packets);
    for side in [heard.left(1.5, 2.5), heard.right(1.5, 2.5)] {
        let level = amplitude(side, 48_000.0 * 13.0 / 1_024.0);
        assert!((level - 0.5).abs() < 0.08, "{level}");
    }
}

#[test]
fn nothing_clicks_where_frames_and_packets_meet() {
    for aac in [
        fixture::tone_44100_stereo(),
        fixture::tone_48000_stereo(),
        fixture::tone_48000_mono(),
    ] {
        let heard = Heard::new(&play(&aac, 200));
        // The second difference of a sine is its amplitude times the square of its angular step; coding noise adds a little.
        let highest = f64::from(aac.rate) * 24.0 / 1_024.0 * std::f64::consts::TAU / 48_000.0;
        #[expect(clippy::cast_possible_truncation, reason = "a bound")]
        let bound = (0.5 * highest * highest * 1.5 + 0.01) as f32;
        for side in [heard.left(1.3, 4.5), heard.right(1.3, 4.5)] {
            let roughness = roughness(side);
            assert!(roughness < bound, "{roughness} over {bound}");
        }
    }
}

#[test]
fn a_beep_is_heard_when_its_timestamps_say() {
    for aac in [fixture::beep_44100_stereo(), fixture::beep_48000_stereo()] {
        let mut audio = audio(&aac);
        for (index, frame) in aac.frames.iter().enumerate() {
            audio.frame(frame, FIRST_MS + aac.ms(index)).unwrap();
        }
        let heard = Heard::new(&audio.take().collect::<Vec<_>>());
        let (begin, end) = heard.beep(1_000.0);
        // One frame comes before the first sample of the source.
        let expected = FIRST + 0.5 + aac.seconds(1);
        assert!(
            (begin - expected).abs() < 0.001,
            "begins {} off",
            begin - expected
        );
        assert!(
            (end - expected - 0.1).abs() < 0.001,
            "ends {} off",
            end - expected - 0.1
        );
    }
}

#[test]
fn r23_a_frame_that_cannot_be_decoded_is_concealed_and_counted() {
    let aac = fixture::tone_48000_stereo();
    let mut audio = audio(&aac);
    for frame in 0..200 {
        let bytes = match frame {
            60 => Bytes::from_static(&[0x20, 0xff, 0xff, 0xff, 0x13]),
            // A program config element, and more than a frame can have.
            100 => Bytes::from_static(&[0xa0, 0, 0, 0]),
            120 => Bytes::from(vec![0x21; 9_000]),
            _ => aac.endless(frame).clone(),
        };
        audio.frame(&bytes, FIRST_MS + aac.ms(frame)).unwrap();
    }
    assert_eq!(audio.counts().concealed, 3);
    let heard = Heard::new(&audio.take().collect::<Vec<_>>());
    assert_eq!(heard.jumps, 0);
    // The sound goes on, and where it was lost there is no silence and no click.
    let hertz = 48_000.0 * 10.0 / 1_024.0;
    for frame in [60, 100, 120] {
        let at = FIRST + aac.seconds(frame);
        let level = amplitude(heard.left(at, at + 0.021), hertz);
        assert!(level > 0.1, "{level}");
        let roughness = roughness(heard.left(at - 0.02, at + 0.06));
        assert!(roughness < 0.1, "{roughness}");
    }
}

#[test]
fn r23_a_second_of_frames_that_cannot_be_decoded_ends_the_stream() {
    let aac = fixture::tone_48000_stereo();
    let mut audio = audio(&aac);
    let mut result = Ok(());
    let mut frames = 0;
    while result.is_ok() && frames < 1_000 {
        result = audio.frame(&Bytes::from(vec![0xa0, 1]), FIRST_MS + aac.ms(frames));
        frames += 1;
    }
    assert_eq!(frames, 51);
    let violation = result.unwrap_err();
    assert_eq!(violation.code, ErrorCode::InvalidAudioCodec);
    assert_eq!(
        violation.what,
        "50 AAC frames in a row could not be decoded as AAC-LC"
    );
}

#[test]
fn a_short_gap_is_filled_with_silence_and_a_long_one_jumped_over() {
    // Milliseconds left out in the middle, and whether packets then jump.
    for (gap_ms, jumps) in [(50, 0), (150, 0), (1_000, 1), (30_000, 1)] {
        let aac = fixture::tone_44100_stereo();
        let mut audio = audio(&aac);
        for frame in 0..200 {
            let lost = if frame < 100 { 0 } else { gap_ms };
            audio
                .frame(aac.endless(frame), FIRST_MS + aac.ms(frame) + lost)
                .unwrap();
        }
        assert_eq!(audio.counts().gaps, 1);
        let heard = Heard::new(&audio.take().collect::<Vec<_>>());
        assert_eq!(heard.jumps, jumps, "{gap_ms} ms");
        #[expect(clippy::cast_precision_loss, reason = "some thousands")]
        let gap = gap_ms as f64 / 1_000.0;
        let (before, after) = (FIRST + aac.seconds(100), FIRST + aac.seconds(100) + gap);
        let hertz = 44_100.0 * 10.0 / 1_024.0;
        let level = |from, to| amplitude(heard.left(from, to), hertz);
        assert!(level(before - 0.1, before - 0.01) > 0.4);
        assert!(level(before + 0.02, after - 0.01) < 0.01, "{gap_ms} ms");
        assert!(level(after + 0.03, after + 0.13) > 0.4, "{gap_ms} ms");
        // The end is where it belongs.
        let end = FIRST + aac.seconds(200) + gap;
        assert!(
            (heard.end() - end).abs() < 0.05,
            "{} after {gap_ms} ms",
            heard.end() - end
        );
        let roughness = roughness(heard.left(before - 0.1, after + 0.1));
        assert!(roughness < 0.05, "{roughness} after {gap_ms} ms");
    }
}

#[test]
fn frames_that_come_twice_are_heard_once() {
    let aac = fixture::tone_48000_stereo();
    let mut audio = audio(&aac);
    for frame in 0..200 {
        audio
            .frame(aac.endless(frame), FIRST_MS + aac.ms(frame))
            .unwrap();
        audio
            .frame(aac.endless(frame), FIRST_MS + aac.ms(frame))
            .unwrap();
    }
    assert_eq!((audio.counts().frames, audio.counts().overlaps), (200, 0));
    let heard = Heard::new(&audio.take().collect::<Vec<_>>());
    assert!((heard.end() - FIRST - aac.seconds(200)).abs() < 0.05);
}

#[test]
fn timestamps_that_step_back_leave_out_what_was_heard() {
    let aac = fixture::tone_48000_stereo();
    let mut audio = audio(&aac);
    for frame in 0..300 {
        let back = if frame < 100 { 0 } else { 400 };
        audio
            .frame(aac.endless(frame), FIRST_MS + aac.ms(frame) - back)
            .unwrap();
    }
    assert_eq!(audio.counts().overlaps, 19);
    let heard = Heard::new(&audio.take().collect::<Vec<_>>());
    assert_eq!(heard.jumps, 0);
    let end = FIRST + aac.seconds(300) - 0.4;
    assert!((heard.end() - end).abs() < 0.05, "{}", heard.end() - end);
    let roughness = roughness(heard.left(2.0, 5.5));
    assert!(roughness < 0.05, "{roughness}");
}

#[test]
fn r23_audio_goes_on_over_a_change_of_rate_and_channels() {
    let first = fixture::tone_44100_stereo();
    let mut audio = audio(&first);
    for frame in 0..100 {
        audio
            .frame(first.endless(frame), FIRST_MS + first.ms(frame))
            .unwrap();
    }
    let changed_ms = FIRST_MS + first.ms(100);
    let second = fixture::tone_48000_mono();
    audio.configure(second.record.clone()).unwrap();
    for frame in 0..100 {
        audio
            .frame(second.endless(frame), changed_ms + second.ms(frame))
            .unwrap();
    }
    // The same record again is no change.
    audio.configure(second.record.clone()).unwrap();
    for frame in 100..120 {
        audio
            .frame(second.endless(frame), changed_ms + second.ms(frame))
            .unwrap();
    }
    let heard = Heard::new(&audio.take().collect::<Vec<_>>());
    assert!(heard.jumps <= 1);
    assert!(
        heard.mono_packets > 100 && heard.mono_packets < 140,
        "{}",
        heard.mono_packets
    );
    let changed = FIRST + first.seconds(100);
    let hertz = 48_000.0 * 13.0 / 1_024.0;
    assert!(
        amplitude(
            heard.left(changed - 0.2, changed - 0.05),
            44_100.0 * 10.0 / 1_024.0
        ) > 0.4
    );
    assert!(amplitude(heard.right(changed + 0.1, changed + 1.0), hertz) > 0.4);
    let end = changed + second.seconds(120);
    assert!((heard.end() - end).abs() < 0.05, "{}", heard.end() - end);
}

/// When a tone is heard to end that an encoder ends after half a minute, against when it ended in truth, in seconds. The encoder
/// counts samples too fast by so many parts per million.
fn end_of_tone(ppm: f64) -> f64 {
    const FRAMES: usize = 1_300;
    let aac = fixture::tone_44100_stereo();
    let mut audio = audio(&aac);
    let truth = |frame: usize| FIRST + aac.seconds(frame) / (1.0 + ppm / 1e6);
    #[expect(clippy::cast_possible_truncation, reason = "half a minute")]
    let ms = |frame: usize| (truth(frame) * 1_000.0).round() as i64;
    let silence = &fixture::beep_44100_stereo().frames[2];
    for frame in 0..FRAMES + 20 {
        let bytes = if frame < FRAMES {
            aac.endless(frame)
        } else {
            silence
        };
        audio.frame(bytes, ms(frame)).unwrap();
    }
    let counts = audio.counts();
    assert_eq!((counts.gaps, counts.overlaps), (0, 0));
    let heard = Heard::new(&audio.take().collect::<Vec<_>>());
    assert_eq!(heard.jumps, 0);
    let (_, end) = heard.beep(44_100.0 * 10.0 / 1_024.0);
    end - truth(FRAMES)
}

#[test]
fn drift_is_followed_with_codecs_as_without() {
    let steady = end_of_tone(0.0);
    for ppm in [-500.0, 500.0] {
        // Unfollowed it would be 15 ms by then.
        let offset = end_of_tone(ppm) - steady;
        assert!(offset.abs() < 0.005, "{offset} at {ppm} ppm");
    }
}

#[test]
fn unsteady_timestamps_are_not_heard() {
    let aac = fixture::tone_48000_stereo();
    let steady = Heard::new(&play(&aac, 300));
    let mut audio = audio(&aac);
    for frame in 0..300 {
        // Up to 15 ms early or late.
        let off = i64::try_from(frame * 7_919 % 31).unwrap() - 15;
        audio
            .frame(aac.endless(frame), FIRST_MS + aac.ms(frame) + off)
            .unwrap();
    }
    let counts = audio.counts();
    assert_eq!((counts.gaps, counts.overlaps), (0, 0));
    let heard = Heard::new(&audio.take().collect::<Vec<_>>());
    assert_eq!(heard.jumps, 0);
    let hertz = 48_000.0 * 10.0 / 1_024.0;
    for from in [2.0, 4.0, 6.0] {
        // So short that being stretched by a thousandth makes no difference.
        let (as_steady, level) = (
            amplitude(steady.left(from, from + 0.05), hertz),
            amplitude(heard.left(from, from + 0.05), hertz),
        );
        assert!((level - as_steady).abs() < 0.01, "{level} and {as_steady}");
        let bound = roughness(steady.left(from, from + 0.5)) * 1.2;
        let roughness = roughness(heard.left(from, from + 0.5));
        assert!(roughness < bound, "{roughness} over {bound}");
    }
}
