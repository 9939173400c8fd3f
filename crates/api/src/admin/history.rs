//! What happened on the stages, for an export: sessions, their participants, and the events of each, as the API lists them.

use std::collections::BTreeMap;

use model::{Participant, Session, Stage, StageArn};
use serde_json::{Map, Value};
use store::{PageRequest, ParticipantFilter, Position, SharedStore};

use super::members;
use super::problem::Problem;
use crate::shape;

/// A history at most, in bytes of JSON: it is put together in memory.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Items of a page: as many as the store gives.
const PAGE: u32 = 100;

/// The sessions of each stage.
pub(super) async fn read(
    store: &SharedStore,
    stages: &[Stage],
) -> Result<BTreeMap<StageArn, Value>, Problem> {
    let mut history = History { store, bytes: 0 };
    let mut sessions = BTreeMap::new();
    for stage in stages {
        sessions.insert(stage.arn.clone(), history.of_stage(&stage.arn).await?);
    }
    Ok(sessions)
}

/// Reads histories until they are too long together.
struct History<'a> {
    store: &'a SharedStore,
    bytes: usize,
}

/// The pages of a list, one after the other.
#[derive(Default)]
struct Pages {
    after: Option<Position>,
    is_read: bool,
}

impl Pages {
    fn next(&self) -> Option<PageRequest> {
        let after = self.after.clone();
        (!self.is_read).then_some(PageRequest { after, limit: PAGE })
    }

    fn go_on(&mut self, next: Option<Position>) {
        self.is_read = next.is_none();
        self.after = next;
    }
}

impl History<'_> {
    /// The sessions of a stage, newest first.
    async fn of_stage(&mut self, stage: &StageArn) -> Result<Value, Problem> {
        let mut sessions = Vec::new();
        let mut pages = Pages::default();
        while let Some(page) = pages.next() {
            let found = self.store.session_list(stage, &page).await?;
            pages.go_on(found.next);
            for session in &found.items {
                sessions.push(self.session(session).await?);
            }
        }
        Ok(Value::Array(sessions))
    }

    async fn session(&mut self, session: &Session) -> Result<Value, Problem> {
        let mut participants = Vec::new();
        let mut pages = Pages::default();
        while let Some(page) = pages.next() {
            let (stage, id) = (&session.stage, &session.id);
            let everybody = &ParticipantFilter::All;
            let found = self.store.participant_list(stage, id, everybody, &page);
            let found = found.await?;
            pages.go_on(found.next);
            for participant in found.items {
                participants.push(self.participant(participant).await?);
            }
        }
        let mut printed = members(shape::session(session));
        self.count(&printed)?;
        printed.insert("participants".to_owned(), Value::Array(participants));
        Ok(Value::Object(printed))
    }

    async fn participant(&mut self, participant: Participant) -> Result<Value, Problem> {
        let mut events = Vec::new();
        let mut pages = Pages::default();
        while let Some(page) = pages.next() {
            let (stage, session) = (&participant.stage, &participant.session);
            let found = self
                .store
                .event_list(stage, session, &participant.id, &page);
            let found = found.await?;
            pages.go_on(found.next);
            for event in found.items {
                let printed = members(shape::event(event));
                self.count(&printed)?;
                events.push(Value::Object(printed));
            }
        }
        let mut printed = members(shape::participant(participant));
        self.count(&printed)?;
        printed.insert("events".to_owned(), Value::Array(events));
        Ok(Value::Object(printed))
    }

    fn count(&mut self, printed: &Map<String, Value>) -> Result<(), Problem> {
        self.bytes += serde_json::to_string(printed).map_or(0, |text| text.len());
        if self.bytes > BYTES_MAX {
            return Err(Problem::HistoryTooLarge { max: BYTES_MAX });
        }
        Ok(())
    }
}
