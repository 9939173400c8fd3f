//! A large stage is deleted as fast as a small one, and cleared in pieces.

use jiff::Timestamp;
use model::{Event, EventName, ParticipantId, Record, Session, SessionId, Stage, State};
use sqlx::query_scalar;

use super::{latency, stage};
use crate::{PageRequest, Sqlite, Store};

/// More than two pieces to clear.
const EVENTS: u64 = 25_000;

const SESSION: &str = "st-0123456789abc";

async fn rows(store: &Sqlite) -> (i64, i64) {
    let events = query_scalar("SELECT count(*) FROM event");
    let events = events.fetch_one(&store.db.readers).await.unwrap();
    let sessions = query_scalar("SELECT count(*) FROM session");
    let sessions = sessions.fetch_one(&store.db.readers).await.unwrap();
    (events, sessions)
}

/// Stages, graves included, and bans.
async fn stages_and_bans(store: &Sqlite) -> (i64, i64) {
    let stages = query_scalar("SELECT count(*) FROM stage");
    let stages = stages.fetch_one(&store.db.readers).await.unwrap();
    let bans = query_scalar("SELECT count(*) FROM ban");
    let bans = bans.fetch_one(&store.db.readers).await.unwrap();
    (stages, bans)
}

/// A session on a stage, with that many events.
fn session_of(stage: &Stage, events: u64) -> Vec<Record> {
    let session = SessionId::parse(SESSION).unwrap();
    let mut records = vec![Record::SessionStarted(Session {
        stage: stage.arn.clone(),
        id: session.clone(),
        start: Timestamp::UNIX_EPOCH,
        end: None,
    })];
    records.extend((1..=events).map(|sequence| {
        Record::Event(Event {
            stage: stage.arn.clone(),
            session: session.clone(),
            participant: ParticipantId::parse("ana").unwrap(),
            sequence,
            time: Timestamp::UNIX_EPOCH,
            name: EventName::Joined,
            remote: None,
            error: None,
            exchange: None,
            replica: false,
            destination: None,
        })
    }));
    records
}

#[tokio::test]
async fn a_deleted_stage_is_out_of_reach_at_once_and_cleared_in_pieces() {
    let store = Sqlite::open_memory(latency()).await.unwrap();
    let large = stage("large");
    let id = SessionId::parse(SESSION).unwrap();
    let participant = ParticipantId::parse("ana").unwrap();
    store.stage_insert(&large, 10).await.unwrap();
    let records = session_of(&large, EVENTS);
    store.records_apply(&records).await.unwrap();

    store.stage_delete(&large.arn).await.unwrap();
    let all = i64::try_from(EVENTS).unwrap();
    assert_eq!(rows(&store).await, (all, 1), "the delete itself is short");
    let request = PageRequest {
        after: None,
        limit: 10,
    };
    let page = store.event_list(&large.arn, &id, &participant, &request);
    assert!(page.await.unwrap().items.is_empty());
    assert!(store.session_live().await.unwrap().is_empty());
    assert_eq!(store.stage_all().await.unwrap(), []);
    // The same ARN and session id may come again beside what is not cleared yet.
    store.stage_insert(&large, 1).await.unwrap();
    store.records_apply(&records[..2]).await.unwrap();
    store.stage_delete(&large.arn).await.unwrap();

    let expired = store.session_expire(Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(expired, 0, "what was deleted did not expire");
    assert_eq!(rows(&store).await, (0, 0));
    assert_eq!(stages_and_bans(&store).await, (1, 0));
}

#[tokio::test]
async fn a_reset_is_short_and_cleared_in_pieces() {
    let store = Sqlite::open_memory(latency()).await.unwrap();
    let banned = ParticipantId::parse("bad").unwrap();
    for id in ["one", "two"] {
        let stage = stage(id);
        store.stage_insert(&stage, 10).await.unwrap();
        store.records_apply(&session_of(&stage, 10)).await.unwrap();
        let ban = store.participant_ban(&stage.arn, &banned, Timestamp::UNIX_EPOCH);
        ban.await.unwrap();
    }
    assert_eq!(store.state_clear().await.unwrap().len(), 2);
    assert_eq!(rows(&store).await, (20, 2), "the reset itself is short");
    assert_eq!(stages_and_bans(&store).await, (3, 2));
    assert_eq!(store.state_export().await.unwrap(), State::default());
    assert_eq!(store.session_live().await.unwrap(), []);
    let expired = store.session_expire(Timestamp::MAX).await.unwrap();
    assert_eq!(expired, 0, "what was deleted did not expire");
    assert_eq!(rows(&store).await, (0, 0));
    assert_eq!(stages_and_bans(&store).await, (1, 0));
}
