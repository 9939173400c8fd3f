//! Deleting what is large: at once for whoever asks, in small pieces for the disk.
//!
//! A session may have millions of events. To delete them in one transaction would take longer than any operation may, and
//! every other write would wait. So a deleted or expired session only changes hands, in one short transaction: it goes to
//! the *grave*, a stage row that no ARN names. From there it is cleared in pieces.

use jiff::Timestamp;
use sqlx::{SqliteConnection, query, query_scalar};

use super::row::nanoseconds;
use crate::StoreError;

/// Sessions that change hands in one transaction.
const BURIED_AT_ONCE: u64 = 1_000;

/// Rows that one transaction clears: some 50 ms of work.
const CLEARED_AT_ONCE: i64 = 10_000;

/// The key of the grave, as an expression.
macro_rules! grave {
    () => {
        "(SELECT key FROM stage WHERE account = '' AND region = '' AND id = '')"
    };
}

/// Buries all sessions of a stage, also a live one. Their ids become their keys, which are unique in the grave.
pub(super) async fn bury_all(
    connection: &mut SqliteConnection,
    stage: i64,
) -> Result<(), StoreError> {
    query(concat!(
        "UPDATE session SET stage = ",
        grave!(),
        ", id = CAST(key AS TEXT), ended = coalesce(ended, start) WHERE stage = ?1"
    ))
    .bind(stage)
    .execute(connection)
    .await?;
    Ok(())
}

/// Buries all sessions of all stages.
pub(super) async fn bury_everything(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    query(concat!(
        "UPDATE session SET stage = ",
        grave!(),
        ", id = CAST(key AS TEXT), ended = coalesce(ended, start) WHERE stage <> ",
        grave!()
    ))
    .execute(connection)
    .await?;
    Ok(())
}

/// Buries sessions that ended before the given time, and says how many; none are left if it is 0.
pub(super) async fn bury_some(
    connection: &mut SqliteConnection,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let done = query(concat!(
        "UPDATE session SET stage = ",
        grave!(),
        ", id = CAST(key AS TEXT) WHERE key IN \
         (SELECT key FROM session WHERE ended < ?1 AND stage <> ",
        grave!(),
        " ORDER BY ended LIMIT ?2)"
    ))
    .bind(nanoseconds(before))
    .bind(i64::try_from(BURIED_AT_ONCE).expect("a small constant"))
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Clears a piece of the grave; `false` if it was empty.
pub(super) async fn clear_some(connection: &mut SqliteConnection) -> Result<bool, StoreError> {
    let session: Option<i64> = query_scalar(concat!(
        "SELECT key FROM session WHERE stage = ",
        grave!(),
        " LIMIT 1"
    ))
    .fetch_optional(&mut *connection)
    .await?;
    let Some(session) = session else {
        return Ok(false);
    };
    let events = query(
        "DELETE FROM event WHERE session = ?1 AND sequence <= (SELECT max(sequence) FROM \
         (SELECT sequence FROM event WHERE session = ?1 ORDER BY sequence LIMIT ?2))",
    )
    .bind(session)
    .bind(CLEARED_AT_ONCE)
    .execute(&mut *connection)
    .await?;
    let participants = query(
        "DELETE FROM participant WHERE session = ?1 AND id <= (SELECT max(id) FROM \
         (SELECT id FROM participant WHERE session = ?1 ORDER BY id LIMIT ?2))",
    )
    .bind(session)
    .bind(CLEARED_AT_ONCE)
    .execute(&mut *connection)
    .await?;
    if events.rows_affected() == 0 && participants.rows_affected() == 0 {
        query("DELETE FROM session WHERE key = ?1")
            .bind(session)
            .execute(connection)
            .await?;
    }
    Ok(true)
}
