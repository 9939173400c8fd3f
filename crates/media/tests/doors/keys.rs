//! Tokens that customers sign, and what becomes of them and of those inside when their key is deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use auth::key_pair::{self, SigningKey};
use auth::public_key::PublicKey;
use model::EventName::{
    Joined, Left, PublishStarted, PublishStopped, SubscribeStarted, SubscribeStopped,
};
use model::{ConnectionTokenId, PublicKeyArn};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

use crate::events::Socket;
use crate::http::{Reply, Request};
use crate::media::{publish, subscribe};
use crate::peer::{Offering, Role};
use crate::world::{Holder, Options, World, arn, run};

/// What the store knows of imported keys.
#[derive(Default)]
pub(crate) struct Keys {
    state: Arc<watch::Sender<State>>,
}

#[derive(Default)]
struct State {
    imported: BTreeMap<PublicKeyArn, PublicKey>,
    revoked: BTreeSet<ConnectionTokenId>,
    is_down: bool,
    lookups: usize,
}

impl Keys {
    pub(crate) fn lookup(&self) -> media::PublicKeys {
        let state = Arc::clone(&self.state);
        Arc::new(move |arn| {
            let mut found = Err(media::KeysUnavailable);
            // Counted and found in one step, so that who has seen the count may change the keys.
            state.send_modify(|state| {
                state.lookups += 1;
                if !state.is_down {
                    found = Ok(state.imported.get(&arn).cloned());
                }
            });
            Box::pin(async { found })
        })
    }

    /// What the store knows of revoked connection tokens.
    pub(crate) fn revocations(&self) -> media::RevokedTokens {
        let state = Arc::clone(&self.state);
        Arc::new(move |_, _, token| {
            let is_revoked = {
                let state = state.borrow();
                let is_revoked = state.revoked.contains(&token);
                (!state.is_down)
                    .then_some(is_revoked)
                    .ok_or(media::KeysUnavailable)
            };
            Box::pin(async move { is_revoked })
        })
    }

    /// Revokes a connection token, in the store only.
    pub(crate) fn revoke(&self, token: &str) {
        let token = ConnectionTokenId::parse(token).unwrap();
        self.state.send_modify(|state| {
            state.revoked.insert(token);
        });
    }

    pub(crate) fn import(&self, arn: &str) -> Customer {
        let pair = key_pair::generate();
        let customer = Customer {
            arn: PublicKeyArn::parse(arn).unwrap(),
            key: SigningKey::from_pem(&pair.private_pem()).unwrap(),
        };
        self.state.send_modify(|state| {
            let key = pair.public().clone();
            state.imported.insert(customer.arn.clone(), key);
        });
        customer
    }

    pub(crate) fn delete(&self, customer: &Customer) {
        self.state
            .send_modify(|state| drop(state.imported.remove(&customer.arn)));
    }

    pub(crate) fn take_down(&self) {
        self.state.send_modify(|state| state.is_down = true);
    }

    /// Waits until that many lookups have begun.
    async fn looked_up(&self, times: usize) {
        let mut state = self.state.subscribe();
        let enough = |state: &State| state.lookups >= times;
        state.wait_for(enough).await.unwrap();
    }

    fn lookups(&self) -> usize {
        self.state.borrow().lookups
    }
}

/// Who signs tokens with a key of their own.
pub(crate) struct Customer {
    pub(crate) arn: PublicKeyArn,
    pub(crate) key: SigningKey,
}

impl Customer {
    pub(crate) fn token(&self, world: &World, participant: &str) -> String {
        self.token_of(&world.holder(participant))
    }

    pub(crate) fn token_of(&self, holder: &Holder) -> String {
        holder.token(|request| self.key.sign_participant_token(&self.arn, request))
    }
}

pub(crate) const KEY: &str = "arn:aws:ivs:us-west-2:123456789012:public-key/f99cde61-c2b0";

/// A stage, and a customer with a key in its account and region.
async fn world() -> (World, Customer) {
    let world = World::new().await;
    let customer = world.keys.import(KEY);
    (world, customer)
}

async fn offer() -> String {
    Offering::udp(Role::Publisher).await.sdp
}

async fn post(world: &World, token: &str) -> Reply {
    let request = Request::new("POST", "/whip").bearer(token);
    world.send(request.sdp(&offer().await)).await
}

async fn join(world: &World, token: &str) -> Result<Socket, u16> {
    Socket::open(world, "abcdABCDefgh", token).await
}

#[test]
fn t05_a_token_of_an_imported_key_opens_every_door() {
    run(async {
        let (world, customer) = world().await;
        let mut cat = join(&world, &customer.token(&world, "cat")).await.unwrap();
        assert_eq!(cat.text().await["payload"]["participants"], json!([]));
        let ana = Offering::udp(Role::Publisher).await;
        let (_ana, _) = publish(&world, &customer.token(&world, "ana"), ana).await;
        let seen = cat.text().await;
        assert_eq!(seen["payload"]["participants"][0]["id"], "ana");
        let token = customer.token(&world, "ben");
        let ben = Offering::udp(Role::Subscriber).await;
        let (mut ben, _) = subscribe(&world, &token, "ana", ben).await;
        ben.until(|seen| seen.audio > 5 && seen.video > 5).await;
        world.expect_events("cat", &[Joined]).await;
        world.expect_events("ana", &[Joined, PublishStarted]).await;
        world
            .expect_events("ben", &[Joined, SubscribeStarted])
            .await;
    });
}

/// Each door's answer to a token, but for what differs from one request to the next.
async fn answers(world: &World, token: &str) -> Vec<(u16, String, Option<String>)> {
    let mut answers = Vec::new();
    for (method, path) in [
        ("POST", "/whip"),
        ("POST", "/whip/publish/ana"),
        ("POST", "/whip/subscribe/ben"),
        ("PATCH", "/whip/session/00000000000000000000000000000000"),
        ("DELETE", "/whip/session/00000000000000000000000000000000"),
    ] {
        let request = Request::new(method, path).bearer(token);
        let reply = world.send(request.sdp(&offer().await)).await;
        let challenge = reply.header("www-authenticate").map(str::to_owned);
        answers.push((reply.status, reply.body, challenge));
    }
    let status = join(world, token).await.map(drop).unwrap_err();
    answers.push((status, String::new(), None));
    answers
}

#[test]
fn t27_an_unknown_or_deleted_key_is_refused_like_a_bad_signature() {
    run(async {
        let (world, customer) = world().await;
        let deleted = world.keys.import(&format!("{KEY}-deleted"));
        world.keys.delete(&deleted);
        let never = Customer {
            arn: PublicKeyArn::parse(&format!("{KEY}-never")).unwrap(),
            key: customer.key.clone(),
        };
        let impostor = Customer {
            arn: customer.arn.clone(),
            key: deleted.key.clone(),
        };
        let bad = answers(&world, &impostor.token(&world, "ana")).await;
        assert!(bad.iter().all(|(status, ..)| *status == 401), "{bad:?}");
        for customer in [deleted, never] {
            assert_eq!(answers(&world, &customer.token(&world, "ana")).await, bad);
        }
        post(&world, &customer.token(&world, "ana"))
            .await
            .expect(201);
    });
}

#[test]
fn t27_a_key_of_another_account_or_region_signs_nothing_for_a_stage() {
    run(async {
        let world = World::new().await;
        for key in [
            "arn:aws:ivs:us-west-2:210987654321:public-key/x",
            "arn:aws:ivs:us-east-1:123456789012:public-key/x",
        ] {
            let stranger = world.keys.import(key);
            post(&world, &stranger.token(&world, "ana"))
                .await
                .expect(401);
            let joined = join(&world, &stranger.token(&world, "ana")).await;
            assert_eq!(joined.map(drop), Err(401));
        }
    });
}

#[test]
fn t28_what_a_stage_asks_of_a_token_it_asks_of_one_that_a_customer_signs() {
    run(async {
        let (world, customer) = world().await;
        let holder = world.holder("ana");
        let expired = Holder {
            expired: true,
            ..holder.clone()
        };
        let mute = Holder {
            publish: false,
            ..holder.clone()
        };
        let elsewhere = Holder {
            stage: arn("nosuchstage1"),
            ..holder
        };
        for (holder, status) in [(expired, 401), (mute, 403), (elsewhere, 404)] {
            post(&world, &customer.token_of(&holder))
                .await
                .expect(status);
        }
        world.kick("ana").await;
        post(&world, &customer.token(&world, "ana"))
            .await
            .expect(403);
    });
}

#[test]
fn a_deleted_key_stops_joins_at_once_and_throws_nobody_out() {
    run(async {
        let (world, customer) = world().await;
        let mut cat = join(&world, &customer.token(&world, "cat")).await.unwrap();
        cat.text().await;
        let token = customer.token(&world, "ana");
        let ana = Offering::udp(Role::Publisher).await;
        let (mut ana, session) = publish(&world, &token, ana).await;
        cat.text().await;
        let ben = Offering::udp(Role::Subscriber).await;
        let (mut ben, _) = subscribe(&world, &customer.token(&world, "ben"), "ana", ben).await;
        world.keys.delete(&customer);

        for participant in ["ana", "ben", "cat", "dan"] {
            let token = customer.token(&world, participant);
            post(&world, &token).await.expect(401);
            assert_eq!(join(&world, &token).await.map(drop), Err(401));
        }
        post(&world, &token).await.expect(401);

        // Media, the socket and the session go on.
        let before = ben.until(|_| true).await;
        ben.until(|seen| seen.video > before.video + 5).await;
        cat.send(Message::text(r#"{"type":"PING"}"#)).await;
        assert_eq!(cat.text().await, json!({ "type": "PONG" }));
        let patch = Request::new("PATCH", session.clone()).bearer(&token);
        world
            .send(patch.header("If-Match", "\"0\"").fragment(""))
            .await
            .expect(412);
        let delete = Request::new("DELETE", session).bearer(&token);
        world.send(delete).await.expect(200);
        ana.until(|seen| seen.closed).await;
        let whole = [Joined, PublishStarted, PublishStopped, Left];
        world.expect_events("ana", &whole).await;
        let whole = [Joined, SubscribeStarted, SubscribeStopped, Left];
        world.expect_events("ben", &whole).await;
        world.expect_events("cat", &[Joined]).await;
    });
}

#[test]
fn t35_after_the_deletion_of_its_key_a_session_obeys_its_own_token_and_good_ones_of_its_participant()
 {
    run(async {
        let (world, customer) = world().await;
        let token = customer.token(&world, "ana");
        let ana = Offering::udp(Role::Publisher).await;
        let (_ana, session) = publish(&world, &token, ana).await;
        world.keys.delete(&customer);
        let mut changed = token.clone();
        changed.truncate(token.len() - 1);
        let again = customer.token(&world, "ana");
        assert_ne!(again, token);
        for (token, status) in [
            (changed, 401),
            (again, 401),
            (customer.token(&world, "ben"), 401),
            (world.token("ben"), 403),
            (world.token("ana"), 200),
        ] {
            let delete = Request::new("DELETE", session.clone()).bearer(&token);
            world.send(delete).await.expect(status);
        }
        let delete = Request::new("DELETE", session).bearer(&token);
        world.send(delete).await.expect(401);
    });
}

#[test]
fn a_body_that_arrives_after_the_deletion_of_its_key_comes_too_late() {
    run(async {
        for (path, role) in [
            ("/whip", Role::Publisher),
            ("/whip/subscribe/ben", Role::Subscriber),
        ] {
            let (world, customer) = world().await;
            let token = customer.token(&world, "ana");
            let offer = Offering::udp(role).await.sdp;
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: media.test\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
                Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n",
                offer.len()
            );
            let mut stream = tokio::net::TcpStream::connect(world.http).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            world.keys.looked_up(1).await;
            world.keys.delete(&customer);
            stream.write_all(offer.as_bytes()).await.unwrap();
            let mut reply = String::new();
            stream.read_to_string(&mut reply).await.unwrap();
            assert!(reply.starts_with("HTTP/1.1 401"), "{reply}");
            world.expect_events("ana", &[]).await;
        }
    });
}

#[test]
fn while_keys_cannot_be_looked_up_the_server_s_own_tokens_go_on() {
    run(async {
        let (world, customer) = world().await;
        let token = customer.token(&world, "ana");
        let ana = Offering::udp(Role::Publisher).await;
        let (_ana, session) = publish(&world, &token, ana).await;
        world.keys.take_down();
        let reply = post(&world, &customer.token(&world, "dan"))
            .await
            .expect(503);
        assert_eq!(reply.header("retry-after"), Some("1"));
        assert!(reply.body.contains("KEYS_UNAVAILABLE"), "{}", reply.body);
        let joined = join(&world, &customer.token(&world, "dan")).await;
        assert_eq!(joined.map(drop), Err(503));

        post(&world, &world.token("ben")).await.expect(201);
        assert!(join(&world, &world.token("cat")).await.is_ok());
        let delete = Request::new("DELETE", session).bearer(&token);
        world.send(delete).await.expect(200);
    });
}

/// C.1: a lookup is what an attacker would buy with a made-up key, beside the signature check.
#[test]
fn t23_attempts_are_limited_before_a_key_is_looked_up_and_only_tokens_of_good_form_are() {
    run(async {
        let options = Options {
            frozen: true,
            ..Options::default()
        };
        let world = World::with(options).await;
        let customer = world.keys.import(KEY);
        let token = customer.token(&world, "ana");
        let (signed, _) = token.rsplit_once('.').unwrap();
        for bad in [
            signed,
            "a.b.c",
            &format!("{signed}.AAAA"),
            &"x".repeat(7_000),
        ] {
            post(&world, bad).await.expect(401);
        }
        assert_eq!(world.keys.lookups(), 0);
        let attempt = Request::new("DELETE", "/whip/session/x");
        attempt.send_often(world.http, 2_000).await;
        post(&world, &token).await.expect(429);
        assert_eq!(join(&world, &token).await.map(drop), Err(429));
        assert_eq!(world.keys.lookups(), 0);
    });
}
