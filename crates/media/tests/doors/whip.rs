//! The WHIP endpoint, clause by clause (RFC 9725).

use model::EventName::PublishError;

use crate::http::Request;
use crate::media::publish;
use crate::peer::{Offering, Role};
use crate::world::{Options, World, arn, run};

pub(crate) async fn offer() -> String {
    Offering::udp(Role::Publisher).await.sdp
}

fn post(token: &str, offer: &str) -> Request {
    Request::new("POST", "/whip").bearer(token).sdp(offer)
}

/// The media sections of a description.
pub(crate) fn sections(sdp: &str) -> Vec<&str> {
    sdp.split("\nm=").skip(1).collect()
}

#[test]
fn w01_get_and_head_succeed_and_are_empty() {
    run(async {
        let world = World::new().await;
        let (_ana, session) = publish(
            &world,
            &world.token("ana"),
            Offering::udp(Role::Publisher).await,
        )
        .await;
        for path in [
            "/whip",
            "/whip/",
            "/whip/publish/ana",
            "/whip/subscribe/ana",
            &session,
        ] {
            for method in ["GET", "HEAD"] {
                let reply = world.send(Request::new(method, path)).await.expect(200);
                assert_eq!(reply.body, "", "{method} {path}");
            }
        }
    });
}

#[test]
fn w02_a_publish_is_created_with_its_answer_and_location() {
    run(async {
        let world = World::new().await;
        for (participant, path) in [
            ("ana", "/whip"),
            ("ben", "/whip/"),
            ("cat", "/whip/publish/cat"),
        ] {
            let request = Request::new("POST", path)
                .bearer(&world.token(participant))
                .sdp(&offer().await);
            let reply = world.send(request).await.expect(201);
            assert_eq!(reply.header("content-type"), Some("application/sdp"));
            assert!(reply.body.starts_with("v=0\r\n"));
            assert!(reply.session().starts_with("/whip/session/"));
        }
    });
}

#[test]
fn the_participant_in_the_path_must_be_that_of_the_token() {
    run(async {
        let world = World::new().await;
        let request = Request::new("POST", "/whip/publish/ben")
            .bearer(&world.token("ana"))
            .sdp(&offer().await);
        world.send(request).await.expect(403);
        assert!(world.events_of("ana").is_empty());
    });
}

#[test]
fn w03_other_content_types_are_refused() {
    run(async {
        let world = World::new().await;
        let token = world.token("ana");
        let offer = offer().await;
        for content_type in ["text/plain", "application/json", "application/sdpx", ""] {
            let request = Request::new("POST", "/whip").bearer(&token);
            let request = request.header("Content-Type", content_type).body(&offer);
            world.send(request).await.expect(415);
        }
        let none = Request::new("POST", "/whip").bearer(&token).body(&offer);
        world.send(none).await.expect(415);
        let encoded = post(&token, &offer).header("Content-Encoding", "gzip");
        world.send(encoded).await.expect(415);
        let parameter = Request::new("POST", "/whip").bearer(&token);
        let parameter = parameter
            .header("Content-Type", "Application/SDP; charset=utf-8")
            .body(&offer);
        world.send(parameter).await.expect(201);
    });
}

#[test]
fn an_answer_that_the_client_does_not_accept_is_not_made() {
    run(async {
        let world = World::new().await;
        let token = world.token("ana");
        let offer = offer().await;
        world
            .send(post(&token, &offer).header("Accept", "text/html"))
            .await
            .expect(406);
        world
            .send(post(&token, &offer).header("Accept", "application/sdp"))
            .await
            .expect(201);
    });
}

// T36
#[test]
fn w04_malformed_sdp_is_refused_and_leaves_no_trace() {
    run(async {
        let world = World::new().await;
        let token = world.token("ana");
        let good = offer().await;
        let cut = &good[..good.find("a=ice-pwd").unwrap()];
        let no_fingerprint = good.replace("a=fingerprint:", "a=x-fingerprint:");
        let audio = &good[good.find("m=audio").unwrap()..good.find("m=video").unwrap()];
        let crowd = format!("{good}{}", audio.repeat(40));
        let returns = good.replace("\r\n", "\r");
        for offer in [
            "",
            "v=0",
            "nonsense",
            "\0\0\0",
            cut,
            &no_fingerprint,
            &crowd,
            &returns,
        ] {
            let status = world.send(post(&token, offer)).await.status;
            assert!([400, 422].contains(&status), "{status} for {offer:?}");
        }
        let not_utf8 = post(&token, "").bytes(&[0xff, 0xfe]);
        world.send(not_utf8).await.expect(400);
        assert!(world.events_of("ana").is_empty());
        assert_eq!(world.media.gauges(), media::Gauges::default());
    });
}

#[test]
fn a_body_over_the_limit_is_refused() {
    run(async {
        let world = World::new().await;
        let body = "a".repeat((64 << 10) + 1);
        world
            .send(post(&world.token("ana"), &body))
            .await
            .expect(413);
    });
}

#[test]
fn w05_w15_w24_w26_w28_the_answer_is_complete() {
    run(async {
        let world = World::new().await;
        let answer = world
            .send(post(&world.token("ana"), &offer().await))
            .await
            .expect(201)
            .body;
        let port = world.media.addresses()[0].port();
        let sections = sections(&answer);
        assert_eq!(sections.len(), 2);
        for section in sections {
            assert!(section.contains("a=recvonly"), "W5: {section}");
            for protocol in ["udp", "tcp"] {
                let candidate = section.lines().find(|line| {
                    line.starts_with("a=candidate:") && line.contains(&format!(" {protocol} "))
                });
                let candidate = candidate.expect("W15: a candidate of each kind in each section");
                assert!(
                    candidate.contains(&format!(" 127.0.0.1 {port} typ host")),
                    "{candidate}"
                );
            }
            assert!(section.contains("a=rtcp-mux-only"), "W24: {section}");
            assert!(
                !section.starts_with("audio 0 ") && !section.starts_with("video 0 "),
                "W26"
            );
        }
        assert!(answer.contains("a=group:BUNDLE "), "W24");
        assert!(answer.contains("a=ice-lite"), "W28");
    });
}

// T22
#[test]
fn w08_options_serves_cors_and_says_what_is_taken() {
    run(async {
        let world = World::new().await;
        let (_ana, session) = publish(
            &world,
            &world.token("ana"),
            Offering::udp(Role::Publisher).await,
        )
        .await;
        for (path, header, value) in [
            ("/whip", "accept-post", "application/sdp"),
            ("/whip/", "accept-post", "application/sdp"),
            ("/whip/publish/ana", "accept-post", "application/sdp"),
            ("/whip/subscribe/ana", "accept-post", "application/sdp"),
            (
                session.as_str(),
                "accept-patch",
                "application/trickle-ice-sdpfrag",
            ),
        ] {
            let preflight = Request::new("OPTIONS", path)
                .header("Origin", "https://app.example")
                .header("Access-Control-Request-Method", "POST")
                .header(
                    "Access-Control-Request-Headers",
                    "authorization,content-type",
                );
            let reply = world.send(preflight).await.expect(200);
            assert_eq!(reply.header(header), Some(value), "{path}");
            assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
            let methods = reply.header("access-control-allow-methods").unwrap();
            let wanted = if header == "accept-post" {
                "POST"
            } else {
                "PATCH, DELETE"
            };
            assert!(methods.contains(wanted), "{methods}");
            let headers = reply.header("access-control-allow-headers").unwrap();
            assert!(
                headers.contains("Authorization") && headers.contains("If-Match"),
                "{headers}"
            );
            assert!(reply.header("access-control-max-age").is_some());
            assert_eq!(reply.header("link"), None, "W31");
        }
    });
}

#[test]
fn t22_every_reply_is_open_to_all_origins_and_none_to_credentials() {
    run(async {
        let world = World::new().await;
        let token = world.token("ana");
        let offer = offer().await;
        let replies = [
            post(&token, &offer),
            post(&token, "nonsense"),
            post("nonsense", &offer),
            Request::new("POST", "/whip").sdp(&offer),
            Request::new("DELETE", format!("/whip/session/{}", "0".repeat(32))).bearer(&token),
            Request::new("PUT", "/whip"),
        ];
        for request in replies {
            let reply = world
                .send(request.header("Origin", "https://evil.example"))
                .await;
            assert_eq!(
                reply.header("access-control-allow-origin"),
                Some("*"),
                "{}",
                reply.status
            );
            let exposed = reply.header("access-control-expose-headers").unwrap();
            for name in ["Location", "Link", "ETag", "Retry-After"] {
                assert!(exposed.contains(name), "{exposed}");
            }
            assert_eq!(reply.header("access-control-allow-credentials"), None);
        }
    });
}

#[test]
fn w25_more_than_one_stream_or_track_of_a_kind_is_refused() {
    run(async {
        let world = World::new().await;
        let offer = offer().await;
        let parts: Vec<&str> = offer.split("m=").collect();
        let second = parts[2].replace("a=mid:", "a=mid:x");
        let doubled = format!("{offer}m={second}").replace("a=group:BUNDLE ", "a=group:BUNDLE x ");
        let reply = world.send(post(&world.token("ana"), &doubled)).await;
        assert!(
            [400, 422].contains(&reply.status),
            "{} {}",
            reply.status,
            reply.body
        );
        let streams = offer.replacen("a=msid:stream ", "a=msid:other ", 1);
        assert_ne!(streams, offer);
        let reply = world.send(post(&world.token("ana"), &streams)).await;
        assert!(
            [400, 422].contains(&reply.status),
            "{} {}",
            reply.status,
            reply.body
        );
        assert!(world.events_of("ana").is_empty());
    });
}

#[test]
fn an_offer_without_h264_is_refused_with_an_event() {
    run(async {
        let world = World::new().await;
        let offer = offer().await.replace("H264/90000", "H265/90000");
        let reply = world
            .send(post(&world.token("ana"), &offer))
            .await
            .expect(400);
        assert!(reply.body.contains("INVALID_VIDEO_CODEC"), "{}", reply.body);
        let events = world.events_of("ana");
        let event = events
            .iter()
            .find(|event| event.name == PublishError)
            .expect("an event");
        assert_eq!(event.error, Some(model::ErrorCode::InvalidVideoCodec));
    });
}

#[test]
fn w27_either_dtls_role_of_the_client_is_answered() {
    run(async {
        let world = World::new().await;
        let offer = offer().await;
        for (offered, expected) in [
            ("actpass", "a=setup:passive"),
            ("active", "a=setup:passive"),
            ("passive", "a=setup:active"),
        ] {
            let offer = offer.replace("a=setup:actpass", &format!("a=setup:{offered}"));
            let reply = world
                .send(post(&world.token("ana"), &offer))
                .await
                .expect(201);
            assert!(reply.body.contains(expected), "{offered}: {}", reply.body);
        }
    });
}

#[test]
fn w30_a_server_that_cannot_take_more_says_when_to_come_back() {
    run(async {
        let mut world = World::new().await;
        let token = world.token("ana");
        let offer = offer().await;
        world.end_stages().await;
        let reply = world.send(post(&token, &offer)).await.expect(503);
        assert!(reply.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
        assert_eq!(world.media.gauges().publishes, 0);
    });
}

// T35
#[test]
fn w32_each_method_needs_a_bearer_token() {
    run(async {
        let world = World::new().await;
        let offer = offer().await;
        let session = format!("/whip/session/{}", "0".repeat(32));
        let foreign = World::new().await.token("ana");
        let query = format!("/whip?access_token={}", world.token("ana"));
        let mut requests = vec![Request::new("POST", query).sdp(&offer)];
        for (method, path) in [
            ("POST", "/whip"),
            ("POST", "/whip/publish/ana"),
            ("POST", "/whip/subscribe/ana"),
            ("PATCH", session.as_str()),
            ("DELETE", session.as_str()),
        ] {
            let request = || Request::new(method, path).sdp(&offer);
            requests.push(request());
            requests.push(request().bearer("nonsense"));
            requests.push(request().bearer(&foreign));
            requests.push(request().header("Authorization", "Basic YTpi"));
        }
        for request in requests {
            let reply = world.send(request).await.expect(401);
            assert!(
                reply
                    .header("www-authenticate")
                    .unwrap()
                    .starts_with("Bearer")
            );
        }
        assert!(world.events_of("ana").is_empty());
    });
}

#[test]
fn t35_an_expired_token_opens_nothing() {
    run(async {
        let world = World::new().await;
        let mut holder = world.holder("ana");
        holder.expired = true;
        let token = world.token_of(&holder);
        let reply = world.send(post(&token, &offer().await)).await.expect(401);
        assert!(reply.header("www-authenticate").is_some());
    });
}

// T29
#[test]
fn t29_a_token_without_the_capability_is_refused_at_each_door() {
    run(async {
        let world = World::new().await;
        let (_cat, _) = publish(
            &world,
            &world.token("cat"),
            Offering::udp(Role::Publisher).await,
        )
        .await;
        let mut viewer = world.holder("ana");
        viewer.publish = false;
        let mut speaker = world.holder("ben");
        speaker.subscribe = false;
        let publisher = offer().await;
        let subscriber = Offering::udp(Role::Subscriber).await.sdp;
        let requests = [
            post(&world.token_of(&viewer), &publisher),
            Request::new("POST", "/whip/publish/ana")
                .bearer(&world.token_of(&viewer))
                .sdp(&publisher),
            Request::new("POST", "/whip/subscribe/cat")
                .bearer(&world.token_of(&speaker))
                .sdp(&subscriber),
        ];
        for request in requests {
            let reply = world.send(request).await.expect(403);
            assert!(
                reply.body.contains("INSUFFICIENT_CAPABILITIES"),
                "{}",
                reply.body
            );
        }
    });
}

#[test]
fn a_full_stage_and_an_unknown_stage_are_told_apart() {
    run(async {
        let world = World::with(Options {
            publishers_per_stage_max: 1,
            ..Options::default()
        })
        .await;
        let (_ana, _) = publish(
            &world,
            &world.token("ana"),
            Offering::udp(Role::Publisher).await,
        )
        .await;
        let reply = world
            .send(post(&world.token("ben"), &offer().await))
            .await
            .expect(403);
        assert!(reply.body.contains("QUOTA_EXCEEDED"), "{}", reply.body);
        let mut holder = world.holder("ben");
        holder.stage = arn("gone");
        let reply = world
            .send(post(&world.token_of(&holder), &offer().await))
            .await
            .expect(404);
        assert!(reply.body.contains("STAGE_NOT_FOUND"), "{}", reply.body);
    });
}

// C.1: signature checks are what an attacker would buy with a request.
#[test]
fn w34_session_names_cannot_be_guessed_and_attempts_are_limited() {
    run(async {
        let world = World::with(Options {
            frozen: true,
            ..Options::default()
        })
        .await;
        let mut names = std::collections::BTreeSet::new();
        for participant in ["ana", "ben", "cat"] {
            let reply = world
                .send(post(&world.token(participant), &offer().await))
                .await
                .expect(201);
            let name = reply
                .session()
                .strip_prefix("/whip/session/")
                .unwrap()
                .to_owned();
            assert!(name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
            names.insert(name);
        }
        assert_eq!(names.len(), 3);
        // No time passes, so no allowance comes back: 2,000 attempts, three of them made above.
        let attempt = Request::new("DELETE", "/whip/session/x");
        let statuses = attempt.send_often(world.http, 2_100).await;
        assert_eq!(
            statuses.iter().filter(|status| **status == 401).count(),
            1_997
        );
        assert!(statuses[1_997..].iter().all(|status| *status == 429));
        let reply = world
            .send(post(&world.token("dan"), &offer().await))
            .await
            .expect(429);
        assert!(reply.header("retry-after").is_some());
    });
}

// T20: who claims to come from elsewhere shares the allowance of where it comes from.
#[test]
fn t20_a_forwarding_header_does_not_move_the_limit_of_an_address() {
    run(async {
        let world = World::with(Options {
            frozen: true,
            ..Options::default()
        })
        .await;
        let attempt = Request::new("DELETE", "/whip/session/x");
        // All of the allowance, and one request by which the connection ends.
        let statuses = attempt.send_often(world.http, 2_000).await;
        assert!(statuses.iter().all(|status| *status == 401));
        for (name, value) in [
            ("X-Forwarded-For", "203.0.113.7"),
            ("X-Forwarded-For", "203.0.113.8, 127.0.0.1"),
            ("X-Real-IP", "203.0.113.9"),
            ("Forwarded", "for=203.0.113.10"),
        ] {
            let request = Request::new("DELETE", "/whip/session/x").header(name, value);
            world.send(request).await.expect(429);
        }
    });
}

#[test]
fn w29_no_path_of_whip_is_redirected() {
    run(async {
        let world = World::new().await;
        let token = world.token("ana");
        let offer = offer().await;
        let created = world.send(post(&token, &offer)).await.expect(201);
        for path in [
            "/whip",
            "/whip/publish",
            "/whip/publish/ana",
            "/whip/subscribe",
            "/whip/subscribe/ben",
            "/whip/session",
            &created.session(),
        ] {
            for slash in ["", "/", "//"] {
                for method in ["GET", "HEAD", "OPTIONS", "POST", "PATCH", "DELETE", "PUT"] {
                    let request = Request::new(method, format!("{path}{slash}"));
                    let reply = world.send(request.sdp(&offer)).await;
                    assert_ne!(reply.status / 100, 3, "{method} {path}{slash}");
                    assert_eq!(reply.header("location"), None, "{method} {path}{slash}");
                }
                let request = Request::new("POST", format!("{path}{slash}")).bearer(&token);
                let status = world.send(request.sdp(&offer)).await.status;
                assert_ne!(status / 100, 3, "POST {path}{slash} with a token");
            }
        }
    });
}
