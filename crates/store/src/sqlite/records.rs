//! Records of the stage machine, as rows.
//!
//! Every statement selects its stage or session first and so writes nothing if that is gone: no row without an owner. Every
//! statement leads to the same rows when it is done again, because a caller may repeat a batch whose end it did not learn.

use jiff::Timestamp;
use model::{ErrorCode, Event, Participant, ParticipantId, Record, Session, SessionId, StageArn};
use sqlx::{SqliteConnection, query};

use super::event::Tokens;
use super::ingest_configuration;
use super::participant::Client;
use super::replica;
use super::row::{for_arn, json, nanoseconds, sequence_column, session_key, stage_key};
use crate::StoreError;

/// Applies records in order in one transaction.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    records: Vec<Record>,
) -> Result<(), StoreError> {
    for record in &records {
        match record {
            Record::SessionStarted(session) => session_started(connection, session).await?,
            Record::SessionEnded {
                stage,
                session,
                end,
            } => session_ended(connection, stage, session, *end).await?,
            Record::Participant(record) => participant(connection, record).await?,
            Record::Event(record) => event(connection, record).await?,
            Record::Ingest {
                stage,
                configuration,
                active,
            } => {
                ingest_configuration::set_state(connection, stage, configuration, *active).await?;
            }
            Record::Replica(record) => replica::apply(connection, record).await?,
        }
    }
    Ok(())
}

async fn session_started(
    connection: &mut SqliteConnection,
    session: &Session,
) -> Result<(), StoreError> {
    for_arn!(
        query(
            "INSERT INTO session (stage, id, start, ended) \
             SELECT key, ?4, ?5, ?6 FROM stage WHERE account = ?1 AND region = ?2 AND id = ?3 \
             ON CONFLICT (stage, id) DO NOTHING",
        ),
        session.stage
    )
    .bind(session.id.as_str())
    .bind(nanoseconds(session.start))
    .bind(session.end.map(nanoseconds))
    .execute(&mut *connection)
    .await?;
    // A start that is repeated after the end does not bring the session back.
    for_arn!(
        query(concat!(
            "UPDATE stage SET active_session = ?4 WHERE key = ",
            stage_key!(),
            " AND EXISTS (SELECT 1 FROM session WHERE stage = stage.key AND id = ?4 AND ended IS NULL)"
        )),
        session.stage
    )
    .bind(session.id.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

async fn session_ended(
    connection: &mut SqliteConnection,
    stage: &StageArn,
    session: &SessionId,
    end: Timestamp,
) -> Result<(), StoreError> {
    for_arn!(
        query(concat!(
            "UPDATE session SET ended = ?5 WHERE key = ",
            session_key!()
        )),
        stage
    )
    .bind(session.as_str())
    .bind(nanoseconds(end))
    .execute(&mut *connection)
    .await?;
    for_arn!(
        query(concat!(
            "UPDATE stage SET active_session = NULL WHERE key = ",
            stage_key!(),
            " AND active_session = ?4"
        )),
        stage
    )
    .bind(session.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// The first join stays as it was first written: it is the record's place in the list. That the participant has published, by what
/// protocol, and through which ingest configuration it came, is not taken back: a session that lasts long forgets whom it has not seen for long.
async fn participant(
    connection: &mut SqliteConnection,
    participant: &Participant,
) -> Result<(), StoreError> {
    let ingest = participant.ingest.as_deref();
    let replication = replica::Columns::from(participant.replication.as_ref());
    for_arn!(
        query(concat!(
            "INSERT INTO participant \
             (session, id, user_id, attributes, state, first_join, published, publishing, protocol, client, \
             ingest, redundant, replication, replication_active, source_stage, source_session) \
             SELECT key, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19 \
             FROM session WHERE key = ",
            session_key!(),
            " ON CONFLICT (session, id) DO UPDATE SET user_id = excluded.user_id, \
             attributes = excluded.attributes, state = excluded.state, \
             published = participant.published OR excluded.published, publishing = excluded.publishing, \
             protocol = CASE excluded.protocol WHEN 'UNKNOWN' THEN participant.protocol ELSE excluded.protocol END, \
             client = excluded.client, ingest = coalesce(excluded.ingest, participant.ingest), \
             redundant = CASE WHEN excluded.ingest IS NULL THEN participant.redundant ELSE excluded.redundant END, \
             replication = excluded.replication, replication_active = excluded.replication_active, \
             source_stage = excluded.source_stage, source_session = excluded.source_session"
        )),
        participant.stage
    )
    .bind(participant.session.as_str())
    .bind(participant.id.as_str())
    .bind(&participant.user_id)
    .bind(json(&participant.attributes))
    .bind(participant.state.as_str())
    .bind(nanoseconds(participant.first_join))
    .bind(participant.published)
    .bind(participant.publishing)
    .bind(participant.protocol.as_str())
    .bind(json(&Client::from(&participant.client)))
    .bind(ingest.map(|ingest| ingest.configuration.id.as_str()))
    .bind(ingest.is_some_and(|ingest| ingest.redundant))
    .bind(replication.kind)
    .bind(replication.is_active)
    .bind(replication.source.as_ref().map(|(stage, _)| stage))
    .bind(replication.source.as_ref().map(|(_, session)| *session))
    .execute(connection)
    .await?;
    Ok(())
}

async fn event(connection: &mut SqliteConnection, event: &Event) -> Result<(), StoreError> {
    for_arn!(
        query(concat!(
            "INSERT INTO event (session, sequence, participant, time, name, remote, error, exchange, \
              replica, destination_stage, destination_session) \
             SELECT key, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14 FROM session WHERE key = ",
            session_key!(),
            " ON CONFLICT (session, sequence) DO NOTHING"
        )),
        event.stage
    )
    .bind(event.session.as_str())
    .bind(sequence_column(event.sequence)?)
    .bind(event.participant.as_str())
    .bind(nanoseconds(event.time))
    .bind(event.name.as_str())
    .bind(event.remote.as_ref().map(ParticipantId::as_str))
    .bind(event.error.map(ErrorCode::as_str))
    .bind(
        event
            .exchange
            .as_deref()
            .map(|exchange| json(&Tokens::from(exchange))),
    )
    .bind(event.replica)
    .bind(event.destination.as_ref().map(|(stage, _)| stage.to_string()))
    .bind(event.destination.as_ref().map(|(_, session)| session.as_str()))
    .execute(connection)
    .await?;
    Ok(())
}
