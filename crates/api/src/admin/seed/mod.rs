//! `POST /_downstage/seed`, and the seed at the start: adds what a document says, all of it or nothing.
//!
//! What an export prints is a document, and a person may write one by hand. Resources whose ARN is there already are
//! skipped as they are, so that a document with ARNs can be seeded again and again.

mod entry;
mod ingest;
mod json;
mod members;
mod place;
mod read;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use model::{ParticipantId, StageArn};
use serde_json::{Map, Value};
use stage::Input;
use store::{SharedStore, StoreError};

use self::place::Place;
use self::read::Draft;
use super::problem::Problem;
use super::{Admin, body, no_query};
use crate::app::{App, StageLine};

/// The version of the document that this build prints and reads.
pub(super) const VERSION: u64 = 1;

/// What became of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeded {
    /// Entries that were added.
    pub inserted: u64,
    /// Entries whose ARN was there already.
    pub skipped: u64,
    /// The ARNs of entries that came without one.
    pub made: Vec<String>,
}

/// Why a document was not seeded; nothing of it was kept. Names the place in the document, repeats no value.
#[derive(Debug, thiserror::Error)]
#[error("{}", told(.0))]
pub struct SeedError(Problem);

fn told(problem: &Problem) -> String {
    match problem.place() {
        Some(place) => format!("{place}: {problem}"),
        None => problem.to_string(),
    }
}

pub(super) async fn serve(
    State(admin): State<Arc<Admin>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    no_query(query.as_deref())?;
    let text = body::read(&headers, body).await?;
    let seeded = seed(&admin.app, &text).await?;
    let mut answer = Map::new();
    answer.insert("inserted".to_owned(), seeded.inserted.into());
    answer.insert("skipped".to_owned(), seeded.skipped.into());
    if !seeded.made.is_empty() {
        answer.insert("arns".to_owned(), seeded.made.into());
    }
    let answer = Value::Object(answer);
    Ok(super::json(StatusCode::OK, answer.to_string() + "\n"))
}

/// Seeds a document that is no request.
pub(crate) async fn from_file(app: &Arc<App>, text: &[u8]) -> Result<Seeded, SeedError> {
    if text.len() > body::BYTES_MAX {
        return Err(SeedError(Problem::BodyTooLarge));
    }
    seed(app, text).await.map_err(SeedError)
}

async fn seed(app: &Arc<App>, text: &[u8]) -> Result<Seeded, Problem> {
    let draft = read::read(app, text).await?;
    let line = app.stage_line()?;
    let store = app.settings.store.clone();
    let revoked = draft.state.revoked_connection_tokens.clone();
    let seeded = app.carry_alone(write(line, store, draft)).await?;
    for token in &revoked {
        (app.settings.revoked)(token);
    }
    Ok(seeded)
}

/// The stages hear first, as in CreateStage: a stage that is stored is always open. Nothing else that concerns stages is
/// written meanwhile, so what is not stored at the beginning is new.
async fn write(line: StageLine, store: SharedStore, mut draft: Draft) -> Result<Seeded, Problem> {
    let mut fresh = Vec::new();
    for stage in &draft.state.stages {
        if store.stage_get(&stage.arn).await?.is_none() {
            fresh.push(stage.arn.clone());
        }
    }
    fresh.sort();
    // A stage that stays as it is keeps its bans too.
    draft
        .state
        .bans
        .retain(|ban| fresh.binary_search(&ban.stage).is_ok());
    open(&line, &fresh, &draft).await?;
    let seeded = match store.state_insert(&draft.state).await {
        Ok(seeded) => seeded,
        Err(error) => {
            // Where the store does not answer, the document may be stored all the same. Then its stages must be open, and
            // if it is not, an open stage without a row does no harm until the document is seeded again.
            if !matches!(error, StoreError::Unavailable(_)) {
                close(&line, &fresh).await?;
            }
            return Err(refused(error));
        }
    };
    // A ban is part of its stage's entry.
    let bans = draft.state.bans.len() as u64;
    let seeded = Seeded {
        inserted: seeded.inserted.saturating_sub(bans),
        skipped: seeded.skipped,
        made: draft.made,
    };
    let (inserted, skipped) = (seeded.inserted, seeded.skipped);
    tracing::info!(inserted, skipped, "a document was seeded");
    Ok(seeded)
}

/// Opens new stages. One that the machine still has although it is not stored ends first: its people were on another.
async fn open(line: &StageLine, fresh: &[StageArn], draft: &Draft) -> Result<(), Problem> {
    close(line, fresh).await?;
    let mut banned: BTreeMap<&StageArn, Vec<ParticipantId>> = BTreeMap::new();
    for ban in &draft.state.bans {
        let of_stage = banned.entry(&ban.stage).or_default();
        of_stage.push(ban.participant.clone());
    }
    for stage in fresh {
        let opened = Input::StageOpened {
            stage: stage.clone(),
            banned: banned.remove(stage).unwrap_or_default(),
        };
        line.tell(opened).await?;
    }
    Ok(())
}

async fn close(line: &StageLine, stages: &[StageArn]) -> Result<(), Problem> {
    for stage in stages {
        let stage = stage.clone();
        line.tell(Input::StageDeleted { stage }).await?;
    }
    Ok(())
}

/// What the store refuses of a document that has been checked: a conflict with what is stored.
fn refused(error: StoreError) -> Problem {
    match error {
        StoreError::AlreadyExists => Place::default()
            .member("publicKeys")
            .problem("one of the keys is there already under another ARN"),
        StoreError::ReferenceNotFound { .. } => Place::default().problem(error.to_string()),
        StoreError::Unavailable(_)
        | StoreError::QuotaExceeded { .. }
        | StoreError::NotFound
        | StoreError::Active
        | StoreError::Referenced { .. }
        | StoreError::TooManyTags { .. }
        | StoreError::Corrupt { .. }
        | StoreError::InUse { .. }
        | StoreError::SchemaTooNew { .. } => error.into(),
    }
}
