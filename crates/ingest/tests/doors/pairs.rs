//! Redundant ingest.

use std::sync::atomic::Ordering;
use std::time::Duration;

use model::{EventName, ParticipantId};
use rtmp::client::Event;
use tokio::time::timeout;

use crate::encoder::Encoder;
use crate::scene::{KEY, OTHER_KEY, PATIENCE, Scene, participant, redundant, until};

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

/// The streams that are said to be the one that viewers see.
fn active(scene: &Scene) -> Vec<ParticipantId> {
    let report = scene.ingest.report();
    let streams = report
        .configurations
        .into_iter()
        .flat_map(|one| one.streams);
    let active = streams.filter(|stream| stream.is_active_leg);
    active.map(|stream| stream.participant).collect()
}

#[tokio::test]
async fn one_stream_is_the_active_one_and_the_other_from_when_it_goes_on() {
    let scene = Scene::new();
    scene.configure(Some(redundant()));
    let mut first = Encoder::published(scene.rtmp, KEY).await;
    first.begin().await;
    first.group().await;
    scene
        .until_event(&participant('b'), EventName::PublishStarted)
        .await;
    until(|| active(&scene) == [participant('b')]).await;
    let mut second = Encoder::published(scene.rtmp, OTHER_KEY).await;
    second.begin().await;
    // The first says nothing more.
    let mut beat = tokio::time::interval(Duration::from_millis(126));
    let going_on = async {
        while scene.ingest.counters().failovers == 0 {
            assert_eq!(active(&scene).len(), 1);
            second.group().await;
            beat.tick().await;
        }
    };
    timeout(PATIENCE, going_on).await.expect("it goes on");
    assert_eq!(active(&scene), [participant('c')]);
    // What it says then is not seen.
    first.group().await;
    assert_eq!(active(&scene), [participant('c')]);
    second.end().await;
    scene.until_event(&participant('c'), EventName::Left).await;
    assert_eq!(active(&scene), []);
}
