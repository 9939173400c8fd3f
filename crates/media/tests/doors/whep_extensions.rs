//! Events and layers for plain WHEP players, by the extensions that answers name in `Link`.

use model::EventName::{Joined, PublishStarted};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::http::Request;
use crate::media::publish;
use crate::peer::{Offering, Peer, Role};
use crate::world::{Options, World, run};

const EVENTS: &str = "rel=\"urn:ietf:params:whep:ext:core:server-sent-events\"";
const LAYER: &str = "rel=\"urn:ietf:params:whep:ext:core:layer\"";

/// A publisher and somebody who watches it.
struct Room {
    world: World,
    _ana: Peer,
    publish: String,
    ben: Peer,
    /// That opened the session.
    token: String,
    session: String,
}

impl Room {
    async fn new() -> Self {
        Self::of(Role::Publisher).await
    }

    /// The publisher is of that kind.
    async fn of(role: Role) -> Self {
        Self::within(World::new().await, role).await
    }

    async fn within(world: World, role: Role) -> Self {
        let offering = Offering::udp(role).await;
        let (ana, publish) = publish(&world, &world.token("ana"), offering).await;
        world.expect_events("ana", &[Joined, PublishStarted]).await;
        let offering = Offering::udp(Role::Subscriber).await;
        let token = world.token("ben");
        let (ben, session) = crate::media::subscribe(&world, &token, "ana", offering).await;
        Self {
            world,
            _ana: ana,
            publish,
            ben,
            token,
            session,
        }
    }

    fn post(&self, what: &str, body: &str) -> Request {
        Request::new("POST", format!("{}/{what}", self.session))
            .header("Content-Type", "application/json")
            .body(body)
    }

    fn get(&self, query: &str) -> Request {
        Request::new("GET", format!("{}/events{query}", self.session))
    }

    async fn stream(&self, path: impl Into<String>) -> Stream {
        let request = Request::new("GET", path).bearer(&self.world.token("ben"));
        Stream {
            stream: request.begin(self.world.http).await,
            text: String::new(),
        }
    }
}

struct Stream {
    stream: TcpStream,
    text: String,
}

impl Stream {
    /// Reads until the text is there.
    async fn until(&mut self, text: &str) {
        while !self.text.contains(text) {
            assert!(self.more().await, "it ends with {}", self.text);
        }
    }

    async fn more(&mut self) -> bool {
        let mut chunk = [0; 4_096];
        let count = self.stream.read(&mut chunk).await.unwrap_or(0);
        self.text += std::str::from_utf8(&chunk[..count]).unwrap();
        count > 0
    }

    async fn end(mut self) -> String {
        while self.more().await {}
        self.text
    }
}

#[test]
fn answers_to_subscribers_name_both_extensions_and_answers_to_publishers_none() {
    run(async {
        let room = Room::new().await;
        let offer = Offering::udp(Role::Subscriber).await.sdp;
        let post = Request::new("POST", "/whip/subscribe/ana").bearer(&room.world.token("cat"));
        let reply = room.world.send(post.sdp(&offer)).await.expect(201);
        let session = format!("http://media.test{}", reply.session());
        assert_eq!(
            reply.headers_of("link"),
            [
                format!("<{session}/events>; {EVENTS}; events=\"active,inactive,layers\""),
                format!("<{session}/layer>; {LAYER}"),
            ]
        );
        let offer = Offering::udp(Role::Publisher).await.sdp;
        let post = Request::new("POST", "/whip").bearer(&room.world.token("dan"));
        let reply = room.world.send(post.sdp(&offer)).await.expect(201);
        assert!(reply.headers_of("link").is_empty());
    });
}

// A player that follows its window must not keep its whole office from joining, nor be kept from it by them.
#[test]
fn requests_about_a_subscription_have_a_limit_of_their_own() {
    run(async {
        let world = World::with(Options {
            frozen: true,
            ..Options::default()
        })
        .await;
        let room = Room::within(world, Role::Publisher).await;
        // No time passes, so no allowance comes back: nobody may try a token from this address any more.
        let attempt = Request::new("DELETE", "/whip/session/x");
        attempt.send_often(room.world.http, 2_100).await;
        let choose = |token: &str| room.post("layer", "{}").bearer(token);
        let list = room.post("events", "[\"layers\"]").bearer(&room.token);
        room.world.send(list).await.expect(201);
        for status in [200; 29].into_iter().chain([429; 2]) {
            room.world.send(choose(&room.token)).await.expect(status);
        }
        let another = room.world.send(choose(&room.world.token("cat"))).await;
        assert!(another.expect(429).body.contains("address"));
    });
}

#[test]
fn a_stream_begins_with_what_is_and_ends_with_its_session() {
    run(async {
        let room = Room::new().await;
        let mut stream = room.stream(format!("{}/events", room.session)).await;
        stream.until("event: active\ndata: {}\n\n").await;
        assert!(stream.text.starts_with("HTTP/1.1 200"));
        let head = stream.text.to_ascii_lowercase();
        for header in [
            "content-type: text/event-stream",
            "cache-control: no-store",
            "access-control-allow-origin: *",
        ] {
            assert!(head.contains(header), "{head}");
        }
        let delete = Request::new("DELETE", &room.session).bearer(&room.world.token("ben"));
        room.world.send(delete).await.expect(200);
        let text = stream.end().await;
        assert!(text.contains("event: inactive\ndata: {}\n\n"), "{text}");
    });
}

#[test]
fn a_stream_ends_when_the_publisher_stops() {
    run(async {
        let room = Room::new().await;
        let mut stream = room.stream(format!("{}/events", room.session)).await;
        stream.until("event: active").await;
        let delete = Request::new("DELETE", &room.publish).bearer(&room.world.token("ana"));
        room.world.send(delete).await.expect(200);
        assert!(stream.end().await.contains("event: inactive"));
    });
}

#[test]
fn a_list_of_events_makes_a_stream_of_those() {
    run(async {
        let room = Room::new().await;
        let token = room.world.token("ben");
        let post = room
            .post("events", "[\"inactive\",\"viewercount\"]")
            .bearer(&token);
        let reply = room.world.send(post).await.expect(201);
        let path = reply.session();
        assert_eq!(path, format!("{}/events?events=inactive", room.session));
        let mut stream = room.stream(path).await;
        // Only the head can come before the end; with it the stream is there.
        stream.until("\r\n\r\n").await;
        let delete = Request::new("DELETE", &room.session).bearer(&token);
        room.world.send(delete).await.expect(200);
        let text = stream.end().await;
        assert!(
            text.contains("event: inactive") && !text.contains("event: active"),
            "{text}"
        );
    });
}

#[test]
fn lists_that_name_nothing_known_are_refused() {
    run(async {
        let room = Room::new().await;
        let token = room.world.token("ben");
        for (body, code) in [
            ("[]", "EVENTS_UNKNOWN"),
            ("[\"viewercount\"]", "EVENTS_UNKNOWN"),
            ("{}", "BODY_MALFORMED"),
            ("[1]", "BODY_MALFORMED"),
            ("", "BODY_MALFORMED"),
        ] {
            let post = room.post("events", body).bearer(&token);
            let reply = room.world.send(post).await.expect(400);
            assert!(reply.body.contains(code), "{body}: {}", reply.body);
        }
        let get = room.get("?events=viewercount").bearer(&token);
        room.world.send(get).await.expect(400);
    });
}

#[test]
fn a_session_has_four_streams_at_most() {
    run(async {
        let room = Room::new().await;
        let mut streams = Vec::new();
        for _ in 0..4 {
            let mut stream = room.stream(format!("{}/events", room.session)).await;
            stream.until("event: active").await;
            streams.push(stream);
        }
        let fifth = room.get("").bearer(&room.world.token("ben"));
        let reply = room.world.send(fifth).await.expect(409);
        assert!(reply.body.contains("TOO_MANY_STREAMS"), "{}", reply.body);
    });
}

// The publisher has one encoding, which is the layer `default`.
#[test]
fn a_layer_can_be_chosen_and_media_goes_on() {
    run(async {
        let mut room = Room::new().await;
        let token = room.world.token("ben");
        for body in [
            "{\"mediaId\":\"MID\",\"encodingId\":\"default\"}",
            "{\"rid\":\"default\"}",
            "{\"maxWidth\":1280,\"maxHeight\":720}",
            "{}",
        ] {
            let mid = room.ben.video_mid();
            let post = room
                .post("layer", &body.replace("MID", &mid))
                .bearer(&token);
            room.world.send(post).await.expect(200);
            let before = room.ben.until(|_| true).await.video;
            room.ben.until(|seen| seen.video > before + 5).await;
        }
        for (body, status, code) in [
            ("[1]", 400, "LAYER_MALFORMED"),
            ("", 400, "LAYER_MALFORMED"),
            ("{\"maxWidth\":0}", 400, "LAYER_MALFORMED"),
            ("{\"encodingId\":\"no such layer\"}", 404, "LAYER_NOT_FOUND"),
            ("{\"mediaId\":\"99\"}", 404, "MEDIA_NOT_FOUND"),
        ] {
            let post = room.post("layer", body).bearer(&token);
            let reply = room.world.send(post).await.expect(status);
            assert!(reply.body.contains(code), "{body}: {}", reply.body);
        }
    });
}

#[test]
fn a_viewer_of_several_layers_is_told_of_them_and_gets_the_one_it_chooses() {
    run(async {
        let mut room = Room::of(Role::Simulcast).await;
        let token = room.world.token("ben");
        let path = format!("{}/events?events=layers", room.session);
        let mut stream = room.stream(&path).await;
        stream.until("\"encodingId\":\"h\"").await;
        stream.until("\"encodingId\":\"l\"").await;
        for label in ["l", "h", "l"] {
            stream.text.clear();
            let post = room.post("layer", &format!("{{\"encodingId\":\"{label}\"}}"));
            room.world.send(post.bearer(&token)).await.expect(200);
            let chosen = format!("\"reason\":\"selected\",\"selected\":\"{label}\"");
            stream.until(&chosen).await;
            let before = room.ben.until(|_| true).await.video;
            room.ben.until(|seen| seen.video > before + 5).await;
        }
        let unknown = room.post("layer", "{\"encodingId\":\"m\"}").bearer(&token);
        let reply = room.world.send(unknown).await.expect(404);
        assert!(reply.body.contains("LAYER_NOT_FOUND"), "{}", reply.body);
        stream.text.clear();
        let post = room.post("layer", "{}").bearer(&token);
        room.world.send(post).await.expect(200);
        stream.until("\"reason\":\"automatic\"").await;
    });
}

#[test]
fn t35_both_need_the_token_of_the_session() {
    run(async {
        let room = Room::new().await;
        let requests = || {
            [
                room.post("events", "[\"active\"]"),
                room.get(""),
                room.post("layer", "{}"),
            ]
        };
        let forged = World::new().await.token("ben");
        for request in requests() {
            room.world.send(request).await.expect(401);
        }
        for token in ["nonsense", &forged] {
            for request in requests() {
                room.world.send(request.bearer(token)).await.expect(401);
            }
        }
        let others = room.world.token("cat");
        for request in requests() {
            room.world.send(request.bearer(&others)).await.expect(403);
        }
        // A token in the URL opens nothing.
        let query = format!("?access_token={}", room.world.token("ben"));
        room.world.send(room.get(&query)).await.expect(401);
    });
}

#[test]
fn a_publish_has_neither_and_an_unknown_session_is_not_found() {
    run(async {
        let room = Room::new().await;
        let token = room.world.token("ana");
        let unknown = format!("/whip/session/{}", "0".repeat(32));
        for (session, code) in [
            (&room.publish, "NOT_A_SUBSCRIPTION"),
            (&unknown, "SESSION_NOT_FOUND"),
        ] {
            for (method, what, body) in [
                ("POST", "events", "[\"active\"]"),
                ("GET", "events", ""),
                ("POST", "layer", "{}"),
            ] {
                let request = Request::new(method, format!("{session}/{what}")).bearer(&token);
                let request = request
                    .header("Content-Type", "application/json")
                    .body(body);
                let reply = room.world.send(request).await.expect(404);
                assert!(reply.body.contains(code), "{method} {what}: {}", reply.body);
            }
        }
    });
}

#[test]
fn pages_of_other_origins_may_ask_for_both() {
    run(async {
        let room = Room::new().await;
        for (what, methods) in [
            ("events", "POST, GET, HEAD, OPTIONS"),
            ("layer", "POST, OPTIONS"),
        ] {
            let preflight = Request::new("OPTIONS", format!("{}/{what}", room.session))
                .header("Origin", "https://app.example")
                .header("Access-Control-Request-Method", "POST");
            let reply = room.world.send(preflight).await.expect(200);
            assert_eq!(reply.header("access-control-allow-methods"), Some(methods));
            assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
            assert_eq!(reply.header("accept-post"), Some("application/json"));
        }
        let request = room.post("layer", "{}").bearer(&room.world.token("ben"));
        room.world
            .send(request.header("Content-Type", "text/plain"))
            .await
            .expect(415);
    });
}
