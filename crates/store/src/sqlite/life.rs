//! Signs of life of the process.

use jiff::Timestamp;
use sqlx::{SqliteConnection, query, query_scalar};

use super::row::nanoseconds;
use crate::StoreError;

/// Notes that the process lives. The last call counts, also where the wall clock has stepped back.
pub(super) async fn heartbeat(
    connection: &mut SqliteConnection,
    at: Timestamp,
) -> Result<(), StoreError> {
    query("UPDATE life SET seen = ?1")
        .bind(nanoseconds(at))
        .execute(connection)
        .await?;
    Ok(())
}

/// The last heartbeat.
pub(super) async fn seen(connection: &mut SqliteConnection) -> Result<Option<i64>, StoreError> {
    Ok(query_scalar("SELECT seen FROM life")
        .fetch_one(connection)
        .await?)
}
