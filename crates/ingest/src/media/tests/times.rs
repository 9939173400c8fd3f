//! A stream's line of time, which is one for audio and video.

use std::time::Duration;

use super::scene::Scene;

#[test]
fn a_clock_that_is_set_back_or_leaps_leaves_audio_and_video_together() {
    for leap_ms in [0, 3_600_000, 4_294_960_000] {
        let mut scene = Scene::begun();
        let stream_ms = |at_ms: u64| match at_ms.checked_sub(2_000) {
            None => 100_000 + at_ms,
            Some(after_ms) => leap_ms + after_ms,
        };
        let mut number = 0;
        for picture in 0..120 {
            let at_ms = picture * 100 / 3;
            scene.p(0, stream_ms(at_ms)).unwrap();
            while let Some(audio_ms) = u64::try_from(scene.aac.ms(number))
                .ok()
                .filter(|audio_ms| *audio_ms <= at_ms)
            {
                scene.frame(number, stream_ms(audio_ms)).unwrap();
                number += 1;
            }
            scene.pass(33);
        }
        let pictures: Vec<_> = scene.pictures().iter().map(|picture| picture.2).collect();
        let steps = pictures
            .windows(2)
            .map(|pair| pair[1].checked_sub(pair[0]).unwrap());
        let largest = steps.max().unwrap();
        assert!(largest < 60, "{largest} ms between pictures");
        let packets = scene.packets();
        let steps = packets
            .windows(2)
            .map(|pair| pair[1].checked_sub(pair[0]).unwrap());
        let largest = steps.max().unwrap();
        assert!(
            largest < Duration::from_millis(60),
            "{largest:?} between packets"
        );
        // Both end where they do in the encoder: the last 20 ms and the delay of codecs are under way.
        let video = Duration::from_millis(u64::try_from(*pictures.last().unwrap()).unwrap());
        let audio = *packets.last().unwrap();
        assert!(
            video.abs_diff(audio) < Duration::from_millis(50),
            "{video:?} and {audio:?}"
        );
    }
}

#[test]
fn messages_of_before_a_leap_that_come_after_it_keep_their_place() {
    let mut scene = Scene::begun();
    scene.p(0, 50_000).unwrap();
    scene.pass(33);
    scene.p(0, 50_033).unwrap();
    scene.frame(0, 50_000).unwrap();
    // The video has leapt already when the last audio of before comes.
    scene.pass(33);
    scene.p(0, 10).unwrap();
    let before = scene.stream.figures(scene.now).audio;
    for (number, at_ms) in [(1, 50_021), (2, 50_043), (3, 10), (4, 31)] {
        scene.frame(number, at_ms).unwrap();
    }
    let after = scene.stream.figures(scene.now).audio;
    assert_eq!(after.frames - before.frames, 4);
    assert_eq!((after.gaps, after.overlaps), (0, 0));
}

#[test]
fn bursts_change_nothing() {
    // The same stream, steady and in bursts of two seconds.
    let mut units = Vec::new();
    for is_burst in [false, true] {
        let mut scene = Scene::begun();
        for number in 0..400 {
            let at_ms = u64::try_from(scene.aac.ms(number)).unwrap();
            scene.frame(number, at_ms).unwrap();
            match (is_burst, number % 100) {
                (false, _) => scene.pass(21),
                (true, 99) => scene.pass(2_100),
                (true, _) => {}
            }
        }
        units.push(scene.units);
    }
    assert_eq!(units[0], units[1]);
}
