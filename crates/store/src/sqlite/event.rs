//! Participant events.

use std::collections::BTreeMap;

use model::{
    Capabilities, ErrorCode, Event, EventName, Exchange, ExchangedToken, ParticipantId, SessionId,
    StageArn,
};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, query_as};

use super::row::{for_arn, nanoseconds, parse_id, parse_json, sequence, session_key, timestamp};
use super::{Db, replica};
use crate::page::{Key, List};
use crate::{Page, PageRequest, StoreError};

pub(super) const LIST: &str = concat!(
    "SELECT sequence, time, name, remote, error, exchange, replica, destination_stage, destination_session \
     FROM event WHERE session = ",
    session_key!(),
    " AND participant = ?5 AND sequence > ?6 ORDER BY sequence LIMIT ?7"
);

#[derive(FromRow)]
struct Row {
    sequence: i64,
    time: i64,
    name: String,
    remote: Option<String>,
    error: Option<String>,
    exchange: Option<String>,
    replica: bool,
    destination_stage: Option<String>,
    destination_session: Option<String>,
}

/// The JSON form of an exchange.
#[derive(Serialize, Deserialize)]
pub(super) struct Tokens {
    previous: Token,
    new: Token,
}

#[derive(Serialize, Deserialize)]
struct Token {
    publish: bool,
    subscribe: bool,
    user_id: String,
    attributes: BTreeMap<String, String>,
    /// Nanoseconds since 1970.
    expires: i64,
}

impl From<&Exchange> for Tokens {
    fn from(exchange: &Exchange) -> Self {
        Self {
            previous: Token::from(&exchange.previous),
            new: Token::from(&exchange.new),
        }
    }
}

impl From<Tokens> for Exchange {
    fn from(tokens: Tokens) -> Self {
        Self {
            previous: tokens.previous.into(),
            new: tokens.new.into(),
        }
    }
}

impl From<&ExchangedToken> for Token {
    fn from(token: &ExchangedToken) -> Self {
        Self {
            publish: token.capabilities.publish,
            subscribe: token.capabilities.subscribe,
            user_id: token.user_id.clone(),
            attributes: token.attributes.clone(),
            expires: nanoseconds(token.expires),
        }
    }
}

impl From<Token> for ExchangedToken {
    fn from(token: Token) -> Self {
        Self {
            capabilities: Capabilities {
                publish: token.publish,
                subscribe: token.subscribe,
            },
            user_id: token.user_id,
            attributes: token.attributes,
            expires: timestamp(token.expires),
        }
    }
}

/// Events of a participant in a session, by sequence.
pub(super) async fn list(
    db: &Db,
    stage: &StageArn,
    session: &SessionId,
    participant: &ParticipantId,
    page: &PageRequest,
) -> Result<Page<Event>, StoreError> {
    let after = page.key(List::Events)?;
    let rows: Vec<Row> = for_arn!(query_as(LIST), stage)
        .bind(session.as_str())
        .bind(participant.as_str())
        .bind(after.number)
        .bind(page.rows())
        .fetch_all(&db.readers)
        .await?;
    let rows = Page::cut(rows, page, List::Events, |row: &Row| Key {
        number: row.sequence,
        id: String::new(),
    });
    let items = rows
        .items
        .into_iter()
        .map(|row| {
            Ok(Event {
                stage: stage.clone(),
                session: session.clone(),
                participant: participant.clone(),
                sequence: sequence(row.sequence)?,
                time: timestamp(row.time),
                name: EventName::parse(&row.name)
                    .ok_or(StoreError::Corrupt { what: "event name" })?,
                remote: row
                    .remote
                    .map(|id| parse_id(ParticipantId::parse(&id)))
                    .transpose()?,
                error: row
                    .error
                    .map(|code| {
                        ErrorCode::parse(&code).ok_or(StoreError::Corrupt { what: "error code" })
                    })
                    .transpose()?,
                exchange: row
                    .exchange
                    .map(|text| parse_json::<Tokens>(&text, "exchanged tokens"))
                    .transpose()?
                    .map(|tokens| Box::new(tokens.into())),
                replica: row.replica,
                destination: replica::stage_and_session((
                    row.destination_stage.as_deref(),
                    row.destination_session.as_deref(),
                ))?,
            })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(Page {
        items,
        next: rows.next,
    })
}
