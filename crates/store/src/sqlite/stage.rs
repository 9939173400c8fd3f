//! Stages.

use std::collections::BTreeMap;

use model::{
    AccountId, ParticipantId, RecordingConfiguration, Region, SessionId, Stage, StageArn, StageId,
    ThumbnailConfiguration,
};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, SqliteConnection, query, query_as, query_scalar};

use super::row::{for_stage, json, nanoseconds, parse_id, parse_json, stage_key, timestamp};
use super::{Db, fault, grave};
use crate::page::{Key, List};
use crate::{Page, PageRequest, StageChange, StoreError};

pub(super) const LIST: &str = "SELECT id, name, tags, created, active_session, recording FROM stage \
    WHERE account = ?1 AND region = ?2 AND (created, id) > (?3, ?4) ORDER BY created, id LIMIT ?5";

#[derive(FromRow)]
struct Row {
    id: String,
    name: String,
    tags: String,
    created: i64,
    active_session: Option<String>,
    recording: String,
}

impl Row {
    fn stage(self, account: &AccountId, region: &Region) -> Result<Stage, StoreError> {
        let recording: Recording = parse_json(&self.recording, "recording configuration")?;
        Ok(Stage {
            arn: StageArn {
                region: region.clone(),
                account: account.clone(),
                id: parse_id(StageId::parse(&self.id))?,
            },
            name: self.name,
            tags: parse_json(&self.tags, "tags")?,
            created: timestamp(self.created),
            active_session: self
                .active_session
                .map(|id| parse_id(SessionId::parse(&id)))
                .transpose()?,
            recording: recording.into(),
        })
    }
}

/// Adds a stage. The count and the insert are one transaction, so that a race cannot pass the quota.
pub(super) async fn insert(db: &Db, stage: &Stage, quota: u32) -> Result<(), StoreError> {
    let mut transaction = db.write().await?;
    let count: i64 = query_scalar("SELECT count(*) FROM stage WHERE account = ?1 AND region = ?2")
        .bind(stage.arn.account.as_str())
        .bind(stage.arn.region.as_str())
        .fetch_one(&mut *transaction)
        .await?;
    if count >= i64::from(quota) {
        return Err(StoreError::QuotaExceeded { max: quota });
    }
    let inserted = for_stage!(
        query(
            "INSERT INTO stage (account, region, id, name, tags, created, active_session, recording) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        ),
        stage.arn
    )
    .bind(&stage.name)
    .bind(json(&stage.tags))
    .bind(nanoseconds(stage.created))
    .bind(stage.active_session.as_ref().map(SessionId::as_str))
    .bind(json(&Recording::from(&stage.recording)))
    .execute(&mut *transaction)
    .await;
    match inserted {
        Ok(_) => Ok(transaction.commit().await?),
        Err(error) if fault::is_duplicate(&error) => Err(StoreError::AlreadyExists),
        Err(error) => Err(error.into()),
    }
}

/// One stage.
pub(super) async fn get(db: &Db, arn: &StageArn) -> Result<Option<Stage>, StoreError> {
    read(&mut *db.readers.acquire().await?, arn).await
}

async fn read(
    connection: &mut SqliteConnection,
    arn: &StageArn,
) -> Result<Option<Stage>, StoreError> {
    let row: Option<Row> = for_stage!(
        query_as(
            "SELECT id, name, tags, created, active_session, recording FROM stage \
             WHERE account = ?1 AND region = ?2 AND id = ?3",
        ),
        arn
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| row.stage(&arn.account, &arn.region))
        .transpose()
}

/// Stages of an account and region, by (creation, id).
pub(super) async fn list(
    db: &Db,
    account: &AccountId,
    region: &Region,
    page: &PageRequest,
) -> Result<Page<Stage>, StoreError> {
    let after = page.key(List::Stages)?;
    let rows: Vec<Row> = query_as(LIST)
        .bind(account.as_str())
        .bind(region.as_str())
        .bind(after.number)
        .bind(after.id)
        .bind(page.rows())
        .fetch_all(&db.readers)
        .await?;
    let stages = rows
        .into_iter()
        .map(|row| row.stage(account, region))
        .collect::<Result<_, _>>()?;
    Ok(Page::cut(stages, page, List::Stages, |stage: &Stage| Key {
        number: nanoseconds(stage.created),
        id: stage.arn.id.to_string(),
    }))
}

/// Every stage with its bans.
pub(super) async fn all(db: &Db) -> Result<Vec<(StageArn, Vec<ParticipantId>)>, StoreError> {
    let rows: Vec<(String, String, String, Option<String>)> = query_as(
        "SELECT stage.account, stage.region, stage.id, ban.participant \
         FROM stage LEFT JOIN ban ON ban.stage = stage.key WHERE stage.account <> ''",
    )
    .fetch_all(&db.readers)
    .await?;
    let mut stages = BTreeMap::<StageArn, Vec<ParticipantId>>::new();
    for (account, region, id, banned) in rows {
        let arn = StageArn {
            region: parse_id(Region::parse(&region))?,
            account: parse_id(AccountId::parse(&account))?,
            id: parse_id(StageId::parse(&id))?,
        };
        let bans = stages.entry(arn).or_default();
        if let Some(participant) = banned {
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
    db: &Db,
    arn: &StageArn,
    change: &StageChange,
) -> Result<Stage, StoreError> {
    let mut transaction = db.write().await?;
    let mut stage = read(&mut transaction, arn)
        .await?
        .ok_or(StoreError::NotFound)?;
    if *change == StageChange::default() {
        return Ok(stage);
    }
    if let Some(name) = &change.name {
        stage.name.clone_from(name);
    }
    if let Some(recording) = &change.recording {
        stage.recording.clone_from(recording);
    }
    for_stage!(
        query(concat!(
            "UPDATE stage SET name = ?4, recording = ?5 WHERE key = ",
            stage_key!()
        )),
        arn
    )
    .bind(&stage.name)
    .bind(json(&Recording::from(&stage.recording)))
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(stage)
}

/// Deletes a stage with its bans. Its sessions are out of reach at once, and cleared later.
pub(super) async fn delete(db: &Db, arn: &StageArn) -> Result<(), StoreError> {
    let mut transaction = db.write().await?;
    let key: Option<i64> = for_stage!(
        query_scalar("SELECT key FROM stage WHERE account = ?1 AND region = ?2 AND id = ?3"),
        arn
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let key = key.ok_or(StoreError::NotFound)?;
    grave::bury_all(&mut transaction, key).await?;
    query("DELETE FROM stage WHERE key = ?1")
        .bind(key)
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}

/// The JSON form of a recording configuration.
#[derive(Serialize, Deserialize)]
struct Recording {
    storage_configuration_arn: String,
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
            storage_configuration_arn: value.storage_configuration_arn.clone(),
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

impl From<Recording> for RecordingConfiguration {
    fn from(value: Recording) -> Self {
        Self {
            storage_configuration_arn: value.storage_configuration_arn,
            media_types: value.media_types,
            thumbnail: ThumbnailConfiguration {
                interval_seconds: value.thumbnail_interval_seconds,
                storage: value.thumbnail_storage,
                recording_mode: value.thumbnail_recording_mode,
            },
            reconnect_window_seconds: value.reconnect_window_seconds,
            segment_seconds: value.segment_seconds,
            record_replicas: value.record_replicas,
        }
    }
}
