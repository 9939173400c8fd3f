//! A worker driven by hand: peers that come and go within a turn, sockets that cannot be polled, and workers that share a publisher.

use auth::token::TokenKey;
use model::{ParticipantId, StageArn};
use stage::{CloseCause, LeftReason};
use tokio::sync::mpsc;

use super::*;
use crate::connections::{Connections, Kind, Session, SessionKey};
use crate::facts;
use crate::settings::Settings;
use crate::worker::Fragment;
use crate::worker::awaited::Claim;
use crate::worker::relay::Across;

#[expect(clippy::disallowed_methods, reason = "the clock of the test process")]
fn clock() -> Now {
    Now {
        mono: std::time::Instant::now(),
        wall: jiff::Timestamp::now(),
    }
}

fn reports() -> Reports {
    Reports {
        connections: Arc::new(Connections::new(Box::new(|_, _| {}))),
        facts: Arc::default(),
        speakers: Arc::default(),
    }
}

fn alone() -> Neighbours {
    Neighbours::default()
}

fn prepared(stages: &crate::StageSender) -> Prepared {
    let settings = Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        workers: 1,
        stage_subscribers_per_worker: 500,
        external_addresses: Vec::new(),
        ice_servers: Vec::new(),
        public_url: String::new(),
        sfu: sfu::Settings::default(),
        token_key: TokenKey::from_pkcs8(&TokenKey::generate_pkcs8()).unwrap(),
        public_keys: Arc::new(|_| Box::pin(async { Ok(None) })),
        revoked_tokens: Arc::new(|_, _, _| Box::pin(async { Ok(false) })),
        token_skew: Duration::ZERO,
        clock: Arc::new(clock),
        random: Arc::new(|_| {}),
        stages: stages.clone(),
    };
    Prepared::bind(&settings, 0).unwrap()
}

#[test]
fn a_peer_that_is_closed_in_the_turn_that_admits_it_leaves_nothing_behind() {
    let (stages, _inputs) = mpsc::channel(1);
    let prepared = prepared(&stages);
    let inbox = prepared.inbox();
    let mut worker = Worker::new(
        prepared,
        Arc::new(clock),
        reports(),
        alone(),
        Arc::new(Totals::default()),
    );
    let sdp = include_str!("../../../../sfu/tests/sfu/offers/chromium-publish.sdp");
    let offer = |direction| sfu::Offer::parse(sdp, direction).unwrap();
    let publish = |id, answer| Order::Publish {
        connection: ConnectionId(id),
        offer: offer(sfu::Direction::Publish),
        answer,
    };
    let (stays, mut stayed) = oneshot::channel();
    let (goes, mut gone) = oneshot::channel();
    inbox.push(publish(1, stays));
    inbox.push(publish(2, goes));
    inbox.push(Order::Close {
        connection: ConnectionId(2),
    });
    assert_eq!(worker.turn(), Flow::GoOn);
    assert!(stayed.try_recv().unwrap().is_ok());
    assert!(gone.try_recv().unwrap().is_ok());
    assert_eq!(worker.peers, BTreeSet::from([ConnectionId(1)]));
}

// What the one who waits has been told to have failed must not happen afterwards.
#[test]
fn an_offer_and_a_patch_that_nobody_waits_for_any_more_change_nothing() {
    let (stages, _inputs) = mpsc::channel(1);
    let prepared = prepared(&stages);
    let inbox = prepared.inbox();
    let mut worker = Worker::new(
        prepared,
        Arc::new(clock),
        reports(),
        alone(),
        Arc::new(Totals::default()),
    );
    let connection = ConnectionId(1);
    let sdp = include_str!("../../../../sfu/tests/sfu/offers/chromium-subscribe.sdp");
    let offer = || sfu::Offer::parse(sdp, sfu::Direction::Feed).unwrap();
    let (answer, mut answered) = oneshot::channel();
    inbox.push(Order::Feed {
        connection,
        offer: offer(),
        mailbox: Arc::default(),
        answer,
    });
    worker.turn();
    assert!(answered.try_recv().unwrap().is_ok());
    for is_given_up in [true, false] {
        let claim = Claim::default();
        assert!(!is_given_up || claim.take());
        let (answer, mut answered) = oneshot::channel();
        inbox.push(Order::Reoffer {
            connection,
            offer: offer(),
            claim: claim.clone(),
            answer,
        });
        let (reply, mut patched) = oneshot::channel();
        inbox.push(Order::Patch {
            connection,
            fragment: Fragment(String::new()),
            restart: true,
            claim: if is_given_up { claim } else { Claim::default() },
            reply,
        });
        worker.turn();
        let (answered, patched) = (answered.try_recv(), patched.try_recv());
        assert_eq!(answered.is_err(), is_given_up);
        assert_eq!(patched.is_err(), is_given_up);
    }
}

/// A publisher on the first of two workers, which are driven by hand.
fn two() -> ([Worker; 2], [Arc<Inbox>; 2]) {
    let (stages, _inputs) = mpsc::channel(1);
    let prepared = [prepared(&stages), prepared(&stages)];
    let inboxes = prepared.each_ref().map(Prepared::inbox);
    let mut neighbours = crate::worker::join(&inboxes).into_iter();
    let workers = prepared.map(|prepared| {
        Worker::new(
            prepared,
            Arc::new(clock),
            reports(),
            neighbours.next().unwrap(),
            Arc::default(),
        )
    });
    let (answer, _) = oneshot::channel();
    let sdp = include_str!("../../../../sfu/tests/sfu/offers/chromium-publish.sdp");
    inboxes[0].push(Order::Publish {
        connection: ConnectionId(1),
        offer: sfu::Offer::parse(sdp, sfu::Direction::Publish).unwrap(),
        answer,
    });
    (workers, inboxes)
}

fn subscribe(inbox: &Inbox, id: u64) -> oneshot::Receiver<Result<Answer, PeerFault>> {
    let (answer, receiver) = oneshot::channel();
    let sdp = include_str!("../../../../sfu/tests/sfu/offers/chromium-subscribe.sdp");
    inbox.push(Order::Subscribe {
        connection: ConnectionId(id),
        publisher: ConnectionId(1),
        home: 0,
        offer: sfu::Offer::parse(sdp, sfu::Direction::Subscribe).unwrap(),
        answer,
    });
    receiver
}

#[test]
fn a_subscriber_on_another_worker_is_answered_once_its_publisher_is_mirrored() {
    let ([mut home, mut away], inboxes) = two();
    let mut stays = subscribe(&inboxes[1], 2);
    let mut goes = subscribe(&inboxes[1], 3);
    away.turn();
    inboxes[1].push(Order::Close {
        connection: ConnectionId(3),
    });
    home.turn();
    assert!(stays.try_recv().is_err());
    // The one that has gone meanwhile is not admitted.
    away.turn();
    assert!(stays.try_recv().unwrap().is_ok());
    assert_eq!(away.peers, BTreeSet::from([ConnectionId(2)]));
    assert!(away.answers.is_empty());
    let closed = oneshot::error::TryRecvError::Closed;
    assert_eq!(goes.try_recv().unwrap_err(), closed);
}

#[test]
fn a_feed_asks_each_home_for_what_is_there_and_only_for_that() {
    let ([mut home, mut away], inboxes) = two();
    home.turn();
    let connection = ConnectionId(2);
    let (answer, _answered) = oneshot::channel();
    let sdp = include_str!("../../../../sfu/tests/sfu/offers/chromium-subscribe.sdp");
    inboxes[1].push(Order::Feed {
        connection,
        offer: sfu::Offer::parse(sdp, sfu::Direction::Feed).unwrap(),
        mailbox: Arc::default(),
        answer,
    });
    let want = |publisher| sfu::Want {
        publisher: ConnectionId(publisher),
        audio: true,
        video: None,
    };
    // Its own worker has the third, and nobody wants the fourth.
    let homes = BTreeMap::from([(1, 0), (3, 1), (4, 0)]);
    let homes: BTreeMap<_, _> = homes
        .into_iter()
        .map(|(publisher, home)| (ConnectionId(publisher), home))
        .collect();
    let order = |connection| Order::Want {
        connection,
        wants: vec![want(1), want(3)],
        homes: homes.clone(),
    };
    inboxes[1].push(order(connection));
    away.turn();
    let asked = inboxes[0].pop();
    assert!(
        matches!(&asked, Some(Order::Across(Across::Open { publisher, to: 1 })) if publisher.0 == 1),
        "{asked:?}"
    );
    assert!(inboxes[0].is_empty());
    // For a feed that is gone nobody is asked.
    inboxes[1].push(Order::Close { connection });
    away.turn();
    away.start_over();
    while inboxes[0].pop().is_some() {}
    inboxes[1].push(order(connection));
    away.turn();
    assert!(inboxes[0].is_empty());
}

#[test]
fn a_home_that_starts_over_takes_its_publishers_off_other_workers() {
    let ([mut home, mut away], inboxes) = two();
    let mut first = subscribe(&inboxes[1], 2);
    away.turn();
    home.turn();
    away.turn();
    assert!(first.try_recv().unwrap().is_ok());
    home.start_over();
    let mut second = subscribe(&inboxes[1], 3);
    away.turn();
    home.turn();
    away.turn();
    let answered = second.try_recv().unwrap();
    assert_eq!(answered.unwrap_err(), PeerFault::PublisherGone);
}

#[test]
fn a_worker_that_starts_over_gets_its_mirrors_anew() {
    let ([mut home, mut away], inboxes) = two();
    let _first = subscribe(&inboxes[1], 2);
    away.turn();
    // The answer of the home comes to a unit that has not asked.
    away.start_over();
    let mut second = subscribe(&inboxes[1], 3);
    home.turn();
    away.turn();
    home.turn();
    away.turn();
    assert!(second.try_recv().unwrap().is_ok());
}

// No room for events is what epoll takes for a fault of its caller (EINVAL).
#[cfg(target_os = "linux")]
#[test]
fn a_worker_that_cannot_poll_tells_so_and_one_that_is_stopped_does_not() {
    for (room, is_failure) in [(0, true), (8, false)] {
        let (stages, _inputs) = mpsc::channel(1);
        let prepared = prepared(&stages);
        prepared.inbox().push(Order::Stop);
        let worker = Worker::new(
            prepared,
            Arc::new(clock),
            reports(),
            alone(),
            Arc::new(Totals::default()),
        );
        let (failed, has_failed) = watch::channel(false);
        worker.run_with(Events::with_capacity(room), failed);
        assert_eq!(*has_failed.borrow(), is_failure, "room for {room} events");
    }
}

// T48: the last line of defence, behind the one that `sfu` draws around each peer.
#[tokio::test]
async fn a_forwarding_unit_that_is_given_up_ends_its_peers_with_an_error() {
    let (stages, mut inputs) = mpsc::channel(4);
    let reports = reports();
    let Reports {
        connections, facts, ..
    } = reports.clone();
    let totals = Arc::new(Totals::default());
    let connection = connections.peer_open(Kind::Publish);
    let session = Session {
        connection,
        worker: 0,
        stage: StageArn::parse("arn:aws:ivs:us-west-2:123456789012:stage/abcd").unwrap(),
        participant: ParticipantId::parse("ana").unwrap(),
        token: auth::bearer::Key::new("token"),
        etag: String::new(),
        publisher: None,
        video_mid: None,
        seat: None,
    };
    let key = SessionKey::from_random([1; 16]);
    let sent = connections.peer_send::<LeftReason>(key, session, || Ok(()));
    assert_eq!(sent, Ok(()));
    let mut worker = Worker::new(
        prepared(&stages),
        Arc::new(clock),
        reports,
        alone(),
        Arc::clone(&totals),
    );
    worker.peers.insert(connection);
    let (answer, waiting) = oneshot::channel();
    worker.answers.insert(ConnectionId(99), answer);

    worker.start_over();
    worker.count();

    assert!(
        waiting.await.is_err(),
        "a door waits for an answer that cannot come"
    );
    assert!(connections.session(key).is_none());
    assert_eq!(totals.counters().panics, 1);
    facts.close();
    facts::report(facts, stages).await;
    let (input, _) = inputs.recv().await.unwrap();
    let expected = CloseCause::Fault(ErrorCode::InternalServerException);
    assert!(
        matches!(input, stage::Input::Closed { connection: ended, cause }
            if ended == connection && cause == expected),
        "{input:?}"
    );
    assert!(inputs.recv().await.is_none());
}
