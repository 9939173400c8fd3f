//! Tags. They stand in the row of their resource.

use model::{
    EncoderConfigurationArn, IngestConfigurationArn, PublicKeyArn, ResourceArn,
    StorageConfigurationArn, Tags, limits,
};
use sqlx::{SqliteConnection, query, query_scalar};

use super::resource::{Resource, Sql};
use super::row::{for_arn, json, parse_json};
use super::{
    Db, encoder_configuration, ingest_configuration, public_key, stage, storage_configuration,
};
use crate::StoreError;

/// The statements of a kind of resource that can have tags.
fn sql(kind: &str) -> Option<Sql> {
    match kind {
        "stage" => Some(stage::Row::SQL),
        PublicKeyArn::KIND => Some(public_key::Row::SQL),
        IngestConfigurationArn::KIND => Some(ingest_configuration::Row::SQL),
        EncoderConfigurationArn::KIND => Some(encoder_configuration::Row::SQL),
        StorageConfigurationArn::KIND => Some(storage_configuration::Row::SQL),
        _ => None,
    }
}

/// Tags of a resource.
pub(super) async fn get(db: &Db, arn: &ResourceArn) -> Result<Option<Tags>, StoreError> {
    read(&mut *db.readers.acquire().await?, arn).await
}

/// Adds and overwrites tags.
pub(super) async fn merge(
    connection: &mut SqliteConnection,
    arn: ResourceArn,
    tags: Tags,
) -> Result<(), StoreError> {
    let mut merged = read(connection, &arn).await?.ok_or(StoreError::NotFound)?;
    merged.extend(tags);
    if merged.len() > limits::TAGS_MAX {
        return Err(StoreError::TooManyTags {
            max: limits::TAGS_MAX,
        });
    }
    write(connection, &arn, &merged).await
}

/// Removes tags.
pub(super) async fn remove(
    connection: &mut SqliteConnection,
    arn: ResourceArn,
    keys: Vec<String>,
) -> Result<(), StoreError> {
    let mut tags = read(connection, &arn).await?.ok_or(StoreError::NotFound)?;
    for key in &keys {
        tags.remove(key);
    }
    write(connection, &arn, &tags).await
}

async fn read(
    connection: &mut SqliteConnection,
    arn: &ResourceArn,
) -> Result<Option<Tags>, StoreError> {
    let Some(sql) = sql(&arn.kind) else {
        return Ok(None);
    };
    let text: Option<String> = for_arn!(query_scalar(sql.tags), arn)
        .fetch_optional(connection)
        .await?;
    text.map(|text| parse_json(&text, "tags")).transpose()
}

/// Writes the tags of a resource that `read` found in the same transaction.
async fn write(
    connection: &mut SqliteConnection,
    arn: &ResourceArn,
    tags: &Tags,
) -> Result<(), StoreError> {
    let sql = sql(&arn.kind).ok_or(StoreError::NotFound)?;
    for_arn!(query(sql.tags_set), arn)
        .bind(json(tags))
        .execute(connection)
        .await?;
    Ok(())
}
