//! The events socket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use model::EventName::{Joined, Left};
use serde_json::{Value, json};
use stage::Input;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::media::publish;
use crate::peer::{Offering, Role};
use crate::world::{Options, World, run};

pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What a socket is closed with.
pub(crate) type Closed = (u16, String);

impl Socket {
    pub(crate) async fn open(world: &World, topic: &str, token: &str) -> Result<Self, u16> {
        Self::open_as(world, topic, token, token).await
    }

    /// A socket with those subprotocols, of which the server is to choose one.
    pub(crate) async fn open_as(
        world: &World,
        topic: &str,
        offered: &str,
        chosen: &str,
    ) -> Result<Self, u16> {
        let mut request = format!("ws://{}/events/{topic}", world.http)
            .into_client_request()
            .unwrap();
        let headers = request.headers_mut();
        if !offered.is_empty() {
            headers.insert("sec-websocket-protocol", offered.parse().unwrap());
        }
        headers.insert("origin", "https://anywhere.example".parse().unwrap());
        match tokio_tungstenite::connect_async(request).await {
            Ok((socket, response)) => {
                assert_eq!(response.headers()["sec-websocket-protocol"], chosen);
                Ok(Self(socket))
            }
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// A socket that is in.
    async fn join(world: &World, participant: &str) -> (Self, Value) {
        let mut socket = Self::open(world, "abcdABCDefgh", &world.token(participant))
            .await
            .unwrap();
        let first = socket.text().await;
        (socket, first)
    }

    pub(crate) async fn send(&mut self, message: Message) {
        // The server may have closed already.
        let _ = self.0.send(message).await;
    }

    pub(crate) async fn next(&mut self) -> Result<Value, Closed> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(Some(CloseFrame { code, reason })))) => {
                    return Err((code.into(), reason.to_string()));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) async fn text(&mut self) -> Value {
        self.next().await.expect("a message")
    }

    pub(crate) async fn closed(&mut self) -> Closed {
        loop {
            if let Err(closed) = self.next().await {
                return closed;
            }
        }
    }
}

fn state(participants: &[&str]) -> Value {
    let participants: Vec<Value> = participants
        .iter()
        .map(|id| json!({ "id": id, "userId": "user", "attributes": {}, "isPublishing": true }))
        .collect();
    json!({
        "type": "STAGE_STATE",
        "payload": { "stageId": "abcdABCDefgh", "participants": participants },
    })
}

#[test]
fn connecting_is_joining_and_every_change_comes_as_a_whole_snapshot() {
    run(async {
        let world = World::new().await;
        let (mut ben, first) = Socket::join(&world, "ben").await;
        assert_eq!(first, state(&[]));
        world.expect_events("ben", &[Joined]).await;
        let token = world.token("ana");
        let (_ana, session) = publish(&world, &token, Offering::udp(Role::Publisher).await).await;
        assert_eq!(ben.text().await, state(&["ana"]));
        let (_cat, first) = Socket::join(&world, "cat").await;
        assert_eq!(first, state(&["ana"]));
        let delete = crate::http::Request::new("DELETE", session).bearer(&token);
        world.send(delete).await.expect(200);
        assert_eq!(ben.text().await, state(&[]));
        assert_eq!(world.media.gauges().sockets, 2);
        ben.send(Message::Close(None)).await;
        world.expect_events("ben", &[Joined, Left]).await;
    });
}

#[test]
fn a_ping_is_answered_and_unknown_messages_are_not() {
    run(async {
        let world = World::new().await;
        let (mut ben, _) = Socket::join(&world, "ben").await;
        for text in [r#"{"type":"SET_STATE"}"#, "nonsense", r#"{"type":"PING"}"#] {
            ben.send(Message::text(text)).await;
        }
        assert_eq!(ben.text().await, json!({ "type": "PONG" }));
    });
}

#[test]
fn a_token_that_does_not_verify_or_is_for_another_topic_is_refused_before_the_upgrade() {
    run(async {
        let world = World::new().await;
        let token = world.token("ben");
        for (topic, token, status) in [
            ("abcdABCDefgh", "", 401),
            ("abcdABCDefgh", "nonsense", 401),
            ("abcdABCDefgh", &World::new().await.token("ben"), 401),
            ("abcdABCDefgh", &format!("{token}, other"), 401),
            ("otherstage", &token, 403),
        ] {
            assert_eq!(
                Socket::open(&world, topic, token).await.err(),
                Some(status),
                "{topic} {token:.10}"
            );
        }
        assert!(world.events_of("ben").is_empty());
    });
}

#[test]
fn what_the_stage_refuses_is_told_on_the_open_socket() {
    run(async {
        let world = World::new().await;
        world.kick("ben").await;
        let mut expired = world.holder("cat");
        expired.expired = true;
        let mut gone = world.holder("dan");
        gone.stage = crate::world::arn("gone");
        for (topic, token, code, reason) in [
            (
                "abcdABCDefgh",
                world.token("ben"),
                10,
                "PARTICIPANT_DISCONNECTED",
            ),
            ("abcdABCDefgh", world.token_of(&expired), 2, "TOKEN_EXPIRED"),
            ("gone", world.token_of(&gone), 9, "STAGE_DELETED"),
        ] {
            let mut socket = Socket::open(&world, topic, &token).await.unwrap();
            let expected =
                json!({ "type": "JOIN_ERROR", "payload": { "code": code, "reason": reason } });
            assert_eq!(socket.text().await, expected);
            assert_eq!(socket.next().await, Err((1008, reason.to_owned())));
        }
        assert_eq!(world.media.gauges().sockets, 0);
    });
}

// T30, T31
#[test]
fn a_socket_is_told_why_it_is_closed() {
    run(async {
        let world = World::new().await;
        let left = |reason: &str| json!({ "type": "STAGE_LEFT", "payload": { "reason": reason } });
        let (mut first, _) = Socket::join(&world, "ben").await;
        let (mut second, _) = Socket::join(&world, "ben").await;
        assert_eq!(first.text().await, left("token-reused"));
        assert_eq!(first.next().await, Err((1008, "token-reused".to_owned())));
        let (mut cat, _) = Socket::join(&world, "cat").await;
        world.kick("cat").await;
        assert_eq!(cat.text().await, left("participant-disconnected"));
        assert_eq!(
            cat.next().await,
            Err((1008, "participant-disconnected".to_owned()))
        );
        world
            .tell(Input::StageDeleted {
                stage: world.arn.clone(),
            })
            .await;
        assert_eq!(second.text().await, left("stage-deleted"));
        assert_eq!(second.next().await, Err((1008, "stage-deleted".to_owned())));
    });
}

#[test]
fn shutdown_says_goodbye_to_sockets() {
    run(async {
        let world = World::new().await;
        let (mut ben, _) = Socket::join(&world, "ben").await;
        let goodbye = async {
            assert_eq!(ben.text().await["type"], "STAGE_LEFT");
            ben.closed().await
        };
        let ((), closed) = tokio::join!(world.media.clone().shutdown(), goodbye);
        assert_eq!(closed.0, 1001);
    });
}

// T31
#[test]
fn t31_many_sockets_of_one_token_at_once_leave_one() {
    run(async {
        let world = World::new().await;
        let joins = (0..100).map(|_| Socket::join(&world, "ben"));
        let mut sockets = futures_util::future::join_all(joins).await;
        let mut closed = 0;
        while closed < 99 {
            let next = sockets
                .iter_mut()
                .map(|(socket, _)| Box::pin(socket.closed()));
            let ((code, _), at, _) = futures_util::future::select_all(next).await;
            assert_eq!(code, 1008);
            sockets.swap_remove(at);
            closed += 1;
        }
        // Each newer join ends the one before it: a life, then the next one.
        let events = world.events_of("ben");
        let names: Vec<_> = events.iter().map(|event| event.name).collect();
        let lives = [Joined, Left].into_iter().cycle().take(199);
        assert!(names.iter().copied().eq(lives), "{names:?}");
        let (mut last, _) = sockets.pop().expect("one is left");
        last.send(Message::text(r#"{"type":"PING"}"#)).await;
        assert_eq!(last.text().await, json!({ "type": "PONG" }));
        assert_eq!(world.media.gauges().sockets, 1);
    });
}

#[test]
fn t66_offences_close_the_socket_with_their_code() {
    run(async {
        let world = World::new().await;
        let text = |length: usize| Message::text("x".repeat(length));
        let ping = || Message::text(r#"{"type":"PING"}"#);
        for (name, messages, code) in [
            ("over the limit", vec![text((64 << 10) + 1)], 1009),
            ("far over the limit", vec![text(4 << 20)], 1009),
            ("binary", vec![Message::binary(vec![1, 2, 3])], 1003),
            ("ping flood", (0..500).map(|_| ping()).collect(), 1008),
            (
                "control flood",
                (0..500)
                    .map(|_| Message::Ping(vec![0; 100].into()))
                    .collect(),
                1008,
            ),
        ] {
            let (mut socket, _) = Socket::join(&world, "ben").await;
            for message in messages {
                socket.send(message).await;
            }
            assert_eq!(socket.closed().await.0, code, "{name}");
        }
        let (mut socket, _) = Socket::join(&world, "ben").await;
        socket.send(text(64 << 10)).await;
        socket.send(ping()).await;
        assert_eq!(socket.text().await, json!({ "type": "PONG" }));
    });
}

/// Upgrades by hand, and leaves the frames to the test.
pub(crate) async fn raw(world: &World, offered: &str) -> TcpStream {
    raw_at(world, "abcdABCDefgh", offered).await
}

/// The same at another topic.
pub(crate) async fn raw_at(world: &World, topic: &str, offered: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.http).await.unwrap();
    let request = format!(
        "GET /events/{topic} HTTP/1.1\r\nHost: media.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: {offered}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(
        !head.to_lowercase().contains("sec-websocket-extensions"),
        "no compression: {head}"
    );
    stream
}

/// The close code that comes, after whatever else.
pub(crate) async fn close_code(stream: &mut TcpStream) -> u16 {
    loop {
        let first = stream.read_u8().await.unwrap();
        let length = match stream.read_u8().await.unwrap() {
            126 => usize::from(stream.read_u16().await.unwrap()),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await.unwrap();
        if first == 0x88 {
            return u16::from_be_bytes([payload[0], payload[1]]);
        }
    }
}

#[test]
fn t66_frames_that_break_the_protocol_close_the_socket() {
    run(async {
        let world = World::new().await;
        let fragments = [
            &[0x01, 0x80, 0, 0, 0, 0][..],
            &[0x00, 0x81, 0, 0, 0, 0, b'x'].repeat(70_000),
        ]
        .concat();
        for (name, frames, code) in [
            ("bad UTF-8", vec![0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe], 1007),
            (
                "compressed though not agreed",
                vec![0xc1, 0x81, 0, 0, 0, 0, 0],
                1002,
            ),
            ("not masked", vec![0x81, 0x01, b'x'], 1002),
            (
                "a length of 2^62",
                [&[0x81, 0xff][..], &[0x40, 0, 0, 0, 0, 0, 0, 0], &[0; 4]].concat(),
                1009,
            ),
            ("a message in 70,000 pieces", fragments, 1009),
        ] {
            let mut stream = raw(&world, &world.token("ben")).await;
            let _ = stream.write_all(&frames).await;
            assert_eq!(close_code(&mut stream).await, code, "{name}");
        }
    });
}

#[test]
fn t66_a_silent_client_is_pinged_and_then_dropped() {
    run(async {
        let options = Options {
            liveness_timeout: Duration::from_secs(3),
            ..Options::default()
        };
        let world = World::with(options).await;
        let mut silent = raw(&world, &world.token("ben")).await;
        let (mut alive, _) = Socket::join(&world, "cat").await;
        let reading = async {
            loop {
                alive.text().await;
            }
        };
        tokio::select! {
            () = reading => {}
            () = world.expect_events("ben", &[Joined, Left]) => {}
        }
        let mut bytes = Vec::new();
        silent.read_to_end(&mut bytes).await.unwrap();
        assert!(
            bytes.windows(2).any(|pair| pair == [0x89, 0]),
            "no ping came"
        );
        assert_eq!(
            world.media.gauges().sockets,
            1,
            "the one that answers pings stays"
        );
    });
}
