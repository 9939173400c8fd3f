//! The WHEP endpoint, clause by clause (draft-ietf-wish-whep).

use crate::http::Request;
use crate::media::{publish, subscribe};
use crate::peer::{Offering, Role};
use crate::whip::sections;
use crate::world::{World, run};

async fn offer() -> String {
    Offering::udp(Role::Subscriber).await.sdp
}

fn post(publisher: &str, token: &str, offer: &str) -> Request {
    Request::new("POST", format!("/whip/subscribe/{publisher}"))
        .bearer(token)
        .sdp(offer)
}

#[test]
fn h01_h06_the_answer_sends_only_and_names_one_stream() {
    run(async {
        let world = World::new().await;
        let (_ana, _) = publish(
            &world,
            &world.token("ana"),
            Offering::udp(Role::Publisher).await,
        )
        .await;
        let reply = world
            .send(post("ana", &world.token("ben"), &offer().await))
            .await
            .expect(201);
        assert_eq!(reply.header("content-type"), Some("application/sdp"));
        assert!(reply.header("etag").is_some());
        let sections = sections(&reply.body);
        assert_eq!(sections.len(), 2);
        let streams: Vec<&str> = sections
            .iter()
            .map(|section| {
                assert!(section.contains("a=sendonly"), "{section}");
                let line = section
                    .lines()
                    .find_map(|line| line.strip_prefix("a=msid:"));
                line.expect("an msid").split(' ').next().unwrap()
            })
            .collect();
        assert_eq!(streams[0], streams[1], "H6");
    });
}

#[test]
fn h02_h03_no_counter_offer_is_made_so_none_can_be_answered() {
    run(async {
        let world = World::new().await;
        let (_ana, _) = publish(
            &world,
            &world.token("ana"),
            Offering::udp(Role::Publisher).await,
        )
        .await;
        let token = world.token("ben");
        let ben = Offering::udp(Role::Subscriber).await;
        let (_ben, session) = subscribe(&world, &token, "ana", ben).await;
        let answer = Request::new("PATCH", session)
            .bearer(&token)
            .sdp("v=0")
            .header("If-Match", "*");
        world.send(answer).await.expect(415);
    });
}

#[test]
fn h03_malformed_offers_are_refused() {
    run(async {
        let world = World::new().await;
        for offer in ["", "v=0", "nonsense"] {
            world
                .send(post("ana", &world.token("ben"), offer))
                .await
                .expect(400);
        }
    });
}

#[test]
fn h04_a_publisher_that_does_not_publish_is_worth_waiting_for_and_an_unknown_one_is_not() {
    run(async {
        let world = World::new().await;
        let token = world.token("ana");
        // Somebody has to be there, or there is no session to be known in.
        let (_cat, _) = publish(
            &world,
            &world.token("cat"),
            Offering::udp(Role::Publisher).await,
        )
        .await;
        let (_ana, session) = publish(&world, &token, Offering::udp(Role::Publisher).await).await;
        world
            .send(Request::new("DELETE", session).bearer(&token))
            .await
            .expect(200);
        let offer = offer().await;
        let reply = world
            .send(post("ana", &world.token("ben"), &offer))
            .await
            .expect(409);
        assert!(reply.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
        for unknown in ["nobody", "no%2Fbody", "%00"] {
            let reply = world
                .send(post(unknown, &world.token("ben"), &offer))
                .await
                .expect(404);
            assert!(reply.body.contains("PUBLISHER_NOT_FOUND"), "{}", reply.body);
        }
        world
            .send(post("ben", &world.token("ben"), &offer))
            .await
            .expect(400);
    });
}

#[test]
fn h05_head_says_what_get_would() {
    run(async {
        let world = World::new().await;
        let get = world
            .send(Request::new("GET", "/whip/subscribe/ana"))
            .await
            .expect(200);
        let head = world
            .send(Request::new("HEAD", "/whip/subscribe/ana"))
            .await
            .expect(200);
        assert_eq!(head.header("content-type"), Some("application/sdp"));
        assert_eq!(head.header("content-type"), get.header("content-type"));
        assert_eq!(head.body, "");
    });
}

#[test]
fn h07_a_subscription_ends_by_delete_like_a_publish() {
    run(async {
        let world = World::new().await;
        let (_ana, _) = publish(
            &world,
            &world.token("ana"),
            Offering::udp(Role::Publisher).await,
        )
        .await;
        let token = world.token("ben");
        let ben = Offering::udp(Role::Subscriber).await;
        let (mut ben, session) = subscribe(&world, &token, "ana", ben).await;
        let delete = || Request::new("DELETE", session.clone());
        world.send(delete()).await.expect(401);
        world
            .send(delete().bearer(&world.token("ana")))
            .await
            .expect(403);
        world.send(delete().bearer(&token)).await.expect(200);
        ben.until(|seen| seen.closed).await;
        world.send(delete().bearer(&token)).await.expect(404);
    });
}

#[test]
fn an_offer_of_audio_alone_is_answered() {
    run(async {
        let world = World::new().await;
        let (_ana, _) = publish(
            &world,
            &world.token("ana"),
            Offering::udp(Role::Publisher).await,
        )
        .await;
        let offer = offer().await;
        let video = offer.find("m=video").unwrap();
        let audio = offer[..video].replace("a=group:BUNDLE ", "a=group:BUNDLE\0");
        let mid = sections(&offer)[0]
            .lines()
            .find_map(|line| line.strip_prefix("a=mid:"))
            .unwrap();
        let audio: String = audio
            .lines()
            .map(|line| match line.split_once('\0') {
                Some((group, _)) => format!("{group} {mid}\r\n"),
                None => format!("{line}\r\n"),
            })
            .collect();
        let reply = world
            .send(post("ana", &world.token("ben"), &audio))
            .await
            .expect(201);
        assert_eq!(sections(&reply.body).len(), 1);
    });
}
