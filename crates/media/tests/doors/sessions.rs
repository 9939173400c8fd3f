//! The session resource: PATCH and DELETE (RFC 9725, sections 4.2 and 4.3).

use model::EventName::{Joined, Left, PublishStarted, PublishStopped};

use crate::http::{Reply, Request};
use crate::peer::{Offering, Peer, Role};
use crate::world::{World, run};

struct Published {
    world: World,
    token: String,
    offer: String,
    created: Reply,
    path: String,
    etag: String,
    peer: Peer,
}

impl Published {
    async fn new() -> Self {
        let world = World::new().await;
        let token = world.token("ana");
        let offering = Offering::udp(Role::Publisher).await;
        let offer = offering.sdp.clone();
        let request = Request::new("POST", "/whip").bearer(&token).sdp(&offer);
        let created = world.send(request).await.expect(201);
        let mut peer = offering.accept(&created.body).await;
        peer.connected().await;
        let path = created.session();
        let etag = created.header("etag").unwrap().to_owned();
        Self {
            world,
            token,
            offer,
            created,
            path,
            etag,
            peer,
        }
    }

    fn request(&self, method: &'static str) -> Request {
        Request::new(method, self.path.clone()).bearer(&self.token)
    }

    async fn patch(&self, if_match: &str, fragment: &str) -> Reply {
        let request = self
            .request("PATCH")
            .header("If-Match", if_match)
            .fragment(fragment);
        self.world.send(request).await
    }

    /// A fragment with the offer's credentials, or others, and these candidates.
    fn fragment(&self, credentials: Option<(&str, &str)>, candidates: &[&str]) -> String {
        let (ufrag, pass) = credentials.unwrap_or_else(|| {
            (
                line(&self.offer, "a=ice-ufrag:"),
                line(&self.offer, "a=ice-pwd:"),
            )
        });
        let mid = line(&self.offer, "a=mid:");
        let mut fragment = format!(
            "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pass}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:{mid}\r\n"
        );
        for candidate in candidates {
            fragment.extend(["a=", candidate, "\r\n"]);
        }
        fragment
    }

    async fn is_alive(&self) -> bool {
        self.world
            .send(Request::new("GET", self.path.clone()))
            .await
            .status
            == 200
    }
}

fn line<'a>(sdp: &'a str, prefix: &str) -> &'a str {
    sdp.lines()
        .find_map(|line| line.strip_prefix(prefix))
        .unwrap_or_else(|| panic!("no {prefix}"))
}

const CANDIDATE: &str = "candidate:1 1 udp 2130706431 192.0.2.1 61764 typ host";

#[test]
fn w07_delete_ends_the_session_at_once() {
    run(async {
        let mut ana = Published::new().await;
        ana.world
            .expect_events("ana", &[Joined, PublishStarted])
            .await;
        ana.world.send(ana.request("DELETE")).await.expect(200);
        // What the reply says has happened: nobody needs to wait for it.
        let names: Vec<_> = ana
            .world
            .events_of("ana")
            .iter()
            .map(|event| event.name)
            .collect();
        assert_eq!(names, [Joined, PublishStarted, PublishStopped, Left]);
        ana.peer.until(|seen| seen.closed).await;
        ana.world.send(ana.request("DELETE")).await.expect(404);
        ana.world
            .send(ana.request("PATCH").fragment(""))
            .await
            .expect(404);
        assert!(!ana.is_alive().await);
    });
}

#[test]
fn w09_w16_w17_candidates_are_taken_with_the_etag_and_answered_without_one() {
    run(async {
        let ana = Published::new().await;
        let fragment = ana.fragment(None, &[CANDIDATE, "end-of-candidates"]);
        let reply = ana.patch(&ana.etag, &fragment).await.expect(204);
        assert_eq!(reply.header("etag"), None);
        assert_eq!(reply.body, "");
        ana.patch(&ana.etag, &fragment).await.expect(204);
    });
}

#[test]
fn w10_other_types_and_malformed_fragments_are_refused() {
    run(async {
        let ana = Published::new().await;
        let fragment = ana.fragment(None, &[CANDIDATE]);
        let other = |content_type: &str| {
            let request = ana.request("PATCH").header("If-Match", &ana.etag);
            request.header("Content-Type", content_type).body(&fragment)
        };
        for content_type in ["application/sdp", "text/plain", ""] {
            ana.world.send(other(content_type)).await.expect(415);
        }
        for fragment in ["nonsense", "\0", "a=ice-ufrag"] {
            ana.patch(&ana.etag, fragment).await.expect(400);
        }
        let long = "a".repeat((64 << 10) + 1);
        ana.patch(&ana.etag, &long).await.expect(413);
        assert!(ana.is_alive().await);
    });
}

#[test]
fn w12_the_etag_is_strong_and_unique() {
    run(async {
        let ana = Published::new().await;
        let other = Request::new("POST", "/whip")
            .bearer(&ana.world.token("ben"))
            .sdp(&ana.offer);
        let other = ana.world.send(other).await.expect(201);
        for etag in [
            ana.created.header("etag").unwrap(),
            other.header("etag").unwrap(),
        ] {
            assert!(
                etag.starts_with('"') && etag.ends_with('"') && etag.len() > 2,
                "{etag}"
            );
        }
        assert_ne!(ana.created.header("etag"), other.header("etag"));
    });
}

#[test]
fn w13_an_etag_on_delete_does_not_matter() {
    run(async {
        let ana = Published::new().await;
        ana.world
            .send(ana.request("DELETE").header("If-Match", "\"stale\""))
            .await
            .expect(200);
    });
}

#[test]
fn w14_a_patch_needs_the_current_etag() {
    run(async {
        let ana = Published::new().await;
        let fragment = ana.fragment(None, &[CANDIDATE]);
        ana.world
            .send(ana.request("PATCH").fragment(&fragment))
            .await
            .expect(428);
        for stale in [
            "\"stale\"",
            &format!("W/{}", ana.etag),
            ana.etag.trim_matches('"'),
        ] {
            ana.patch(stale, &fragment).await.expect(412);
        }
        assert!(ana.is_alive().await);
    });
}

// T37: nothing is resolved, and nothing is connected to.
#[test]
fn w18_candidates_that_cannot_be_used_are_dropped_and_the_rest_is_taken() {
    run(async {
        let ana = Published::new().await;
        let fragment = ana.fragment(
            None,
            &[
                "candidate:1 1 sctp 2130706431 192.0.2.1 61764 typ host",
                "candidate:2 1 udp 2130706431 7f2d9e5c-6d1c-4f0e-9a53-2d6f2a1c0b11.local 61764 typ host",
                "candidate:3 1 udp 2130706431 example.invalid 61764 typ host",
                "candidate:4 1 udp 2130706431 169.254.169.254 80 typ host",
                CANDIDATE,
            ],
        );
        ana.patch(&ana.etag, &fragment).await.expect(204);
    });
}

// A server that has only one of the two answers the other with 422; this one has both.
#[test]
fn w11_trickle_and_restart_are_both_supported() {
    run(async {
        let ana = Published::new().await;
        let trickle = ana.fragment(None, &[CANDIDATE]);
        ana.patch(&ana.etag, &trickle).await.expect(204);
        for credentials in [
            ("firstufrag", "firstpasswordfirstpassword"),
            ("othrufrag", "otherpasswordotherpassword"),
        ] {
            let restart = ana.fragment(Some(credentials), &[]);
            let reply = ana.patch("*", &restart).await.expect(200);
            let etag = reply.header("etag").unwrap();
            let trickle = ana.fragment(Some(credentials), &[CANDIDATE]);
            ana.patch(etag, &trickle).await.expect(204);
        }
    });
}

#[test]
fn w16_trickle_goes_by_the_entity_tag_of_the_newest_ice_session() {
    run(async {
        let ana = Published::new().await;
        let mut tags = vec![ana.etag.clone()];
        for credentials in [
            ("firstufrag", "firstpasswordfirstpassword"),
            ("othrufrag", "otherpasswordotherpassword"),
        ] {
            let restart = ana.fragment(Some(credentials), &[]);
            let reply = ana.patch("*", &restart).await.expect(200);
            let trickle = ana.fragment(Some(credentials), &[CANDIDATE]);
            for older in &tags {
                ana.patch(older, &trickle).await.expect(412);
            }
            let newest = reply.header("etag").unwrap();
            assert!(!tags.iter().any(|tag| tag == newest), "{newest} again");
            for _ in 0..2 {
                ana.patch(newest, &trickle).await.expect(204);
            }
            tags.push(newest.to_owned());
        }
    });
}

// T46
#[test]
fn w19_w21_new_credentials_restart_ice_and_give_a_new_etag() {
    run(async {
        let mut ana = Published::new().await;
        let credentials = Some(("newufrag", "newpasswordnewpasswordnew"));
        let fragment = ana.fragment(credentials, &[CANDIDATE]);
        let reply = ana.patch("*", &fragment).await.expect(200);
        assert_eq!(
            reply.header("content-type"),
            Some("application/trickle-ice-sdpfrag")
        );
        let etag = reply.header("etag").unwrap().to_owned();
        assert_ne!(etag, ana.etag);
        for name in ["a=ice-ufrag:", "a=ice-pwd:"] {
            assert_ne!(
                line(&reply.body, name),
                line(&ana.created.body, name),
                "{name}"
            );
        }
        assert!(reply.body.contains("a=candidate:"), "{}", reply.body);
        for name in ["a=ice-lite", "a=ice-options:"] {
            let of = |text: &str| {
                text.lines()
                    .find(|line| line.starts_with(name))
                    .map(str::to_owned)
            };
            assert_eq!(of(&reply.body), of(&ana.created.body), "W21");
        }
        let candidates = ana.fragment(credentials, &[CANDIDATE]);
        ana.patch(&ana.etag, &candidates).await.expect(412);
        ana.etag = etag;
        ana.patch(&ana.etag, &candidates).await.expect(204);
    });
}

#[test]
fn w22_a_restart_that_fails_leaves_the_session_as_it_was() {
    run(async {
        let ana = Published::new().await;
        let restart = ana.fragment(Some(("newufrag", "newpasswordnewpasswordnew")), &[]);
        let status = ana.patch(&ana.etag, &restart).await.status;
        assert_eq!(status, 428, "a restart needs If-Match: *");
        for broken in [("u", "p"), ("newufrag", "short")] {
            let status = ana
                .patch("*", &ana.fragment(Some(broken), &[]))
                .await
                .status;
            assert!([400, 422].contains(&status), "{status} for {broken:?}");
        }
        assert!(ana.is_alive().await);
        let fragment = ana.fragment(None, &[CANDIDATE]);
        ana.patch(&ana.etag, &fragment).await.expect(204);
    });
}

// T35: knowing the URL is not enough.
#[test]
fn t35_another_participants_token_does_not_open_a_session() {
    run(async {
        let ana = Published::new().await;
        let fragment = ana.fragment(None, &[CANDIDATE]);
        let ben = ana.world.token("ben");
        let as_ben = |method| Request::new(method, ana.path.clone()).bearer(&ben);
        ana.world.send(as_ben("DELETE")).await.expect(403);
        ana.world
            .send(
                as_ben("PATCH")
                    .header("If-Match", &ana.etag)
                    .fragment(&fragment),
            )
            .await
            .expect(403);
        let mut twin = ana.world.holder("ana");
        twin.stage = crate::world::arn("otherstage");
        let twin = ana.world.token_of(&twin);
        ana.world
            .send(Request::new("DELETE", ana.path.clone()).bearer(&twin))
            .await
            .expect(403);
        assert!(ana.is_alive().await);
        // A newer token of the same participant is as good as the first.
        let mut holder = ana.world.holder("ana");
        holder.expired = true;
        let own = ana.world.token_of(&holder);
        ana.world
            .send(Request::new("DELETE", ana.path.clone()).bearer(&own))
            .await
            .expect(200);
    });
}
