//! Participants and bans.

use std::collections::BTreeMap;

use model::{
    Ban, ClientInfo, Ingest, Participant, ParticipantId, ParticipantState, Protocol, SessionId,
    StageArn,
};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, SqliteConnection, query, query_as, query_scalar};

use super::ingest_configuration::arn_beside;
use super::row::{for_arn, nanoseconds, parse_id, parse_json, session_key, stage_key, timestamp};
use super::{Db, replica};
use crate::page::{Key, List};
use crate::{CameBy, Page, PageRequest, ParticipantFilter, StoreError};

macro_rules! columns {
    () => {
        "SELECT id, user_id, attributes, state, first_join, published, publishing, protocol, client, ingest, redundant, \
         replication, replication_active, source_stage, source_session \
         FROM participant WHERE session = "
    };
}

/// A page of a session's participants under a condition on ?8.
macro_rules! list {
    ($condition:literal) => {
        concat!(
            columns!(),
            session_key!(),
            " AND (first_join, id) > (?5, ?6)",
            $condition,
            " ORDER BY first_join, id LIMIT ?7"
        )
    };
}

pub(super) const LIST: &str = list!("");
pub(super) const LIST_BY_USER: &str = list!(" AND user_id = ?8");
pub(super) const LIST_BY_PUBLISHED: &str = list!(" AND published = ?8");
pub(super) const LIST_BY_STATE: &str = list!(" AND state = ?8");

/// Participants of the session with the key ?1 that are in state ?2.
pub(super) const CONNECTED: &str = concat!(columns!(), "?1 AND state = ?2 ORDER BY first_join, id");

/// Participants of the session with the key ?1 that are in state ?2 and have an active replication.
pub(super) const AWAY: &str = concat!(
    columns!(),
    "?1 AND state = ?2 AND replication_active = 1 ORDER BY first_join, id"
);

/// A participant's columns.
#[derive(FromRow)]
pub(super) struct Row {
    id: String,
    user_id: String,
    attributes: String,
    state: String,
    first_join: i64,
    published: bool,
    publishing: bool,
    protocol: String,
    client: String,
    ingest: Option<String>,
    redundant: bool,
    #[sqlx(flatten)]
    replication: replica::OfParticipant,
}

impl Row {
    /// The participant of this row.
    pub(super) fn participant(
        self,
        stage: &StageArn,
        session: &SessionId,
    ) -> Result<Participant, StoreError> {
        let attributes: BTreeMap<String, String> = parse_json(&self.attributes, "attributes")?;
        let ingest = match self.ingest {
            Some(id) => Some(Box::new(Ingest {
                configuration: arn_beside(stage, &id)?,
                redundant: self.redundant,
            })),
            None => None,
        };
        let client: Client = parse_json(&self.client, "client information")?;
        let replication = self.replication.replication()?;
        Ok(Participant {
            stage: stage.clone(),
            session: session.clone(),
            id: parse_id(ParticipantId::parse(&self.id))?,
            user_id: self.user_id,
            attributes,
            state: [ParticipantState::Connected, ParticipantState::Disconnected]
                .into_iter()
                .find(|state| state.as_str() == self.state)
                .ok_or(StoreError::Corrupt {
                    what: "participant state",
                })?,
            first_join: timestamp(self.first_join),
            published: self.published,
            publishing: self.publishing,
            protocol: [
                Protocol::Unknown,
                Protocol::Whip,
                Protocol::Rtmp,
                Protocol::Rtmps,
            ]
            .into_iter()
            .find(|protocol| protocol.as_str() == self.protocol)
            .ok_or(StoreError::Corrupt { what: "protocol" })?,
            ingest,
            client: client.into(),
            replication,
        })
    }
}

/// Participants of a session, by (first join, id).
pub(super) async fn list(
    db: &Db,
    stage: &StageArn,
    session: &SessionId,
    filter: &ParticipantFilter,
    page: &PageRequest,
) -> Result<Page<Participant>, StoreError> {
    let after = page.key(List::Participants)?;
    let sql = match filter {
        ParticipantFilter::All => LIST,
        ParticipantFilter::UserId(_) => LIST_BY_USER,
        ParticipantFilter::Published(_) => LIST_BY_PUBLISHED,
        ParticipantFilter::State(_) => LIST_BY_STATE,
        ParticipantFilter::Nobody => return Ok(Page::empty()),
    };
    let statement = for_arn!(query_as(sql), stage)
        .bind(session.as_str())
        .bind(after.number)
        .bind(after.id)
        .bind(page.rows());
    let statement = match filter {
        ParticipantFilter::All | ParticipantFilter::Nobody => statement,
        ParticipantFilter::UserId(user_id) => statement.bind(user_id),
        ParticipantFilter::Published(published) => statement.bind(published),
        ParticipantFilter::State(wanted) => statement.bind(wanted.as_str()),
    };
    let rows: Vec<Row> = statement.fetch_all(&db.readers).await?;
    let participants = rows
        .into_iter()
        .map(|row| row.participant(stage, session))
        .collect::<Result<_, _>>()?;
    Ok(Page::cut(
        participants,
        page,
        List::Participants,
        |participant: &Participant| Key {
            number: nanoseconds(participant.first_join),
            id: participant.id.to_string(),
        },
    ))
}

/// One participant.
pub(super) async fn get(
    db: &Db,
    stage: &StageArn,
    session: &SessionId,
    participant: &ParticipantId,
) -> Result<Option<Participant>, StoreError> {
    let row: Option<Row> = for_arn!(
        query_as(concat!(columns!(), session_key!(), " AND id = ?5")),
        stage
    )
    .bind(session.as_str())
    .bind(participant.as_str())
    .fetch_optional(&db.readers)
    .await?;
    row.map(|row| row.participant(stage, session)).transpose()
}

/// Whether the participant is in any session of the stage, and whether anything but a stream key has brought it there.
pub(super) async fn known(
    db: &Db,
    stage: &StageArn,
    participant: &ParticipantId,
) -> Result<Option<CameBy>, StoreError> {
    // NULL if there is no record.
    let by_token: Option<bool> = for_arn!(
        query_scalar(concat!(
            "SELECT max(ingest IS NULL OR replication IS 'REPLICA') \
             FROM participant JOIN session ON session.key = participant.session \
             WHERE participant.id = ?4 AND session.stage = ",
            stage_key!()
        )),
        stage
    )
    .bind(participant.as_str())
    .fetch_one(&db.readers)
    .await?;
    Ok(by_token.map(|by_token| {
        if by_token {
            CameBy::Token
        } else {
            CameBy::Ingest
        }
    }))
}

/// The newest session of a stage in which a participant is. Of the session that has the maximum SQLite returns the other columns too. It takes
/// the tables of a CROSS JOIN in their order: a participant has fewer sessions than a stage.
pub(super) const SESSION: &str = concat!(
    "SELECT session.id, max(session.start) \
     FROM participant CROSS JOIN session ON session.key = participant.session \
     WHERE participant.id = ?4 AND session.stage = ",
    stage_key!()
);

/// The newest session of the stage in which the participant is.
pub(super) async fn session(
    db: &Db,
    stage: &StageArn,
    participant: &ParticipantId,
) -> Result<Option<SessionId>, StoreError> {
    let id: Option<String> = for_arn!(query_scalar(SESSION), stage)
        .bind(participant.as_str())
        .fetch_one(&db.readers)
        .await?;
    id.map(|id| parse_id(SessionId::parse(&id))).transpose()
}

/// Bans a participant from a stage; the first ban's time stays.
pub(super) async fn ban(connection: &mut SqliteConnection, ban: Ban) -> Result<(), StoreError> {
    add_ban(connection, &ban).await.map(drop)
}

/// Bans a participant unless it is banned, and says whether that is new.
pub(super) async fn add_ban(
    connection: &mut SqliteConnection,
    ban: &Ban,
) -> Result<bool, StoreError> {
    let key: Option<i64> = for_arn!(
        query_scalar("SELECT key FROM stage WHERE account = ?1 AND region = ?2 AND id = ?3"),
        ban.stage
    )
    .fetch_optional(&mut *connection)
    .await?;
    let inserted = query(
        "INSERT INTO ban (stage, participant, at) VALUES (?1, ?2, ?3) \
         ON CONFLICT (stage, participant) DO NOTHING",
    )
    .bind(key.ok_or(StoreError::NotFound)?)
    .bind(ban.participant.as_str())
    .bind(nanoseconds(ban.at))
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The JSON form of what a client says of itself.
#[derive(Serialize, Deserialize)]
pub(super) struct Client {
    isp_name: String,
    os_name: String,
    os_version: String,
    browser_name: String,
    browser_version: String,
    sdk_version: String,
}

impl From<&ClientInfo> for Client {
    fn from(value: &ClientInfo) -> Self {
        Self {
            isp_name: value.isp_name.clone(),
            os_name: value.os_name.clone(),
            os_version: value.os_version.clone(),
            browser_name: value.browser_name.clone(),
            browser_version: value.browser_version.clone(),
            sdk_version: value.sdk_version.clone(),
        }
    }
}

impl From<Client> for ClientInfo {
    fn from(value: Client) -> Self {
        Self {
            isp_name: value.isp_name,
            os_name: value.os_name,
            os_version: value.os_version,
            browser_name: value.browser_name,
            browser_version: value.browser_version,
            sdk_version: value.sdk_version,
        }
    }
}
