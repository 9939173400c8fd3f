//! A large stage is deleted as fast as a small one, and cleared in pieces.

use jiff::Timestamp;
use model::{Event, EventName, ParticipantId, Record, Session, SessionId};
use sqlx::query_scalar;

use super::{latency, stage};
use crate::{PageRequest, Sqlite, Store};

/// More than two pieces.
const EVENTS: u64 = 25_000;

async fn rows(store: &Sqlite) -> (i64, i64) {
    let events = query_scalar("SELECT count(*) FROM event");
    let events = events.fetch_one(&store.db.readers).await.unwrap();
    let sessions = query_scalar("SELECT count(*) FROM session");
    let sessions = sessions.fetch_one(&store.db.readers).await.unwrap();
    (events, sessions)
}

#[tokio::test]
async fn a_deleted_stage_is_out_of_reach_at_once_and_cleared_in_pieces() {
    let store = Sqlite::open_memory(latency()).await.unwrap();
    let large = stage("large");
    let id = SessionId::parse("st-0123456789abc").unwrap();
    let participant = ParticipantId::parse("ana").unwrap();
    store.stage_insert(&large, 10).await.unwrap();
    let mut records = vec![Record::SessionStarted(Session {
        stage: large.arn.clone(),
        id: id.clone(),
        start: Timestamp::UNIX_EPOCH,
        end: None,
    })];
    records.extend((1..=EVENTS).map(|sequence| {
        Record::Event(Event {
            stage: large.arn.clone(),
            session: id.clone(),
            participant: participant.clone(),
            sequence,
            time: Timestamp::UNIX_EPOCH,
            name: EventName::Joined,
            remote: None,
            error: None,
        })
    }));
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
}
