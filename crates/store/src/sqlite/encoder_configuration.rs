//! Encoder configurations.

use model::{EncoderConfiguration, EncoderConfigurationArn, Video};
use sqlx::{FromRow, SqliteConnection, query};

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
    width: u32,
    height: u32,
    framerate: f64,
    bitrate: u32,
    tags: String,
    created: i64,
}

impl Resource for Row {
    type Model = EncoderConfiguration;
    const KINDS: &'static str = "encoder configurations";
    const SQL: resource::Sql = resource::sql!(
        "encoder_configuration",
        "account, region, id, name, width, height, framerate, bitrate, tags, created"
    );
    const LIST: List = List::EncoderConfigurations;

    fn key(&self) -> Key {
        Key {
            number: self.created,
            id: self.id.clone(),
        }
    }

    fn model(self) -> Result<EncoderConfiguration, StoreError> {
        Ok(EncoderConfiguration {
            arn: arn_of!(self, EncoderConfigurationArn, ResourceId),
            name: self.name,
            video: Video {
                width: self.width,
                height: self.height,
                framerate: self.framerate,
                bitrate: self.bitrate,
            },
            tags: parse_json(&self.tags, "tags")?,
            created: timestamp(self.created),
        })
    }
}

/// Adds an encoder configuration.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    configuration: EncoderConfiguration,
    quota: u32,
) -> Result<(), StoreError> {
    let added = add(connection, &configuration).await?;
    let arn = &configuration.arn;
    Row::admit(connection, added, &arn.account, &arn.region, quota).await
}

/// Adds an encoder configuration unless its ARN is there, and says whether it was added.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    configuration: &EncoderConfiguration,
) -> Result<bool, StoreError> {
    let inserted = for_arn!(
        query(
            "INSERT INTO encoder_configuration \
             (account, region, id, name, width, height, framerate, bitrate, tags, created) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (account, region, id) DO NOTHING",
        ),
        configuration.arn
    )
    .bind(&configuration.name)
    .bind(configuration.video.width)
    .bind(configuration.video.height)
    .bind(configuration.video.framerate)
    .bind(configuration.video.bitrate)
    .bind(json(&configuration.tags))
    .bind(nanoseconds(configuration.created))
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}
