//! The API as its callers meet it: signed requests through the router, with a real store and real stages behind it.
//!
//! A [`World`] has two accounts, a clock that the test moves, and ids that come out the same in each run. Tests of one
//! operation stand in its own file; here are those that concern all of them.

mod bodies;
mod changes;
mod coverage;
mod cursors;
mod encoders;
mod faults;
mod hosts;
mod life;
mod logs;
mod policies;
mod provoke;
mod races;
mod rates;
mod replication_threats;
mod replications;
mod resources;
mod scene;
mod signatures;
mod tags;
mod tenancy;
mod text;
mod unclear;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use auth::bearer::Key;
use auth::policy::Policy;
use auth::sigv4::Secret;
use auth::token::TokenKey;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use jiff::Timestamp;
use model::{
    AccountId, ClientInfo, ConnectionId, Event, EventName, IngestReport, Now, Participant,
    ParticipantId, ParticipantState, Protocol, Record, Session, SessionId, StageArn,
};
use serde_json::{Value, json};
use stage::{CloseCause, Input, Output, Reply, Stages};
use store::{SharedStore, Sqlite};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tower::Service;
use wire::Operation;

pub(crate) use hosts::Host;
pub(crate) use resources::{P256, block, pem};

use crate::{
    AccessKey, AdminSettings, Api, BucketFault, Buckets, Calls, Endpoints, Settings, StageSender,
};

pub(crate) const HOST: &str = "localhost:7400";
/// When every world begins: 2026-03-01T12:00:00Z.
const START: i64 = 1_772_366_400;
/// The administration's key.
pub(crate) const ADMIN: &str = "the-key-of-all-worlds";
/// A session id for tests that write sessions themselves.
pub(crate) const SESSION: &str = "st-0123456789abc";

/// The headers that the model makes members of every exception.
pub(crate) const SECURITY_HEADERS: [&str; 7] = [
    "access-control-allow-origin",
    "access-control-expose-headers",
    "cache-control",
    "content-security-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
];

/// The buckets of a world: one is there, one belongs to others, one cannot be looked up.
pub(crate) struct Shelf;

#[async_trait]
impl Buckets for Shelf {
    async fn exists(&self, name: &str) -> Result<bool, BucketFault> {
        match name {
            "foreign" => Err(BucketFault::Denied("status 403".into())),
            "out-of-reach" => Err(BucketFault::Unavailable("no route".into())),
            name => Ok(name == "recordings"),
        }
    }
}

/// Who signs, and for where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who {
    pub(crate) key: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) region: &'static str,
}

pub(crate) const ANA: Who = Who {
    key: "AKIDANA",
    secret: "ana's secret",
    region: "us-west-2",
};
pub(crate) const BEN: Who = Who {
    key: "AKIDBEN",
    secret: "ben's secret",
    region: "us-west-2",
};
pub(crate) const ANA_ABROAD: Who = Who {
    region: "eu-west-1",
    ..ANA
};

/// A running API.
pub(crate) struct World {
    pub(crate) router: Router,
    pub(crate) admin: Router,
    pub(crate) store: SharedStore,
    pub(crate) sqlite: Arc<Sqlite>,
    pub(crate) stages: StageSender,
    pub(crate) calls: Arc<Calls>,
    pub(crate) token_key: TokenKey,
    /// What the stages were told, in order.
    pub(crate) told: Arc<Mutex<Vec<Input>>>,
    /// The connection tokens of which media heard that they are revoked.
    pub(crate) revoked: Arc<Mutex<Vec<String>>>,
    /// What the administration is told of ingest.
    pub(crate) ingest: Arc<Mutex<IngestReport>>,
    now: Arc<Mutex<Now>>,
    _stages: JoinSet<()>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world whose settings the test changes.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let latency = Arc::new(store::Latency::default());
        let sqlite = Arc::new(Sqlite::open_memory(latency).await.unwrap());
        let store: SharedStore = sqlite.clone();
        #[expect(clippy::disallowed_methods, reason = "any start will do")]
        let mono = std::time::Instant::now();
        let wall = Timestamp::from_second(START).unwrap();
        let now = Arc::new(Mutex::new(Now { mono, wall }));
        let told = Arc::new(Mutex::new(Vec::new()));
        let (stages, inbox) = mpsc::channel(256);
        let mut tasks = JoinSet::new();
        tasks.spawn(run_stages(inbox, store.clone(), now.clone(), told.clone()));
        let draws = AtomicU64::new(0);
        let clock = now.clone();
        let token_key = TokenKey::from_pkcs8(&TokenKey::generate_pkcs8()).unwrap();
        let calls = Arc::new(Calls::default());
        let revoked = Arc::new(Mutex::new(Vec::new()));
        let heard = revoked.clone();
        let mut settings = Settings {
            access_keys: BTreeMap::from([key(ANA, "111111111111"), key(BEN, "222222222222")]),
            endpoints: Endpoints {
                events: "wss://media.example/events".to_owned(),
                whip: "https://media.example/whip".to_owned(),
                rtmp: Some("rtmp://media.example:1935/app/".to_owned()),
                rtmps: Some("rtmps://media.example:1936/app/".to_owned()),
            },
            regions: BTreeSet::new(),
            quotas: crate::Quotas::default(),
            buckets: Arc::new(Shelf),
            rates: false,
            token_key: token_key.clone(),
            participant_key: [7; auth::participant_id::KEY_LEN],
            cursor_key: [9; auth::seal::KEY_LEN],
            clock: Arc::new(move || *clock.lock().unwrap()),
            random: Arc::new(move |bytes| fill(bytes, draws.fetch_add(1, Ordering::Relaxed))),
            store: store.clone(),
            stages: stages.clone(),
            revoked: Arc::new(move |token| heard.lock().unwrap().push(token.id.to_string())),
            calls: calls.clone(),
        };
        change(&mut settings);
        let ingest = Arc::new(Mutex::new(IngestReport::default()));
        let reported = ingest.clone();
        let api = Api::new(settings);
        Self {
            admin: api.administration(AdminSettings {
                key: Key::new(ADMIN),
                is_key_public: false,
                token_skew: Duration::from_mins(1),
                ingest: Arc::new(move || reported.lock().unwrap().clone()),
            }),
            router: api.router(),
            store,
            sqlite,
            stages,
            calls,
            token_key,
            told,
            revoked,
            ingest,
            now,
            _stages: tasks,
        }
    }

    pub(crate) fn now(&self) -> Now {
        *self.now.lock().unwrap()
    }

    /// Lets the stages do what is due: an input does, also one that changes nothing.
    pub(crate) async fn wake(&self) {
        self.tell(Input::Closed {
            connection: ConnectionId(u64::MAX),
            cause: CloseCause::Client,
        })
        .await;
    }

    /// Tells the stages something, and waits for their reply.
    pub(crate) async fn tell(&self, input: Input) -> Reply {
        let (reply, answer) = oneshot::channel();
        self.stages.send((input, reply)).await.unwrap();
        answer.await.unwrap()
    }

    pub(crate) fn advance(&self, by: Duration) {
        let mut now = self.now.lock().unwrap();
        *now = now.plus(by);
    }

    /// Calls an operation that is a POST to its own name.
    pub(crate) async fn call(&self, who: Who, operation: &str, body: Value) -> Answer {
        let request = self.signed(who, "POST", &format!("/{operation}"), body.to_string());
        self.send(request).await
    }

    /// Calls a tag operation.
    pub(crate) async fn tags(
        &self,
        who: Who,
        method: &str,
        arn: &str,
        rest: &str,
        body: &str,
    ) -> Answer {
        let path = format!("/tags/{}{rest}", escape(arn));
        let request = self.signed(who, method, &path, body.to_owned());
        self.send(request).await
    }

    /// A signed request; the test may still spoil it.
    pub(crate) fn signed(
        &self,
        who: Who,
        method: &str,
        target: &str,
        body: impl Into<Vec<u8>>,
    ) -> Request<Body> {
        self.signed_with(who, method, target, body, &[])
    }

    /// A signed request with further headers.
    pub(crate) fn signed_with(
        &self,
        who: Who,
        method: &str,
        target: &str,
        body: impl Into<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Request<Body> {
        let body = body.into();
        let seconds = u64::try_from(self.now().wall.as_second()).unwrap();
        let identity = Credentials::new(who.key, who.secret, None, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(who.region)
            .name("ivs")
            .time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let mut all = vec![("host", HOST)];
        if !body.is_empty() && !headers.iter().any(|(name, _)| *name == "content-type") {
            all.push(("content-type", "application/json"));
        }
        all.extend(headers);
        let uri = format!("http://{HOST}{target}");
        let signable = SignableRequest::new(
            method,
            uri.as_str(),
            all.iter().copied(),
            SignableBody::Bytes(&body),
        );
        // What the client logs is no part of the server's log.
        let signed = tracing::dispatcher::with_default(&tracing::Dispatch::none(), || {
            sign(signable.unwrap(), &params)
        });
        let (instructions, _) = signed.unwrap().into_parts();
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in all {
            request = request.header(name, value);
        }
        let mut request = request.body(Body::from(body)).unwrap();
        instructions.apply_to_request_http1x(&mut request);
        request
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().call(request).await.unwrap();
        let (head, body) = response.into_parts();
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            bytes: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    /// A new stage's ARN.
    pub(crate) async fn stage(&self, who: Who) -> String {
        let answer = self.call(who, "CreateStage", json!({})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["stage"]["arn"].as_str().unwrap().to_owned()
    }

    /// Writes a session with participants: `(id, user id, published, connected)`.
    pub(crate) async fn session(
        &self,
        arn: &str,
        session: &str,
        people: &[(&str, &str, bool, bool)],
    ) {
        let stage = StageArn::parse(arn).unwrap();
        let session = SessionId::parse(session).unwrap();
        let start = self.now().wall;
        let mut records = vec![Record::SessionStarted(Session {
            stage: stage.clone(),
            id: session.clone(),
            start,
            end: None,
        })];
        for (id, user_id, published, connected) in people {
            records.push(Record::Participant(Participant {
                stage: stage.clone(),
                session: session.clone(),
                id: ParticipantId::parse(id).unwrap(),
                user_id: (*user_id).to_owned(),
                attributes: BTreeMap::from([("role".to_owned(), "guest".to_owned())]),
                state: if *connected {
                    ParticipantState::Connected
                } else {
                    ParticipantState::Disconnected
                },
                first_join: start,
                published: *published,
                publishing: false,
                protocol: if *published {
                    Protocol::Whip
                } else {
                    Protocol::Unknown
                },
                ingest: None,
                client: ClientInfo::default(),
                replication: None,
            }));
        }
        self.store.records_apply(&records).await.unwrap();
    }

    /// Writes events of a participant, in order.
    pub(crate) async fn events(
        &self,
        arn: &str,
        participant: &str,
        events: &[(EventName, Option<&str>)],
    ) {
        let records: Vec<_> = events
            .iter()
            .zip(1..)
            .map(|((name, remote), sequence)| {
                Record::Event(Event {
                    stage: StageArn::parse(arn).unwrap(),
                    session: SessionId::parse(SESSION).unwrap(),
                    participant: ParticipantId::parse(participant).unwrap(),
                    sequence,
                    time: self.now().wall,
                    name: *name,
                    remote: remote.map(|remote| ParticipantId::parse(remote).unwrap()),
                    error: (*name == EventName::SubscribeError)
                        .then_some(model::ErrorCode::PublisherNotFound),
                    exchange: (*name == EventName::TokenExchanged).then(exchange),
                    replica: false,
                    destination: None,
                })
            })
            .collect();
        self.store.records_apply(&records).await.unwrap();
    }
}

/// A publisher that must not publish any more, and has a name from then on.
fn exchange() -> Box<model::Exchange> {
    let token = |publish, user_id: &str, attributes, expires: &str| model::ExchangedToken {
        capabilities: model::Capabilities {
            publish,
            subscribe: true,
        },
        user_id: user_id.to_owned(),
        attributes,
        expires: expires.parse().unwrap(),
    };
    let attributes = BTreeMap::from([("role".to_owned(), "guest".to_owned())]);
    Box::new(model::Exchange {
        previous: token(true, "", BTreeMap::new(), "2026-03-01T18:00:00Z"),
        new: token(false, "guest", attributes, "2026-03-02T12:00:00Z"),
    })
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    pub(crate) fn error(&self) -> &str {
        self.headers
            .get("x-amzn-errortype")
            .map_or("", |name| name.to_str().unwrap())
    }

    /// Status and exception: what most tests compare.
    pub(crate) fn verdict(&self) -> (u16, &str) {
        (self.status, self.error())
    }

    /// Everything that another caller could tell two answers apart by.
    pub(crate) fn fingerprint(&self) -> (u16, String, Vec<u8>) {
        (self.status, self.error().to_owned(), self.bytes.clone())
    }
}

/// A new ingest configuration of ANA's for RTMPS, with further members: as the reply shows it.
pub(crate) async fn ingest(world: &World, members: Value) -> Value {
    let mut body = members;
    body["ingestProtocol"] = json!("RTMPS");
    let answer = world.call(ANA, "CreateIngestConfiguration", body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["ingestConfiguration"].clone()
}

/// A new storage configuration's ARN.
pub(crate) async fn storage(world: &World, who: Who) -> String {
    let body = json!({ "s3": { "bucketName": "recordings" } });
    let answer = world.call(who, "CreateStorageConfiguration", body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let made = answer.json();
    made["storageConfiguration"]["arn"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Sends one request and prints it with its answer for a golden file. Tokens are cut out: their signatures differ.
pub(crate) async fn golden(world: &World, method: &str, target: &str, body: Value) -> String {
    let (sent, shown) = if body.is_null() {
        (String::new(), String::new())
    } else {
        (
            body.to_string(),
            format!(
                "{body:#}
"
            ),
        )
    };
    let answer = world.send(world.signed(ANA, method, target, sent)).await;
    let mut text = format!("{method} {target}\n{shown}\nHTTP {}\n", answer.status);
    // The length is framing, and tokens have a part in it.
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != http::header::CONTENT_LENGTH);
    for (name, value) in headers {
        writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
    }
    if !answer.bytes.is_empty() {
        let mut body = answer.json();
        cut_tokens(&mut body);
        writeln!(text, "\n{body:#}").unwrap();
    }
    text
}

fn cut_tokens(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if name == "token" {
                    assert!(member.as_str().unwrap().starts_with("eyJ"));
                    *member = json!("<token>");
                }
                cut_tokens(member);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(cut_tokens),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Percent-encodes a path label as SDKs do: everything but unreserved characters.
pub(crate) fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02X}").unwrap(),
        }
        out
    })
}

/// The request line of an operation about an ARN.
pub(crate) fn target(operation: Operation, arn: &str) -> String {
    let path = operation.path().replace("{resourceArn}", &escape(arn));
    if operation == Operation::UntagResource {
        format!("{path}?tagKeys=k")
    } else {
        path
    }
}

/// A policy document with one statement.
pub(crate) fn policy(statements: &Value) -> Policy {
    let document = json!({ "Version": "2012-10-17", "Statement": statements });
    Policy::parse(&document.to_string()).unwrap()
}

fn key(who: Who, account: &str) -> (String, AccessKey) {
    let key = AccessKey {
        account: AccountId::parse(account).unwrap(),
        secret: Secret::new(who.secret.to_owned()),
        policy: Policy::allow_all(),
    };
    (who.key.to_owned(), key)
}

/// SplitMix64: distinct ids that are the same in each run.
fn fill(bytes: &mut [u8], draw: u64) {
    for (byte, at) in bytes.iter_mut().zip(0_u64..) {
        let mut z = draw
            .wrapping_mul(64)
            .wrapping_add(at)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        *byte = z.to_be_bytes()[0];
    }
}

/// The loop that the server runs, with nobody on the media side.
async fn run_stages(
    mut inbox: mpsc::Receiver<(Input, oneshot::Sender<Reply>)>,
    store: SharedStore,
    now: Arc<Mutex<Now>>,
    told: Arc<Mutex<Vec<Input>>>,
) {
    let mut stages = Stages::new(stage::Settings::default(), [1; 32]);
    while let Some((input, reply)) = inbox.recv().await {
        told.lock().unwrap().push(input.clone());
        let at = *now.lock().unwrap();
        stages.handle(input, at);
        let mut records = Vec::new();
        let mut answer = None;
        while let Some(output) = stages.poll_output() {
            match output {
                Output::Record(record) => records.push(record),
                Output::Reply(said) => answer = Some(said),
                Output::Close { .. } | Output::Roster { .. } => {}
            }
        }
        store.records_apply(&records).await.unwrap();
        let _ = reply.send(answer.expect("each input has one reply"));
    }
}
