//! Several stages over one socket: connection tokens, channels, and what a revocation ends.

use std::time::Duration;

use auth::connection_token::ConnectionTokenRequest;
use media::Command;
use model::EventName::{Joined, Left, PublishStarted, PublishStopped};
use model::{ConnectionTokenId, StageArn};
use serde_json::{Value, json};
use stage::Input;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

use crate::events::{Socket, close_code, raw_at};
use crate::keys::{Customer, KEY};
use crate::media::publish;
use crate::peer::{Offering, Role};
use crate::stage_v1::Client;
use crate::world::{Options, World, arn, run};

const REVOCATION: &str = "real-time-connection-token-revocation";

fn token(customer: &Customer, id: &str, ended: bool) -> String {
    let age = jiff::SignedDuration::from_secs(if ended { 7_200 } else { 0 });
    customer.key.sign_connection_token(
        &customer.arn,
        &ConnectionTokenRequest {
            token: &ConnectionTokenId::parse(id).unwrap(),
            events_url: "wss://global.events.test",
            issued: crate::world::clock().wall.checked_sub(age).unwrap(),
            life: Duration::from_hours(1),
        },
    )
}

fn elsewhere(home: &str) -> StageArn {
    StageArn::parse(&format!("arn:aws:ivs:{home}:stage/abcdABCDefgh")).unwrap()
}

async fn open(world: &World, token: &str) -> Result<Socket, u16> {
    let offered = format!("stage.v1, {token}");
    Socket::open_as(world, "_connection", &offered, "stage.v1").await
}

/// A connection, and two stages for it.
struct Connection {
    world: World,
    customer: Customer,
    socket: Socket,
}

impl Connection {
    async fn open() -> Self {
        Self::with(Options::default()).await
    }

    async fn with(options: Options) -> Self {
        let world = World::with(options).await;
        world.open(&arn("second")).await;
        let customer = world.keys.import(KEY);
        let socket = open(&world, &token(&customer, "one", false)).await.unwrap();
        Self {
            world,
            customer,
            socket,
        }
    }

    /// A participant's token for a stage.
    fn token(&self, stage: &str, participant: &str) -> String {
        let mut holder = self.world.holder(participant);
        holder.stage = arn(stage);
        self.world.token_of(&holder)
    }

    async fn say(&mut self, message: Value) {
        self.socket.send(Message::text(message.to_string())).await;
    }

    /// The next frame on a channel, which is of that type; those on others are passed over.
    async fn find(&mut self, on: &str, kind: &str) -> Value {
        loop {
            let frame = self.socket.text().await;
            if frame["on"] == on && frame["type"] == kind {
                return frame;
            }
        }
    }

    async fn join(&mut self, on: &str, stage: &str, participant: &str) -> Value {
        let token = self.token(stage, participant);
        self.say(json!({ "type": "join", "on": on, "token": token }))
            .await;
        self.find(on, "joined").await
    }

    async fn is_alive(&mut self) {
        self.say(json!({ "type": "ping" })).await;
        loop {
            let frame = self.socket.text().await;
            if frame["type"] == "pong" && frame.get("on").is_none() {
                return;
            }
        }
    }

    fn revoke(&self, token: &str) {
        self.world.keys.revoke(token);
        self.world.media.command(Command::RevokeConnectionToken {
            account: self.customer.arn.account.clone(),
            region: self.customer.arn.region.clone(),
            token: ConnectionTokenId::parse(token).unwrap(),
        });
    }
}

#[test]
fn two_stages_are_joined_over_one_socket_and_each_is_a_session_of_its_own() {
    run(async {
        let mut connection = Connection::open().await;
        // A connection alone is nobody.
        connection.is_alive().await;
        assert!(connection.world.all_events().is_empty());
        let first = connection.join("a", "abcdABCDefgh", "ana").await;
        let second = connection.join("b", "second", "ben").await;
        assert_eq!((&first["seq"], &second["seq"]), (&json!(1), &json!(1)));
        assert_eq!(first["state"]["stageId"], "abcdABCDefgh");
        assert_eq!(second["state"]["stageId"], "second");
        assert_ne!(first["session"], second["session"]);

        // What happens on one of them is told on its channel.
        let publisher = connection.token("second", "cat");
        let (_cat, _) = publish(
            &connection.world,
            &publisher,
            Offering::udp(Role::Publisher).await,
        )
        .await;
        let delta = connection.find("b", "delta").await;
        assert_eq!(delta["join"][0]["id"], "cat");
        connection.say(json!({ "type": "ping", "on": "a" })).await;
        let pong = connection.find("a", "pong").await;
        assert_eq!(pong["seq"], 2, "nothing of it came here");

        // One ends, and the other goes on; its channel may be used again.
        connection.say(json!({ "type": "leave", "on": "a" })).await;
        let left = connection.find("a", "left").await;
        assert_eq!(left["reason"], "user-initiated");
        connection.world.expect_events("ana", &[Joined, Left]).await;
        connection.join("a", "abcdABCDefgh", "dan").await;
        connection.say(json!({ "type": "ping", "on": "b" })).await;
        connection.find("b", "pong").await;
        connection.world.expect_events("ben", &[Joined]).await;
        assert_eq!(connection.world.media.gauges().sockets, 2);
    });
}

#[test]
fn each_channel_has_a_feed_of_its_own() {
    run(async {
        let mut connection = Connection::open().await;
        let mut peers = Vec::new();
        for (on, stage) in [("a", "abcdABCDefgh"), ("b", "second")] {
            let token = connection.token(stage, &format!("publisher-{on}"));
            let offering = Offering::udp(Role::Publisher).await;
            peers.push(publish(&connection.world, &token, offering).await.0);
            connection.join(on, stage, "ana").await;
            let offering = Offering::pool(1, 1).await;
            let offer = json!({ "type": "offer", "on": on, "sdp": offering.sdp });
            connection.say(offer).await;
            let answer = connection.find(on, "answer").await;
            let mut feed = offering.accept(answer["sdp"].as_str().unwrap()).await;
            feed.connected().await;
            let slots = connection.find(on, "bind").await["slots"].clone();
            assert_eq!(slots[0]["pid"], format!("publisher-{on}"));
            feed.until(|seen| seen.video > 5).await;
            peers.push(feed);
        }
    });
}

#[test]
fn each_reason_reaches_the_channel_that_it_concerns() {
    run(async {
        let mut connection = Connection::open().await;
        for on in ["deleted", "kicked", "reused"] {
            let stage = if on == "deleted" {
                "second"
            } else {
                "abcdABCDefgh"
            };
            connection.join(on, stage, on).await;
        }
        connection.world.kick("kicked").await;
        let left = connection.find("kicked", "left").await;
        assert_eq!(left["reason"], "participant-disconnected");
        let (_other, _) = Client::join(&connection.world, "reused", json!({})).await;
        let left = connection.find("reused", "left").await;
        assert_eq!(left["reason"], "token-reused");
        let deleted = Input::StageDeleted {
            stage: arn("second"),
        };
        connection.world.tell(deleted).await;
        let left = connection.find("deleted", "left").await;
        assert_eq!(left["reason"], "stage-deleted");
        connection.is_alive().await;
    });
}

// T-9, C-1, C-2
#[test]
fn a_connection_opens_with_a_connection_token_alone_and_stages_with_tokens_of_its_home() {
    run(async {
        let mut connection = Connection::open().await;
        let world = &connection.world;
        let deleted = world.keys.import(&format!("{KEY}-deleted"));
        world.keys.delete(&deleted);
        world.keys.revoke("revoked");
        for (name, token) in [
            ("nonsense", "nonsense".to_owned()),
            ("a participant's", world.token("ana")),
            (
                "signed by a customer for a participant",
                connection.customer.token(world, "ana"),
            ),
            ("ended", token(&connection.customer, "ended", true)),
            ("of a deleted key", token(&deleted, "two", false)),
            ("revoked", token(&connection.customer, "revoked", false)),
        ] {
            assert_eq!(open(world, &token).await.err(), Some(401), "{name}");
        }
        let own = token(&connection.customer, "one", false);
        let offered = format!("stage.v1, {own}");
        let topic = Socket::open_as(world, "abcdABCDefgh", &offered, "stage.v1");
        assert_eq!(topic.await.err(), Some(401), "it joins no stage by itself");
        let bare = Socket::open_as(world, "_connection", &own, &own).await;
        assert_eq!(bare.err(), Some(401), "only stage.v1 has connections");

        let mut abroad = world.holder("ana");
        abroad.stage = elsewhere("eu-west-1:123456789012");
        let mut foreign = world.holder("ana");
        foreign.stage = elsewhere("us-west-2:210987654321");
        let mut ended = world.holder("ana");
        ended.expired = true;
        for (token, code) in [
            (world.token_of(&abroad), "TOKEN_NOT_ALLOWED"),
            (world.token_of(&foreign), "TOKEN_NOT_ALLOWED"),
            ("nonsense".to_owned(), "TOKEN_NOT_ALLOWED"),
            (world.token_of(&ended), "TOKEN_EXPIRED"),
        ] {
            connection
                .say(json!({ "type": "join", "on": "a", "token": token }))
                .await;
            let error = connection.find("a", "error").await;
            assert_eq!(
                (&error["seq"], &error["code"], &error["category"]),
                (&json!(0), &json!(code), &json!("JOIN_ERROR"))
            );
        }
        connection.join("a", "abcdABCDefgh", "ana").await;
    });
}

#[test]
fn what_is_said_to_nobody_is_answered_a_few_times() {
    run(async {
        let mut connection = Connection::open().await;
        for (text, on, code) in [
            ("nonsense", None, "MESSAGE_MALFORMED"),
            (r#"{"type":"leave"}"#, None, "MESSAGE_MALFORMED"),
            (r#"{"type":"ping","on":"a b"}"#, None, "MESSAGE_MALFORMED"),
            (
                r#"{"type":"ping","on":"a"}"#,
                Some("a"),
                "MESSAGE_UNEXPECTED",
            ),
            (
                r#"{"type":"join","on":"a"}"#,
                Some("a"),
                "MESSAGE_UNEXPECTED",
            ),
            (r#"{"type":"x","on":"a"}"#, Some("a"), "MESSAGE_MALFORMED"),
        ] {
            connection.socket.send(Message::text(text)).await;
            let error = connection.socket.text().await;
            assert_eq!(error["code"], code, "{text}");
            assert_eq!(error.get("on").and_then(Value::as_str), on, "{text}");
        }
        // A leave that crosses the end of its session is nothing.
        connection.say(json!({ "type": "leave", "on": "a" })).await;
        connection.is_alive().await;
        connection.join("a", "abcdABCDefgh", "ana").await;
        let late = connection.token("abcdABCDefgh", "ana");
        connection
            .say(json!({ "type": "ping", "on": "a", "token": late }))
            .await;
        let error = connection.find("a", "error").await;
        assert_eq!(error["code"], "MESSAGE_MALFORMED");
        for _ in 0..20 {
            connection.socket.send(Message::text("nonsense")).await;
        }
        assert_eq!(connection.socket.closed().await.0, 1008);
    });
}

// T66
#[test]
fn t66_channels_and_messages_are_bounded() {
    run(async {
        let mut connection = Connection::open().await;
        for number in 0..16 {
            let name = format!("c{number}");
            connection.join(&name, "abcdABCDefgh", &name).await;
        }
        let token = connection.token("abcdABCDefgh", "late");
        connection
            .say(json!({ "type": "join", "on": "late", "token": token }))
            .await;
        let error = connection.find("late", "error").await;
        assert_eq!(error["code"], "STAGE_AT_CAPACITY");
        connection.say(json!({ "type": "leave", "on": "c3" })).await;
        connection.find("c3", "left").await;
        connection.join("late", "abcdABCDefgh", "late").await;

        // Who says too much on one of them loses that one.
        for _ in 0..130 {
            connection.say(json!({ "type": "ping", "on": "c1" })).await;
        }
        let left = connection.find("c1", "left").await;
        assert_eq!(left["reason"], "unknown");
        connection.is_alive().await;
        for _ in 0..500 {
            connection.say(json!({ "type": "ping" })).await;
        }
        assert_eq!(connection.socket.closed().await.0, 1008);
    });
}

// C-3
#[test]
fn a_revocation_ends_everything_that_came_by_the_token() {
    run(async {
        let mut connection = Connection::open().await;
        connection.join("a", "abcdABCDefgh", "ana").await;
        connection.join("b", "second", "ben").await;
        let token = connection.token("abcdABCDefgh", "ana");
        let offering = Offering::udp(Role::Publisher).await;
        let (mut peer, _) = publish(&connection.world, &token, offering).await;
        connection
            .world
            .expect_events("ana", &[Joined, PublishStarted])
            .await;
        // A session whose client is away came by it as well.
        let mut away = open(
            &connection.world,
            &self::token(&connection.customer, "one", false),
        )
        .await
        .unwrap();
        let join = json!({ "type": "join", "on": "x", "token": connection.token("second", "dan") });
        away.send(Message::text(join.to_string())).await;
        away.text().await;
        drop(away);
        // Another token of the same customer has nothing to do with it.
        let other = self::token(&connection.customer, "two", false);
        let mut other = open(&connection.world, &other).await.unwrap();

        connection.revoke("one");
        let mut reasons = Vec::new();
        let end = loop {
            match connection.socket.next().await {
                Ok(frame) if frame["type"] == "left" => reasons.push(frame["reason"].clone()),
                Ok(frame) if frame["type"] == "revoked" => {
                    assert!(frame.get("on").is_none());
                    assert_eq!(reasons, [REVOCATION, REVOCATION]);
                }
                Ok(_) => {}
                Err(end) => break end,
            }
        };
        assert_eq!(end, (1008, REVOCATION.to_owned()));
        peer.until(|seen| seen.closed).await;
        let events = [Joined, PublishStarted, PublishStopped, Left];
        connection.world.expect_events("ana", &events).await;
        for who in ["ben", "dan"] {
            connection.world.expect_events(who, &[Joined, Left]).await;
        }
        let again = self::token(&connection.customer, "one", false);
        assert_eq!(open(&connection.world, &again).await.err(), Some(401));
        other
            .send(Message::text(json!({ "type": "ping" }).to_string()))
            .await;
        assert_eq!(other.text().await["type"], "pong");
    });
}

// C-5
#[test]
fn a_deleted_key_cuts_no_connection_and_opens_none() {
    run(async {
        let mut connection = Connection::open().await;
        connection.world.keys.delete(&connection.customer);
        connection.join("a", "abcdABCDefgh", "ana").await;
        let again = token(&connection.customer, "one", false);
        assert_eq!(open(&connection.world, &again).await.err(), Some(401));
    });
}

#[test]
fn sessions_go_on_over_another_connection_or_a_socket_of_their_own() {
    run(async {
        let mut connection = Connection::open().await;
        let first = connection.join("a", "abcdABCDefgh", "ana").await;
        let second = connection.join("b", "second", "ben").await;
        let own = token(&connection.customer, "two", false);
        connection.socket = open(&connection.world, &own).await.unwrap();
        let token = connection.token("second", "ben");
        let resume = json!({ "session": second["session"], "seq": 1 });
        connection
            .say(json!({ "type": "join", "on": "z", "token": token, "resume": resume }))
            .await;
        let joined = connection.find("z", "joined").await;
        assert_eq!(joined["resumed"], "replayed");
        let mut ana = Client::resume(&connection.world, "ana", &first["session"], 1).await;
        assert_eq!(ana.frame("joined").await["resumed"], "replayed");
        // What came by the first token does not any more.
        connection.revoke("one");
        connection.say(json!({ "type": "ping", "on": "z" })).await;
        connection.find("z", "pong").await;
        ana.say("ping", json!({})).await;
        ana.frame("pong").await;
        connection.revoke("two");
        let left = connection.find("z", "left").await;
        assert_eq!(left["reason"], REVOCATION);
        connection.world.expect_events("ana", &[Joined]).await;
    });
}

#[test]
fn shutdown_says_goodbye_on_every_channel() {
    run(async {
        let mut connection = Connection::open().await;
        connection.join("a", "abcdABCDefgh", "ana").await;
        connection.join("b", "second", "ben").await;
        let media = connection.world.media.clone();
        let goodbye = async {
            for on in ["a", "b"] {
                let frame = connection.socket.text().await;
                assert_eq!(
                    (&frame["type"], &frame["reason"]),
                    (&json!("left"), &json!("unknown")),
                    "{on}"
                );
            }
            connection.socket.closed().await
        };
        let ((), closed) = tokio::join!(media.shutdown(), goodbye);
        assert_eq!(closed.0, 1001);
    });
}

// T45
#[test]
fn t45_a_connection_whose_client_falls_silent_is_closed_and_its_sessions_wait() {
    run(async {
        let options = Options {
            liveness_timeout: Duration::from_secs(2),
            ..Options::default()
        };
        let world = World::with(options).await;
        let customer = world.keys.import(KEY);
        let offered = format!("stage.v1, {}", token(&customer, "one", false));
        let mut silent = raw_at(&world, "_connection", &offered).await;
        let join = json!({ "type": "join", "on": "a", "token": world.token("ana") });
        silent.write_all(&masked(&join.to_string())).await.unwrap();
        assert_eq!(close_code(&mut silent).await, 1001);
        world.expect_events("ana", &[Joined]).await;
        assert_eq!(world.media.gauges().sockets, 1, "the session waits");
    });
}

/// A text frame of a client, with a mask that changes nothing (RFC 6455, section 5.2).
fn masked(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    let mut frame = vec![0x81, 0x80 | 0x7e];
    frame.extend(length.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}
