//! What becomes of a stream.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ingest::Limits;
use model::{ConnectionId, ErrorCode, EventName, Now};
use sfu::Sfu;
use stage::Input;

use crate::encoder::Encoder;
use crate::scene::{KEY, PATIENCE, Scene, configuration, now, participant, stage_arn, until};

fn hasty() -> Limits {
    Limits {
        media_timeout: Duration::from_millis(300),
        liveness_timeout: Duration::from_millis(600),
        ..Limits::default()
    }
}

#[tokio::test]
async fn media_flows_from_the_key_frame_on_and_the_stage_is_told() {
    let scene = Scene::new();
    let mut encoder = Encoder::published(scene.rtmp, KEY).await;
    assert_eq!(scene.events(&participant('a')), [(EventName::Joined, None)]);
    encoder.begin().await;
    encoder.group().await;
    scene
        .until_event(&participant('a'), EventName::PublishStarted)
        .await;
    let lines = scene.outlets.begun();
    assert_eq!(lines.len(), 1);
    let (stage, description) = lines[0].begun.lock().unwrap().clone().unwrap();
    assert_eq!(stage, stage_arn());
    assert!(description.audio);
    assert_eq!(description.video.len(), 1);
    until(|| lines[0].sent.load(Ordering::Relaxed) >= 6).await;

    let report = scene.ingest.report();
    let stream = &report.configurations[0].streams[0];
    assert_eq!(stream.participant, participant('a'));
    assert_eq!(stream.encoder, "encoder of a test");
    assert!(stream.is_active_leg);
    drop(encoder);
    scene.until_event(&participant('a'), EventName::Left).await;
    until(|| scene.ingest.report().configurations.is_empty()).await;
}

#[tokio::test]
async fn r24_a_stream_without_sound_or_without_pictures_is_cut_off() {
    for has_audio in [true, false] {
        let scene = Scene::with(hasty());
        let mut encoder = Encoder::published(scene.rtmp, KEY).await;
        if has_audio {
            encoder.begin_audio();
            encoder.audio();
        } else {
            encoder.begin_video();
            encoder.picture(true);
        }
        encoder.flush().await;
        let reason = encoder.reason().await;
        assert!(reason.starts_with("INVALID_INPUT: "), "{reason}");
        let error = (EventName::PublishError, Some(ErrorCode::InvalidInput));
        until(|| scene.events(&participant('a')).contains(&error)).await;
    }
}

#[tokio::test]
async fn an_encoder_speaks_while_its_sound_is_loud() {
    let scene = Scene::new();
    let mut encoder = Encoder::published(scene.rtmp, KEY).await;
    encoder.begin().await;
    encoder.group().await;
    encoder.tone(100).await;
    until(|| {
        let begun = scene.outlets.begun();
        begun
            .first()
            .is_some_and(|line| line.sent.load(Ordering::Relaxed) >= 180)
    })
    .await;
    let line = scene.outlets.begun().remove(0);
    let (_, description) = line.begun.lock().unwrap().clone().unwrap();
    let packets = std::mem::take(&mut *line.packets.lock().unwrap());
    // What has gone to the media plane, as that takes it.
    let mut sfu = Sfu::new(sfu::Settings::default());
    let (connection, begin) = (ConnectionId(7), now());
    let inlet = sfu::Input::Inlet {
        connection,
        description,
    };
    sfu.handle(inlet, begin);
    for packets in packets {
        let input = sfu::Input::InletPackets {
            connection,
            packets,
        };
        sfu.handle(input, now());
    }
    let mut voices = Vec::new();
    for after in [Duration::ZERO, Duration::from_secs(2)] {
        let now = now();
        sfu.handle_timeout(Now {
            mono: now.mono + after,
            ..now
        });
        while let Some(output) = sfu.poll_output() {
            if let sfu::Output::Voice {
                is_speaking, level, ..
            } = output
            {
                voices.push((is_speaking, (8..=10).contains(&level)));
            }
        }
    }
    assert_eq!(voices, [(true, true), (false, true)]);
}

#[tokio::test]
async fn what_was_held_until_the_sound_came_goes_on_in_few_parts() {
    let scene = Scene::new();
    let mut encoder = Encoder::published(scene.rtmp, KEY).await;
    encoder.begin_video();
    for number in 0..400 {
        encoder.picture(number == 0);
        encoder.pass();
    }
    encoder.begin_audio();
    encoder.audio();
    encoder.flush().await;
    until(|| !scene.outlets.begun().is_empty()).await;
    let line = scene.outlets.begun().remove(0);
    until(|| line.sent.load(Ordering::Relaxed) >= 400).await;
    let parts = line.packets.lock().unwrap().len();
    assert!(parts <= 20, "{parts}");
}

#[tokio::test]
async fn r24_sound_may_come_later_than_pictures() {
    let scene = Scene::new();
    let mut encoder = Encoder::published(scene.rtmp, KEY).await;
    encoder.begin_video();
    for number in 0..5 {
        encoder.picture(number == 0);
        encoder.pass();
    }
    encoder.begin_audio();
    encoder.audio();
    encoder.group().await;
    scene
        .until_event(&participant('a'), EventName::PublishStarted)
        .await;
}

#[tokio::test]
async fn a_broken_rule_is_told_to_the_encoder_the_stage_and_the_operator() {
    let scene = Scene::new();
    let mut encoder = Encoder::published(scene.rtmp, KEY).await;
    encoder.begin().await;
    encoder.group().await;
    encoder.other_video();
    encoder.flush().await;
    let reason = encoder.reason().await;
    assert!(reason.starts_with("INVALID_VIDEO_CODEC: "), "{reason}");
    until(|| {
        let error = (EventName::PublishError, Some(ErrorCode::InvalidVideoCodec));
        scene.events(&participant('a')).contains(&error)
    })
    .await;
    let report = scene.ingest.report();
    let last = report.configurations[0].last_refusal.as_ref().unwrap();
    assert_eq!(last.code, "INVALID_VIDEO_CODEC");
    assert_eq!(scene.refusals("INVALID_VIDEO_CODEC"), 1);
}

#[tokio::test]
async fn an_encoder_that_falls_silent_is_gone_and_its_key_is_free() {
    let scene = Scene::with(hasty());
    let mut encoder = Encoder::published(scene.rtmp, KEY).await;
    encoder.begin().await;
    encoder.group().await;
    let reason = encoder.reason().await;
    assert!(
        reason.starts_with("TIMED_OUT: nothing has come"),
        "{reason}"
    );
    scene.until_event(&participant('a'), EventName::Left).await;
    Encoder::published(scene.rtmp, KEY).await;
}

#[tokio::test]
async fn what_the_stage_closes_is_told_why_and_is_not_refused() {
    let detached = Input::IngestDetached {
        configuration: configuration().arn,
        unless: None,
    };
    let deleted = Input::StageDeleted { stage: stage_arn() };
    for (input, expected, is_remembered) in [
        (detached, "the participant has been disconnected", true),
        (deleted, "the stage has been deleted", true),
        (Input::Shutdown, "the server ends the stream", false),
    ] {
        let scene = Scene::new();
        let mut encoder = Encoder::published(scene.rtmp, KEY).await;
        encoder.begin().await;
        encoder.group().await;
        scene
            .until_event(&participant('a'), EventName::PublishStarted)
            .await;
        scene.tell(input).await;
        let reason = encoder.reason().await;
        let expected = format!("DISCONNECTED: {expected}");
        assert!(reason.starts_with(&expected), "{reason}");
        let refusals = scene.ingest.counters().refusals;
        assert!(refusals.iter().all(|(_, count)| *count == 0));
        let report = scene.ingest.report();
        let last = report
            .configurations
            .iter()
            .find_map(|one| one.last_refusal.as_ref());
        let told = last.map(|last| format!("{}: {}", last.code, last.what));
        assert_eq!(told, is_remembered.then_some(reason));
    }
}

#[tokio::test]
async fn a_stream_that_the_stage_closes_as_it_begins_is_told_that() {
    let scene = Scene::new();
    let mut encoder = Encoder::published(scene.rtmp, KEY).await;
    scene
        .outlets
        .is_closed_at_begin
        .store(true, Ordering::Relaxed);
    encoder.begin().await;
    encoder.group().await;
    let reason = encoder.reason().await;
    assert!(
        reason.starts_with("DISCONNECTED: the participant"),
        "{reason}"
    );
    assert_eq!(scene.refusals("UNAVAILABLE"), 0);
}

#[tokio::test]
async fn a_panic_ends_the_connection_that_it_is_in_and_no_other() {
    let scene = Scene::new();
    let mut encoder = Encoder::published(scene.rtmp, KEY).await;
    encoder.begin().await;
    scene.outlets.is_broken.store(true, Ordering::Relaxed);
    encoder.group().await;
    assert_eq!(encoder.event().await, None);
    until(|| scene.ingest.counters().panics == 1).await;
    scene.until_event(&participant('a'), EventName::Left).await;
    scene.outlets.is_broken.store(false, Ordering::Relaxed);
    let mut encoder = Encoder::published(scene.rtmp, KEY).await;
    encoder.begin().await;
    encoder.group().await;
    scene
        .until_event(&participant('a'), EventName::PublishStarted)
        .await;
}

#[tokio::test]
async fn the_end_of_the_doors_ends_everybody() {
    let scene = Scene::new();
    let mut encoder = Encoder::published(scene.rtmp, KEY).await;
    encoder.begin().await;
    encoder.group().await;
    let idle = tokio::net::TcpStream::connect(scene.rtmp).await.unwrap();
    until(|| scene.ingest.counters().connections == 2).await;
    let reason = encoder.reason();
    let ((), reason) = tokio::join!(scene.ingest.shutdown(), reason);
    assert!(reason.starts_with("DISCONNECTED: "), "{reason}");
    let refusals = scene.ingest.counters().refusals;
    assert!(refusals.iter().all(|(_, count)| *count == 0));
    assert_eq!(scene.ingest.counters().connections, 0);
    assert!(tokio::net::TcpStream::connect(scene.rtmp).await.is_err());
    drop(idle);
}

#[tokio::test]
async fn a_door_that_shuts_by_itself_is_noticed() {
    let scene = Scene::new();
    scene.is_clock_broken.store(true, Ordering::Relaxed);
    let _visitor = tokio::net::TcpStream::connect(scene.rtmp).await.unwrap();
    let failed = tokio::time::timeout(PATIENCE, scene.ingest.failed());
    failed.await.expect("it is noticed");

    let scene = Scene::new();
    scene.ingest.shutdown().await;
    let failed = scene.ingest.failed();
    tokio::select! {
        biased;
        () = failed => panic!("doors that are shut on purpose have not failed"),
        () = std::future::ready(()) => {}
    }
}
