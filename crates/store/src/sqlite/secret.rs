//! Secrets of the installation: keys that the server makes once and keeps.

use sqlx::{query, query_scalar};

use super::Db;
use crate::StoreError;

/// The stored secret, or `fresh` stored now.
pub(super) async fn get_or_insert(
    db: &Db,
    name: &str,
    fresh: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let mut transaction = db.write().await?;
    query("INSERT INTO secret (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING")
        .bind(name)
        .bind(fresh)
        .execute(&mut *transaction)
        .await?;
    let value = query_scalar("SELECT value FROM secret WHERE name = ?1")
        .bind(name)
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(value)
}
