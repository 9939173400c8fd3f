//! One connection for all publishers: the feed of `stage.v1`, with media.

use std::collections::BTreeMap;
use std::time::Duration;

use model::EventName::{
    Joined, Left, PublishStarted, PublishStopped, SubscribeStarted, SubscribeStopped,
};
use serde_json::{Value, json};

use crate::http::Request;
use crate::media::{narrow, publish, subscribe};
use crate::peer::{Offering, Peer, Role};
use crate::stage_v1::Client;
use crate::world::{Options, World, run};

/// Somebody who receives, by one connection.
pub(crate) struct Viewer {
    pub(crate) client: Client,
    peer: Peer,
    joined: Value,
    /// What the slots carry, as it was told last.
    pub(crate) slots: BTreeMap<(String, String), String>,
}

impl Viewer {
    /// A viewer with so many slots for audio and video, whose feed is up.
    async fn join(world: &World, participant: &str, pool: [usize; 2], join: Value) -> Self {
        let token = world.token(participant);
        Self::join_on(world, (world.arn.id.as_str(), &token), pool, join).await
    }

    /// The same on that stage, with that token.
    pub(crate) async fn join_on(
        world: &World,
        (stage, token): (&str, &str),
        pool: [usize; 2],
        mut join: Value,
    ) -> Self {
        let offering = Offering::pool(pool[0], pool[1]).await;
        join["offer"] = json!(offering.sdp);
        let (client, joined) = Client::join_on(world, stage, token, join).await;
        let answer = joined["answer"].as_str().expect("an answer");
        let mut peer = offering.accept(answer).await;
        peer.connected().await;
        Self {
            client,
            peer,
            joined,
            slots: BTreeMap::new(),
        }
    }

    /// Waits until the slots carry that: a kind and a participant each.
    pub(crate) async fn bound(&mut self, expected: &[(&str, &str)]) {
        let mut expected: Vec<_> = expected.to_vec();
        expected.sort_unstable();
        loop {
            let mut bound: Vec<_> = self
                .slots
                .keys()
                .map(|(kind, pid)| (kind.as_str(), pid.as_str()))
                .collect();
            bound.sort_unstable();
            if bound == expected {
                return;
            }
            let frame = self.client.find("bind").await;
            let slots = frame["slots"].as_array().unwrap().iter().map(|slot| {
                let text = |member: &str| slot[member].as_str().unwrap().to_owned();
                ((text("kind"), text("pid")), text("mid"))
            });
            self.slots = slots.collect();
        }
    }

    /// The section that carries it.
    fn mid(&self, kind: &str, pid: &str) -> String {
        self.slots[&(kind.to_owned(), pid.to_owned())].clone()
    }

    /// Waits for frames of that.
    pub(crate) async fn receives(&mut self, kind: &str, pid: &str) {
        let mid = self.mid(kind, pid);
        self.peer.frames(&mid, 10).await;
    }
}

pub(crate) async fn publisher(world: &World, name: &str) -> (Peer, String) {
    let offering = Offering::udp(Role::Publisher).await;
    publish(world, &world.token(name), offering).await
}

pub(crate) async fn unpublish(world: &World, name: &str, session: String) {
    let delete = Request::new("DELETE", session).bearer(&world.token(name));
    world.send(delete).await.expect(200);
}

#[test]
fn everybody_who_publishes_comes_over_one_connection() {
    run(async {
        let world = World::new().await;
        let (_ana, _) = publisher(&world, "ana").await;
        let mut dan = Viewer::join(&world, "dan", [2, 2], json!({})).await;
        assert_eq!(dan.joined["slots"].as_array().unwrap().len(), 4);
        dan.bound(&[("audio", "ana"), ("video", "ana")]).await;
        dan.receives("audio", "ana").await;
        dan.receives("video", "ana").await;
        let (_ben, session) = publisher(&world, "ben").await;
        dan.bound(&[
            ("audio", "ana"),
            ("audio", "ben"),
            ("video", "ana"),
            ("video", "ben"),
        ])
        .await;
        for (kind, pid) in [
            ("audio", "ben"),
            ("video", "ben"),
            ("audio", "ana"),
            ("video", "ana"),
        ] {
            dan.receives(kind, pid).await;
        }
        world
            .expect_events("dan", &[Joined, SubscribeStarted, SubscribeStarted])
            .await;
        assert_eq!(world.media.gauges().subscriptions, 2);
        unpublish(&world, "ben", session).await;
        dan.bound(&[("audio", "ana"), ("video", "ana")]).await;
        dan.receives("video", "ana").await;
        world
            .expect_events(
                "dan",
                &[Joined, SubscribeStarted, SubscribeStarted, SubscribeStopped],
            )
            .await;
        assert_eq!(world.media.gauges().subscriptions, 1);
    });
}

#[test]
fn a_feed_on_another_worker_gets_who_publishes_now_and_later() {
    run(async {
        let world = World::with(narrow()).await;
        let (_ana, _) = publisher(&world, "ana").await;
        let offering = Offering::udp(Role::Subscriber).await;
        let _eve = subscribe(&world, &world.token("eve"), "ana", offering).await;
        let mut dan = Viewer::join(&world, "dan", [2, 2], json!({})).await;
        dan.bound(&[("audio", "ana"), ("video", "ana")]).await;
        dan.receives("video", "ana").await;
        let (_ben, session) = publisher(&world, "ben").await;
        dan.bound(&[
            ("audio", "ana"),
            ("audio", "ben"),
            ("video", "ana"),
            ("video", "ben"),
        ])
        .await;
        for (kind, pid) in [("audio", "ben"), ("video", "ben"), ("audio", "ana")] {
            dan.receives(kind, pid).await;
        }
        assert!(world.media.counters().packets_relayed > 40);
        unpublish(&world, "ben", session).await;
        dan.bound(&[("audio", "ana"), ("video", "ana")]).await;
        dan.receives("video", "ana").await;
    });
}

#[test]
fn what_a_client_wants_is_what_it_gets() {
    run(async {
        let world = World::new().await;
        let (_ana, _) = publisher(&world, "ana").await;
        let (_ben, _) = publisher(&world, "ben").await;
        let nobody = json!({ "want": { "default": "none" } });
        let mut dan = Viewer::join(&world, "dan", [2, 2], nobody).await;
        world.expect_events("dan", &[Joined]).await;
        let set =
            json!([{ "pid": "ana", "kinds": ["audio"] }, { "pid": "ben", "kinds": ["video"] }]);
        dan.client.say("sub", json!({ "set": set })).await;
        dan.bound(&[("audio", "ana"), ("video", "ben")]).await;
        dan.receives("audio", "ana").await;
        dan.receives("video", "ben").await;
        let set =
            json!([{ "pid": "ana", "kinds": ["audio", "video"] }, { "pid": "ben", "kinds": [] }]);
        dan.client.say("sub", json!({ "set": set })).await;
        dan.bound(&[("audio", "ana"), ("video", "ana")]).await;
        dan.receives("video", "ana").await;
        dan.client.say("sub", json!({ "reset": ["ana"] })).await;
        dan.bound(&[]).await;
        let started = SubscribeStarted;
        let stopped = SubscribeStopped;
        world
            .expect_events("dan", &[Joined, started, started, stopped, stopped])
            .await;
    });
}

#[test]
fn layers_and_quality_are_told_as_they_change() {
    run(async {
        let world = World::new().await;
        let (_ana, _) = publisher(&world, "ana").await;
        let mut dan = Viewer::join(&world, "dan", [1, 1], json!({})).await;
        let layers = loop {
            let layers = dan.client.find("layers").await;
            if layers["selected"].is_string() && layers["list"][0]["width"] == 640 {
                break layers;
            }
        };
        assert_eq!(layers["pid"], "ana");
        assert_eq!(layers["reason"], "automatic");
        assert_eq!(layers["list"][0]["height"], 360);
        assert_eq!(layers["selected"], layers["list"][0]["label"]);
        let set = json!([{ "pid": "ana", "kinds": ["video"], "prefer": "nothing" }]);
        dan.client.say("sub", json!({ "set": set })).await;
        loop {
            let layers = dan.client.find("layers").await;
            if layers["reason"] == "unavailable" {
                break;
            }
        }
        let quality = dan.client.find("quality").await;
        assert!(quality["estimateBps"].as_u64() > Some(0), "{quality}");
    });
}

#[test]
fn speakers_are_told_to_everybody_on_the_stage() {
    run(async {
        let world = World::new().await;
        let (mut dan, _) = Client::join(&world, "dan", json!({})).await;
        let (_ana, session) = publisher(&world, "ana").await;
        let speakers = dan.find("speakers").await;
        assert_eq!(speakers["list"][0]["pid"], "ana");
        assert_eq!(speakers["list"][0]["level"], 20);
        let (mut eve, _) = Client::join(&world, "eve", json!({})).await;
        eve.find("speakers").await;
        unpublish(&world, "ana", session).await;
        assert_eq!(dan.find("speakers").await["list"], json!([]));
    });
}

#[test]
fn a_pool_that_is_too_small_is_said_to_be_and_grows() {
    run(async {
        let world = World::new().await;
        let (_ana, _) = publisher(&world, "ana").await;
        let (_ben, _) = publisher(&world, "ben").await;
        let mut dan = Viewer::join(&world, "dan", [1, 1], json!({})).await;
        let need = loop {
            let need = dan.client.find("need").await;
            if (need["audio"].as_u64(), need["video"].as_u64()) == (Some(2), Some(2)) {
                break need;
            }
        };
        assert_eq!(need["type"], "need");
        let offer = dan.peer.offer([1, 1], false).await;
        dan.client.say("offer", json!({ "sdp": offer })).await;
        let answer = dan.client.find("answer").await;
        assert_eq!(answer["slots"].as_array().unwrap().len(), 4);
        dan.peer.answer(answer["sdp"].as_str().unwrap()).await;
        dan.bound(&[
            ("audio", "ana"),
            ("audio", "ben"),
            ("video", "ana"),
            ("video", "ben"),
        ])
        .await;
        for (kind, pid) in [
            ("audio", "ana"),
            ("audio", "ben"),
            ("video", "ana"),
            ("video", "ben"),
        ] {
            dan.receives(kind, pid).await;
        }
    });
}

#[test]
fn a_publisher_that_publishes_anew_is_bound_anew() {
    run(async {
        let world = World::new().await;
        let (mut ana, _) = Client::join(&world, "ana", json!({})).await;
        let (_first, _) = publisher(&world, "ana").await;
        let mut dan = Viewer::join(&world, "dan", [1, 1], json!({})).await;
        dan.bound(&[("audio", "ana"), ("video", "ana")]).await;
        dan.receives("video", "ana").await;
        let (_second, _) = publisher(&world, "ana").await;
        dan.slots.clear();
        dan.bound(&[("audio", "ana"), ("video", "ana")]).await;
        dan.receives("video", "ana").await;
        let started = SubscribeStarted;
        world
            .expect_events("dan", &[Joined, started, SubscribeStopped, started])
            .await;
        ana.say("ping", json!({})).await;
        ana.find("pong").await;
    });
}

#[test]
fn media_goes_on_while_the_socket_is_lost() {
    run(async {
        let world = World::new().await;
        let (_ana, _) = publisher(&world, "ana").await;
        let mut dan = Viewer::join(&world, "dan", [2, 2], json!({})).await;
        dan.bound(&[("audio", "ana"), ("video", "ana")]).await;
        let seen = dan.client.seq;
        let session = dan.joined["session"].clone();
        drop(dan.client);
        dan.peer
            .frames(&dan.slots[&("video".to_owned(), "ana".to_owned())], 20)
            .await;
        let (_ben, _) = publisher(&world, "ben").await;
        let both = [Joined, SubscribeStarted, SubscribeStarted];
        world.expect_events("dan", &both).await;
        dan.client = Client::resume(&world, "dan", &session, seen).await;
        let again = dan.client.find("joined").await;
        assert_eq!(again["resumed"], "replayed");
        assert!(again.get("answer").is_none(), "the feed is the same");
        dan.bound(&[
            ("audio", "ana"),
            ("audio", "ben"),
            ("video", "ana"),
            ("video", "ben"),
        ])
        .await;
        dan.receives("video", "ben").await;
    });
}

#[test]
fn a_client_that_comes_back_with_an_offer_has_a_new_feed() {
    run(async {
        let world = World::new().await;
        let (_ana, _) = publisher(&world, "ana").await;
        let mut dan = Viewer::join(&world, "dan", [1, 1], json!({})).await;
        dan.bound(&[("audio", "ana"), ("video", "ana")]).await;
        dan.receives("video", "ana").await;
        let offering = Offering::pool(1, 1).await;
        let resume = json!({ "session": dan.joined["session"], "seq": dan.client.seq });
        let mut client = Client::open(&world, "dan").await;
        client.seq = dan.client.seq;
        client
            .say("join", json!({ "resume": resume, "offer": offering.sdp }))
            .await;
        let again = client.find("joined").await;
        assert_eq!(again["resumed"], "replayed");
        let answer = again["answer"].as_str().expect("an answer");
        dan.peer.until(|seen| seen.closed).await;
        dan.peer = offering.accept(answer).await;
        dan.peer.connected().await;
        dan.client = client;
        dan.slots.clear();
        dan.bound(&[("audio", "ana"), ("video", "ana")]).await;
        dan.receives("video", "ana").await;
        let started = SubscribeStarted;
        world
            .expect_events("dan", &[Joined, started, SubscribeStopped, started])
            .await;
    });
}

#[test]
fn a_feed_restarts_its_ice() {
    run(async {
        let world = World::new().await;
        let (_ana, _) = publisher(&world, "ana").await;
        let mut dan = Viewer::join(&world, "dan", [1, 1], json!({})).await;
        dan.bound(&[("audio", "ana"), ("video", "ana")]).await;
        let offer = dan.peer.offer([0, 0], true).await;
        dan.client.say("offer", json!({ "sdp": offer })).await;
        let answer = dan.client.find("answer").await;
        dan.peer.answer(answer["sdp"].as_str().unwrap()).await;
        dan.receives("video", "ana").await;
        world
            .expect_events("dan", &[Joined, SubscribeStarted])
            .await;
    });
}

#[test]
fn a_feed_that_ends_is_told_and_another_offer_brings_a_new_one() {
    run(async {
        let world = World::new().await;
        let (_ana, _) = publisher(&world, "ana").await;
        let mut dan = Viewer::join(&world, "dan", [1, 1], json!({})).await;
        dan.bound(&[("audio", "ana"), ("video", "ana")]).await;
        dan.peer.close().await;
        assert_eq!(dan.client.find("error").await["code"], "FEED_ENDED");
        world
            .expect_events("dan", &[Joined, SubscribeStarted, SubscribeStopped])
            .await;
        let offering = Offering::pool(1, 1).await;
        dan.client
            .say("offer", json!({ "sdp": offering.sdp }))
            .await;
        let answer = dan.client.find("answer").await;
        dan.peer = offering.accept(answer["sdp"].as_str().unwrap()).await;
        dan.slots.clear();
        dan.bound(&[("audio", "ana"), ("video", "ana")]).await;
        dan.receives("audio", "ana").await;
    });
}

#[test]
fn leaving_ends_the_feed_and_everything_that_it_gets() {
    run(async {
        let world = World::new().await;
        let (_ana, _) = publisher(&world, "ana").await;
        let mut dan = Viewer::join(&world, "dan", [1, 1], json!({})).await;
        dan.bound(&[("audio", "ana"), ("video", "ana")]).await;
        dan.client.say("leave", json!({})).await;
        assert_eq!(dan.client.find("left").await["reason"], "user-initiated");
        dan.peer.until(|seen| seen.closed).await;
        world
            .expect_events("dan", &[Joined, SubscribeStarted, SubscribeStopped, Left])
            .await;
        let gauges = world.media.gauges();
        assert_eq!((gauges.subscriptions, gauges.sockets), (0, 0));
    });
}

// T30
#[test]
fn t30_a_participant_that_is_put_out_loses_its_feed() {
    run(async {
        let world = World::new().await;
        let (_ana, _) = publisher(&world, "ana").await;
        let mut dan = Viewer::join(&world, "dan", [1, 1], json!({})).await;
        dan.bound(&[("audio", "ana"), ("video", "ana")]).await;
        world.kick("dan").await;
        let left = dan.client.find("left").await;
        assert_eq!(left["reason"], "participant-disconnected");
        dan.peer.until(|seen| seen.closed).await;
        world
            .expect_events("dan", &[Joined, SubscribeStarted, SubscribeStopped, Left])
            .await;
    });
}

// T45
#[test]
fn t45_a_viewer_that_vanishes_whole_ends_and_troubles_nobody() {
    run(async {
        let options = Options {
            liveness_timeout: Duration::from_secs(2),
            ..Options::default()
        };
        let world = World::with(options).await;
        let (_ana, session) = publisher(&world, "ana").await;
        let mut dan = Viewer::join(&world, "dan", [1, 1], json!({})).await;
        let mut eve = Viewer::join(&world, "eve", [1, 1], json!({})).await;
        dan.bound(&[("audio", "ana"), ("video", "ana")]).await;
        eve.bound(&[("audio", "ana"), ("video", "ana")]).await;
        drop(dan);
        let gone = [Joined, SubscribeStarted, SubscribeStopped];
        // Who reads answers pings.
        let reading = async {
            loop {
                eve.client.next().await;
            }
        };
        tokio::select! {
            () = reading => {}
            () = world.expect_events("dan", &gone) => {}
        }
        eve.receives("video", "ana").await;
        unpublish(&world, "ana", session).await;
        world
            .expect_events("ana", &[Joined, PublishStarted, PublishStopped, Left])
            .await;
        eve.bound(&[]).await;
    });
}
