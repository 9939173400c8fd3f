//! Media over real sockets, and the ends of publishes and subscriptions.

use std::time::Duration;

use model::EventName::{
    Joined, Left, PublishStarted, PublishStopped, SubscribeStarted, SubscribeStopped,
};
use stage::Input;

use crate::http::Request;
use crate::peer::{Offering, Peer, Role};
use crate::world::{Options, World, arn, run};

/// A publisher that is up, and the path of its session.
pub(crate) async fn publish(world: &World, token: &str, offering: Offering) -> (Peer, String) {
    let request = Request::new("POST", "/whip")
        .bearer(token)
        .sdp(&offering.sdp);
    let reply = world.send(request).await.expect(201);
    let mut peer = offering.accept(&reply.body).await;
    peer.connected().await;
    (peer, reply.session())
}

/// A subscriber that is up, and the path of its session.
pub(crate) async fn subscribe(
    world: &World,
    token: &str,
    publisher: &str,
    offering: Offering,
) -> (Peer, String) {
    let path = format!("/whip/subscribe/{publisher}");
    let request = Request::new("POST", path).bearer(token).sdp(&offering.sdp);
    let reply = world.send(request).await.expect(201);
    let mut peer = offering.accept(&reply.body).await;
    peer.connected().await;
    (peer, reply.session())
}

#[test]
fn what_is_published_reaches_a_subscriber_over_udp() {
    run(async {
        let world = World::new().await;
        let (_ana, _) = publish(
            &world,
            &world.token("ana"),
            Offering::udp(Role::Publisher).await,
        )
        .await;
        world.expect_events("ana", &[Joined, PublishStarted]).await;
        let ben = Offering::udp(Role::Subscriber).await;
        let (mut ben, _) = subscribe(&world, &world.token("ben"), "ana", ben).await;
        world
            .expect_events("ben", &[Joined, SubscribeStarted])
            .await;
        ben.until(|seen| seen.audio > 20 && seen.video > 20).await;
        let counters = world.media.counters();
        assert!(
            counters.packets_in > 0 && counters.packets_out > 0,
            "{counters:?}"
        );
        let gauges = world.media.gauges();
        assert_eq!((gauges.publishes, gauges.subscriptions), (1, 1));
    });
}

#[test]
fn what_is_published_reaches_a_subscriber_over_tcp() {
    run(async {
        let world = World::new().await;
        let (_ana, _) = publish(&world, &world.token("ana"), Offering::tcp(Role::Publisher)).await;
        let ben = Offering::tcp(Role::Subscriber);
        let (mut ben, _) = subscribe(&world, &world.token("ben"), "ana", ben).await;
        ben.until(|seen| seen.audio > 20 && seen.video > 20).await;
        assert_eq!(world.media.gauges().tcp_connections, 2);
    });
}

#[test]
fn stages_on_several_workers_do_not_mix() {
    run(async {
        let options = Options {
            workers: 3,
            ..Options::default()
        };
        let world = World::with(options).await;
        assert_eq!(world.media.addresses().len(), 3);
        let mut viewers = Vec::new();
        let mut ports = std::collections::BTreeSet::new();
        for id in ["stageA", "stageB", "stageC", "stageD", "stageE", "stageF"] {
            world.open(&arn(id)).await;
            let holder = |participant| {
                let mut holder = world.holder(participant);
                holder.stage = arn(id);
                world.token_of(&holder)
            };
            let offering = Offering::udp(Role::Publisher).await;
            let request = Request::new("POST", "/whip")
                .bearer(&holder("ana"))
                .sdp(&offering.sdp);
            let answer = world.send(request).await.expect(201).body;
            let line = answer.lines().find(|line| line.contains(" udp ")).unwrap();
            ports.insert(line.split(' ').nth(5).unwrap().to_owned());
            let mut ana = offering.accept(&answer).await;
            ana.connected().await;
            let ben = Offering::udp(Role::Subscriber).await;
            viewers.push((ana, subscribe(&world, &holder("ben"), "ana", ben).await.0));
        }
        for (_, viewer) in &mut viewers {
            viewer.until(|seen| seen.audio > 5 && seen.video > 5).await;
        }
        assert!(ports.len() > 1, "every stage went to one worker");
    });
}

/// Two workers, of which each is to serve one viewer of a stage.
pub(crate) fn narrow() -> Options {
    Options {
        workers: 2,
        stage_subscribers_per_worker: 1,
        ..Options::default()
    }
}

#[test]
fn viewers_of_one_stage_on_two_workers_get_its_media_until_it_ends() {
    run(async {
        let world = World::with(narrow()).await;
        let token = world.token("ana");
        let (_ana, session) = publish(&world, &token, Offering::udp(Role::Publisher).await).await;
        let mut viewers = Vec::new();
        for name in ["ben", "cem"] {
            let offering = Offering::udp(Role::Subscriber).await;
            let (viewer, _) = subscribe(&world, &world.token(name), "ana", offering).await;
            viewers.push(viewer);
        }
        for viewer in &mut viewers {
            viewer
                .until(|seen| seen.audio > 20 && seen.video > 20)
                .await;
        }
        assert!(world.media.counters().packets_relayed > 40);
        assert_eq!(world.media.gauges().relays_dropped, 0);
        world.kick("ana").await;
        for viewer in &mut viewers {
            viewer.until(|seen| seen.closed).await;
        }
        world.send(Request::new("GET", session)).await.expect(404);
    });
}

#[test]
fn a_viewer_beside_the_publisher_is_served_without_a_way_between_workers() {
    run(async {
        let world = World::with(narrow()).await;
        let token = world.token("ana");
        let _ana = publish(&world, &token, Offering::udp(Role::Publisher).await).await;
        for name in ["ben", "cem"] {
            let offering = Offering::udp(Role::Subscriber).await;
            let (mut viewer, session) =
                subscribe(&world, &world.token(name), "ana", offering).await;
            viewer.until(|seen| seen.video > 5).await;
            // Who leaves makes room at home.
            let delete = Request::new("DELETE", session).bearer(&world.token(name));
            world.send(delete).await.expect(200);
            viewer.until(|seen| seen.closed).await;
        }
        assert_eq!(world.media.counters().packets_relayed, 0);
    });
}

#[test]
fn t30_a_participant_that_the_api_disconnects_loses_its_media_and_cannot_come_back() {
    run(async {
        let world = World::new().await;
        let token = world.token("ana");
        let (mut ana, session) =
            publish(&world, &token, Offering::udp(Role::Publisher).await).await;
        let ben = Offering::udp(Role::Subscriber).await;
        let (mut ben, _) = subscribe(&world, &world.token("ben"), "ana", ben).await;
        world
            .expect_events("ben", &[Joined, SubscribeStarted])
            .await;
        world.kick("ana").await;
        ana.until(|seen| seen.closed).await;
        ben.until(|seen| seen.closed).await;
        world
            .expect_events("ana", &[Joined, PublishStarted, PublishStopped, Left])
            .await;
        world.send(Request::new("GET", session)).await.expect(404);
        let again = Offering::udp(Role::Publisher).await;
        let request = Request::new("POST", "/whip").bearer(&token).sdp(&again.sdp);
        let reply = world.send(request).await.expect(403);
        assert!(
            reply.body.contains("PARTICIPANT_DISCONNECTED"),
            "{}",
            reply.body
        );
    });
}

#[test]
fn a_deleted_stage_ends_everything_on_it() {
    run(async {
        let world = World::new().await;
        let token = world.token("ana");
        let (mut ana, _) = publish(&world, &token, Offering::udp(Role::Publisher).await).await;
        world.expect_events("ana", &[Joined, PublishStarted]).await;
        world
            .tell(Input::StageDeleted {
                stage: world.arn.clone(),
            })
            .await;
        ana.until(|seen| seen.closed).await;
        world
            .expect_events("ana", &[Joined, PublishStarted, PublishStopped, Left])
            .await;
        assert_eq!(world.media.gauges().publishes, 0);
    });
}

// W6, first half.
#[test]
fn w06_a_dtls_close_ends_the_session() {
    run(async {
        let world = World::new().await;
        let token = world.token("ana");
        let (ana, session) = publish(&world, &token, Offering::udp(Role::Publisher).await).await;
        world.expect_events("ana", &[Joined, PublishStarted]).await;
        ana.close().await;
        world
            .expect_events("ana", &[Joined, PublishStarted, PublishStopped, Left])
            .await;
        world.send(Request::new("GET", session)).await.expect(404);
    });
}

#[test]
fn w06_w23_a_peer_that_falls_silent_ends_within_the_liveness_timeout() {
    run(async {
        let options = Options {
            liveness_timeout: Duration::from_secs(2),
            ..Options::default()
        };
        let world = World::with(options).await;
        let (ana, session) = publish(
            &world,
            &world.token("ana"),
            Offering::udp(Role::Publisher).await,
        )
        .await;
        let ben = Offering::udp(Role::Subscriber).await;
        let (ben, _) = subscribe(&world, &world.token("ben"), "ana", ben).await;
        world
            .expect_events("ben", &[Joined, SubscribeStarted])
            .await;
        drop(ben);
        world
            .expect_events("ben", &[Joined, SubscribeStarted, SubscribeStopped, Left])
            .await;
        drop(ana);
        world
            .expect_events("ana", &[Joined, PublishStarted, PublishStopped, Left])
            .await;
        world.send(Request::new("GET", session)).await.expect(404);
    });
}

// T31
#[test]
fn t31_a_second_publish_of_the_same_token_replaces_the_first() {
    run(async {
        let world = World::new().await;
        let token = world.token("ana");
        let (mut first, _) = publish(&world, &token, Offering::udp(Role::Publisher).await).await;
        world.expect_events("ana", &[Joined, PublishStarted]).await;
        let (_second, _) = publish(&world, &token, Offering::udp(Role::Publisher).await).await;
        first.until(|seen| seen.closed).await;
        assert_eq!(world.media.gauges().publishes, 1);
    });
}

#[test]
fn t31_many_publishes_of_one_token_at_once_leave_one() {
    run(async {
        let world = World::new().await;
        let token = world.token("ana");
        let offering = Offering::udp(Role::Publisher).await;
        let requests = (0..50).map(|_| {
            world.send(
                Request::new("POST", "/whip")
                    .bearer(&token)
                    .sdp(&offering.sdp),
            )
        });
        let replies = futures_util::future::join_all(requests).await;
        let created = replies.iter().filter(|reply| reply.status == 201).count();
        assert!(created >= 1);
        for reply in &replies {
            assert!(
                [201, 409].contains(&reply.status),
                "{} {}",
                reply.status,
                reply.body
            );
        }
        assert_eq!(world.media.gauges().publishes, 1);
        let events = world.events_of("ana");
        let count = |name| events.iter().filter(|event| event.name == name).count();
        assert_eq!(count(Joined), count(Left) + 1, "{events:?}");
    });
}

#[test]
fn a_client_that_drops_its_request_leaves_nothing_behind() {
    run(async {
        let world = World::with(Options {
            publishers_per_stage_max: 1,
            ..Options::default()
        })
        .await;
        let token = world.token("ana");
        for _ in 0..20 {
            let offering = Offering::udp(Role::Publisher).await;
            let request = Request::new("POST", "/whip")
                .bearer(&token)
                .sdp(&offering.sdp);
            drop(request.begin(world.http).await);
        }
        // Whatever became of those, the one place on the stage is still to be had by its own participant.
        let (_ana, session) = publish(&world, &token, Offering::udp(Role::Publisher).await).await;
        world
            .send(Request::new("DELETE", session).bearer(&token))
            .await
            .expect(200);
        let token = world.token("ben");
        let (_ben, _) = publish(&world, &token, Offering::udp(Role::Publisher).await).await;
        assert_eq!(world.media.gauges().publishes, 1);
    });
}

#[test]
fn shutdown_tells_peers_and_turns_newcomers_away() {
    run(async {
        let world = World::new().await;
        let token = world.token("ana");
        let (mut ana, _) = publish(&world, &token, Offering::udp(Role::Publisher).await).await;
        world.media.clone().shutdown().await;
        ana.until(|seen| seen.closed).await;
        let reply = world
            .send(Request::new("POST", "/whip").bearer(&token).sdp("v=0"))
            .await;
        assert!(reply.expect(503).header("retry-after").is_some());
    });
}

// T38, T47: whatever is not a peer's is dropped unanswered, and costs the others nothing.
#[test]
fn t38_junk_on_the_media_port_is_dropped_unanswered() {
    run(async {
        let world = World::new().await;
        let token = world.token("ana");
        let (_ana, _) = publish(&world, &token, Offering::udp(Role::Publisher).await).await;
        let target = world.media.addresses()[0];
        let junk = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
        let client_hello = [&[22, 254, 253][..], &[0; 60]].concat();
        let rtp = [&[0x80, 96][..], &[1; 40]].concat();
        for datagram in [
            &stun[..19],
            &stun[..],
            &client_hello[..],
            &rtp[..],
            &[][..],
            &[255; 1_500],
        ] {
            for _ in 0..50 {
                junk.send_to(datagram, target).await.unwrap();
            }
        }
        let ben = Offering::udp(Role::Subscriber).await;
        let (mut ben, _) = subscribe(&world, &world.token("ben"), "ana", ben).await;
        ben.until(|seen| seen.audio > 5 && seen.video > 5).await;
        assert!(world.media.counters().datagrams_unknown > 0);
        let mut buffer = [0; 2_000];
        let nothing = junk.try_recv_from(&mut buffer);
        assert!(nothing.is_err(), "the server answered {nothing:?}");
    });
}
