//! Ingest configurations. They refer to the stage to which they publish.

use std::collections::BTreeMap;

use model::{
    AccountId, IngestConfiguration, IngestConfigurationArn, IngestCredential, IngestProtocol,
    ParticipantId, Region, ResourceArn, ResourceId, StageArn, StageId, StreamKey,
};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, SqliteConnection, query, query_as, query_scalar};

use super::Db;
use super::resource::{self, Resource};
use super::row::{arn_of, for_arn, json, nanoseconds, parse_id, parse_json, stage_key, timestamp};
use crate::page::{Key, List};
use crate::{IngestChange, IngestFilter, Page, PageRequest, Redundancy, StoreError};

/// What a row is read from. A configuration and its stage are of one account and region.
macro_rules! columns {
    () => {
        "account, region, id, name, protocol, insecure, \
         (SELECT id FROM stage WHERE key = ingest_configuration.stage) AS stage, \
         participant, active, stream_key, credentials, user_id, attributes, tags, created"
    };
}

/// A page of the configurations of the stage that ?3 names.
pub(super) const LIST_BY_STAGE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM ingest_configuration WHERE stage = ",
    stage_key!(),
    " AND (created, id) > (?4, ?5) ORDER BY created, id LIMIT ?6"
);

/// A page of the configurations that are in state ?3.
pub(super) const LIST_BY_STATE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM ingest_configuration WHERE account = ?1 AND region = ?2 AND active = ?3 \
     AND (created, id) > (?4, ?5) ORDER BY created, id LIMIT ?6"
);

/// Detaches from a stage who publishes to it as the participant ?4.
pub(super) const DETACH: &str = concat!(
    "UPDATE ingest_configuration SET stage = NULL, active = 0 WHERE stage = ",
    stage_key!(),
    " AND (participant = ?4 OR EXISTS (SELECT 1 FROM json_each(credentials) \
     WHERE json_each.value ->> 'participant' = ?4)) RETURNING id"
);

/// Sets the state ?5 of the configuration ?4, while it is attached to the stage.
pub(super) const SET_STATE: &str = concat!(
    "UPDATE ingest_configuration SET active = ?5 WHERE stage = ",
    stage_key!(),
    " AND id = ?4"
);

#[derive(FromRow)]
pub(super) struct Row {
    account: String,
    region: String,
    id: String,
    name: String,
    protocol: String,
    insecure: bool,
    stage: Option<String>,
    participant: String,
    active: bool,
    stream_key: String,
    credentials: String,
    user_id: String,
    attributes: String,
    tags: String,
    created: i64,
}

impl Resource for Row {
    type Model = IngestConfiguration;
    const KINDS: &'static str = "ingest configurations";
    const SQL: resource::Sql = resource::sql!("ingest_configuration", columns!());
    const LIST: List = List::IngestConfigurations;

    fn key(&self) -> Key {
        Key {
            number: self.created,
            id: self.id.clone(),
        }
    }

    fn model(self) -> Result<IngestConfiguration, StoreError> {
        let arn = arn_of!(self, IngestConfigurationArn, ResourceId);
        let attributes: BTreeMap<String, String> = parse_json(&self.attributes, "attributes")?;
        let credentials: Vec<Credential> = parse_json(&self.credentials, "credentials")?;
        let stage = match self.stage {
            Some(id) => Some(StageArn {
                region: arn.region.clone(),
                account: arn.account.clone(),
                id: parse_id(StageId::parse(&id))?,
            }),
            None => None,
        };
        Ok(IngestConfiguration {
            arn,
            name: self.name,
            protocol: IngestProtocol::parse(&self.protocol).ok_or(StoreError::Corrupt {
                what: "ingest protocol",
            })?,
            insecure: self.insecure,
            stage,
            participant: parse_id(ParticipantId::parse(&self.participant))?,
            active: self.active,
            stream_key: StreamKey::new(self.stream_key),
            credentials: credentials
                .into_iter()
                .map(Credential::model)
                .collect::<Result<_, _>>()?,
            user_id: self.user_id,
            attributes,
            tags: parse_json(&self.tags, "tags")?,
            created: timestamp(self.created),
        })
    }
}

/// Ingest configurations of an account and region, by (creation, id).
pub(super) async fn list(
    db: &Db,
    account: &AccountId,
    region: &Region,
    filter: &IngestFilter,
    page: &PageRequest,
) -> Result<Page<IngestConfiguration>, StoreError> {
    let stage = match filter {
        IngestFilter::All => return Row::list(db, account, region, page).await,
        IngestFilter::Stage(stage) => stage,
        IngestFilter::Active(active) => {
            return list_by_state(db, account, region, *active, page).await;
        }
        IngestFilter::Nothing => return Ok(Page::empty()),
    };
    let after = page.key(Row::LIST)?;
    if (&stage.account, &stage.region) != (account, region) {
        return Ok(Page::empty());
    }
    let rows = for_arn!(query_as(LIST_BY_STAGE), stage)
        .bind(after.number)
        .bind(after.id)
        .bind(page.rows())
        .fetch_all(&db.readers)
        .await?;
    Row::page(rows, page)
}

async fn list_by_state(
    db: &Db,
    account: &AccountId,
    region: &Region,
    active: bool,
    page: &PageRequest,
) -> Result<Page<IngestConfiguration>, StoreError> {
    let after = page.key(Row::LIST)?;
    let rows = query_as(LIST_BY_STATE)
        .bind(account.as_str())
        .bind(region.as_str())
        .bind(active)
        .bind(after.number)
        .bind(after.id)
        .bind(page.rows())
        .fetch_all(&db.readers)
        .await?;
    Row::page(rows, page)
}

/// Adds an ingest configuration.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    configuration: IngestConfiguration,
    quota: u32,
) -> Result<(), StoreError> {
    let added = add(connection, &configuration).await?;
    let arn = &configuration.arn;
    Row::admit(connection, added, &arn.account, &arn.region, quota).await
}

/// Adds an ingest configuration unless its ARN is there, and says whether it was added.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    configuration: &IngestConfiguration,
) -> Result<bool, StoreError> {
    let stage = stage(connection, configuration).await?;
    let inserted = for_arn!(
        query(
            "INSERT INTO ingest_configuration (account, region, id, name, protocol, insecure, stage, participant, \
             stream_key, credentials, user_id, attributes, tags, created) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
             ON CONFLICT (account, region, id) DO NOTHING",
        ),
        configuration.arn
    )
    .bind(&configuration.name)
    .bind(configuration.protocol.as_str())
    .bind(configuration.insecure)
    .bind(stage)
    .bind(configuration.participant.as_str())
    .bind(configuration.stream_key.expose())
    .bind(credentials(&configuration.credentials))
    .bind(&configuration.user_id)
    .bind(json(&configuration.attributes))
    .bind(json(&configuration.tags))
    .bind(nanoseconds(configuration.created))
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The key of the stage to which a configuration publishes.
async fn stage(
    connection: &mut SqliteConnection,
    configuration: &IngestConfiguration,
) -> Result<Option<i64>, StoreError> {
    const ABSENT: StoreError = StoreError::ReferenceNotFound { kind: "stage" };
    let Some(stage) = &configuration.stage else {
        return Ok(None);
    };
    let arn = &configuration.arn;
    if (&stage.account, &stage.region) != (&arn.account, &arn.region) {
        return Err(ABSENT);
    }
    let key: Option<i64> = for_arn!(
        query_scalar("SELECT key FROM stage WHERE account = ?1 AND region = ?2 AND id = ?3"),
        stage
    )
    .fetch_optional(connection)
    .await?;
    key.ok_or(ABSENT).map(Some)
}

/// Changes an ingest configuration and gives it as it stands then.
pub(super) async fn update(
    connection: &mut SqliteConnection,
    arn: IngestConfigurationArn,
    change: IngestChange,
) -> Result<IngestConfiguration, StoreError> {
    let mut configuration = Row::read(connection, &(&arn).into())
        .await?
        .ok_or(StoreError::NotFound)?;
    if configuration.active {
        return Err(StoreError::Active);
    }
    if change == IngestChange::default() {
        return Ok(configuration);
    }
    if let Some(stage) = change.stage {
        configuration.stage = stage;
    }
    match change.redundancy {
        None => {}
        Some(Redundancy::Off) => configuration.credentials.clear(),
        Some(Redundancy::On { .. }) if !configuration.credentials.is_empty() => {}
        Some(Redundancy::On {
            participants: [first, second],
            second_key,
        }) => {
            configuration.credentials = vec![
                IngestCredential {
                    participant: first,
                    stream_key: configuration.stream_key.clone(),
                },
                IngestCredential {
                    participant: second,
                    stream_key: second_key,
                },
            ];
        }
    }
    let stage = stage(connection, &configuration).await?;
    for_arn!(
        query(
            "UPDATE ingest_configuration SET stage = ?4, credentials = ?5 \
             WHERE account = ?1 AND region = ?2 AND id = ?3"
        ),
        arn
    )
    .bind(stage)
    .bind(credentials(&configuration.credentials))
    .execute(connection)
    .await?;
    Ok(configuration)
}

/// Deletes an ingest configuration, unless it is active and that counts.
pub(super) async fn delete(
    connection: &mut SqliteConnection,
    arn: IngestConfigurationArn,
    force: bool,
) -> Result<(), StoreError> {
    let arn = ResourceArn::from(&arn);
    let configuration = Row::read(&mut *connection, &arn).await?;
    if !force && configuration.is_some_and(|one| one.active) {
        return Err(StoreError::Active);
    }
    Row::delete(connection, arn).await
}

/// Detaches whatever publishes to the stage as this participant, and says what that was.
pub(super) async fn detach(
    connection: &mut SqliteConnection,
    stage: StageArn,
    participant: ParticipantId,
) -> Result<Vec<IngestConfigurationArn>, StoreError> {
    let detached: Vec<String> = for_arn!(query_scalar(DETACH), stage)
        .bind(participant.as_str())
        .fetch_all(connection)
        .await?;
    let arns = detached.iter().map(|id| arn_beside(&stage, id));
    arns.collect()
}

/// Notes whether a stream is connected, unless the configuration has left the stage by now.
pub(super) async fn set_state(
    connection: &mut SqliteConnection,
    stage: &StageArn,
    configuration: &IngestConfigurationArn,
    active: bool,
) -> Result<(), StoreError> {
    for_arn!(query(SET_STATE), stage)
        .bind(configuration.id.as_str())
        .bind(active)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that nothing is connected to anything: the process starts.
pub(super) async fn none_is_active(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    query("UPDATE ingest_configuration SET active = 0 WHERE active = 1")
        .execute(connection)
        .await?;
    Ok(())
}

/// The ARN of a configuration of the stage's account and region.
pub(super) fn arn_beside(stage: &StageArn, id: &str) -> Result<IngestConfigurationArn, StoreError> {
    Ok(IngestConfigurationArn {
        region: stage.region.clone(),
        account: stage.account.clone(),
        id: parse_id(ResourceId::parse(id))?,
    })
}

/// The JSON form of a credential.
#[derive(Serialize, Deserialize)]
struct Credential {
    participant: String,
    stream_key: String,
}

impl Credential {
    fn model(self) -> Result<IngestCredential, StoreError> {
        Ok(IngestCredential {
            participant: parse_id(ParticipantId::parse(&self.participant))?,
            stream_key: StreamKey::new(self.stream_key),
        })
    }
}

fn credentials(credentials: &[IngestCredential]) -> String {
    let credentials: Vec<_> = credentials
        .iter()
        .map(|one| Credential {
            participant: one.participant.to_string(),
            stream_key: one.stream_key.expose().to_owned(),
        })
        .collect();
    json(&credentials)
}
