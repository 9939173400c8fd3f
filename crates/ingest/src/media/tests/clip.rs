//! What FFmpeg with x264 and its own AAC encoder writes, message by message.

use bytes::Bytes;
use model::ErrorCode;
use rtmp::flv::{Audio, Video};

use super::super::Violation;
use super::scene::Scene;

/// Sends a file of FLV at its own pace.
fn send(file: &'static [u8]) -> (Scene, Result<(), Violation>) {
    const AUDIO: u8 = 8;
    const VIDEO: u8 = 9;
    let mut scene = Scene::new();
    // The header, and the length of no tag.
    let mut rest = Bytes::from_static(file).slice(13..);
    let mut now_ms = 0;
    while !rest.is_empty() {
        let size = usize::from(rest[1]) << 16 | usize::from(rest[2]) << 8 | usize::from(rest[3]);
        let at_ms = u64::from(rest[4]) << 16 | u64::from(rest[5]) << 8 | u64::from(rest[6]);
        let body = rest.slice(11..11 + size);
        scene.pass(at_ms.saturating_sub(now_ms));
        now_ms = now_ms.max(at_ms);
        let result = match rest[0] {
            AUDIO => Audio::read(&body, 3)
                .unwrap()
                .into_iter()
                .try_for_each(|tag| scene.audio(tag, at_ms)),
            VIDEO => Video::read(&body, 3)
                .unwrap()
                .into_iter()
                .try_for_each(|tag| scene.video(tag, at_ms)),
            _ => Ok(()),
        };
        if result.is_err() {
            return (scene, result);
        }
        rest = rest.slice(11 + size + 4..);
    }
    (scene, Ok(()))
}

#[test]
fn a_clip_comes_out_whole_and_in_step() {
    let (scene, result) = send(include_bytes!("../../../fixtures/x264.flv"));
    result.unwrap();
    let pictures = scene.pictures();
    let keys: Vec<_> = pictures.iter().map(|picture| picture.1).collect();
    let mut expected = [false; 15];
    (expected[0], expected[10]) = (true, true);
    assert_eq!(keys, expected);
    let steps: Vec<_> = pictures
        .windows(2)
        .map(|pair| pair[1].2 - pair[0].2)
        .collect();
    assert_eq!(steps, [100; 14]);
    let packets = scene.packets();
    // FFmpeg writes one frame more than there is sound; the last packet is under way.
    assert!((73..=77).contains(&packets.len()), "{}", packets.len());
    assert!(
        packets
            .windows(2)
            .all(|pair| pair[1].saturating_sub(pair[0]).as_micros() == 20_000)
    );
    let figures = scene.stream.figures(scene.now);
    assert_eq!((figures.video.width, figures.video.height), (320, 180));
    assert_eq!(figures.video.key_frame_interval_ms, 1_000);
    assert_eq!(
        (figures.audio.sample_rate, figures.audio.channels),
        (44_100, 1)
    );
    assert_eq!(
        (
            figures.audio.concealed,
            figures.audio.gaps,
            figures.audio.overlaps
        ),
        (0, 0, 0)
    );
}

#[test]
fn r22_what_x264_does_by_itself_has_b_frames() {
    let (scene, result) = send(include_bytes!("../../../fixtures/x264-b-frames.flv"));
    assert_eq!(result.unwrap_err().code, ErrorCode::BFramePresent);
    assert!(scene.pictures().len() <= 2);
}
