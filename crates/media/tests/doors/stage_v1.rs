//! The `stage.v1` socket without media: who comes in, what is told, and how clients come back.

use std::time::Duration;

use model::EventName::{Joined, Left};
use serde_json::{Value, json};
use stage::Input;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

use crate::events::{Socket, close_code, raw};
use crate::media::publish;
use crate::peer::{Offering, Role};
use crate::world::{Options, World, run};

const TOPIC: &str = "abcdABCDefgh";

/// A client of `stage.v1`, which sees that frames are numbered without gaps.
pub(crate) struct Client {
    socket: Socket,
    /// Of the last frame that came.
    pub(crate) seq: u64,
}

impl Client {
    /// A socket that has not joined.
    pub(crate) async fn open(world: &World, participant: &str) -> Self {
        Self::with(world, &world.token(participant)).await
    }

    /// A socket with that token that has not joined.
    pub(crate) async fn with(world: &World, token: &str) -> Self {
        Self::on(world, TOPIC, token).await
    }

    /// A socket of that stage, with that token, that has not joined.
    async fn on(world: &World, stage: &str, token: &str) -> Self {
        let offered = format!("stage.v1, {token}");
        let socket = Socket::open_as(world, stage, &offered, "stage.v1").await;
        Self {
            socket: socket.unwrap(),
            seq: 0,
        }
    }

    /// A client that is in, and what it was told. `join` is what its message says.
    pub(crate) async fn join(world: &World, participant: &str, join: Value) -> (Self, Value) {
        Self::join_on(world, TOPIC, &world.token(participant), join).await
    }

    /// The same on that stage, with that token.
    pub(crate) async fn join_on(
        world: &World,
        stage: &str,
        token: &str,
        join: Value,
    ) -> (Self, Value) {
        let mut client = Self::on(world, stage, token).await;
        client.say("join", join).await;
        let joined = client.frame("joined").await;
        (client, joined)
    }

    /// A client that comes back with what another knew.
    pub(crate) async fn resume(
        world: &World,
        participant: &str,
        session: &Value,
        seq: u64,
    ) -> Self {
        let mut client = Self::open(world, participant).await;
        client.seq = seq;
        let resume = json!({ "session": session, "seq": seq });
        client.say("join", json!({ "resume": resume })).await;
        client
    }

    pub(crate) async fn say(&mut self, kind: &str, members: Value) {
        let mut message = members;
        message["type"] = json!(kind);
        self.socket.send(Message::text(message.to_string())).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.socket.send(message).await;
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> Value {
        let frame = self.socket.text().await;
        if frame["resumed"] != "snapshot" {
            assert_eq!(frame["seq"], self.seq + 1, "a gap: {frame}");
        }
        self.seq = frame["seq"].as_u64().unwrap();
        frame
    }

    /// The next frame, which is of that type.
    pub(crate) async fn frame(&mut self, kind: &str) -> Value {
        let frame = self.next().await;
        assert_eq!(frame["type"], kind, "{frame}");
        frame
    }

    /// The next frame of that type, whatever comes before.
    pub(crate) async fn find(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// What the socket is closed with, after whatever else.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        self.socket.closed().await
    }

    /// What the socket is closed with; nothing else comes before.
    pub(crate) async fn closed_now(&mut self) -> (u16, String) {
        self.socket.next().await.expect_err("a close")
    }
}

fn impatient() -> Options {
    Options {
        liveness_timeout: Duration::from_secs(2),
        ..Options::default()
    }
}

fn names(list: &Value) -> Vec<&str> {
    let entries = list.as_array().unwrap().iter();
    entries.map(|entry| entry["id"].as_str().unwrap()).collect()
}

#[test]
fn only_the_name_of_the_protocol_is_echoed_and_the_token_decides() {
    run(async {
        let world = World::new().await;
        let token = world.token("ben");
        for (offered, status) in [
            (format!("stage.v1, {token}"), None),
            (format!("stage.v1,{token}"), None),
            ("stage.v1".to_owned(), Some(401)),
            (format!("{token}, stage.v1"), Some(401)),
            (format!("stage.v1, stage.v1, {token}"), Some(401)),
            (format!("stage.v1, {token}, {token}"), Some(401)),
            (format!("stage.v2, {token}"), Some(401)),
            ("stage.v1, nonsense".to_owned(), Some(401)),
        ] {
            let found = Socket::open_as(&world, TOPIC, &offered, "stage.v1").await;
            let label = offered.replace(&token, "token");
            assert_eq!(found.err(), status, "{label}");
        }
        let offered = format!("stage.v1, {token}");
        let other = Socket::open_as(&world, "otherTopic12", &offered, "stage.v1").await;
        assert_eq!(other.err(), Some(403));
    });
}

#[test]
fn joining_is_being_there_and_deltas_say_who_publishes_and_what_they_mute() {
    run(async {
        let world = World::new().await;
        let (mut ben, joined) = Client::join(&world, "ben", json!({})).await;
        assert_eq!(joined["resumed"], "no");
        assert_eq!(joined["self"]["id"], "ben");
        assert_eq!(
            joined["self"]["capabilities"],
            json!(["publish", "subscribe"])
        );
        assert_eq!(joined["state"]["stageId"], TOPIC);
        assert_eq!(joined["state"]["participants"], json!([]));
        assert_eq!((&joined["slots"], &joined["ice"]), (&json!([]), &json!([])));
        world.expect_events("ben", &[Joined]).await;

        let (mut ana, _) = Client::join(&world, "ana", json!({})).await;
        ana.say("mute", json!({ "audio": true, "video": false }))
            .await;
        let token = world.token("ana");
        let (_ana, session) = publish(&world, &token, Offering::udp(Role::Publisher).await).await;
        let delta = ben.find("delta").await;
        assert_eq!(names(&delta["join"]), ["ana"]);
        assert_eq!(delta["join"][0]["audioMuted"], true);
        ana.say("mute", json!({ "audio": false, "video": true }))
            .await;
        let delta = ben.find("delta").await;
        let update = json!([{ "id": "ana", "userId": "user", "attributes": {}, "audioMuted": false, "videoStopped": true }]);
        assert_eq!(delta["update"], update);
        let (_cat, joined) = Client::join(&world, "cat", json!({})).await;
        assert_eq!(names(&joined["state"]["participants"]), ["ana"]);
        assert_eq!(joined["state"]["participants"][0]["videoStopped"], true);

        let delete = crate::http::Request::new("DELETE", session).bearer(&token);
        world.send(delete).await.expect(200);
        assert_eq!(ben.find("delta").await["leave"], json!(["ana"]));
        assert_eq!(world.media.gauges().sockets, 3);
        ben.say("leave", json!({})).await;
        assert_eq!(ben.find("left").await["reason"], "user-initiated");
        assert_eq!(ben.closed_now().await.0, 1000);
        world.expect_events("ben", &[Joined, Left]).await;
    });
}

#[test]
fn the_first_word_is_a_join_or_there_is_none() {
    run(async {
        let world = World::new().await;
        for (text, code) in [
            (r#"{"type":"ping"}"#, "MESSAGE_UNEXPECTED"),
            ("nonsense", "MESSAGE_MALFORMED"),
            (r#"{"type":"join","token":"x"}"#, "MESSAGE_MALFORMED"),
        ] {
            let offered = format!("stage.v1, {}", world.token("ben"));
            let socket = Socket::open_as(&world, TOPIC, &offered, "stage.v1").await;
            let mut socket = socket.unwrap();
            socket.send(Message::text(text)).await;
            let error = socket.text().await;
            assert_eq!((&error["seq"], &error["code"]), (&json!(0), &json!(code)));
            assert_eq!(socket.next().await.expect_err("a close").0, 1008);
        }
        assert!(world.events_of("ben").is_empty(), "nobody has joined");
    });
}

// T30
#[test]
fn a_refused_join_says_why() {
    run(async {
        let world = World::new().await;
        world.kick("ben").await;
        let mut holder = world.holder("cat");
        holder.expired = true;
        for (token, code) in [
            (world.token("ben"), "PARTICIPANT_DISCONNECTED"),
            (world.token_of(&holder), "TOKEN_EXPIRED"),
        ] {
            let offered = format!("stage.v1, {token}");
            let socket = Socket::open_as(&world, TOPIC, &offered, "stage.v1").await;
            let mut socket = socket.unwrap();
            socket.send(Message::text(r#"{"type":"join"}"#)).await;
            let error = socket.text().await;
            assert_eq!(error["code"], code);
            assert_eq!(error["category"], "JOIN_ERROR");
            assert_eq!(socket.next().await.expect_err("a close").0, 1008);
        }
        assert_eq!(world.media.gauges().sockets, 0);
    });
}

// T30, T31
#[test]
fn a_session_is_told_why_it_ends_and_cannot_be_resumed() {
    run(async {
        let world = World::new().await;
        let (mut first, joined) = Client::join(&world, "ben", json!({})).await;
        let (mut second, _) = Client::join(&world, "ben", json!({})).await;
        assert_eq!(first.frame("left").await["reason"], "token-reused");
        assert_eq!(first.closed_now().await, (1008, "token-reused".to_owned()));
        let (mut cat, _) = Client::join(&world, "cat", json!({})).await;
        world.kick("cat").await;
        assert_eq!(
            cat.frame("left").await["reason"],
            "participant-disconnected"
        );
        assert_eq!(cat.closed_now().await.0, 1008);
        let mut third = Client::resume(&world, "ben", &joined["session"], first.seq).await;
        third.seq = 0;
        assert_eq!(third.frame("joined").await["resumed"], "no");
        assert_eq!(second.frame("left").await["reason"], "token-reused");
        world
            .tell(Input::StageDeleted {
                stage: world.arn.clone(),
            })
            .await;
        assert_eq!(third.frame("left").await["reason"], "stage-deleted");
    });
}

// T31
#[test]
fn t31_many_joins_of_one_token_at_once_leave_one() {
    run(async {
        let world = World::new().await;
        let joins = (0..100).map(|_| Client::join(&world, "ben", json!({})));
        let mut clients = futures_util::future::join_all(joins).await;
        while clients.len() > 1 {
            let ends = clients
                .iter_mut()
                .map(|(client, _)| Box::pin(client.closed()));
            let ((code, reason), at, _) = futures_util::future::select_all(ends).await;
            assert_eq!((code, reason.as_str()), (1008, "token-reused"));
            clients.swap_remove(at);
        }
        let names = world.events_of("ben").into_iter().map(|event| event.name);
        let lives = [Joined, Left].into_iter().cycle().take(199);
        assert!(names.eq(lives), "each join ends the one before it");
        let (mut last, _) = clients.pop().expect("one is left");
        last.say("ping", json!({})).await;
        last.frame("pong").await;
        assert_eq!(world.media.gauges().sockets, 1);
    });
}

#[test]
fn shutdown_says_goodbye_and_waits_for_no_lost_client() {
    run(async {
        let world = World::new().await;
        let (mut ben, _) = Client::join(&world, "ben", json!({})).await;
        let (cat, _) = Client::join(&world, "cat", json!({})).await;
        drop(cat);
        let goodbye = async {
            assert_eq!(ben.frame("left").await["reason"], "unknown");
            ben.closed_now().await
        };
        let ((), closed) = tokio::join!(world.media.clone().shutdown(), goodbye);
        assert_eq!(closed.0, 1001);
        world.expect_events("cat", &[Joined, Left]).await;
    });
}

#[test]
fn t66_offences_end_the_session_with_their_code() {
    run(async {
        let world = World::new().await;
        let ping = || Message::text(r#"{"type":"ping"}"#);
        for (name, messages, code) in [
            (
                "over the limit",
                vec![Message::text("x".repeat((160 << 10) + 1))],
                1009,
            ),
            ("binary", vec![Message::binary(vec![1, 2, 3])], 1003),
            ("flood", (0..500).map(|_| ping()).collect(), 1008),
            (
                "control flood",
                (0..500)
                    .map(|_| Message::Ping(vec![0; 100].into()))
                    .collect(),
                1008,
            ),
            (
                "nonsense",
                (0..21).map(|_| Message::text("{")).collect(),
                1008,
            ),
            (
                "a second join",
                vec![Message::text(r#"{"type":"join"}"#)],
                1008,
            ),
        ] {
            let (mut ben, _) = Client::join(&world, "ben", json!({})).await;
            for message in messages {
                ben.send(message).await;
            }
            assert_eq!(ben.closed().await.0, code, "{name}");
        }
        let lives = [Joined, Left].repeat(6);
        world.expect_events("ben", &lives).await;
        assert_eq!(world.media.gauges().sockets, 0);
    });
}

#[test]
fn a_client_that_lost_its_socket_comes_back_and_is_told_what_it_missed() {
    run(async {
        let world = World::new().await;
        let (mut ben, joined) = Client::join(&world, "ben", json!({})).await;
        let token = world.token("ana");
        let (_ana, _) = publish(&world, &token, Offering::udp(Role::Publisher).await).await;
        ben.find("delta").await;
        // It says that it has not seen the delta.
        let seen = ben.seq - 1;
        drop(ben);
        let (mut dan, _) = Client::join(&world, "dan", json!({})).await;
        dan.say("ping", json!({})).await;
        dan.find("pong").await;
        world.expect_events("ben", &[Joined]).await;

        let mut ben = Client::resume(&world, "ben", &joined["session"], seen).await;
        assert_eq!(names(&ben.find("delta").await["join"]), ["ana"]);
        let again = ben.find("joined").await;
        assert_eq!(again["resumed"], "replayed");
        assert_eq!(again["session"], joined["session"]);
        assert!(again.get("state").is_none());
        ben.say("leave", json!({})).await;
        ben.find("left").await;
        world.expect_events("ben", &[Joined, Left]).await;
    });
}

#[test]
fn a_second_socket_takes_the_session_over() {
    run(async {
        let world = World::new().await;
        let (mut first, joined) = Client::join(&world, "ben", json!({})).await;
        let mut second = Client::resume(&world, "ben", &joined["session"], first.seq).await;
        assert_eq!(second.frame("joined").await["resumed"], "replayed");
        let taken = (1008, "another socket has taken over".to_owned());
        assert_eq!(first.closed_now().await, taken);
        second.say("ping", json!({})).await;
        second.frame("pong").await;
        world.expect_events("ben", &[Joined]).await;
        assert_eq!(world.media.gauges().sockets, 1);
    });
}

// T35
#[test]
fn t35_another_participant_cannot_resume_a_session() {
    run(async {
        let world = World::new().await;
        let (mut ben, joined) = Client::join(&world, "ben", json!({})).await;
        let mut eve = Client::resume(&world, "eve", &joined["session"], 1).await;
        eve.seq = 0;
        let own = eve.frame("joined").await;
        assert_eq!(
            (&own["resumed"], &own["self"]["id"]),
            (&json!("no"), &json!("eve"))
        );
        assert_ne!(own["session"], joined["session"]);
        ben.say("ping", json!({})).await;
        ben.frame("pong").await;
        for name in ["", "x", &"0".repeat(32), &"z".repeat(5_000)] {
            let mut cat = Client::resume(&world, "cat", &json!(name), 1).await;
            cat.seq = 0;
            assert_eq!(cat.frame("joined").await["resumed"], "no");
        }
    });
}

// T45
#[test]
fn t45_a_client_that_falls_silent_loses_its_socket_and_keeps_its_session() {
    run(async {
        let world = World::with(impatient()).await;
        let mut silent = raw(&world, &format!("stage.v1, {}", world.token("ben"))).await;
        let join = br#"{"type":"join"}"#;
        let mut frame = vec![0x81, 0x80 | u8::try_from(join.len()).unwrap(), 0, 0, 0, 0];
        frame.extend(join);
        silent.write_all(&frame).await.unwrap();
        assert_eq!(close_code(&mut silent).await, 1001);
        assert_eq!(world.media.gauges().sockets, 1);
        world.expect_events("ben", &[Joined]).await;
    });
}

#[test]
fn a_client_that_never_joins_is_closed() {
    run(async {
        let world = World::with(impatient()).await;
        let mut silent = Client::open(&world, "ben").await;
        assert_eq!(silent.closed_now().await, (1008, "no join came".to_owned()));
        assert!(world.events_of("ben").is_empty(), "nobody has joined");
    });
}

#[test]
fn an_offer_that_is_no_good_leaves_the_client_in() {
    run(async {
        let world = World::new().await;
        let (mut ben, joined) = Client::join(&world, "ben", json!({ "offer": "v=0" })).await;
        assert!(joined.get("answer").is_none());
        let error = ben.frame("error").await;
        assert_eq!(error["code"], "OFFER_MALFORMED");
        assert_eq!(error["category"], "SUBSCRIBE_ERROR");
        world.expect_events("ben", &[Joined]).await;
    });
}

// T29
#[test]
fn t29_a_token_that_may_not_subscribe_has_no_feed() {
    run(async {
        let world = World::new().await;
        let mut holder = world.holder("ben");
        holder.subscribe = false;
        let offered = format!("stage.v1, {}", world.token_of(&holder));
        let socket = Socket::open_as(&world, TOPIC, &offered, "stage.v1").await;
        let mut ben = Client {
            socket: socket.unwrap(),
            seq: 0,
        };
        let offer = Offering::pool(1, 1).await.sdp;
        ben.say("join", json!({ "offer": offer })).await;
        let joined = ben.frame("joined").await;
        assert_eq!(joined["self"]["capabilities"], json!(["publish"]));
        assert!(joined.get("answer").is_none());
        assert_eq!(ben.frame("error").await["code"], "TOKEN_NOT_ALLOWED");
    });
}
