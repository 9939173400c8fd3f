//! Stages.

use std::collections::BTreeMap;

use model::{
    ParticipantId, RecordingConfiguration, ResourceId, SessionId, Stage, StageArn,
    StorageConfigurationArn, ThumbnailConfiguration,
};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, SqliteConnection, query, query_as, query_scalar};

use super::resource::{self, Resource};
use super::row::{arn_of, for_arn, json, nanoseconds, parse_id, parse_json, stage_key, timestamp};
use super::{Db, grave, storage_configuration};
use crate::page::{Key, List};
use crate::{StageChange, StoreError};

#[derive(FromRow)]
pub(super) struct Row {
    account: String,
    region: String,
    id: String,
    name: String,
    tags: String,
    created: i64,
    active_session: Option<String>,
    recording: String,
    storage: Option<String>,
}

impl Resource for Row {
    type Model = Stage;
    const KINDS: &'static str = "stages";
    // A stage and its storage configuration are of one account and region.
    const SQL: resource::Sql = resource::sql!(
        "stage",
        "account, region, id, name, tags, created, active_session, recording, \
         (SELECT id FROM storage_configuration WHERE key = stage.storage_configuration) AS storage"
    );
    const LIST: List = List::Stages;

    fn key(&self) -> Key {
        Key {
            number: self.created,
            id: self.id.clone(),
        }
    }

    fn model(self) -> Result<Stage, StoreError> {
        let arn = arn_of!(self, StageArn, StageId);
        let storage = match self.storage {
            Some(id) => Some(StorageConfigurationArn {
                region: arn.region.clone(),
                account: arn.account.clone(),
                id: parse_id(ResourceId::parse(&id))?,
            }),
            None => None,
        };
        let recording: Recording = parse_json(&self.recording, "recording configuration")?;
        Ok(Stage {
            arn,
            name: self.name,
            tags: parse_json(&self.tags, "tags")?,
            created: timestamp(self.created),
            active_session: self
                .active_session
                .map(|id| parse_id(SessionId::parse(&id)))
                .transpose()?,
            recording: recording.model(storage),
        })
    }
}

/// Adds a stage.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    stage: Stage,
    quota: u32,
) -> Result<(), StoreError> {
    let added = add(connection, &stage).await?;
    let arn = &stage.arn;
    Row::admit(connection, added, &arn.account, &arn.region, quota).await
}

/// Adds a stage unless its ARN is there, and says whether it was added.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    stage: &Stage,
) -> Result<bool, StoreError> {
    let text = &stage.recording.storage_configuration_arn;
    let storage = storage_configuration::key(connection, &stage.arn, text).await?;
    let inserted = for_arn!(
        query(
            "INSERT INTO stage \
             (account, region, id, name, tags, created, active_session, recording, storage_configuration) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (account, region, id) DO NOTHING",
        ),
        stage.arn
    )
    .bind(&stage.name)
    .bind(json(&stage.tags))
    .bind(nanoseconds(stage.created))
    .bind(stage.active_session.as_ref().map(SessionId::as_str))
    .bind(json(&Recording::from(&stage.recording)))
    .bind(storage)
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// A stage, with one of its bans if it has any.
#[derive(FromRow)]
struct BanRow {
    account: String,
    region: String,
    id: String,
    participant: Option<String>,
}

/// Every stage with its bans.
pub(super) async fn all(db: &Db) -> Result<Vec<(StageArn, Vec<ParticipantId>)>, StoreError> {
    let rows: Vec<BanRow> = query_as(
        "SELECT stage.account, stage.region, stage.id, ban.participant \
         FROM stage LEFT JOIN ban ON ban.stage = stage.key WHERE stage.account <> ''",
    )
    .fetch_all(&db.readers)
    .await?;
    let mut stages = BTreeMap::<StageArn, Vec<ParticipantId>>::new();
    for row in rows {
        let bans = stages.entry(arn_of!(row, StageArn, StageId)).or_default();
        if let Some(participant) = row.participant {
            bans.push(parse_id(ParticipantId::parse(&participant))?);
        }
    }
    for bans in stages.values_mut() {
        bans.sort();
    }
    Ok(stages.into_iter().collect())
}

/// Changes a stage and gives it as it stands then.
pub(super) async fn update(
    connection: &mut SqliteConnection,
    arn: StageArn,
    change: StageChange,
) -> Result<Stage, StoreError> {
    let mut stage = Row::read(connection, &(&arn).into())
        .await?
        .ok_or(StoreError::NotFound)?;
    if change == StageChange::default() {
        return Ok(stage);
    }
    if let Some(name) = change.name {
        stage.name = name;
    }
    if let Some(recording) = change.recording {
        stage.recording = recording;
    }
    let text = &stage.recording.storage_configuration_arn;
    let storage = storage_configuration::key(connection, &arn, text).await?;
    for_arn!(
        query(concat!(
            "UPDATE stage SET name = ?4, recording = ?5, storage_configuration = ?6 WHERE key = ",
            stage_key!()
        )),
        arn
    )
    .bind(&stage.name)
    .bind(json(&Recording::from(&stage.recording)))
    .bind(storage)
    .execute(connection)
    .await?;
    Ok(stage)
}

/// Deletes a stage. It is out of reach at once, and cleared later with its sessions and bans.
pub(super) async fn delete(
    connection: &mut SqliteConnection,
    arn: StageArn,
) -> Result<(), StoreError> {
    let key: Option<i64> = for_arn!(
        query_scalar("SELECT key FROM stage WHERE account = ?1 AND region = ?2 AND id = ?3"),
        arn
    )
    .fetch_optional(&mut *connection)
    .await?;
    let key = key.ok_or(StoreError::NotFound)?;
    query("UPDATE ingest_configuration SET stage = NULL, active = 0 WHERE stage = ?1")
        .bind(key)
        .execute(&mut *connection)
        .await?;
    grave::bury_stage(connection, key).await
}

/// The JSON form of a recording configuration, but for where recordings go: that is a reference of its own.
#[derive(Serialize, Deserialize)]
struct Recording {
    media_types: Vec<String>,
    thumbnail_interval_seconds: u32,
    thumbnail_storage: Vec<String>,
    thumbnail_recording_mode: String,
    reconnect_window_seconds: u32,
    segment_seconds: u32,
    record_replicas: bool,
}

impl From<&RecordingConfiguration> for Recording {
    fn from(value: &RecordingConfiguration) -> Self {
        Self {
            media_types: value.media_types.clone(),
            thumbnail_interval_seconds: value.thumbnail.interval_seconds,
            thumbnail_storage: value.thumbnail.storage.clone(),
            thumbnail_recording_mode: value.thumbnail.recording_mode.clone(),
            reconnect_window_seconds: value.reconnect_window_seconds,
            segment_seconds: value.segment_seconds,
            record_replicas: value.record_replicas,
        }
    }
}

impl Recording {
    fn model(self, storage: Option<StorageConfigurationArn>) -> RecordingConfiguration {
        RecordingConfiguration {
            storage_configuration_arn: storage.map(|arn| arn.to_string()).unwrap_or_default(),
            media_types: self.media_types,
            thumbnail: ThumbnailConfiguration {
                interval_seconds: self.thumbnail_interval_seconds,
                storage: self.thumbnail_storage,
                recording_mode: self.thumbnail_recording_mode,
            },
            reconnect_window_seconds: self.reconnect_window_seconds,
            segment_seconds: self.segment_seconds,
            record_replicas: self.record_replicas,
        }
    }
}
