//! Doors on free ports, one stage, and two ingest configurations that tests change.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ingest::{Identity, IdentitySource, Ingest, Limits, Settings};
use jiff::Timestamp;
use model::{
    ErrorCode, EventName, IngestConfiguration, IngestConfigurationArn, IngestCredential,
    IngestProtocol, Now, ParticipantId, Record, StageArn, StreamKey,
};
use stage::{Input, Output, Reply, Stages};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::outlets::{Opener, Remembering};

pub(crate) const KEY: &str =
    "rt_123456789012_us-west-2_abcdefghijkl_00112233445566778899aabbccddeeff00112233";
pub(crate) const OTHER_KEY: &str =
    "rt_123456789012_us-west-2_abcdefghijkl_ffeeddccbbaa99887766554433221100ffeeddcc";
const STAGE: &str = "arn:aws:ivs:us-west-2:123456789012:stage/AbCdEfGhIjKl";
/// Far beyond what any step takes; reaching it is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

type Asked = (Input, oneshot::Sender<Reply>);

/// Doors, and what is behind them.
pub(crate) struct Scene {
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) rtmp: SocketAddr,
    pub(crate) rtmps: SocketAddr,
    pub(crate) outlets: Arc<Remembering>,
    /// The certificate of the RTMPS port.
    pub(crate) identity: Identity,
    /// From here on whoever asks for the time panics.
    pub(crate) is_clock_broken: Arc<AtomicBool>,
    configuration: Arc<Mutex<Option<IngestConfiguration>>>,
    records: Arc<Mutex<Vec<Record>>>,
    asks: mpsc::Sender<Asked>,
    _tasks: JoinSet<()>,
}

pub(crate) fn stage_arn() -> StageArn {
    StageArn::parse(STAGE).unwrap()
}

pub(crate) fn participant(letter: char) -> ParticipantId {
    ParticipantId::parse(&letter.to_string().repeat(12)).unwrap()
}

/// One that takes plain RTMP on the stage.
pub(crate) fn configuration() -> IngestConfiguration {
    let arn = "arn:aws:ivs:us-west-2:123456789012:ingest-configuration/abcdefghijkl";
    IngestConfiguration {
        arn: IngestConfigurationArn::parse(arn).unwrap(),
        name: String::new(),
        protocol: IngestProtocol::Rtmp,
        insecure: true,
        stage: Some(stage_arn()),
        participant: participant('a'),
        stream_key: StreamKey::new(KEY.to_owned()),
        credentials: Vec::new(),
        active: false,
        user_id: String::new(),
        attributes: BTreeMap::new(),
        tags: BTreeMap::new(),
        created: Timestamp::UNIX_EPOCH,
    }
}

/// One with two streams.
pub(crate) fn redundant() -> IngestConfiguration {
    let credential = |key: &str, letter| IngestCredential {
        participant: participant(letter),
        stream_key: StreamKey::new(key.to_owned()),
    };
    IngestConfiguration {
        credentials: vec![credential(KEY, 'b'), credential(OTHER_KEY, 'c')],
        ..configuration()
    }
}

pub(crate) fn identity(name: &str) -> Identity {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    Identity {
        certificate: made.cert.pem().into_bytes(),
        key: made.signing_key.serialize_pem().into_bytes(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test over real sockets lives in real time"
)]
pub(crate) fn now() -> Now {
    Now {
        mono: Instant::now(),
        wall: Timestamp::now(),
    }
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let identity = identity("localhost");
        let source = IdentitySource::Memory(identity.clone());
        Self::start(limits, identity, source)
    }

    pub(crate) fn start(limits: Limits, identity: Identity, source: IdentitySource) -> Self {
        let (asks, asked) = mpsc::channel(64);
        let (facts, told) = mpsc::channel(1_024);
        let outlets = Arc::new(Remembering::new(facts));
        let records = Arc::default();
        let mut tasks = JoinSet::new();
        let machine = machine(asked, told, Arc::clone(&outlets), Arc::clone(&records));
        tasks.spawn(machine);
        let configuration = Arc::new(Mutex::new(Some(configuration())));
        let kept = Arc::clone(&configuration);
        let is_clock_broken = Arc::new(AtomicBool::new(false));
        let is_broken = Arc::clone(&is_clock_broken);
        let ingest = Arc::new(Ingest::new(Settings {
            stages: asks.clone(),
            configurations: Arc::new(move |arn| {
                let found = kept.lock().unwrap().clone().filter(|one| one.arn == arn);
                Box::pin(async move { Ok(found) })
            }),
            outlets: Arc::new(Opener(Arc::clone(&outlets))),
            clock: Arc::new(move || {
                assert!(!is_broken.load(Ordering::Relaxed), "broken on purpose");
                now()
            }),
            random: Arc::new(|bytes| bytes.fill(7)),
            limits,
            media: ingest::media::Limits::default(),
        }));
        let (plain, tls) = (listener(), listener());
        let (rtmp, rtmps) = (plain.local_addr().unwrap(), tls.local_addr().unwrap());
        ingest.listen(plain);
        ingest.listen_tls(tls, source).unwrap();
        Self {
            ingest,
            rtmp,
            rtmps,
            outlets,
            identity,
            is_clock_broken,
            configuration,
            records,
            asks,
            _tasks: tasks,
        }
    }

    /// Changes what the store says.
    pub(crate) fn configure(&self, configuration: Option<IngestConfiguration>) {
        *self.configuration.lock().unwrap() = configuration;
    }

    /// Tells the machine something, as the API does.
    pub(crate) async fn tell(&self, input: Input) -> Reply {
        let (reply, replied) = oneshot::channel();
        self.asks.send((input, reply)).await.unwrap();
        replied.await.unwrap()
    }

    /// The events of a participant.
    pub(crate) fn events(
        &self,
        participant: &ParticipantId,
    ) -> Vec<(EventName, Option<ErrorCode>)> {
        let records = self.records.lock().unwrap();
        let events = records.iter().filter_map(|record| {
            let Record::Event(event) = record else {
                return None;
            };
            (event.participant == *participant).then_some((event.name, event.error))
        });
        events.collect()
    }

    /// Waits until the newest event of a participant is that one.
    pub(crate) async fn until_event(&self, participant: &ParticipantId, name: EventName) {
        until(|| {
            let events = self.events(participant);
            events.last().is_some_and(|(last, _)| *last == name)
        })
        .await;
    }

    /// How often somebody was refused for that reason.
    pub(crate) fn refusals(&self, code: &str) -> u64 {
        let counters = self.ingest.counters();
        let found = counters.refusals.iter().find(|(word, _)| *word == code);
        found.expect("the reason is one of the fixed set").1
    }
}

/// Waits for something that comes about elsewhere.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("it comes about in time");
}

/// Its connections hold little of what nobody reads, so that a test has them full soon.
fn listener() -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(16 * 1024).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket.listen(1_024).unwrap()
}

/// The loop around the machine, as the server has one.
async fn machine(
    mut asked: mpsc::Receiver<Asked>,
    told: mpsc::Receiver<Input>,
    outlets: Arc<Remembering>,
    records: Arc<Mutex<Vec<Record>>>,
) {
    let mut stages = Stages::new(stage::Settings::default(), [3; 32]);
    let opened = Input::StageOpened {
        stage: stage_arn(),
        banned: Vec::new(),
    };
    stages.handle(opened, now());
    while stages.poll_output().is_some() {}
    let (facts, mut told) = lagging(told, Arc::clone(&outlets));
    let _facts = facts;
    loop {
        let mut reply = None;
        let mut is_fact = false;
        let input = tokio::select! {
            input = told.recv() => {
                is_fact = true;
                input
            }
            ask = asked.recv() => ask.map(|(input, asker)| {
                reply = Some(asker);
                input
            }),
        };
        let Some(input) = input else { return };
        stages.handle(input, now());
        while let Some(output) = stages.poll_output() {
            match output {
                Output::Reply(answer) => {
                    if let Some(reply) = reply.take() {
                        let _ = reply.send(answer);
                    }
                }
                Output::Record(record) => records.lock().unwrap().push(record),
                Output::Close { connection, reason } => outlets.close(connection, reason),
                Output::Roster { .. } => {}
            }
        }
        if is_fact {
            outlets.heard.send_modify(|heard| *heard += 1);
        }
    }
}

/// Facts that are under way for some time, in order.
fn lagging(
    mut told: mpsc::Receiver<Input>,
    outlets: Arc<Remembering>,
) -> (JoinSet<()>, mpsc::Receiver<Input>) {
    let (late, facts) = mpsc::channel(1);
    let mut task = JoinSet::new();
    task.spawn(async move {
        while let Some(fact) = told.recv().await {
            let lag = *outlets.lag.lock().unwrap();
            if !lag.is_zero() {
                tokio::time::sleep(lag).await;
            }
            if late.send(fact).await.is_err() {
                return;
            }
        }
    });
    (task, facts)
}
