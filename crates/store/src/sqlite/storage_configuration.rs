//! Storage configurations. Stages refer to them.

use model::{ResourceArn, StageArn, StorageConfiguration, StorageConfigurationArn};
use sqlx::{FromRow, SqliteConnection, query, query_scalar};

use super::fault;
use super::resource::{self, Resource};
use super::row::{arn_of, for_arn, json, nanoseconds, parse_json, timestamp};
use crate::StoreError;
use crate::page::{Key, List};

#[derive(FromRow)]
pub(super) struct Row {
    account: String,
    region: String,
    id: String,
    name: String,
    bucket: String,
    tags: String,
    created: i64,
}

impl Resource for Row {
    type Model = StorageConfiguration;
    const KINDS: &'static str = "storage configurations";
    const SQL: resource::Sql = resource::sql!(
        "storage_configuration",
        "account, region, id, name, bucket, tags, created"
    );
    const LIST: List = List::StorageConfigurations;

    fn key(&self) -> Key {
        Key {
            number: self.created,
            id: self.id.clone(),
        }
    }

    fn model(self) -> Result<StorageConfiguration, StoreError> {
        Ok(StorageConfiguration {
            arn: arn_of!(self, StorageConfigurationArn, ResourceId),
            name: self.name,
            bucket: self.bucket,
            tags: parse_json(&self.tags, "tags")?,
            created: timestamp(self.created),
        })
    }
}

/// Adds a storage configuration.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    configuration: StorageConfiguration,
    quota: u32,
) -> Result<(), StoreError> {
    let added = add(connection, &configuration).await?;
    let arn = &configuration.arn;
    Row::admit(connection, added, &arn.account, &arn.region, quota).await
}

/// Adds a storage configuration unless its ARN is there, and says whether it was added.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    configuration: &StorageConfiguration,
) -> Result<bool, StoreError> {
    let inserted = for_arn!(
        query(
            "INSERT INTO storage_configuration (account, region, id, name, bucket, tags, created) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (account, region, id) DO NOTHING",
        ),
        configuration.arn
    )
    .bind(&configuration.name)
    .bind(&configuration.bucket)
    .bind(json(&configuration.tags))
    .bind(nanoseconds(configuration.created))
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The key of the storage configuration that a stage names with this text, `None` if that is empty.
pub(super) async fn key(
    connection: &mut SqliteConnection,
    stage: &StageArn,
    text: &str,
) -> Result<Option<i64>, StoreError> {
    const ABSENT: StoreError = StoreError::ReferenceNotFound {
        kind: "storage configuration",
    };
    if text.is_empty() {
        return Ok(None);
    }
    let arn = StorageConfigurationArn::parse(text).or(Err(ABSENT))?;
    if (&arn.account, &arn.region) != (&stage.account, &stage.region) {
        return Err(ABSENT);
    }
    let key: Option<i64> = for_arn!(
        query_scalar(
            "SELECT key FROM storage_configuration WHERE account = ?1 AND region = ?2 AND id = ?3"
        ),
        arn
    )
    .fetch_optional(connection)
    .await?;
    key.ok_or(ABSENT).map(Some)
}

/// Deletes a storage configuration that no stage names.
pub(super) async fn delete(
    connection: &mut SqliteConnection,
    arn: ResourceArn,
) -> Result<(), StoreError> {
    match for_arn!(query(Row::SQL.delete), arn)
        .execute(connection)
        .await
    {
        Ok(deleted) if deleted.rows_affected() == 0 => Err(StoreError::NotFound),
        Ok(_) => Ok(()),
        Err(error) if fault::is_referenced(&error) => Err(StoreError::Referenced { by: "stage" }),
        Err(error) => Err(error.into()),
    }
}
