//! How the media of a replica ends, and goes on.

use model::EventName::{Left, PublishStopped, ReplicationStopped, SubscribeStopped};

use super::*;

/// A replica with somebody who watches it by WHEP, somebody with a feed, and a viewer of its source.
struct Audience {
    there: Peer,
    session: String,
    feed: Viewer,
    here: Peer,
}

impl Audience {
    async fn of(stages: &Stages) -> Self {
        let world = &stages.world;
        let (there, session) = stages.watch("ben", "ana").await;
        let mut feed = stages.follow("dan", [1, 1], json!({})).await;
        feed.bound(&AV).await;
        let offering = Offering::udp(Role::Subscriber).await;
        let (here, _) = subscribe(world, &world.token("eve"), "ana", offering).await;
        let mut audience = Self {
            there,
            session,
            feed,
            here,
        };
        audience.there.until(|seen| seen.video > 5).await;
        audience.feed.receives("video", "ana").await;
        audience.goes_on_here().await;
        audience
    }

    async fn goes_on_here(&mut self) {
        let before = self.here.until(|_| true).await.video;
        self.here.until(|seen| seen.video > before + 10).await;
    }

    /// Waits until nobody there gets anything, and has been told so.
    async fn has_ended_there(&mut self, stages: &Stages) {
        self.there.until(|seen| seen.closed).await;
        let session = Request::new("GET", self.session.clone());
        stages.world.send(session).await.expect(404);
        self.feed.bound(&[]).await;
        let closed = [Joined, SubscribeStarted, SubscribeStopped, Left];
        stages.world.expect_events("ben", &closed).await;
        stages.world.expect_events("dan", &closed[..3]).await;
    }
}

#[test]
fn the_end_of_a_replication_ends_its_viewers_media_and_nobody_else_s() {
    for workers in [1, 2] {
        run(async {
            let stages = Stages::new(workers).await;
            let (_ana, session) = stages.replicated("ana", Role::Publisher).await;
            let mut audience = Audience::of(&stages).await;
            stages.stop("ana").await;
            audience.has_ended_there(&stages).await;
            audience.goes_on_here().await;
            let session = Request::new("GET", session);
            stages.world.send(session).await.expect(200);
            // It may begin again, and the feed that is there gets it.
            stages.replicate("ana").await;
            audience.feed.bound(&AV).await;
            audience.feed.receives("video", "ana").await;
        });
    }
}

#[test]
fn a_deleted_destination_ends_its_viewers_media_and_nobody_else_s() {
    run(async {
        let stages = Stages::new(2).await;
        let _ana = stages.replicated("ana", Role::Publisher).await;
        let mut audience = Audience::of(&stages).await;
        let stage = stages.there.clone();
        stages.world.tell(Input::StageDeleted { stage }).await;
        audience.there.until(|seen| seen.closed).await;
        assert_eq!(
            audience.feed.client.find("left").await["reason"],
            "stage-deleted"
        );
        audience.goes_on_here().await;
    });
}

#[test]
fn the_end_of_a_publish_ends_the_media_of_both_stages() {
    for workers in [1, 2] {
        run(async {
            let stages = Stages::new(workers).await;
            let _ana = stages.replicated("ana", Role::Publisher).await;
            let mut audience = Audience::of(&stages).await;
            stages.world.kick("ana").await;
            audience.has_ended_there(&stages).await;
            audience.here.until(|seen| seen.closed).await;
            let ended = [PublishStopped, ReplicationStopped, Left];
            let events = stages.world.events_of("ana");
            for name in ended {
                assert!(events.iter().any(|event| event.name == name), "{name:?}");
            }
        });
    }
}

#[test]
fn viewers_of_both_stages_go_over_to_a_publish_that_takes_the_place_of_another() {
    for workers in [1, 2] {
        run(async {
            let stages = Stages::new(workers).await;
            let world = &stages.world;
            let (_socket, _) = Client::join(world, "ana", json!({})).await;
            let (_first, _) = publisher(world, "ana").await;
            world.expect_events("ana", &REPLICATED[..2]).await;
            let window = Duration::from_mins(1);
            stages.replicate_to(&stages.there, "ana", window).await;
            let mut dan = stages.follow("dan", [1, 1], json!({})).await;
            dan.bound(&AV).await;
            dan.receives("video", "ana").await;
            let (mut ben, _) = stages.watch("ben", "ana").await;
            let (_second, _) = publisher(world, "ana").await;
            // As at the source, a plain WHEP player has to ask anew.
            ben.until(|seen| seen.closed).await;
            dan.slots.clear();
            dan.bound(&AV).await;
            dan.receives("audio", "ana").await;
            dan.receives("video", "ana").await;
            let (mut ben, _) = stages.watch("ben", "ana").await;
            ben.until(|seen| seen.video > 10).await;
        });
    }
}

#[test]
fn a_source_that_comes_back_within_the_window_is_seen_there_again() {
    run(async {
        let stages = Stages::new(2).await;
        let world = &stages.world;
        let (_ana, session) = publisher(world, "ana").await;
        world.expect_events("ana", &REPLICATED[..2]).await;
        let window = Duration::from_mins(1);
        stages.replicate_to(&stages.there, "ana", window).await;
        let mut audience = Audience::of(&stages).await;
        crate::feeds::unpublish(world, "ana", session).await;
        audience.has_ended_there(&stages).await;
        let _again = publisher(world, "ana").await;
        audience.feed.bound(&AV).await;
        audience.feed.receives("video", "ana").await;
    });
}
