//! Replications: their rows, and what the rows of participants and events say of them.

use model::{
    Participant, ParticipantId, ParticipantState, Replica, Replication, Session, SessionId,
    StageArn,
};
use sqlx::{FromRow, SqliteConnection, query, query_as, query_scalar};

use super::Db;
use super::participant::{self, AWAY};
use super::row::{for_arn, parse_id, session_key, stage_key};
use crate::page::{Key, List};
use crate::{Page, PageRequest, StoreError};

const SOURCE: &str = "SOURCE";
const REPLICA: &str = "REPLICA";

/// The columns of a participant's replication.
pub(super) struct Columns<'a> {
    pub(super) kind: Option<&'static str>,
    pub(super) is_active: bool,
    pub(super) source: Option<(String, &'a str)>,
}

impl<'a> From<Option<&'a Replication>> for Columns<'a> {
    fn from(replication: Option<&'a Replication>) -> Self {
        let (kind, source) = match replication {
            None => (None, None),
            Some(Replication::Source { .. }) => (Some(SOURCE), None),
            Some(Replication::Replica {
                source_stage,
                source_session,
                ..
            }) => {
                let source = (source_stage.to_string(), source_session.as_str());
                (Some(REPLICA), Some(source))
            }
        };
        Self {
            kind,
            is_active: replication.is_some_and(Replication::is_active),
            source,
        }
    }
}

/// The same columns, of a row that is read.
#[derive(FromRow)]
pub(super) struct OfParticipant {
    replication: Option<String>,
    replication_active: bool,
    source_stage: Option<String>,
    source_session: Option<String>,
}

impl OfParticipant {
    /// What they say.
    pub(super) fn replication(&self) -> Result<Option<Replication>, StoreError> {
        let is_active = self.replication_active;
        let source = (self.source_stage.as_deref(), self.source_session.as_deref());
        Ok(
            match (self.replication.as_deref(), stage_and_session(source)?) {
                (None, None) => None,
                (Some(SOURCE), None) => Some(Replication::Source { is_active }),
                (Some(REPLICA), Some((source_stage, source_session))) => {
                    Some(Replication::Replica {
                        is_active,
                        source_stage,
                        source_session,
                    })
                }
                _ => {
                    return Err(StoreError::Corrupt {
                        what: "replication",
                    });
                }
            },
        )
    }
}

/// A stage and a session of it, where there are any.
pub(super) fn stage_and_session(
    columns: (Option<&str>, Option<&str>),
) -> Result<Option<(StageArn, SessionId)>, StoreError> {
    let (Some(stage), Some(session)) = columns else {
        return Ok(None);
    };
    Ok(Some((
        parse_id(StageArn::parse(stage))?,
        parse_id(SessionId::parse(session))?,
    )))
}

/// Notes how a replication stands.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    replica: &Replica,
) -> Result<(), StoreError> {
    for_arn!(
        query(concat!(
            "INSERT INTO replica (session, participant, destination_stage, destination_session, active) \
             SELECT key, ?5, ?6, ?7, ?8 FROM session WHERE key = ",
            session_key!(),
            " ON CONFLICT (session, participant, destination_stage) DO UPDATE SET \
             destination_session = excluded.destination_session, active = excluded.active"
        )),
        replica.source_stage
    )
    .bind(replica.source_session.as_str())
    .bind(replica.participant.as_str())
    .bind(replica.destination_stage.to_string())
    .bind(replica.destination_session.as_str())
    .bind(replica.is_active)
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(FromRow)]
struct Row {
    participant: String,
    destination_stage: String,
    destination_session: String,
    active: bool,
}

impl Row {
    /// The replication of this row.
    fn replica(self, source: &StageArn, session: &SessionId) -> Result<Replica, StoreError> {
        Ok(Replica {
            source_stage: source.clone(),
            source_session: session.clone(),
            participant: parse_id(ParticipantId::parse(&self.participant))?,
            destination_stage: parse_id(StageArn::parse(&self.destination_stage))?,
            destination_session: parse_id(SessionId::parse(&self.destination_session))?,
            is_active: self.active,
        })
    }
}

/// The active replications from the session with that key, by participant and destination.
pub(super) async fn active(
    connection: &mut SqliteConnection,
    key: i64,
    session: &Session,
) -> Result<Vec<Replica>, StoreError> {
    let rows: Vec<Row> = query_as(
        "SELECT participant, destination_stage, destination_session, active FROM replica \
         WHERE session = ?1 AND active = 1 ORDER BY participant, destination_stage",
    )
    .bind(key)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| row.replica(&session.stage, &session.id))
        .collect()
}

pub(super) const LIST: &str = concat!(
    "SELECT participant, destination_stage, destination_session, active FROM replica WHERE session = ",
    session_key!(),
    " AND participant = ?5 AND destination_stage > ?6 ORDER BY destination_stage LIMIT ?7"
);

/// Replications of a participant from a session, by destination.
pub(super) async fn list(
    db: &Db,
    source: &StageArn,
    session: &SessionId,
    participant: &ParticipantId,
    page: &PageRequest,
) -> Result<Page<Replica>, StoreError> {
    let after = page.key(List::Replicas)?;
    let rows: Vec<Row> = for_arn!(query_as(LIST), source)
        .bind(session.as_str())
        .bind(participant.as_str())
        .bind(after.id)
        .bind(page.rows())
        .fetch_all(&db.readers)
        .await?;
    let replicas = rows
        .into_iter()
        .map(|row| row.replica(source, session))
        .collect::<Result<_, _>>()?;
    Ok(Page::cut(
        replicas,
        page,
        List::Replicas,
        |replica: &Replica| Key {
            number: 0,
            id: replica.destination_stage.to_string(),
        },
    ))
}

pub(super) const KNOWN: &str = concat!(
    "SELECT EXISTS (SELECT 1 FROM session JOIN replica ON replica.session = session.key \
     WHERE replica.participant = ?4 AND replica.destination_stage = ?5 AND session.stage = ",
    stage_key!(),
    ")"
);

/// Whether a participant was ever replicated from the one stage to the other.
pub(super) async fn known(
    db: &Db,
    source: &StageArn,
    destination: &StageArn,
    participant: &ParticipantId,
) -> Result<bool, StoreError> {
    let known = for_arn!(query_scalar(KNOWN), source)
        .bind(participant.as_str())
        .bind(destination.to_string())
        .fetch_one(&db.readers)
        .await?;
    Ok(known)
}

/// Participants that are not connected and may come back, by (first join, id).
pub(super) async fn away(
    connection: &mut SqliteConnection,
    key: i64,
    session: &Session,
) -> Result<Vec<Participant>, StoreError> {
    let rows: Vec<participant::Row> = query_as(AWAY)
        .bind(key)
        .bind(ParticipantState::Disconnected.as_str())
        .fetch_all(connection)
        .await?;
    rows.into_iter()
        .map(|row| row.participant(&session.stage, &session.id))
        .collect()
}
