//! What ends a stream, or is not kept of it: how much comes, how fast, and how often it changes.

use bytes::Bytes;
use model::ErrorCode;
use rtmp::flv::Audio;
use sfu::Room;

use super::super::{Limits, Violation};
use super::fixture;
use super::h264;
use super::scene::Scene;

const FIRST: u128 = 1_000;

/// A key frame and nine pictures of 3,000 bytes before the sound, which are more than is held, and another key frame after it.
fn is_lost_before_the_sound(mut scene: Scene) {
    scene
        .configure_video(0, &h264::sps(66, 1_280, 720))
        .unwrap();
    scene.key(0, 0).unwrap();
    let mut large = h264::p_slice().to_vec();
    large.resize(3_000, 0x55);
    for picture in 1..10 {
        scene
            .picture(0, picture * 33, 0, &[large.clone().into()])
            .unwrap();
    }
    // All of it is of no use without the rest, so the next key frame is waited for.
    scene.configure_audio().unwrap();
    assert!(!scene.stream.is_ready());
    scene.key(0, 400).unwrap();
    assert_eq!(scene.pictures(), [(0, true, FIRST + 400)]);
}

#[test]
fn what_is_held_until_the_stream_begins_has_a_bound() {
    is_lost_before_the_sound(Scene::with(Limits {
        held_bytes_max: 10_000,
        ..Limits::default()
    }));
}

#[test]
fn what_streams_hold_together_has_a_bound_which_those_that_have_begun_leave_to_others() {
    let limits = Limits {
        held: Room::new(20_000),
        ..Limits::default()
    };
    let mut other = Scene::with(limits.clone());
    is_lost_before_the_sound(Scene::with(limits.clone()));
    other.configure_audio().unwrap();
    other
        .configure_video(0, &h264::sps(66, 1_280, 720))
        .unwrap();
    other.key(0, 0).unwrap();
    assert!(other.stream.is_ready());
    assert_eq!(limits.held.share().bytes(), 20_000);
}

#[test]
fn a_stream_of_the_highest_bitrate_is_held_for_as_long_as_its_sound_may_be_missing() {
    let mut scene = Scene::new();
    scene
        .configure_video(0, &h264::sps(66, 1_280, 720))
        .unwrap();
    scene.key(0, 0).unwrap();
    let mut large = h264::p_slice().to_vec();
    large.resize(34_000, 0x55);
    let large = Bytes::from(large);
    for picture in 1..300 {
        scene.pass(33);
        scene
            .picture(0, picture * 33, 0, std::slice::from_ref(&large))
            .unwrap();
    }
    scene.configure_audio().unwrap();
    assert_eq!(scene.pictures().len(), 300);
}

/// Sends pictures of a size on some tracks, 30 a second, for some seconds.
fn send(scene: &mut Scene, tracks: &[u8], bytes: usize, seconds: u64) -> Result<(), Violation> {
    let mut picture = h264::p_slice().to_vec();
    picture.resize(bytes - 4, 0x55);
    for index in 1..=seconds * 30 {
        scene.pass(33);
        for track in tracks {
            scene.picture(*track, index * 100 / 3, 0, &[picture.clone().into()])?;
        }
    }
    Ok(())
}

#[test]
fn r26_bitrate_is_judged_over_two_seconds_and_all_tracks() {
    // 8.4 Mbit/s passes and 8.6 does not.
    send(&mut Scene::begun(), &[0], 8_400_000 / 8 / 30, 6).unwrap();
    let violation = send(&mut Scene::begun(), &[0], 8_700_000 / 8 / 30, 6).unwrap_err();
    assert_eq!(violation.code, ErrorCode::BitrateExceeded);
    assert!(
        violation
            .what
            .ends_with("bit/s came over two seconds, and 8500000 are the most"),
        "{}",
        violation.what
    );
    let simulcast = || {
        let mut scene = Scene::new();
        scene.configure_audio().unwrap();
        for track in [0, 1] {
            scene
                .configure_video(track, &h264::sps(66, 640, 360))
                .unwrap();
        }
        scene.key(0, 0).unwrap();
        scene.key(1, 0).unwrap();
        scene
    };
    send(&mut simulcast(), &[0, 1], 4_200_000 / 8 / 30, 6).unwrap();
    let violation = send(&mut simulcast(), &[0, 1], 4_400_000 / 8 / 30, 6).unwrap_err();
    assert_eq!(violation.code, ErrorCode::BitrateExceeded);
}

#[test]
fn a_large_key_frame_is_no_bitrate() {
    let mut scene = Scene::begun();
    let mut key = h264::idr().to_vec();
    key.resize(1_000_000, 0x55);
    scene.picture(0, 33, 0, &[key.into()]).unwrap();
    send(&mut scene, &[0], 1_000, 2).unwrap();
}

#[test]
fn what_a_network_held_back_is_no_bitrate() {
    let mut scene = Scene::begun();
    // Ten seconds of 6 Mbit/s at once.
    scene.pass(10_000);
    let mut picture = h264::p_slice().to_vec();
    picture.resize(6_000_000 / 8 / 30, 0x55);
    for index in 1..300 {
        scene
            .picture(0, index * 100 / 3, 0, &[picture.clone().into()])
            .unwrap();
    }
}

#[test]
fn timestamps_cannot_hide_a_bitrate() {
    let mut scene = Scene::begun();
    let mut picture = h264::p_slice().to_vec();
    picture.resize(100_000, 0x55);
    // 24 Mbit/s, a second apart by their timestamps.
    let result = (1..600).try_for_each(|index| {
        scene.pass(33);
        scene.picture(0, index * 1_000, 0, &[picture.clone().into()])
    });
    let violation = result.unwrap_err();
    assert_eq!(violation.code, ErrorCode::BitrateExceeded);
    assert!(
        violation
            .what
            .starts_with("the stream comes faster than its timestamps say"),
        "{}",
        violation.what
    );
}

#[test]
fn media_faster_than_it_plays_is_refused() {
    // The smallest frames and pictures there are, with sound timestamps, all at once: some thousand bit/s by these.
    let mut scene = Scene::begun();
    let silence = fixture::beep_48000_stereo().frames[2].clone();
    let result = (0..10_000).try_for_each(|number| {
        let at_ms = u64::try_from(scene.aac.ms(number)).unwrap();
        scene.audio(Audio::Aac(silence.clone()), at_ms)
    });
    let violation = result.unwrap_err();
    assert_eq!(violation.code, ErrorCode::InvalidInput);
    assert!(
        violation.what.contains("send it in real time"),
        "{}",
        violation.what
    );
    // 12 s of it are let through, as after a pause of the network.
    assert_eq!(scene.stream.figures(scene.now).audio.frames, 59 * 12);
    let mut scene = Scene::begun();
    let result = (1..10_000).try_for_each(|number| scene.p(0, number * 33));
    assert_eq!(result.unwrap_err().code, ErrorCode::InvalidInput);
}

#[test]
fn configurations_that_change_all_the_time_are_refused() {
    let mut scene = Scene::begun();
    let result = (0..100).try_for_each(|number| {
        scene.aac = if number % 2 == 0 {
            fixture::tone_44100_stereo()
        } else {
            fixture::tone_48000_mono()
        };
        scene.pass(100);
        scene.configure_audio()
    });
    let violation = result.unwrap_err();
    assert_eq!(violation.code, ErrorCode::InvalidInput);
    assert_eq!(
        violation.what,
        "the configuration of audio or video changes more than once a second"
    );
    // One that is only repeated is no change.
    let mut scene = Scene::begun();
    for _ in 0..100 {
        scene.configure_audio().unwrap();
        scene
            .configure_video(0, &h264::sps(66, 1_280, 720))
            .unwrap();
    }
}
