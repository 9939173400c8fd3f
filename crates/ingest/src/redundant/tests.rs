//! Pairs of streams against a stage that a test plays.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use model::{ConnectionId, IngestConfiguration, IngestStream, Protocol, SessionId};
use sfu::{InletVideo, LayerLabel, Relayed};
use stage::{LeftReason, Reply};
use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::key::tests::pair;
use crate::ledger::tests::stream;

type Asks = mpsc::Receiver<(Input, oneshot::Sender<Reply>)>;

fn authorities() -> (Authorities, Asks) {
    let (asks, asked) = mpsc::channel(4);
    let nothing = Arc::new(|_| Box::pin(async { Ok(None) }) as crate::ConfigurationLookup);
    let outlets = Arc::new(Counting::default());
    (Authorities::new(asks, outlets, nothing), asked)
}

fn shown(letter: char) -> IngestGrant {
    let id = letter.to_string().repeat(12);
    let arn = format!("arn:aws:ivs:us-west-2:123456789012:ingest-configuration/{id}");
    let configuration = IngestConfiguration {
        arn: IngestConfigurationArn::parse(&arn).unwrap(),
        ..pair()
    };
    IngestGrant {
        stage: configuration.stage.unwrap(),
        configuration: configuration.arn,
        participant: configuration.participant,
        user_id: String::new(),
        attributes: BTreeMap::new(),
        protocol: Protocol::Rtmp,
        part: model::IngestPart::Virtual,
    }
}

fn admit(reply: oneshot::Sender<Reply>) {
    let session = SessionId::parse("st-0123456789abc").unwrap();
    let admitted = Reply::Admitted {
        session,
        publisher: None,
        source: None,
    };
    reply.send(admitted).unwrap();
}

/// Outlets that count.
#[derive(Default)]
struct Counting {
    sent: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
    is_closed: Arc<AtomicBool>,
}

struct Counted(Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicBool>);

impl Outlets for Counting {
    fn open(&self) -> Box<dyn Outlet> {
        let [sent, ended] = [&self.sent, &self.ended].map(Arc::clone);
        Box::new(Counted(sent, ended, Arc::clone(&self.is_closed)))
    }

    fn told(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

impl Outlet for Counted {
    fn connection(&self) -> ConnectionId {
        ConnectionId(1)
    }

    fn closed(&self) -> Pin<Box<dyn Future<Output = LeftReason> + Send + '_>> {
        if self.2.load(Ordering::Relaxed) {
            return Box::pin(std::future::ready(LeftReason::ParticipantDisconnected));
        }
        Box::pin(std::future::pending())
    }

    fn begin(&self, _: &StageArn, _: InletDescription) -> Result<(), OutletFault> {
        Ok(())
    }

    fn send(&self, packets: Relayed) -> Result<(), OutletFault> {
        self.0.fetch_add(packets.len(), Ordering::Relaxed);
        Ok(())
    }

    fn connected(&self) {}

    fn ended(&self, _: CloseCause) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

fn description() -> InletDescription {
    InletDescription {
        audio: true,
        video: vec![InletVideo {
            label: LayerLabel::parse(LayerLabel::ONLY).unwrap(),
            profile_level: [0x42, 0xc0, 0x1f],
        }],
    }
}

fn hidden() -> IngestStream {
    IngestStream {
        is_active_leg: false,
        ..stream()
    }
}

/// Of which streams the ledger says that viewers see them.
fn active(ledger: &Ledger) -> Vec<bool> {
    let streams = ledger.report().configurations.remove(0).streams;
    streams.iter().map(|stream| stream.is_active_leg).collect()
}

fn key_frame(at_ms: u64) -> Unit {
    Unit::Picture {
        layer: 0,
        nals: vec![Bytes::from_static(&[0x65, 0x88, 0x84, 0x1d])],
        is_key: true,
        at: Duration::from_millis(at_ms),
    }
}

#[tokio::test(start_paused = true)]
async fn pairs_do_not_wait_for_each_other() {
    let (authorities, mut asked) = authorities();
    let (pairs, outlets) = (Pairs::default(), Counting::default());
    let ledger = Arc::new(Ledger::new());
    let join = |letter| pairs.join(shown(letter), Side::First, &authorities, &outlets, &ledger);
    let stage = async {
        let (_, first) = asked.recv().await.unwrap();
        let (_, second) = asked.recv().await.unwrap();
        admit(first);
        admit(second);
    };
    let (one, other, ()) = tokio::join!(join('b'), join('c'), stage);
    assert!(one.is_ok() && other.is_ok());
}

#[tokio::test(start_paused = true)]
async fn nobody_joins_a_pair_that_the_stage_has_closed() {
    let (authorities, mut asked) = authorities();
    let (pairs, outlets) = (Pairs::default(), Counting::default());
    let ledger = Arc::new(Ledger::new());
    let join = |side| pairs.join(shown('b'), side, &authorities, &outlets, &ledger);
    let stage = async {
        admit(asked.recv().await.unwrap().1);
        // Its stream has not heard of it yet when another one comes.
        outlets.is_closed.store(true, Ordering::Relaxed);
        admit(asked.recv().await.unwrap().1);
    };
    let streams = async {
        let old = join(Side::First).await.ok().unwrap();
        let new = join(Side::Second).await.ok().unwrap();
        assert!(!Arc::ptr_eq(old.outlet(), new.outlet()));
    };
    let both = async { tokio::join!(streams, stage) };
    let asked = tokio::time::timeout(Duration::from_secs(1), both).await;
    asked.expect("the stage is asked again");
}

#[tokio::test]
async fn the_places_of_pairs_that_have_ended_are_given_up() {
    let (authorities, mut asked) = authorities();
    let (pairs, outlets) = (Pairs::default(), Counting::default());
    let ledger = Arc::new(Ledger::new());
    for letter in 'a'..='z' {
        let join = pairs.join(shown(letter), Side::First, &authorities, &outlets, &ledger);
        let stage = async { admit(asked.recv().await.unwrap().1) };
        let (seat, ()) = tokio::join!(join, stage);
        drop(seat);
    }
    assert_eq!(pairs.tables.lock().unwrap().len(), 1);
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test needs some instant to start from"
)]
async fn a_stream_that_ends_late_leaves_its_successor_alone() {
    let (authorities, mut asked) = authorities();
    let (pairs, outlets) = (Pairs::default(), Counting::default());
    let ledger = Arc::new(Ledger::new());
    let join = || pairs.join(shown('b'), Side::First, &authorities, &outlets, &ledger);
    let stage = async { admit(asked.recv().await.unwrap().1) };
    let (old, ()) = tokio::join!(join(), stage);
    let (old, new) = (old.ok().unwrap(), join().await.ok().unwrap());
    let start = Instant::now();
    let [of_old, of_new] = [(); 2].map(|()| ledger.admitted(&shown('b').configuration, hidden()));

    old.begin(description()).ok().unwrap();
    old.unit(&key_frame(0), &of_old, start);
    old.send().unwrap();
    assert_eq!(outlets.sent.load(Ordering::Relaxed), 0);
    new.begin(description()).ok().unwrap();
    new.unit(&key_frame(0), &of_new, start);
    new.send().unwrap();
    let sent = outlets.sent.load(Ordering::Relaxed);
    assert!(sent > 0);
    assert_eq!(active(&ledger), [false, true]);

    old.end(CloseCause::Client);
    drop(old);
    assert_eq!(outlets.ended.load(Ordering::Relaxed), 0);
    assert_eq!(active(&ledger), [false, true]);
    new.unit(&key_frame(40), &of_new, start);
    new.send().unwrap();
    assert!(outlets.sent.load(Ordering::Relaxed) > sent);
    new.end(CloseCause::Client);
    assert_eq!(active(&ledger), [false, false]);
    drop(new);
    assert_eq!(outlets.ended.load(Ordering::Relaxed), 1);
}
