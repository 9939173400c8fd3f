//! The table, as doors, workers and `stage` meet in it.

use auth::bearer;
use model::{ParticipantId, StageId};

use super::*;

type Closes = Arc<Mutex<Vec<(usize, ConnectionId)>>>;

fn table() -> (Connections, Closes) {
    let closes = Closes::default();
    let sink = Arc::clone(&closes);
    let close = move |worker, connection| sink.lock().unwrap().push((worker, connection));
    (Connections::new(Box::new(close)), closes)
}

fn session(connection: ConnectionId) -> Session {
    Session {
        connection,
        worker: 3,
        stage: StageArn::parse("arn:aws:ivs:us-west-2:123456789012:stage/abcdABCDefgh").unwrap(),
        participant: ParticipantId::parse("ana").unwrap(),
        token: bearer::Key::new("token"),
        etag: "\"1\"".to_owned(),
        publisher: None,
        video_mid: None,
        seat: None,
    }
}

fn key() -> SessionKey {
    SessionKey::from_random([7; 16])
}

#[test]
fn a_close_that_comes_before_the_offer_is_sent_keeps_it_from_being_sent() {
    let (table, closes) = table();
    let connection = table.peer_open(Kind::Publish);
    table.close(connection, LeftReason::ParticipantDisconnected);
    let sent = table.peer_send(key(), session(connection), || -> Result<(), LeftReason> {
        unreachable!("the offer must not be sent")
    });
    assert_eq!(sent, Err(LeftReason::ParticipantDisconnected));
    assert!(table.session(key()).is_none());
    assert!(closes.lock().unwrap().is_empty());
}

#[test]
fn a_close_that_comes_after_it_reaches_the_worker_once() {
    let (table, closes) = table();
    let connection = table.peer_open(Kind::Publish);
    table
        .peer_send::<LeftReason>(key(), session(connection), || Ok(()))
        .unwrap();
    let found = table.session(key()).map(|session| session.connection);
    assert_eq!(found, Some(connection));
    table.close(connection, LeftReason::StageDeleted);
    table.close(connection, LeftReason::StageDeleted);
    assert!(!table.peer_abandon(connection));
    assert_eq!(*closes.lock().unwrap(), [(3, connection)]);
    assert!(table.session(key()).is_none());
    assert_eq!(table.gauges(), Gauges::default());
}

#[test]
fn a_worker_that_is_full_leaves_the_peer_for_its_door_to_give_up() {
    let (table, closes) = table();
    let connection = table.peer_open(Kind::Subscribe);
    let sent = table.peer_send(key(), session(connection), || Err(LeftReason::TokenReused));
    assert_eq!(sent, Err(LeftReason::TokenReused));
    assert!(table.peer_abandon(connection));
    assert!(closes.lock().unwrap().is_empty());
}

#[test]
fn a_slow_socket_sees_only_the_newest_roster_and_the_first_reason() {
    let (table, _) = table();
    let (connection, receiver) = table.socket_open();
    for roster in ["one", "two"] {
        let nobody = Arc::new(Roster {
            stage: StageId::parse("abcdABCDefgh").unwrap(),
            participants: Vec::new(),
        });
        let to = [connection, ConnectionId(99)];
        table.tell(&to, &nobody, &Utf8Bytes::from_static(roster));
    }
    table.close(connection, LeftReason::TokenReused);
    table.sockets_close(LeftReason::Unknown);
    let told = receiver.borrow();
    assert_eq!(told.roster.as_ref().map(Utf8Bytes::as_str), Some("two"));
    assert_eq!(told.left, Some(LeftReason::TokenReused));
}
