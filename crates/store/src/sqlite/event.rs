//! Participant events.

use model::{ErrorCode, Event, EventName, ParticipantId, SessionId, StageArn};
use sqlx::{FromRow, query_as};

use super::Db;
use super::row::{for_arn, parse_id, sequence, session_key, timestamp};
use crate::page::{Key, List};
use crate::{Page, PageRequest, StoreError};

pub(super) const LIST: &str = concat!(
    "SELECT sequence, time, name, remote, error FROM event WHERE session = ",
    session_key!(),
    " AND participant = ?5 AND sequence > ?6 ORDER BY sequence LIMIT ?7"
);

#[derive(FromRow)]
struct Row {
    sequence: i64,
    time: i64,
    name: String,
    remote: Option<String>,
    error: Option<String>,
}

/// Events of a participant in a session, by sequence.
pub(super) async fn list(
    db: &Db,
    stage: &StageArn,
    session: &SessionId,
    participant: &ParticipantId,
    page: &PageRequest,
) -> Result<Page<Event>, StoreError> {
    let after = page.key(List::Events)?;
    let rows: Vec<Row> = for_arn!(query_as(LIST), stage)
        .bind(session.as_str())
        .bind(participant.as_str())
        .bind(after.number)
        .bind(page.rows())
        .fetch_all(&db.readers)
        .await?;
    let rows = Page::cut(rows, page, List::Events, |row: &Row| Key {
        number: row.sequence,
        id: String::new(),
    });
    let items = rows
        .items
        .into_iter()
        .map(|row| {
            Ok(Event {
                stage: stage.clone(),
                session: session.clone(),
                participant: participant.clone(),
                sequence: sequence(row.sequence)?,
                time: timestamp(row.time),
                name: EventName::parse(&row.name)
                    .ok_or(StoreError::Corrupt { what: "event name" })?,
                remote: row
                    .remote
                    .map(|id| parse_id(ParticipantId::parse(&id)))
                    .transpose()?,
                error: row
                    .error
                    .map(|code| {
                        ErrorCode::parse(&code).ok_or(StoreError::Corrupt { what: "error code" })
                    })
                    .transpose()?,
            })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(Page {
        items,
        next: rows.next,
    })
}
