//! Redundant ingest.

use std::sync::atomic::Ordering;

use model::EventName;
use rtmp::client::Event;

use crate::encoder::Encoder;
use crate::scene::{KEY, OTHER_KEY, Scene, participant, redundant, until};

#[tokio::test]
async fn two_streams_are_one_publisher_that_outlives_either_of_them() {
    let scene = Scene::new();
    scene.configure(Some(redundant()));
    let mut first = Encoder::published(scene.rtmp, KEY).await;
    first.begin().await;
    first.group().await;
    let mut second = Encoder::published(scene.rtmp, OTHER_KEY).await;
    second.begin().await;
    second.group().await;
    for letter in ['a', 'b', 'c'] {
        scene
            .until_event(&participant(letter), EventName::PublishStarted)
            .await;
    }
    let lines = scene.outlets.begun();
    assert_eq!(lines.len(), 1, "only what viewers see has media");
    until(|| scene.ingest.report().configurations[0].streams.len() == 2).await;

    drop(first);
    scene.until_event(&participant('b'), EventName::Left).await;
    let sent = lines[0].sent.load(Ordering::Relaxed);
    second.group().await;
    until(|| lines[0].sent.load(Ordering::Relaxed) > sent).await;
    assert_eq!(scene.ingest.counters().failovers, 1);
    let publisher = scene.events(&participant('a'));
    assert_eq!(publisher.len(), 2, "viewers notice nothing: {publisher:?}");

    // The first comes back, and is not needed; then it is.
    let mut first = Encoder::published(scene.rtmp, KEY).await;
    first.begin().await;
    first.group().await;
    scene
        .until_event(&participant('b'), EventName::PublishStarted)
        .await;
    assert_eq!(scene.ingest.counters().failovers, 1);
    drop(second);
    scene.until_event(&participant('c'), EventName::Left).await;
    first.group().await;
    until(|| scene.ingest.counters().failovers == 2).await;

    drop(first);
    scene.until_event(&participant('a'), EventName::Left).await;
}

#[tokio::test]
async fn both_streams_may_come_at_the_same_moment() {
    let scene = Scene::new();
    scene.configure(Some(redundant()));
    let mut first = Encoder::connect(scene.rtmp, KEY).await;
    let mut second = Encoder::connect(scene.rtmp, OTHER_KEY).await;
    let (one, two) = tokio::join!(first.event(), second.event());
    assert_eq!((one, two), (Some(Event::Published), Some(Event::Published)));
    let joined = scene.events(&participant('a'));
    assert_eq!(joined, [(EventName::Joined, None)]);
}
