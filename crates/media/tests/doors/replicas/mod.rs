//! Replicas: viewers of another stage get a publisher's media from its own publish, wherever the workers of both stages are.

mod encoders;
mod ends;
mod told;

use std::collections::BTreeMap;
use std::time::Duration;

use model::EventName::{Joined, PublishStarted, ReplicationStarted, SubscribeStarted};
use model::{EventName, ParticipantId, StageArn};
use serde_json::{Value, json};
use stage::{Input, Replicate, ReplicationKey, Reply};

use crate::events::Socket;
use crate::feeds::{Viewer, publisher};
use crate::http::Request;
use crate::media::{publish, subscribe};
use crate::peer::{Offering, Peer, Role};
use crate::stage_v1::Client;
use crate::world::{Options, World, arn, run};

/// A stage that is at home on another worker than the first stage, where there are two workers or three...
const THERE: &str = "destABCDefg3";
/// ...and one that, where there are three, is at home on the third.
const BEYOND: &str = "destABCDefg1";

/// What happens to a publisher that is replicated once.
const REPLICATED: [EventName; 5] = [
    Joined,
    PublishStarted,
    ReplicationStarted,
    Joined,
    PublishStarted,
];

/// Two stages and more: publishers are on the first, and viewers of their replicas *there*.
struct Stages {
    world: World,
    there: StageArn,
}

fn key(source: &StageArn, destination: &StageArn, participant: &str) -> ReplicationKey {
    ReplicationKey {
        source: source.clone(),
        destination: destination.clone(),
        participant: ParticipantId::parse(participant).unwrap(),
    }
}

impl Stages {
    async fn new(workers: usize) -> Self {
        Self::with(Options {
            workers,
            ..Options::default()
        })
        .await
    }

    async fn with(options: Options) -> Self {
        let world = World::with(options).await;
        let there = arn(THERE);
        world.open(&there).await;
        Self { world, there }
    }

    fn token_of(&self, stage: &StageArn, participant: &str) -> String {
        let mut holder = self.world.holder(participant);
        holder.stage = stage.clone();
        self.world.token_of(&holder)
    }

    /// A token for the destination.
    fn token(&self, participant: &str) -> String {
        self.token_of(&self.there, participant)
    }

    async fn replicate_to(&self, there: &StageArn, participant: &str, window: Duration) {
        let reply = self
            .world
            .tell(Input::Replicate(Replicate {
                of: key(&self.world.arn, there, participant),
                window,
                attributes: BTreeMap::from([("seat".to_owned(), "guest".to_owned())]),
            }))
            .await;
        assert_eq!(reply, Reply::Done);
    }

    async fn replicate(&self, participant: &str) {
        self.replicate_to(&self.there, participant, Duration::ZERO)
            .await;
    }

    async fn stop(&self, participant: &str) {
        let of = key(&self.world.arn, &self.there, participant);
        let reply = self.world.tell(Input::StopReplication(of)).await;
        assert_eq!(reply, Reply::Done);
    }

    /// A publisher of the first stage that has been replicated.
    async fn replicated(&self, participant: &str, role: Role) -> (Peer, String) {
        let offering = Offering::udp(role).await;
        let token = self.world.token(participant);
        let published = publish(&self.world, &token, offering).await;
        self.world
            .expect_events(participant, &REPLICATED[..2])
            .await;
        self.replicate(participant).await;
        self.world.expect_events(participant, &REPLICATED).await;
        published
    }

    /// A viewer of a replica, by WHEP.
    async fn watch(&self, participant: &str, publisher: &str) -> (Peer, String) {
        let offering = Offering::udp(Role::Subscriber).await;
        subscribe(&self.world, &self.token(participant), publisher, offering).await
    }

    /// A viewer of the destination with a feed.
    async fn follow(&self, participant: &str, pool: [usize; 2], join: Value) -> Viewer {
        let token = self.token(participant);
        Viewer::join_on(&self.world, (THERE, &token), pool, join).await
    }

    async fn socket(&self, participant: &str) -> (Client, Value) {
        let token = self.token(participant);
        Client::join_on(&self.world, THERE, &token, json!({})).await
    }

    fn relayed(&self) -> u64 {
        self.world.media.counters().packets_relayed
    }
}

const AV: [(&str, &str); 2] = [("audio", "ana"), ("video", "ana")];

#[test]
fn viewers_of_the_destination_get_the_media_of_the_source_s_publish() {
    for workers in [1, 2, 3] {
        run(async {
            let stages = Stages::new(workers).await;
            let world = &stages.world;
            let _ana = stages.replicated("ana", Role::Publisher).await;
            let (mut ben, _) = stages.watch("ben", "ana").await;
            let mut dan = stages.follow("dan", [1, 1], json!({})).await;
            dan.bound(&AV).await;
            let here = Offering::udp(Role::Subscriber).await;
            let (mut eve, _) = subscribe(world, &world.token("eve"), "ana", here).await;
            let seen = ben.until(|seen| seen.audio > 20 && seen.video > 20).await;
            assert!(seen.sei > 0, "with what is beside the pictures: {seen:?}");
            dan.receives("audio", "ana").await;
            dan.receives("video", "ana").await;
            eve.until(|seen| seen.audio > 20 && seen.video > 20).await;
            assert_eq!(stages.relayed() > 0, workers > 1, "{workers} workers");
            for viewer in ["ben", "dan", "eve"] {
                world
                    .expect_events(viewer, &[Joined, SubscribeStarted])
                    .await;
                let events = world.events_of(viewer);
                let is_replica = viewer != "eve";
                assert_eq!(events[1].replica, is_replica, "{viewer}");
            }
            assert_eq!(world.media.gauges().publishes, 1);
        });
    }
}

#[test]
fn one_feed_gets_publishers_of_its_own_stage_and_of_two_others_from_three_workers() {
    run(async {
        let stages = Stages::new(3).await;
        let world = &stages.world;
        let beyond = arn(BEYOND);
        world.open(&beyond).await;
        let _ana = stages.replicated("ana", Role::Publisher).await;
        let mut others = Vec::new();
        for (stage, name) in [(&stages.there, "ben"), (&beyond, "cem")] {
            let offering = Offering::udp(Role::Publisher).await;
            let token = stages.token_of(stage, name);
            others.push(publish(world, &token, offering).await);
            world.expect_events(name, &REPLICATED[..2]).await;
        }
        let cem = Replicate {
            of: key(&beyond, &stages.there, "cem"),
            window: Duration::ZERO,
            attributes: BTreeMap::new(),
        };
        assert_eq!(world.tell(Input::Replicate(cem)).await, Reply::Done);
        let mut dan = stages.follow("dan", [3, 3], json!({})).await;
        let names = ["ana", "ben", "cem"];
        let all = names.map(|name| [("audio", name), ("video", name)]);
        dan.bound(&all.concat()).await;
        for (kind, name) in all.concat() {
            dan.receives(kind, name).await;
        }
    });
}

#[test]
fn viewers_of_a_replica_are_on_every_worker_once_they_are_many() {
    run(async {
        let options = Options {
            workers: 3,
            stage_subscribers_per_worker: 1,
            ..Options::default()
        };
        let stages = Stages::with(options).await;
        let _ana = stages.replicated("ana", Role::Publisher).await;
        let mut viewers = Vec::new();
        for name in ["ben", "cem", "dan"] {
            viewers.push(stages.watch(name, "ana").await.0);
        }
        for viewer in &mut viewers {
            viewer
                .until(|seen| seen.audio > 20 && seen.video > 20)
                .await;
        }
        assert_eq!(stages.world.media.gauges().relays_dropped, 0);
    });
}

#[test]
fn two_hosts_are_replicated_to_each_other_s_stages() {
    run(async {
        let stages = Stages::new(2).await;
        let world = &stages.world;
        let _ana = stages.replicated("ana", Role::Publisher).await;
        let offering = Offering::udp(Role::Publisher).await;
        let _ben = publish(world, &stages.token("ben"), offering).await;
        world.expect_events("ben", &REPLICATED[..2]).await;
        let back = Replicate {
            of: key(&stages.there, &world.arn, "ben"),
            window: Duration::ZERO,
            attributes: BTreeMap::new(),
        };
        assert_eq!(world.tell(Input::Replicate(back)).await, Reply::Done);
        let both = [
            ("audio", "ana"),
            ("audio", "ben"),
            ("video", "ana"),
            ("video", "ben"),
        ];
        let mut here = Viewer::join_on(
            world,
            (world.arn.id.as_str(), &world.token("cem")),
            [2, 2],
            json!({}),
        )
        .await;
        let mut there = stages.follow("dan", [2, 2], json!({})).await;
        for viewer in [&mut here, &mut there] {
            viewer.bound(&both).await;
            for (kind, name) in both {
                viewer.receives(kind, name).await;
            }
        }
    });
}

#[test]
fn a_replica_whose_stage_has_no_viewer_costs_no_packet() {
    run(async {
        let stages = Stages::new(2).await;
        let world = &stages.world;
        let _ana = stages.replicated("ana", Role::Publisher).await;
        // Whoever only listens for news is no viewer, and neither is one who wants nothing.
        let token = stages.token("cem");
        let _cem = Socket::open(world, THERE, &token).await.unwrap();
        let _fay = stages.socket("fay").await;
        let nothing = json!({ "want": { "default": "none" } });
        let mut dan = stages.follow("dan", [1, 1], nothing).await;
        let here = Offering::udp(Role::Subscriber).await;
        let (mut eve, _) = subscribe(world, &world.token("eve"), "ana", here).await;
        eve.until(|seen| seen.audio > 50 && seen.video > 50).await;
        assert_eq!(stages.relayed(), 0);
        assert_eq!(world.media.gauges().subscriptions, 1);

        let set = json!([{ "pid": "ana", "kinds": ["video"] }]);
        dan.client.say("sub", json!({ "set": set })).await;
        dan.bound(&[("video", "ana")]).await;
        dan.receives("video", "ana").await;
        assert!(stages.relayed() > 0);
        dan.client.say("sub", json!({ "reset": ["ana"] })).await;
        dan.bound(&[]).await;
        // The mirror goes once nobody has wanted it for a while.
        let mut before = 0;
        while before != stages.relayed() {
            before = stages.relayed();
            let seen = eve.until(|_| true).await.video;
            eve.until(|now| now.video > seen + 20).await;
        }
    });
}

#[test]
fn layers_are_chosen_there_as_here() {
    for workers in [1, 2] {
        run(async {
            let stages = Stages::new(workers).await;
            let world = &stages.world;
            let _ana = stages.replicated("ana", Role::Simulcast).await;
            let mut dan = stages.follow("dan", [1, 1], json!({})).await;
            dan.bound(&AV).await;
            for label in ["h", "l"] {
                let set = json!([{ "pid": "ana", "kinds": ["audio", "video"], "prefer": label }]);
                dan.client.say("sub", json!({ "set": set })).await;
                let layers = loop {
                    let layers = dan.client.find("layers").await;
                    if layers["selected"] == label && layers["reason"] == "selected" {
                        break layers;
                    }
                };
                assert_eq!(layers["pid"], "ana");
                assert_eq!(layers["list"].as_array().unwrap().len(), 2, "{layers}");
                dan.receives("video", "ana").await;
            }
            let quality = dan.client.find("quality").await;
            assert!(quality["estimateBps"].as_u64() > Some(0), "{quality}");
            let (mut ben, session) = stages.watch("ben", "ana").await;
            ben.until(|seen| seen.video > 10).await;
            let choice = Request::new("POST", format!("{session}/layer"))
                .bearer(&stages.token("ben"))
                .header("Content-Type", "application/json")
                .body("{\"encodingId\":\"h\"}");
            world.send(choice).await.expect(200);
            let before = ben.until(|_| true).await.video;
            ben.until(|seen| seen.video > before + 10).await;
        });
    }
}

// The viewers of both stages are one crowd to the publisher.
#[test]
fn key_frames_are_asked_for_once_for_the_viewers_of_both_stages() {
    for workers in [1, 2] {
        run(async {
            let stages = Stages::new(workers).await;
            let world = &stages.world;
            let (mut ana, _) = stages.replicated("ana", Role::Thrifty).await;
            let begin = tokio::time::Instant::now();
            let viewer = async |name: &str| {
                let (mut there, _) = stages.watch(name, "ana").await;
                let offering = Offering::udp(Role::Subscriber).await;
                let (mut here, _) = subscribe(world, &world.token(name), "ana", offering).await;
                for viewer in [&mut there, &mut here] {
                    viewer.until(|seen| seen.video > 5).await;
                }
                (there, here)
            };
            let names = ["b1", "b2", "b3", "b4", "b5", "b6"];
            let mut viewers = futures_util::future::join_all(names.map(viewer)).await;
            for _ in 0..5 {
                for (there, here) in &viewers {
                    tokio::join!(there.ask(), here.ask());
                }
                let before = viewers[0].0.until(|_| true).await.video;
                viewers[0].0.until(|seen| seen.video > before + 10).await;
            }
            let interval = sfu::Settings::default().key_frame_request_interval;
            let intervals = begin.elapsed().as_millis() / interval.as_millis();
            let asked = u128::from(ana.until(|_| true).await.asked);
            assert!(
                (2..=intervals + 1).contains(&asked),
                "{asked} times in {intervals} intervals"
            );
        });
    }
}
