//! Tags. They stand in the row of their resource; stages are the only kind of resource that has any here.

use model::{ResourceArn, Tags, limits};
use sqlx::{SqliteConnection, query, query_scalar};

use super::Db;
use super::row::{for_stage, json, parse_json, stage_key};
use crate::StoreError;

/// Tags of a resource.
pub(super) async fn get(db: &Db, arn: &ResourceArn) -> Result<Option<Tags>, StoreError> {
    read(&mut *db.readers.acquire().await?, arn).await
}

/// Adds and overwrites tags.
pub(super) async fn merge(db: &Db, arn: &ResourceArn, tags: &Tags) -> Result<(), StoreError> {
    let mut transaction = db.write().await?;
    let mut merged = read(&mut transaction, arn)
        .await?
        .ok_or(StoreError::NotFound)?;
    merged.extend(tags.iter().map(|(key, value)| (key.clone(), value.clone())));
    if merged.len() > limits::TAGS_MAX {
        return Err(StoreError::TooManyTags {
            max: limits::TAGS_MAX,
        });
    }
    write(&mut transaction, arn, &merged).await?;
    Ok(transaction.commit().await?)
}

/// Removes tags.
pub(super) async fn remove(db: &Db, arn: &ResourceArn, keys: &[String]) -> Result<(), StoreError> {
    let mut transaction = db.write().await?;
    let mut tags = read(&mut transaction, arn)
        .await?
        .ok_or(StoreError::NotFound)?;
    for key in keys {
        tags.remove(key);
    }
    write(&mut transaction, arn, &tags).await?;
    Ok(transaction.commit().await?)
}

async fn read(
    connection: &mut SqliteConnection,
    arn: &ResourceArn,
) -> Result<Option<Tags>, StoreError> {
    if arn.kind != "stage" {
        return Ok(None);
    }
    let text: Option<String> = for_stage!(
        query_scalar("SELECT tags FROM stage WHERE account = ?1 AND region = ?2 AND id = ?3"),
        arn
    )
    .fetch_optional(connection)
    .await?;
    text.map(|text| parse_json(&text, "tags")).transpose()
}

/// Writes the tags of a stage that `read` found in the same transaction.
async fn write(
    connection: &mut SqliteConnection,
    arn: &ResourceArn,
    tags: &Tags,
) -> Result<(), StoreError> {
    for_stage!(
        query(concat!(
            "UPDATE stage SET tags = ?4 WHERE key = ",
            stage_key!()
        )),
        arn
    )
    .bind(json(tags))
    .execute(connection)
    .await?;
    Ok(())
}
