//! The ICE servers that clients are told of (RFC 9725 section 4.6).

use std::time::Duration;

use auth::relay::SharedSecret;
use media::{IceAccess, IceServerSettings, IceUrl};

use crate::http::Request;
use crate::peer::{Offering, Role};
use crate::world::{Options, World, arn, run};

const STUN: &str = "<stun:stun.example.com>; rel=\"ice-server\"";

async fn world() -> World {
    let url = |text| vec![IceUrl::parse(text).unwrap()];
    World::with(Options {
        ice_servers: vec![
            IceServerSettings {
                urls: url("stun:stun.example.com"),
                access: IceAccess::Open,
            },
            IceServerSettings {
                urls: url("turn:turn.example.com?transport=tcp"),
                access: IceAccess::Timed {
                    secret: SharedSecret::new("0123456789abcdef"),
                    lifetime: Duration::from_hours(1),
                },
            },
        ],
        ..Options::default()
    })
    .await
}

/// That the links are those servers, with credentials of that participant.
fn check(links: &[&str], participant: &str) {
    let [stun, turn, ..] = links else {
        panic!("{links:?}")
    };
    assert_eq!(*stun, STUN);
    let rest = turn
        .strip_prefix("<turn:turn.example.com?transport=tcp>; rel=\"ice-server\"; username=\"")
        .unwrap();
    let (username, rest) = rest.split_once('"').unwrap();
    let (expiry, holder) = username.split_once(':').unwrap();
    assert_eq!(holder, participant);
    let expiry = jiff::Timestamp::from_second(expiry.parse().unwrap()).unwrap();
    let participant = model::ParticipantId::parse(participant).unwrap();
    let expected = SharedSecret::new("0123456789abcdef").credentials(&participant, expiry);
    let password = expected.password;
    assert_eq!(
        rest,
        format!("; credential=\"{password}\"; credential-type=\"password\"")
    );
}

#[test]
fn w31_answers_name_the_ice_servers_with_credentials_of_the_participant() {
    run(async {
        let world = world().await;
        let ana = Offering::udp(Role::Publisher).await;
        let post = Request::new("POST", "/whip").bearer(&world.token("ana"));
        let reply = world.send(post.sdp(&ana.sdp)).await.expect(201);
        check(&reply.headers_of("link"), "ana");
        let mut peer = ana.accept(&reply.body).await;
        peer.connected().await;
        let ben = Offering::udp(Role::Subscriber).await;
        let post = Request::new("POST", "/whip/subscribe/ana").bearer(&world.token("ben"));
        let reply = world.send(post.sdp(&ben.sdp)).await.expect(201);
        check(&reply.headers_of("link"), "ben");
        let exposed = reply.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("Link"));
    });
}

#[test]
fn w31_options_names_them_to_bearers_of_a_token_and_to_no_preflight() {
    run(async {
        let world = world().await;
        for path in [
            "/whip",
            "/whip/",
            "/whip/publish/ana",
            "/whip/subscribe/ana",
        ] {
            let options = || Request::new("OPTIONS", path);
            let reply = world.send(options().bearer(&world.token("ana"))).await;
            check(&reply.expect(200).headers_of("link"), "ana");
            let mut expired = world.holder("ana");
            expired.expired = true;
            let forged = World::new().await.token("ana");
            for token in ["nonsense", &forged, &world.token_of(&expired)] {
                let reply = world.send(options().bearer(token)).await.expect(401);
                assert_eq!(reply.header("link"), None);
            }
            let token = world.token("ana");
            for (request, status) in [
                (options(), 200),
                (options().header("Authorization", "Basic abc"), 401),
                (
                    options()
                        .bearer(&token)
                        .header("Access-Control-Request-Method", "POST"),
                    200,
                ),
            ] {
                let reply = world.send(request).await.expect(status);
                assert_eq!(reply.header("link"), None, "{path}");
            }
        }
    });
}

// Credentials of a relay are worth something without the stage.
#[test]
fn w31_options_refuses_whom_a_join_would_refuse_and_in_the_same_words() {
    run(async {
        let world = world().await;
        world.kick("ana").await;
        let mut elsewhere = world.holder("ben");
        elsewhere.stage = arn("zyxwZYXWzyxw");
        for (token, status, code) in [
            (world.token("ana"), 403, "PARTICIPANT_DISCONNECTED"),
            (world.token_of(&elsewhere), 404, "STAGE_NOT_FOUND"),
        ] {
            let options = Request::new("OPTIONS", "/whip").bearer(&token);
            let reply = world.send(options).await.expect(status);
            assert_eq!(reply.header("link"), None);
            let offer = Offering::udp(Role::Publisher).await.sdp;
            let join = Request::new("POST", "/whip").bearer(&token).sdp(&offer);
            let joined = world.send(join).await.expect(status);
            assert!(reply.body.contains(code), "{}", reply.body);
            assert_eq!(reply.body, joined.body);
        }
    });
}

#[test]
fn t35_refusals_name_no_ice_servers() {
    run(async {
        let world = world().await;
        let offer = Offering::udp(Role::Publisher).await.sdp;
        let post = || Request::new("POST", "/whip");
        let token = world.token("ana");
        for request in [
            post().sdp(&offer),
            post().bearer("nonsense").sdp(&offer),
            post().bearer(&token).sdp("v=0"),
        ] {
            let reply = world.send(request).await;
            assert_eq!(reply.status / 100, 4);
            assert_eq!(reply.header("link"), None);
        }
    });
}
