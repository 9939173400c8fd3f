//! Secrets of the installation: keys that the server makes once and keeps.

use sqlx::{SqliteConnection, query, query_scalar};

use crate::StoreError;

/// The stored secret, or `fresh` stored now.
pub(super) async fn get_or_insert(
    connection: &mut SqliteConnection,
    name: String,
    fresh: Vec<u8>,
) -> Result<Vec<u8>, StoreError> {
    query("INSERT INTO secret (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING")
        .bind(&name)
        .bind(&fresh)
        .execute(&mut *connection)
        .await?;
    Ok(query_scalar("SELECT value FROM secret WHERE name = ?1")
        .bind(&name)
        .fetch_one(connection)
        .await?)
}
