//! Pictures: what is passed on, and what ends a stream.

use bytes::Bytes;
use model::ErrorCode;
use rtmp::flv::{Audio, AudioCodec, Video, VideoCodec};

use super::super::Unit;
use super::h264;
use super::scene::Scene;

/// Media time of the first message.
const FIRST: u128 = 1_000;

#[test]
fn pictures_go_on_with_their_nal_units_at_their_times() {
    let mut scene = Scene::begun();
    scene.p(0, 33).unwrap();
    scene
        .picture(
            0,
            67,
            0,
            &[
                Bytes::from_static(&[0x06, 5, 1, 2]),
                h264::p_slice(),
                h264::p_slice(),
            ],
        )
        .unwrap();
    assert_eq!(
        scene.pictures(),
        [
            (0, true, FIRST),
            (0, false, FIRST + 33),
            (0, false, FIRST + 67)
        ]
    );
    let Some(Unit::Picture { nals, .. }) = scene.units.last() else {
        panic!("a picture is last");
    };
    assert_eq!(nals.len(), 3);
    let sets = Unit::ParameterSets {
        layer: 0,
        sps: vec![h264::sps(66, 1_280, 720)],
        pps: vec![h264::pps()],
    };
    assert_eq!(scene.units.first(), Some(&sets));
}

#[test]
fn t50_what_comes_without_a_picture_is_kept_for_the_next_one_within_a_bound() {
    let mut scene = Scene::begun();
    let message = |bytes: usize| Bytes::from([vec![0x06, 5], vec![0xaa; bytes]].concat());
    scene.picture(0, 10, 0, &[message(100)]).unwrap();
    for at in 1..40 {
        scene.picture(0, 10, 0, &[message(5_000 + at)]).unwrap();
        scene.pass(100);
    }
    scene.p(0, 33).unwrap();
    let Some(Unit::Picture { nals, .. }) = scene.units.last() else {
        panic!("a picture is last");
    };
    assert_eq!(nals.first(), Some(&message(100)));
    assert_eq!(nals.last(), Some(&h264::p_slice()));
    let bytes: usize = nals.iter().map(Bytes::len).sum();
    assert!((60_000..66_000).contains(&bytes), "{bytes}");
    scene.p(0, 67).unwrap();
    let Some(Unit::Picture { nals, .. }) = scene.units.last() else {
        panic!("a picture is last");
    };
    assert_eq!(nals.len(), 1);
}

#[test]
fn lengths_of_one_and_two_bytes_are_read() {
    for length_bytes in [1, 2] {
        let mut scene = Scene::new();
        scene.configure_audio().unwrap();
        let record = h264::record(length_bytes, &[h264::sps(77, 640, 360)], &[h264::pps()]);
        scene
            .video(Video::AvcConfig { track: 0, record }, 0)
            .unwrap();
        let nals = h264::lengthed(usize::from(length_bytes), &[h264::idr()]);
        let video = Video::Avc {
            track: 0,
            composition_ms: 0,
            is_key: true,
            nals,
        };
        scene.video(video, 0).unwrap();
        assert_eq!(scene.pictures(), [(0, true, FIRST)]);
    }
}

#[test]
fn r21_another_sequence_header_takes_over_at_its_key_frame() {
    let mut scene = Scene::begun();
    scene.p(0, 33).unwrap();
    scene.units.clear();
    // The same again is no change.
    scene
        .configure_video(0, &h264::sps(66, 1_280, 720))
        .unwrap();
    scene.p(0, 67).unwrap();
    assert_eq!(scene.pictures(), [(0, false, FIRST + 67)]);
    scene.units.clear();
    let other = h264::sps(100, 640, 360);
    scene.configure_video(0, &other).unwrap();
    assert!(
        matches!(&scene.units[..], [Unit::ParameterSets { layer: 0, sps, .. }] if *sps == [other])
    );
    // What still refers to pictures of before is of no use.
    scene.p(0, 100).unwrap();
    scene.key(0, 133).unwrap();
    scene.p(0, 167).unwrap();
    assert_eq!(
        scene.pictures(),
        [(0, true, FIRST + 133), (0, false, FIRST + 167)]
    );
    let figures = scene.stream.figures(scene.now);
    assert_eq!((figures.video.width, figures.video.height), (640, 360));
    assert_eq!(figures.video.codec, "avc1.64001f");
    assert_eq!(figures.video.dropped, 1);
}

#[test]
fn parameter_sets_in_band_are_enough() {
    let mut scene = Scene::new();
    scene.configure_audio().unwrap();
    let record = h264::record(4, &[], &[]);
    scene
        .video(Video::AvcConfig { track: 0, record }, 0)
        .unwrap();
    // A key frame without them is none.
    scene.key(0, 0).unwrap();
    scene.p(0, 33).unwrap();
    assert!(!scene.stream.is_ready());
    let sets = [h264::sps(66, 1_280, 720), h264::pps()];
    scene
        .picture(0, 67, 0, &[sets[0].clone(), sets[1].clone(), h264::idr()])
        .unwrap();
    assert!(scene.stream.is_ready());
    assert_eq!(scene.pictures(), [(0, true, FIRST + 67)]);
    // In a message by themselves they come with the next picture.
    scene.picture(0, 100, 0, &sets).unwrap();
    scene.key(0, 133).unwrap();
    assert!(
        matches!(scene.units.last(), Some(Unit::Picture { nals, .. }) if nals[..2] == sets && nals.len() == 3)
    );
    assert_eq!(scene.stream.figures(scene.now).video.dropped, 2);
}

#[test]
fn parameter_sets_in_band_are_held_to_the_limits() {
    let mut scene = Scene::begun();
    let violation = scene
        .picture(
            0,
            33,
            0,
            &[h264::sps(66, 1_920, 1_080), h264::pps(), h264::idr()],
        )
        .unwrap_err();
    assert_eq!(violation.code, ErrorCode::ResolutionExceeded);
}

#[test]
fn pictures_before_the_first_key_frame_are_left_out() {
    let mut scene = Scene::new();
    scene.configure_audio().unwrap();
    scene
        .configure_video(0, &h264::sps(66, 1_280, 720))
        .unwrap();
    for at_ms in [0, 33, 67] {
        scene.p(0, at_ms).unwrap();
    }
    assert!(!scene.stream.is_ready());
    scene.key(0, 100).unwrap();
    assert_eq!(scene.pictures(), [(0, true, FIRST + 100)]);
    assert_eq!(scene.stream.figures(scene.now).video.dropped, 3);
}

#[test]
fn empty_messages_and_ends_of_sequences_are_nothing() {
    let mut scene = Scene::begun();
    let empty = Video::Avc {
        track: 0,
        composition_ms: 0,
        is_key: true,
        nals: Bytes::new(),
    };
    scene.video(empty, 20).unwrap();
    let hollow = Video::Avc {
        track: 0,
        composition_ms: 0,
        is_key: true,
        nals: Bytes::from_static(&[0; 8]),
    };
    scene.video(hollow, 20).unwrap();
    scene.video(Video::EndOfSequence { track: 0 }, 20).unwrap();
    scene.audio(Audio::EndOfSequence, 20).unwrap();
    scene.audio(Audio::Aac(Bytes::new()), 20).unwrap();
    scene.p(0, 33).unwrap();
    assert_eq!(scene.pictures(), [(0, true, FIRST), (0, false, FIRST + 33)]);
}

#[test]
fn two_pictures_never_have_one_time() {
    let mut scene = Scene::begun();
    for at_ms in [0, 0, 30, 10, 40] {
        scene.p(0, at_ms).unwrap();
    }
    let times: Vec<_> = scene
        .pictures()
        .iter()
        .map(|picture| picture.2 - FIRST)
        .collect();
    assert_eq!(times, [0, 1, 2, 30, 31, 40]);
}

#[test]
fn r22_b_slices_are_refused() {
    let mut scene = Scene::begun();
    let violation = scene.picture(0, 33, 0, &[h264::b_slice()]).unwrap_err();
    assert_eq!(violation.code, ErrorCode::BFramePresent);
    assert_eq!(
        violation.what,
        "the video has B-frames, which no viewer can be sent; set the number of B-frames to 0"
    );
}

#[test]
fn r22_pictures_that_are_presented_in_another_order_are_refused() {
    // Decoded and composition times of a stream with B-frames that its slices do not show, at 30 pictures a second.
    for order in [
        [(0, 67), (33, 133), (67, 33)],
        [(0, 0), (33, 67), (67, -33)],
        [(0, -67), (33, 0), (67, -67)],
    ] {
        let mut scene = Scene::begun();
        let mut result = Ok(());
        for (at_ms, composition_ms) in order {
            result = result
                .and_then(|()| scene.picture(0, at_ms + 33, composition_ms, &[h264::p_slice()]));
        }
        assert_eq!(
            result.unwrap_err().code,
            ErrorCode::BFramePresent,
            "{order:?}"
        );
    }
}

#[test]
fn r22_composition_times_that_keep_the_order_move_presentation() {
    // Constant ones, negative ones, and ones that are rounded each by itself.
    for composition in [[67, 67, 67], [-40, -40, -40], [66, 67, 66], [0, 40, 10]] {
        let mut scene = Scene::begun();
        let mut expected = vec![FIRST];
        for (index, composition_ms) in composition.into_iter().enumerate() {
            let at_ms = 200 + 33 * u64::try_from(index).unwrap();
            scene
                .picture(0, at_ms, composition_ms, &[h264::p_slice()])
                .unwrap();
            expected.push(
                u128::try_from(i64::try_from(at_ms).unwrap() + i64::from(composition_ms) + 1_000)
                    .unwrap(),
            );
        }
        let times: Vec<_> = scene.pictures().iter().map(|picture| picture.2).collect();
        assert_eq!(times, expected, "{composition:?}");
    }
}

#[test]
fn r22_composition_times_without_any_sense_are_refused() {
    // The ends of 24 bits with a sign.
    for composition_ms in [8_388_607, -8_388_608, 10_001, -10_001] {
        let mut scene = Scene::begun();
        let violation = scene
            .picture(0, 33, composition_ms, &[h264::p_slice()])
            .unwrap_err();
        assert_eq!(violation.code, ErrorCode::InvalidInput);
        assert!(
            violation.what.ends_with("10000 ms are the most"),
            "{}",
            violation.what
        );
    }
}

#[test]
fn r25_other_codecs_are_refused_by_name() {
    let table = [
        (VideoCodec::FourCc(*b"hvc1"), "H.265"),
        (VideoCodec::FourCc(*b"av01"), "AV1"),
        (VideoCodec::FourCc(*b"vp09"), "VP9"),
        (VideoCodec::Flv(2), "Sorenson H.263"),
    ];
    for (codec, name) in table {
        let violation = Scene::new()
            .video(Video::Other { track: 0, codec }, 0)
            .unwrap_err();
        assert_eq!(violation.code, ErrorCode::InvalidVideoCodec);
        assert_eq!(
            violation.what,
            format!("the video is {name}, and only H.264 is taken")
        );
    }
    for (codec, name) in [
        (AudioCodec::Flv(2), "MP3"),
        (AudioCodec::Flv(11), "Speex"),
        (AudioCodec::FourCc(*b"Opus"), "Opus"),
    ] {
        let violation = Scene::new().audio(Audio::Other { codec }, 0).unwrap_err();
        assert_eq!(violation.code, ErrorCode::InvalidAudioCodec);
        assert_eq!(
            violation.what,
            format!("the audio is {name}, and only AAC-LC is taken")
        );
    }
}

#[test]
fn r26_resolution_is_judged_by_area() {
    for (width, height) in [(1_280, 720), (720, 1_280), (960, 960), (160, 160)] {
        Scene::new()
            .configure_video(0, &h264::sps(66, width, height))
            .unwrap();
    }
    for (width, height) in [(1_282, 720), (1_280, 722), (1_920, 1_080), (4_096, 2_304)] {
        let violation = Scene::new()
            .configure_video(0, &h264::sps(100, width, height))
            .unwrap_err();
        assert_eq!(violation.code, ErrorCode::ResolutionExceeded);
        let expected = format!(
            "the video is {width} x {height} = {} pixels, and 921600 are the most (1280 x 720)",
            width * height
        );
        assert_eq!(violation.what, expected);
    }
}

#[test]
fn r26_profiles_that_no_viewer_decodes_are_refused() {
    for (profile, name) in [
        (110, "High 10"),
        (122, "High 4:2:2"),
        (244, "High 4:4:4 Predictive"),
    ] {
        let violation = Scene::new()
            .configure_video(0, &h264::sps(profile, 640, 360))
            .unwrap_err();
        assert_eq!(violation.code, ErrorCode::InvalidVideoCodec);
        assert!(violation.what.contains(name), "{}", violation.what);
    }
    for profile in [66, 77, 88, 100] {
        Scene::new()
            .configure_video(0, &h264::sps(profile, 640, 360))
            .unwrap();
    }
}

#[test]
fn malformed_video_ends_the_stream_with_a_reason() {
    let configure = |record: Bytes| {
        Scene::new()
            .video(Video::AvcConfig { track: 0, record }, 0)
            .unwrap_err()
    };
    for record in [
        Bytes::from_static(b"\x01"),
        h264::record(3, &[h264::sps(66, 640, 360)], &[h264::pps()]),
        h264::record(4, &[h264::pps()], &[h264::pps()]),
        h264::record(4, &[h264::sps(66, 640, 360)], &[h264::sps(66, 640, 360)]),
        h264::record(4, &[Bytes::from_static(&[0x67, 66, 0])], &[h264::pps()]),
    ] {
        let violation = configure(record);
        assert_eq!(violation.code, ErrorCode::InvalidInput);
        assert_eq!(
            violation.what,
            "the video has a configuration record that is malformed"
        );
    }
    let picture = |nals: &'static [u8]| {
        let video = Video::Avc {
            track: 0,
            composition_ms: 0,
            is_key: false,
            nals: Bytes::from_static(nals),
        };
        Scene::begun().video(video, 33).unwrap_err()
    };
    let violation = picture(&[0, 0, 1, 0, 0x41]);
    assert_eq!(
        violation.what,
        "the video has a NAL unit that is longer than its picture"
    );
    // The forbidden bit, and a slice that ends in its header.
    for nals in [&[0, 0, 0, 2, 0xc1, 0x9a][..], &[0, 0, 0, 1, 0x41]] {
        assert_eq!(
            picture(nals).what,
            "the video has a NAL unit that is malformed"
        );
    }
}

#[test]
fn an_encoder_that_sends_no_second_key_frame_is_told_by_its_interval() {
    let mut scene = Scene::begun();
    let interval = |scene: &Scene| scene.stream.figures(scene.now).video.key_frame_interval_ms;
    for second in 1..=9 {
        scene.pass(1_000);
        scene.p(0, second * 1_000).unwrap();
        let told = if second > 2 { second * 1_000 } else { 0 };
        assert_eq!(u64::from(interval(&scene)), told);
    }
    scene.pass(1_000);
    scene.key(0, 10_000).unwrap();
    assert_eq!(interval(&scene), 10_000);
    scene.pass(1_000);
    scene.p(0, 11_000).unwrap();
    assert_eq!(interval(&scene), 10_000);
}
