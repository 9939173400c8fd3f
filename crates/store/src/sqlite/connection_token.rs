//! Revoked connection tokens.

use jiff::Timestamp;
use model::{AccountId, ConnectionTokenId, Region, RevokedConnectionToken};
use sqlx::{FromRow, SqliteConnection, query, query_as, query_scalar};

use super::Db;
use super::row::{nanoseconds, parse_id, timestamp};
use crate::StoreError;

pub(super) const IS_REVOKED: &str = "SELECT EXISTS (SELECT 1 FROM revoked_connection_token \
     WHERE account = ?1 AND region = ?2 AND id = ?3)";

/// Forgets ?2 of the tokens that were revoked before ?1.
pub(super) const EXPIRE: &str = "DELETE FROM revoked_connection_token WHERE (account, region, id) IN \
     (SELECT account, region, id FROM revoked_connection_token WHERE at < ?1 ORDER BY at LIMIT ?2)";

/// Tokens that one transaction forgets.
const EXPIRED_AT_ONCE: i64 = 10_000;

#[derive(FromRow)]
struct Row {
    account: String,
    region: String,
    id: String,
    at: i64,
}

/// Revokes a token; the later time counts.
pub(super) async fn revoke(
    connection: &mut SqliteConnection,
    token: RevokedConnectionToken,
) -> Result<(), StoreError> {
    query(
        "INSERT INTO revoked_connection_token (account, region, id, at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (account, region, id) DO UPDATE SET at = max(at, excluded.at)",
    )
    .bind(token.account.as_str())
    .bind(token.region.as_str())
    .bind(token.id.as_str())
    .bind(nanoseconds(token.at))
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds a revoked token unless it is there, and says whether it was added.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    token: &RevokedConnectionToken,
) -> Result<bool, StoreError> {
    let inserted = query(
        "INSERT INTO revoked_connection_token (account, region, id, at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (account, region, id) DO NOTHING",
    )
    .bind(token.account.as_str())
    .bind(token.region.as_str())
    .bind(token.id.as_str())
    .bind(nanoseconds(token.at))
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Whether a token is revoked.
pub(super) async fn is_revoked(
    db: &Db,
    account: &AccountId,
    region: &Region,
    token: &ConnectionTokenId,
) -> Result<bool, StoreError> {
    Ok(query_scalar(IS_REVOKED)
        .bind(account.as_str())
        .bind(region.as_str())
        .bind(token.as_str())
        .fetch_one(&db.readers)
        .await?)
}

/// Forgets tokens that were revoked before the given time, and says how many; none are left if it is 0.
pub(super) async fn expire_some(
    connection: &mut SqliteConnection,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let deleted = query(EXPIRE)
        .bind(nanoseconds(before))
        .bind(EXPIRED_AT_ONCE)
        .execute(connection)
        .await?;
    Ok(deleted.rows_affected())
}

/// Every revoked token, by (account, region, id).
pub(super) async fn all(
    connection: &mut SqliteConnection,
) -> Result<Vec<RevokedConnectionToken>, StoreError> {
    let rows: Vec<Row> = query_as(
        "SELECT account, region, id, at FROM revoked_connection_token ORDER BY account, region, id",
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(RevokedConnectionToken {
                account: parse_id(AccountId::parse(&row.account))?,
                region: parse_id(Region::parse(&row.region))?,
                id: parse_id(ConnectionTokenId::parse(&row.id))?,
                at: timestamp(row.at),
            })
        })
        .collect()
}
