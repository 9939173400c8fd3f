//! Who may publish.

use std::time::Duration;

use ingest::Limits;
use model::{ErrorCode, EventName, IngestConfiguration};

use crate::encoder::{Encoder, target};
use crate::scene::{KEY, OTHER_KEY, Scene, configuration, participant, until};

#[tokio::test]
async fn t53_keys_that_open_nothing_are_refused_with_a_reason_and_without_an_event() {
    let scene = Scene::new();
    let guessed = format!("{}0", &KEY[..KEY.len() - 1]);
    let elsewhere = KEY.replace("abcdefghijkl", "lkjihgfedcba");
    for (key, code) in [
        ("", "INVALID_STREAM_KEY"),
        ("live", "INVALID_STREAM_KEY"),
        (&guessed, "INVALID_STREAM_KEY"),
        (&elsewhere, "INVALID_STREAM_KEY"),
        (OTHER_KEY, "INVALID_STREAM_KEY"),
    ] {
        let reason = Encoder::connect(scene.rtmp, key).await.reason().await;
        assert!(reason.starts_with(code), "{reason}");
    }
    assert_eq!(scene.refusals("INVALID_STREAM_KEY"), 5);
    let report = scene.ingest.report();
    assert_eq!(report.refusals.len(), 5);
    assert!(report.configurations.is_empty());
    assert!(!format!("{report:?}").contains("0011"));
    assert!(scene.events(&participant('a')).is_empty());
}

#[tokio::test]
async fn a_key_without_a_stage_or_for_another_app_is_refused() {
    let scene = Scene::new();
    scene.configure(Some(IngestConfiguration {
        stage: None,
        ..configuration()
    }));
    let reason = Encoder::connect(scene.rtmp, KEY).await.reason().await;
    assert!(reason.starts_with("NOT_ATTACHED: "), "{reason}");
    let report = scene.ingest.report();
    let last = report.configurations[0].last_refusal.as_ref().unwrap();
    assert_eq!(last.code, "NOT_ATTACHED");

    let mut encoder = Encoder::connect_to(scene.rtmp, target("live", KEY)).await;
    let reason = encoder.reason().await;
    assert!(reason.starts_with("INVALID_APP: "), "{reason}");
}

#[tokio::test]
async fn a_key_in_the_path_of_the_app_is_found() {
    let scene = Scene::new();
    let app = format!("app/{KEY}?query=1");
    let mut encoder = Encoder::connect_to(scene.rtmp, target(&app, "")).await;
    assert_eq!(encoder.event().await, Some(rtmp::client::Event::Published));
}

#[tokio::test]
async fn t53_an_address_that_tries_too_many_keys_has_to_wait() {
    let scene = Scene::with(Limits {
        attempts_per_second: 0.001,
        attempts_burst: 2.0,
        ..Limits::default()
    });
    for _ in 0..2 {
        let reason = Encoder::connect(scene.rtmp, OTHER_KEY).await.reason().await;
        assert!(reason.starts_with("INVALID_STREAM_KEY"), "{reason}");
    }
    let reason = Encoder::connect(scene.rtmp, KEY).await.reason().await;
    assert!(reason.starts_with("TOO_MANY_ATTEMPTS"), "{reason}");
}

#[tokio::test]
async fn t54_plain_rtmp_is_refused_where_the_configuration_wants_tls_and_leaves_an_event() {
    let scene = Scene::new();
    scene.configure(Some(IngestConfiguration {
        insecure: false,
        ..configuration()
    }));
    let reason = Encoder::connect(scene.rtmp, KEY).await.reason().await;
    assert!(reason.starts_with("INVALID_PROTOCOL: "), "{reason}");
    let error = (EventName::PublishError, Some(ErrorCode::InvalidProtocol));
    assert!(scene.events(&participant('a')).contains(&error));
    assert_eq!(scene.refusals("INVALID_PROTOCOL"), 1);
}

#[tokio::test]
async fn r28_a_second_publisher_with_the_key_is_refused_and_the_first_goes_on() {
    let scene = Scene::new();
    let mut first = Encoder::published(scene.rtmp, KEY).await;
    first.begin().await;
    first.group().await;
    scene
        .until_event(&participant('a'), EventName::PublishStarted)
        .await;
    let reason = Encoder::connect(scene.rtmp, KEY).await.reason().await;
    assert!(reason.starts_with("REUSE_OF_STREAM_KEY: "), "{reason}");
    let error = (EventName::PublishError, Some(ErrorCode::ReuseOfStreamKey));
    assert_eq!(scene.events(&participant('a')).last(), Some(&error));

    let line = &scene.outlets.begun()[0];
    let sent = line.sent.load(std::sync::atomic::Ordering::Relaxed);
    first.group().await;
    until(|| line.sent.load(std::sync::atomic::Ordering::Relaxed) > sent).await;
}

#[tokio::test]
async fn r29_an_encoder_that_comes_back_at_once_is_the_same_participant() {
    let scene = Scene::new();
    for _ in 0..3 {
        let mut encoder = Encoder::published(scene.rtmp, KEY).await;
        encoder.begin().await;
        encoder.group().await;
        scene
            .until_event(&participant('a'), EventName::PublishStarted)
            .await;
        encoder.end().await;
        scene.until_event(&participant('a'), EventName::Left).await;
    }
    assert_eq!(scene.ingest.counters().streams_total[0].1, 3);
    assert_eq!(scene.refusals("REUSE_OF_STREAM_KEY"), 0);
}

#[tokio::test]
async fn an_encoder_that_was_not_let_in_for_long_was_not_silent() {
    let scene = Scene::with(Limits {
        liveness_timeout: Duration::from_secs(2),
        ..Limits::default()
    });
    // Whoever comes now waits until its predecessor has gone.
    *scene.outlets.lag.lock().unwrap() = Duration::from_millis(2_500);
    Encoder::published(scene.rtmp, KEY).await.end().await;
    let mut encoder = Encoder::published(scene.rtmp, KEY).await;
    encoder.begin().await;
    encoder.group().await;
    until(|| scene.outlets.begun().len() == 1).await;
    assert_eq!(scene.refusals("TIMED_OUT"), 0);
}

#[tokio::test]
async fn r29_an_encoder_that_comes_back_before_the_stage_has_heard_of_its_end_is_let_in() {
    let scene = Scene::new();
    *scene.outlets.lag.lock().unwrap() = Duration::from_millis(300);
    for _ in 0..3 {
        Encoder::published(scene.rtmp, KEY).await.end().await;
    }
    assert_eq!(scene.refusals("REUSE_OF_STREAM_KEY"), 0);
}
