//! Exchanging tokens over the `stage.v1` socket: what it ends, what it allows, and what is refused.

use model::EventName::{
    Joined, Left, PublishError, PublishStarted, PublishStopped, SubscribeStarted, SubscribeStopped,
    TokenExchanged,
};
use serde_json::{Value, json};

use crate::events::Socket;
use crate::http::Request;
use crate::keys::{Customer, KEY};
use crate::media::{publish, subscribe};
use crate::peer::{Offering, Role};
use crate::stage_v1::Client;
use crate::world::{Holder, World, arn, run};

/// Ana, whose tokens her own back end signs, and a socket of hers.
struct Ana {
    world: World,
    customer: Customer,
    client: Client,
}

impl Ana {
    async fn join() -> Self {
        let world = World::new().await;
        let customer = world.keys.import(KEY);
        let token = customer.token(&world, "ana");
        let mut client = Client::with(&world, &token).await;
        client.say("join", json!({})).await;
        client.frame("joined").await;
        Self {
            world,
            customer,
            client,
        }
    }

    /// Her token, but for what `change` does.
    fn token(&self, change: impl FnOnce(&mut Holder)) -> String {
        let mut holder = self.world.holder("ana");
        change(&mut holder);
        self.customer.token_of(&holder)
    }

    async fn exchange(&mut self, token: &str) {
        self.client.say("exchange", json!({ "token": token })).await;
    }

    /// Exchanges, which works; who she is then.
    async fn becomes(&mut self, token: &str) -> Value {
        self.exchange(token).await;
        self.client.find("exchanged").await["self"].clone()
    }

    async fn post(&self, token: &str) -> crate::http::Reply {
        let offer = Offering::udp(Role::Publisher).await.sdp;
        let request = Request::new("POST", "/whip").bearer(token).sdp(&offer);
        self.world.send(request).await
    }
}

fn only_subscribes(holder: &mut Holder) {
    holder.publish = false;
}

/// What is told to be wrong with a token.
type Case = (&'static str, fn(&Ana) -> String, &'static str);

fn only_publishes(holder: &mut Holder) {
    holder.subscribe = false;
}

#[test]
fn a_publisher_that_may_not_publish_any_more_stops_at_once_and_begins_again_when_it_may() {
    run(async {
        let mut ana = Ana::join().await;
        let (mut ben, _) = Client::join(&ana.world, "ben", json!({})).await;
        let both = ana.token(|_| {});
        let offering = Offering::udp(Role::Publisher).await;
        let (mut peer, session) = publish(&ana.world, &both, offering).await;
        ben.find("delta").await;

        let told = ana.becomes(&ana.token(only_subscribes)).await;
        assert_eq!(told["capabilities"], json!(["subscribe"]));
        assert_eq!(ben.find("delta").await["leave"], json!(["ana"]));
        peer.until(|seen| seen.closed).await;
        let delete = Request::new("DELETE", session).bearer(&both);
        ana.world.send(delete).await.expect(404);
        // Neither token publishes now; the older one is as good as the new one.
        ana.post(&both).await.expect(403);
        ana.post(&ana.token(only_subscribes)).await.expect(403);

        let told = ana.becomes(&both).await;
        assert_eq!(told["capabilities"], json!(["publish", "subscribe"]));
        let offering = Offering::udp(Role::Publisher).await;
        let (_peer, _) = publish(&ana.world, &both, offering).await;
        assert_eq!(ben.find("delta").await["join"][0]["id"], "ana");
        // The socket has been there all the while.
        ana.client.say("ping", json!({})).await;
        ana.client.find("pong").await;
        let events = [
            Joined,
            PublishStarted,
            TokenExchanged,
            PublishStopped,
            PublishError,
            PublishError,
            TokenExchanged,
            PublishStarted,
        ];
        ana.world.expect_events("ana", &events).await;
    });
}

#[test]
fn peers_are_told_at_once_who_a_publisher_is_in_both_dialects() {
    run(async {
        let mut ana = Ana::join().await;
        let token = ana.token(|_| {});
        let (mut ben, _) = Client::join(&ana.world, "ben", json!({})).await;
        let cat = ana.world.token("cat");
        let mut cat = Socket::open(&ana.world, "abcdABCDefgh", &cat)
            .await
            .unwrap();
        cat.text().await;
        let offering = Offering::udp(Role::Publisher).await;
        let (_peer, _) = publish(&ana.world, &token, offering).await;
        ben.find("delta").await;
        assert_eq!(
            cat.text().await["payload"]["participants"][0]["userId"],
            "user"
        );
        let told = ana.becomes(&ana.token(|holder| holder.user = "host")).await;
        assert_eq!(told["userId"], "host");
        let delta = ben.find("delta").await;
        assert_eq!(
            (&delta["leave"], &delta["join"], &delta["update"]),
            (
                &json!([]),
                &json!([]),
                &json!([{ "id": "ana", "userId": "host", "attributes": {}, "audioMuted": false, "videoStopped": false }])
            )
        );
        let state = cat.text().await;
        assert_eq!(state["payload"]["participants"][0]["userId"], "host");
        let events = ana.world.events_of("ana");
        let exchange = events.last().and_then(|event| event.exchange.clone());
        let exchange = exchange.expect("the newest event is the exchange");
        assert_eq!(
            (
                exchange.previous.user_id.as_str(),
                exchange.new.user_id.as_str()
            ),
            ("user", "host")
        );
    });
}

#[test]
fn a_feed_ends_with_the_capability_for_it_and_another_begins_with_it() {
    run(async {
        let mut ana = Ana::join().await;
        let offering = Offering::udp(Role::Publisher).await;
        let (_ben, _) = publish(&ana.world, &ana.world.token("ben"), offering).await;
        let offering = Offering::pool(1, 1).await;
        ana.client
            .say("offer", json!({ "sdp": offering.sdp }))
            .await;
        let answer = ana.client.find("answer").await;
        let mut feed = offering.accept(answer["sdp"].as_str().unwrap()).await;
        feed.connected().await;
        ana.client.find("bind").await;
        let (mut other, _) = subscribe(
            &ana.world,
            &ana.token(|_| {}),
            "ben",
            Offering::udp(Role::Subscriber).await,
        )
        .await;
        let told = ana.becomes(&ana.token(only_publishes)).await;
        assert_eq!(told["capabilities"], json!(["publish"]));
        assert_eq!(ana.client.frame("bind").await["slots"], json!([]));
        feed.until(|seen| seen.closed).await;
        other.until(|seen| seen.closed).await;
        assert_eq!(ana.world.media.gauges().subscriptions, 0);

        ana.becomes(&ana.token(|_| {})).await;
        let offering = Offering::pool(1, 1).await;
        ana.client
            .say("offer", json!({ "sdp": offering.sdp }))
            .await;
        let answer = ana.client.find("answer").await;
        let mut feed = offering.accept(answer["sdp"].as_str().unwrap()).await;
        feed.connected().await;
        let slots = ana.client.find("bind").await["slots"].clone();
        assert_eq!(slots[0]["pid"], "ben");
        let names = ana
            .world
            .events_of("ana")
            .into_iter()
            .map(|event| event.name);
        let stops = names.filter(|name| *name == SubscribeStopped).count();
        let starts = ana.world.events_of("ana");
        let starts = starts.iter().filter(|event| event.name == SubscribeStarted);
        assert!(stops >= 1 && starts.count() > stops);
    });
}

/// Tokens for which hers is not exchanged, and a word of the reason.
const REFUSED: [Case; 9] = [
    ("nonsense", |_| "nonsense".to_owned(), "malformed"),
    (
        "another's",
        |ana| ana.token(|holder| "eve".clone_into(&mut holder.participant)),
        "jti",
    ),
    (
        "for another stage",
        |ana| ana.token(|holder| holder.stage = arn("otherTopic12")),
        "topic",
    ),
    (
        "for another whip_url",
        |ana| ana.token(|holder| holder.whip_url = "http://other.test/whip"),
        "whip_url",
    ),
    (
        "for another events_url",
        |ana| ana.token(|holder| holder.events_url = "ws://other.test/events"),
        "events_url",
    ),
    (
        "ended",
        |ana| ana.token(|holder| holder.expired = true),
        "expired",
    ),
    (
        "of the server",
        |ana| ana.world.token("ana"),
        "imported key",
    ),
    (
        "of a deleted key",
        |ana| {
            ana.world.keys.delete(&ana.customer);
            ana.token(|_| {})
        },
        "signature",
    ),
    (
        "while nobody knows the keys",
        |ana| {
            ana.world.keys.take_down();
            ana.token(|_| {})
        },
        "looked up",
    ),
];

#[test]
fn a_token_that_is_refused_ends_the_session_and_its_publish() {
    run(async {
        for (name, token, words) in REFUSED {
            let mut ana = Ana::join().await;
            let offering = Offering::udp(Role::Publisher).await;
            let own = ana.token(|_| {});
            let (mut peer, session) = publish(&ana.world, &own, offering).await;
            ana.world
                .expect_events("ana", &[Joined, PublishStarted])
                .await;
            let token = token(&ana);
            ana.exchange(&token).await;
            let error = ana.client.find("error").await;
            assert_eq!(
                (&error["code"], &error["category"]),
                (&json!("TOKEN_EXCHANGE_FAILED"), &json!("JOIN_ERROR")),
                "{name}"
            );
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(words), "{name}: {message}");
            assert!(!message.contains(&token), "{name}: the token is shown");
            let left = ana.client.frame("left").await;
            assert_eq!(left["reason"], "failed-exchange", "{name}");
            assert_eq!(ana.client.closed_now().await.0, 1008, "{name}");
            peer.until(|seen| seen.closed).await;
            let delete = Request::new("DELETE", session).bearer(&own);
            let reply = ana.world.send(delete).await;
            assert!(
                [401, 404, 503].contains(&reply.status),
                "{name}: {}",
                reply.status
            );
            let events = [Joined, PublishStarted, PublishStopped, Left];
            ana.world.expect_events("ana", &events).await;
        }
    });
}

#[test]
fn a_token_of_the_server_cannot_be_exchanged() {
    run(async {
        let world = World::new().await;
        let customer = world.keys.import(KEY);
        let (mut ben, _) = Client::join(&world, "ben", json!({})).await;
        let token = customer.token(&world, "ben");
        ben.say("exchange", json!({ "token": token })).await;
        assert_eq!(ben.find("error").await["code"], "TOKEN_EXCHANGE_FAILED");
        assert_eq!(ben.frame("left").await["reason"], "failed-exchange");
        world.expect_events("ben", &[Joined, Left]).await;
    });
}

//
#[test]
fn that_the_older_token_s_key_is_gone_does_not_matter() {
    run(async {
        let mut ana = Ana::join().await;
        let second = ana.world.keys.import(&format!("{KEY}-2"));
        ana.world.keys.delete(&ana.customer);
        let mut holder = ana.world.holder("ana");
        holder.user = "host";
        let told = ana.becomes(&second.token_of(&holder)).await;
        assert_eq!(told["userId"], "host");
    });
}

#[test]
fn whoever_comes_back_is_who_it_has_become() {
    run(async {
        let world = World::new().await;
        let customer = world.keys.import(KEY);
        let token = customer.token(&world, "ana");
        let mut client = Client::with(&world, &token).await;
        client.say("join", json!({})).await;
        let joined = client.frame("joined").await;
        let mut holder = world.holder("ana");
        only_subscribes(&mut holder);
        let other = customer.token_of(&holder);
        client.say("exchange", json!({ "token": other })).await;
        client.frame("exchanged").await;
        let seq = client.seq;
        drop(client);
        // With the older token, which still names the same participant.
        let mut client = Client::with(&world, &token).await;
        client.seq = seq;
        let resume = json!({ "session": joined["session"], "seq": seq });
        client.say("join", json!({ "resume": resume })).await;
        let joined = client.frame("joined").await;
        assert_eq!(joined["resumed"], "replayed");
        assert_eq!(joined["self"]["capabilities"], json!(["subscribe"]));
        world.expect_events("ana", &[Joined, TokenExchanged]).await;
    });
}
