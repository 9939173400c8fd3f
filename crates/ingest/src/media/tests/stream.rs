//! A stream as a whole: when it begins, its layers, and what is told of it.

use std::time::Duration;

use bytes::Bytes;
use model::ErrorCode;
use rtmp::flv::{Audio, Video};

use super::super::{Limits, Unit};
use super::fixture;
use super::h264;
use super::scene::Scene;

const FIRST: u128 = 1_000;

#[test]
fn r24_a_stream_begins_when_audio_and_a_key_frame_are_there() {
    let mut scene = Scene::new();
    scene
        .configure_video(0, &h264::sps(66, 1_280, 720))
        .unwrap();
    scene.key(0, 0).unwrap();
    scene.p(0, 33).unwrap();
    assert!(!scene.stream.is_ready());
    assert_eq!(scene.units, []);
    scene.configure_audio().unwrap();
    assert!(scene.stream.is_ready());
    // The key frame that came before is not lost.
    assert_eq!(scene.pictures(), [(0, true, FIRST), (0, false, FIRST + 33)]);
}

#[test]
fn r24_audio_or_video_alone_is_told_apart() {
    let nothing = Scene::new();
    assert_eq!(
        nothing.stream.missing().what,
        "no video has come, and no audio; a stream has to have both"
    );
    let mut audio = Scene::new();
    audio.configure_audio().unwrap();
    for number in 0..100 {
        audio
            .frame(number, u64::try_from(audio.aac.ms(number)).unwrap())
            .unwrap();
    }
    assert!(!audio.stream.is_ready());
    assert_eq!(audio.stream.missing().code, ErrorCode::InvalidInput);
    assert_eq!(
        audio.stream.missing().what,
        "no video has come; a stream has to have both audio and video"
    );
    let mut video = Scene::new();
    video
        .configure_video(0, &h264::sps(66, 1_280, 720))
        .unwrap();
    video.key(0, 0).unwrap();
    assert_eq!(
        video.stream.missing().what,
        "no audio has come; a stream has to have both audio and video"
    );
    let mut pictures = Scene::new();
    pictures.configure_audio().unwrap();
    pictures
        .configure_video(0, &h264::sps(66, 1_280, 720))
        .unwrap();
    pictures.p(0, 0).unwrap();
    assert_eq!(
        pictures.stream.missing().what,
        "no key frame with its parameter sets has come; a stream has to have both audio and video"
    );
}

#[test]
fn r24_audio_that_comes_three_seconds_late_finds_the_newest_key_frame_waiting() {
    let mut scene = Scene::new();
    scene
        .configure_video(0, &h264::sps(66, 1_280, 720))
        .unwrap();
    for picture in 0..90 {
        let at_ms = picture * 100 / 3;
        if picture % 60 == 0 {
            scene.key(0, at_ms).unwrap();
        } else {
            scene.p(0, at_ms).unwrap();
        }
        scene.pass(33);
    }
    scene.configure_audio().unwrap();
    let pictures = scene.pictures();
    assert_eq!(
        (pictures.len(), pictures[0]),
        (30, (0, true, FIRST + 2_000))
    );
    for number in 0..20 {
        scene
            .frame(number, 3_000 + u64::try_from(scene.aac.ms(number)).unwrap())
            .unwrap();
    }
    // Its place is 3 s after the first picture, less the delay of the codecs.
    let first = scene.packets()[0].as_secs_f64();
    assert!((3.98..4.0).contains(&first), "{first}");
}

#[test]
fn r24_audio_before_the_first_picture_is_left_out() {
    let mut scene = Scene::new();
    scene.configure_audio().unwrap();
    for number in 0..100 {
        scene
            .frame(number, u64::try_from(scene.aac.ms(number)).unwrap())
            .unwrap();
        scene.pass(21);
    }
    scene
        .configure_video(0, &h264::sps(66, 1_280, 720))
        .unwrap();
    scene.key(0, 2_133).unwrap();
    let first = scene.packets()[0];
    assert!(first >= Duration::from_millis(3_033), "{first:?}");
}

#[test]
fn tracks_are_layers_by_size() {
    let mut scene = Scene::new();
    scene.configure_audio().unwrap();
    let sizes = [(0, 1_280, 720), (1, 320, 180), (2, 640, 360)];
    for (track, width, height) in sizes {
        scene
            .configure_video(track, &h264::sps(66, width, height))
            .unwrap();
    }
    for (track, ..) in sizes {
        assert!(!scene.stream.is_ready());
        scene.key(track, 0).unwrap();
    }
    let description = scene.stream.description();
    let labels: Vec<_> = description
        .video
        .iter()
        .map(|layer| layer.label.as_str())
        .collect();
    assert_eq!(labels, ["low", "mid", "hi"]);
    assert!(description.audio);
    assert_eq!(
        scene.pictures(),
        [(2, true, FIRST), (0, true, FIRST), (1, true, FIRST)]
    );
    assert!(
        matches!(&scene.units[0], Unit::ParameterSets { layer: 0, sps, .. } if *sps == [h264::sps(66, 320, 180)])
    );
    scene.p(1, 33).unwrap();
    assert_eq!(scene.pictures().last(), Some(&(0, false, FIRST + 33)));
    let figures = scene.stream.figures(scene.now).video;
    assert_eq!(
        (figures.layers, figures.width, figures.height),
        (3, 1_280, 720)
    );
}

#[test]
fn two_tracks_are_two_layers_and_one_has_no_name() {
    let labels = |tracks: &[(u8, u32, u32)]| {
        let mut scene = Scene::new();
        scene.configure_audio().unwrap();
        for (track, width, height) in tracks {
            scene
                .configure_video(*track, &h264::sps(66, *width, *height))
                .unwrap();
        }
        for (track, ..) in tracks {
            scene.key(*track, 0).unwrap();
        }
        let video = scene.stream.description().video;
        video
            .iter()
            .map(|layer| layer.label.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(labels(&[(0, 1_280, 720), (1, 320, 180)]), ["low", "hi"]);
    assert_eq!(labels(&[(0, 1_280, 720)]), ["default"]);
}

#[test]
fn a_fourth_track_and_one_that_comes_late_are_refused() {
    let mut scene = Scene::new();
    for track in 0..3 {
        scene
            .configure_video(track, &h264::sps(66, 320, 180))
            .unwrap();
    }
    let violation = scene
        .configure_video(3, &h264::sps(66, 320, 180))
        .unwrap_err();
    assert_eq!(
        (violation.code, &*violation.what),
        (
            ErrorCode::InvalidInput,
            "there are more than 3 tracks of video"
        )
    );
    let violation = Scene::begun()
        .configure_video(1, &h264::sps(66, 320, 180))
        .unwrap_err();
    assert_eq!(
        violation.what,
        "track 1 of video has begun after the stream had"
    );
    // Pictures of a track that nobody has configured are nothing.
    let mut scene = Scene::begun();
    scene.key(7, 33).unwrap();
    assert_eq!(scene.pictures().len(), 1);
}

#[test]
fn figures_say_what_comes() {
    let mut scene = Scene::begun();
    for picture in 1..=120_u64 {
        scene.pass(33);
        let at_ms = picture * 100 / 3;
        if picture % 60 == 0 {
            scene.key(0, at_ms).unwrap();
        } else {
            scene.p(0, at_ms).unwrap();
        }
    }
    for number in 0..180 {
        scene
            .frame(number, u64::try_from(scene.aac.ms(number)).unwrap())
            .unwrap();
    }
    let figures = scene.stream.figures(scene.now);
    assert!(
        (figures.video.frames_per_second - 30.0).abs() < 1.0,
        "{}",
        figures.video.frames_per_second
    );
    assert_eq!(figures.video.key_frame_interval_ms, 2_000);
    assert_eq!(figures.video.codec, "avc1.42001f");
    assert_eq!(
        (
            figures.video.layers,
            figures.video.pictures,
            figures.video.dropped
        ),
        (1, 121, 0)
    );
    assert_eq!(figures.audio.codec, "mp4a.40.2");
    assert_eq!(
        (
            figures.audio.sample_rate,
            figures.audio.channels,
            figures.audio.frames
        ),
        (48_000, 2, 180)
    );
    assert!(
        (80_000..120_000).contains(&figures.audio.bitrate_bps),
        "{}",
        figures.audio.bitrate_bps
    );
    assert!(figures.audio.packets > 180);
    // A stream that stands still has no rate.
    scene.pass(4_000);
    let figures = scene.stream.figures(scene.now);
    assert_eq!(
        (figures.video.bitrate_bps, figures.audio.bitrate_bps),
        (0, 0)
    );
    assert!(figures.video.frames_per_second.abs() < f64::EPSILON);
}

#[test]
fn opus_is_as_large_as_its_bitrate() {
    for (bitrate, range) in [(128_000, 60_000..150_000), (48_000, 30_000..60_000)] {
        let mut scene = Scene::with(Limits {
            opus_bitrate_bps: bitrate,
            ..Limits::default()
        });
        scene.aac = fixture::tone_44100_stereo();
        scene.configure_audio().unwrap();
        scene
            .configure_video(0, &h264::sps(66, 1_280, 720))
            .unwrap();
        scene.key(0, 0).unwrap();
        for number in 0..200 {
            scene
                .frame(number, u64::try_from(scene.aac.ms(number)).unwrap())
                .unwrap();
        }
        let bytes: usize = scene
            .units
            .iter()
            .map(|unit| match unit {
                Unit::Opus { packet, .. } => packet.len(),
                Unit::ParameterSets { .. } | Unit::Picture { .. } => 0,
            })
            .sum();
        let rate = bytes * 8 * 50 / scene.packets().len();
        assert!(range.contains(&rate), "{rate} at {bitrate}");
    }
}

#[test]
fn whatever_comes_ends_at_worst_in_a_violation() {
    // Not random, but without any pattern: every kind of tag with bytes of every kind.
    let mut state = 0x1234_5678_u64;
    let mut next = move |bound: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % bound
    };
    for round in 0..300 {
        let mut scene = if round % 2 == 0 {
            Scene::new()
        } else {
            Scene::begun()
        };
        for _ in 0..40 {
            let length = next(60);
            let mut bytes: Vec<u8> = (0..length)
                .map(|_| u8::try_from(next(256)).unwrap())
                .collect();
            if next(2) == 0 {
                // Something sound, with a flaw.
                bytes = match next(4) {
                    0 => h264::record(4, &[h264::sps(66, 640, 360)], &[h264::pps()]).to_vec(),
                    1 => h264::lengthed(4, &[h264::idr()]).to_vec(),
                    2 => scene.aac.endless(next(20)).to_vec(),
                    _ => scene.aac.record.to_vec(),
                };
                let place = next(bytes.len());
                bytes[place] ^= 1 << next(8);
            }
            let bytes = Bytes::from(bytes);
            let at_ms = u64::try_from(next(1 << 30)).unwrap() << next(20);
            scene.pass(u64::try_from(next(50)).unwrap());
            let track = u8::try_from(next(5)).unwrap();
            let composition_ms = i32::try_from(next(1 << 24)).unwrap() - (1 << 23);
            let result = match next(5) {
                0 => scene.audio(Audio::AacConfig(bytes), at_ms),
                1 => scene.audio(Audio::Aac(bytes), at_ms),
                2 => scene.video(
                    Video::AvcConfig {
                        track,
                        record: bytes,
                    },
                    at_ms,
                ),
                _ => scene.video(
                    Video::Avc {
                        track,
                        composition_ms,
                        is_key: true,
                        nals: bytes,
                    },
                    at_ms,
                ),
            };
            let _ = scene.stream.figures(scene.now);
            if result.is_err() {
                break;
            }
        }
    }
}
