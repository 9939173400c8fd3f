//! Deleting what is large: at once for whoever asks, in small pieces for the disk.
//!
//! A session may have millions of events, a stage many sessions. To delete them in one transaction would take longer than any
//! operation may, and every other write would wait. So a deleted stage only loses its name: its row becomes a *grave*, a stage
//! without an account, which no ARN finds. Expired sessions go to the grave that is always there. From the graves, sessions are
//! cleared in pieces.

use jiff::Timestamp;
use sqlx::{SqliteConnection, query, query_scalar};

use super::row::nanoseconds;
use crate::StoreError;

/// Sessions that change hands in one transaction.
const BURIED_AT_ONCE: u64 = 1_000;

/// Rows that one transaction clears: some 50 ms of work.
const CLEARED_AT_ONCE: i64 = 10_000;

/// How a stage becomes a grave: its key, which is unique, takes the place of its id. What it referred to is free.
macro_rules! bury {
    () => {
        "UPDATE stage SET account = '', region = '', id = CAST(key AS TEXT), active_session = NULL, \
         storage_configuration = NULL WHERE "
    };
}

/// The keys of all graves, as an expression.
macro_rules! graves {
    () => {
        "(SELECT key FROM stage WHERE account = '')"
    };
}

/// A session to clear.
pub(super) const NEXT: &str = concat!(
    "SELECT key FROM session WHERE stage IN ",
    graves!(),
    " LIMIT 1"
);

/// Buries a stage, with a live session too.
pub(super) async fn bury_stage(
    connection: &mut SqliteConnection,
    stage: i64,
) -> Result<(), StoreError> {
    query(concat!(bury!(), "key = ?1"))
        .bind(stage)
        .execute(connection)
        .await?;
    Ok(())
}

/// Buries all stages.
pub(super) async fn bury_stages(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    query(concat!(bury!(), "account <> ''"))
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
        "UPDATE session SET stage = (SELECT key FROM stage WHERE account = '' AND region = '' AND id = ''), \
         id = CAST(key AS TEXT) WHERE key IN \
         (SELECT key FROM session WHERE ended < ?1 AND stage NOT IN ",
        graves!(),
        " ORDER BY ended LIMIT ?2)"
    ))
    .bind(nanoseconds(before))
    .bind(i64::try_from(BURIED_AT_ONCE).expect("a small constant"))
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Clears a piece of the graves; `false` if they were empty.
pub(super) async fn clear_some(connection: &mut SqliteConnection) -> Result<bool, StoreError> {
    let session: Option<i64> = query_scalar(NEXT).fetch_optional(&mut *connection).await?;
    let Some(session) = session else {
        query("DELETE FROM stage WHERE account = '' AND id <> ''")
            .execute(connection)
            .await?;
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
