//! Stage sessions, and what a crash left of them.

use std::collections::BTreeMap;

use model::{
    AccountId, EventName, LiveParticipant, LiveSession, ParticipantId, ParticipantState, Region,
    Session, SessionId, StageArn, StageId,
};
use sqlx::{FromRow, SqliteConnection, query_as};

use super::row::{for_arn, nanoseconds, parse_id, sequence, session_key, stage_key, timestamp};
use super::{Db, life, participant, replica};
use crate::page::{Key, List};
use crate::{Page, PageRequest, StoreError};

pub(super) const LIST: &str = concat!(
    "SELECT id, start, ended FROM session WHERE stage = ",
    stage_key!(),
    " AND (start, id) < (?4, ?5) ORDER BY start DESC, id DESC LIMIT ?6"
);

#[derive(FromRow)]
struct Row {
    id: String,
    start: i64,
    ended: Option<i64>,
}

impl Row {
    fn session(self, stage: &StageArn) -> Result<Session, StoreError> {
        Ok(Session {
            stage: stage.clone(),
            id: parse_id(SessionId::parse(&self.id))?,
            start: timestamp(self.start),
            end: self.ended.map(timestamp),
        })
    }
}

/// Sessions of a stage, newest first.
pub(super) async fn list(
    db: &Db,
    stage: &StageArn,
    page: &PageRequest,
) -> Result<Page<Session>, StoreError> {
    let after = page.key(List::Sessions)?;
    let rows: Vec<Row> = for_arn!(query_as(LIST), stage)
        .bind(after.number)
        .bind(after.id)
        .bind(page.rows())
        .fetch_all(&db.readers)
        .await?;
    let sessions = rows
        .into_iter()
        .map(|row| row.session(stage))
        .collect::<Result<_, _>>()?;
    Ok(Page::cut(
        sessions,
        page,
        List::Sessions,
        |session: &Session| Key {
            number: nanoseconds(session.start),
            id: session.id.to_string(),
        },
    ))
}

/// One session.
pub(super) async fn get(
    db: &Db,
    stage: &StageArn,
    session: &SessionId,
) -> Result<Option<Session>, StoreError> {
    let row: Option<Row> = for_arn!(
        query_as(concat!(
            "SELECT id, start, ended FROM session WHERE key = ",
            session_key!()
        )),
        stage
    )
    .bind(session.as_str())
    .fetch_optional(&db.readers)
    .await?;
    row.map(|row| row.session(stage)).transpose()
}

#[derive(FromRow)]
struct LiveRow {
    key: i64,
    account: String,
    region: String,
    stage: String,
    id: String,
    start: i64,
    last_sequence: i64,
    last_time: Option<i64>,
}

/// Sessions without an end, oldest first, from one snapshot.
pub(super) async fn live(db: &Db) -> Result<Vec<LiveSession>, StoreError> {
    let mut transaction = db.read().await?;
    let seen = life::seen(&mut transaction).await?;
    let rows: Vec<LiveRow> = query_as(
        "SELECT session.key, stage.account, stage.region, stage.id AS stage, session.id, session.start, \
         (SELECT coalesce(max(sequence), 0) FROM event WHERE session = session.key) AS last_sequence, \
         (SELECT max(time) FROM event WHERE session = session.key) AS last_time \
         FROM session JOIN stage ON stage.key = session.stage \
         WHERE session.ended IS NULL AND stage.account <> '' ORDER BY session.start, session.id, stage.key",
    )
    .fetch_all(&mut *transaction)
    .await?;
    let mut sessions = Vec::with_capacity(rows.len());
    for row in rows {
        let stage = StageArn {
            region: parse_id(Region::parse(&row.region))?,
            account: parse_id(AccountId::parse(&row.account))?,
            id: parse_id(StageId::parse(&row.stage))?,
        };
        let session = Session {
            stage,
            id: parse_id(SessionId::parse(&row.id))?,
            start: timestamp(row.start),
            end: None,
        };
        let last_seen = [seen, row.last_time, Some(row.start)].into_iter().flatten();
        sessions.push(LiveSession {
            connected: connected(&mut transaction, row.key, &session).await?,
            away: replica::away(&mut transaction, row.key, &session).await?,
            replicas: replica::active(&mut transaction, row.key, &session).await?,
            last_sequence: sequence(row.last_sequence)?,
            last_seen: timestamp(last_seen.max().unwrap_or(row.start)),
            session,
        });
    }
    Ok(sessions)
}

/// Participants that are connected, by (first join, id), each with what it is receiving.
async fn connected(
    connection: &mut SqliteConnection,
    key: i64,
    session: &Session,
) -> Result<Vec<LiveParticipant>, StoreError> {
    let mut open = subscriptions(connection, key).await?;
    let rows: Vec<participant::Row> = query_as(participant::CONNECTED)
        .bind(key)
        .bind(ParticipantState::Connected.as_str())
        .fetch_all(connection)
        .await?;
    rows.into_iter()
        .map(|row| {
            let participant = row.participant(&session.stage, &session.id)?;
            let subscribed = open.remove(&participant.id).unwrap_or_default();
            Ok(LiveParticipant {
                participant,
                subscribed,
            })
        })
        .collect()
}

/// For each participant the publishers whose last subscribe event says "started", in id order.
async fn subscriptions(
    connection: &mut SqliteConnection,
    key: i64,
) -> Result<BTreeMap<ParticipantId, Vec<ParticipantId>>, StoreError> {
    let started = EventName::SubscribeStarted.as_str();
    // Beside max(), SQLite takes plain columns from the row that has the maximum (sqlite.org/lang_select.html, 2.5).
    let rows: Vec<(String, String, String, i64)> = query_as(
        "SELECT participant, remote, name, max(sequence) FROM event \
         WHERE session = ?1 AND name IN (?2, ?3) AND remote IS NOT NULL \
         GROUP BY participant, remote ORDER BY participant, remote",
    )
    .bind(key)
    .bind(started)
    .bind(EventName::SubscribeStopped.as_str())
    .fetch_all(connection)
    .await?;
    let mut open = BTreeMap::<_, Vec<_>>::new();
    for (participant, remote, name, _) in rows {
        if name == started {
            open.entry(parse_id(ParticipantId::parse(&participant))?)
                .or_default()
                .push(parse_id(ParticipantId::parse(&remote))?);
        }
    }
    Ok(open)
}
