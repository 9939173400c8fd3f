//! A running media plane, a stage machine beside it, and an HTTP server in front.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use auth::token::{TokenKey, TokenRequest};
use media::{Command, IceServerSettings, Media};
use model::{Capabilities, Event, EventName, Now, ParticipantId, Record, StageArn};
use stage::{Input, Output, Reply, Stages};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::http;
use crate::keys::Keys;

/// Longest that any test may take. Nothing waits for it but a test that fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a test within its time limit.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, test)
            .await
            .expect("the test takes too long");
    });
    runtime.shutdown_background();
}

#[expect(clippy::disallowed_methods, reason = "the clock of the test process")]
pub(crate) fn clock() -> Now {
    Now {
        mono: std::time::Instant::now(),
        wall: jiff::Timestamp::now(),
    }
}

pub(crate) struct Options {
    pub(crate) workers: usize,
    pub(crate) stage_subscribers_per_worker: usize,
    pub(crate) liveness_timeout: Duration,
    pub(crate) publishers_per_stage_max: u32,
    /// Whether the media plane's clock stands still.
    pub(crate) frozen: bool,
    pub(crate) ice_servers: Vec<IceServerSettings>,
}

impl Default for Options {
    fn default() -> Self {
        let stage = stage::Settings::default();
        Self {
            workers: 1,
            stage_subscribers_per_worker: 500,
            liveness_timeout: Duration::from_secs(10),
            publishers_per_stage_max: stage.publishers_per_stage_max,
            frozen: false,
            ice_servers: Vec::new(),
        }
    }
}

pub(crate) struct World {
    pub(crate) http: SocketAddr,
    pub(crate) media: Media,
    pub(crate) arn: StageArn,
    stages: media::StageSender,
    key: TokenKey,
    pub(crate) keys: Keys,
    events: watch::Receiver<Vec<Event>>,
    machine: JoinSet<()>,
    _server: JoinSet<()>,
}

pub(crate) fn arn(id: &str) -> StageArn {
    StageArn::parse(&format!("arn:aws:ivs:us-west-2:123456789012:stage/{id}")).unwrap()
}

/// What a token is made of.
#[derive(Clone)]
pub(crate) struct Holder {
    pub(crate) stage: StageArn,
    pub(crate) participant: String,
    pub(crate) publish: bool,
    pub(crate) subscribe: bool,
    pub(crate) expired: bool,
    pub(crate) user: &'static str,
    pub(crate) whip_url: &'static str,
    pub(crate) events_url: &'static str,
}

impl Holder {
    /// Their token, by whoever signs.
    pub(crate) fn token(&self, sign: impl FnOnce(&TokenRequest<'_>) -> String) -> String {
        let past = Duration::from_secs(if self.expired { 7_200 } else { 0 });
        let issued = clock()
            .wall
            .checked_sub(jiff::SignedDuration::try_from(past).unwrap())
            .unwrap();
        sign(&TokenRequest {
            stage: &self.stage,
            participant: &ParticipantId::parse(&self.participant).unwrap(),
            user_id: Some(self.user),
            attributes: None,
            capabilities: Capabilities {
                publish: self.publish,
                subscribe: self.subscribe,
            },
            events_url: self.events_url,
            whip_url: self.whip_url,
            issued,
            life: Duration::from_hours(1),
        })
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let key = TokenKey::from_pkcs8(&TokenKey::generate_pkcs8()).unwrap();
        let (stages, inputs) = mpsc::channel(256);
        let counter = AtomicU64::new(1);
        let start = clock();
        let keys = Keys::default();
        let media = Media::start(media::Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            workers: options.workers,
            stage_subscribers_per_worker: options.stage_subscribers_per_worker,
            external_addresses: Vec::new(),
            ice_servers: options.ice_servers,
            public_url: "http://media.test".to_owned(),
            sfu: sfu::Settings {
                liveness_timeout: options.liveness_timeout,
                ..Default::default()
            },
            token_key: key.clone(),
            public_keys: keys.lookup(),
            revoked_tokens: keys.revocations(),
            token_skew: Duration::from_mins(1),
            clock: Arc::new(move || if options.frozen { start } else { clock() }),
            random: Arc::new(move |bytes| fill(bytes, &counter)),
            stages: stages.clone(),
        })
        .unwrap();
        let (written, events) = watch::channel(Vec::new());
        let mut machine = JoinSet::new();
        let mut server = JoinSet::new();
        let settings = stage::Settings {
            publishers_per_stage_max: options.publishers_per_stage_max,
            ..stage::Settings::default()
        };
        machine.spawn(drive(
            Stages::new(settings, [7; 32]),
            inputs,
            media.clone(),
            written,
        ));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = listener.local_addr().unwrap();
        let service = media
            .router()
            .into_make_service_with_connect_info::<SocketAddr>();
        server.spawn(async move { axum::serve(listener, service).await.unwrap() });
        let arn = arn("abcdABCDefgh");
        let world = Self {
            http,
            media,
            arn: arn.clone(),
            stages,
            key,
            keys,
            events,
            machine,
            _server: server,
        };
        world.open(&arn).await;
        world
    }

    pub(crate) async fn open(&self, stage: &StageArn) {
        self.tell(Input::StageOpened {
            stage: stage.clone(),
            banned: Vec::new(),
        })
        .await;
    }

    /// One input, as the API would give it.
    pub(crate) async fn tell(&self, input: Input) -> Reply {
        let (reply, receiver) = oneshot::channel();
        self.stages.send((input, reply)).await.unwrap();
        receiver.await.unwrap()
    }

    pub(crate) async fn kick(&self, participant: &str) {
        self.tell(Input::Disconnect {
            stage: self.arn.clone(),
            participant: ParticipantId::parse(participant).unwrap(),
        })
        .await;
    }

    pub(crate) fn holder(&self, participant: &str) -> Holder {
        Holder {
            stage: self.arn.clone(),
            participant: participant.to_owned(),
            publish: true,
            subscribe: true,
            expired: false,
            user: "user",
            whip_url: "http://media.test/whip",
            events_url: "ws://media.test/events",
        }
    }

    pub(crate) fn token(&self, participant: &str) -> String {
        self.token_of(&self.holder(participant))
    }

    pub(crate) fn token_of(&self, holder: &Holder) -> String {
        holder.token(|request| self.key.sign(request))
    }

    pub(crate) async fn send(&self, request: http::Request) -> http::Reply {
        request.send(self.http).await
    }

    /// Waits until the events of a participant are these, and no others come before them.
    pub(crate) async fn expect_events(&self, participant: &str, expected: &[EventName]) {
        let mut events = self.events.clone();
        let names = |all: &Vec<Event>| -> Vec<EventName> {
            let own = all
                .iter()
                .filter(|event| event.participant.as_str() == participant);
            own.map(|event| event.name).collect()
        };
        loop {
            let seen = names(&events.borrow_and_update());
            assert!(
                expected.starts_with(&seen),
                "{participant}: {seen:?}, expected {expected:?}"
            );
            if seen == expected {
                return;
            }
            let changed = tokio::time::timeout(PATIENCE / 2, events.changed()).await;
            changed
                .unwrap_or_else(|_| panic!("{participant}: {seen:?} stays, expected {expected:?}"))
                .unwrap();
        }
    }

    pub(crate) fn all_events(&self) -> Vec<Event> {
        self.events.borrow().clone()
    }

    pub(crate) fn events_of(&self, participant: &str) -> Vec<Event> {
        let events = self.events.borrow();
        events
            .iter()
            .filter(|event| event.participant.as_str() == participant)
            .cloned()
            .collect()
    }

    /// Ends the stage machine; the HTTP server goes on.
    pub(crate) async fn end_stages(&mut self) {
        self.machine.shutdown().await;
    }
}

/// Bytes that differ at each call.
fn fill(bytes: &mut [u8], counter: &AtomicU64) {
    for chunk in bytes.chunks_mut(8) {
        let mut z = counter.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        chunk.copy_from_slice(&(z ^ (z >> 31)).to_be_bytes()[..chunk.len()]);
    }
}

/// What the server's loop does: inputs in, effects out.
async fn drive(
    mut stages: Stages,
    mut inputs: mpsc::Receiver<(Input, oneshot::Sender<Reply>)>,
    media: Media,
    events: watch::Sender<Vec<Event>>,
) {
    loop {
        let due = stages.poll_timeout().map(Instant::from_std);
        let due = due.unwrap_or_else(|| Instant::now() + Duration::from_hours(1));
        let mut waiting = None;
        tokio::select! {
            input = inputs.recv() => {
                let Some((input, reply)) = input else { return };
                waiting = Some(reply);
                stages.handle(input, clock());
            }
            () = tokio::time::sleep_until(due) => stages.handle_timeout(clock()),
        }
        while let Some(output) = stages.poll_output() {
            match output {
                Output::Reply(reply) => {
                    let _ = waiting
                        .take()
                        .expect("one reply for each input")
                        .send(reply);
                }
                Output::Record(Record::Event(event)) => events.send_modify(|all| all.push(event)),
                Output::Record(_) => {}
                Output::Close { connection, reason } => {
                    media.command(Command::Close { connection, reason });
                }
                Output::Roster { to, roster } => media.command(Command::Roster { to, roster }),
            }
        }
    }
}
