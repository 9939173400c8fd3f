//! What the service remembers.
//!
//! [`Store`] is the repository trait; `sqlite` implements it. Methods are named resource first, verb second. All lookups
//! return `Option`; time is passed in. What has been acknowledged survives a crash of the process and of the machine.

#![forbid(unsafe_code)]

#[cfg(test)]
mod contract;
mod latency;
mod page;
mod sqlite;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use model::{
    AccountId, Event, LiveSession, Participant, ParticipantId, ParticipantState, Record, Region,
    ResourceArn, Session, SessionId, Stage, StageArn, Tags,
};

pub use latency::{BUCKETS, Latency, Operation, OperationLatency};
pub use page::{Page, PageRequest, Position};
pub use sqlite::Sqlite;

/// The store as everybody holds it.
pub type SharedStore = Arc<dyn Store>;

/// What can go wrong. A caller answers `Unavailable` with 503 and the others by their name.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The account has as many stages in the region as it may.
    #[error("the quota of {max} is reached")]
    QuotaExceeded {
        /// The quota.
        max: u32,
    },
    /// There is a resource with this identity already; nothing was changed.
    #[error("the resource exists already")]
    AlreadyExists,
    /// The resource is gone.
    #[error("the resource does not exist")]
    NotFound,
    /// After a merge there would be too many tags.
    #[error("a resource may have {max} tags")]
    TooManyTags {
        /// The limit.
        max: usize,
    },
    /// The database cannot be read or written at the moment. A write that ended so may or may not have happened.
    #[error("the database does not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database holds something that this version does not understand.
    #[error("the database holds an invalid {what}")]
    Corrupt {
        /// Which column or value.
        what: &'static str,
    },
    /// Only when opening: another process has the database open.
    #[error("the database {path} is open in another process")]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// Only when opening: a newer version of this program has changed the database's schema.
    #[error(
        "the database has schema {found}, this version understands up to {known}: use the newer version or an older backup"
    )]
    SchemaTooNew {
        /// The schema's version in the database.
        found: i64,
        /// The newest that this build knows.
        known: i64,
    },
}

/// Which participants of a session are asked for; the API allows one filter at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParticipantFilter {
    /// Every one.
    All,
    /// With this user id.
    UserId(String),
    /// That have published in the session, or have not.
    Published(bool),
    /// By state.
    State(ParticipantState),
    /// None: a filter whose value no participant of this build can have (a recording state).
    Nobody,
}

/// The repository. Every write that has returned `Ok` is durable; every list is complete and in a stable order, page by page,
/// whatever is inserted or deleted meanwhile. A list of something that does not exist is empty.
#[async_trait]
pub trait Store: Send + Sync {
    /// Adds a stage unless its account already has `quota` of them in its region.
    async fn stage_insert(&self, stage: &Stage, quota: u32) -> Result<(), StoreError>;
    /// One stage.
    async fn stage_get(&self, arn: &StageArn) -> Result<Option<Stage>, StoreError>;
    /// Stages of an account and region, by creation time, then id.
    async fn stage_list(
        &self,
        account: &AccountId,
        region: &Region,
        page: &PageRequest,
    ) -> Result<Page<Stage>, StoreError>;
    /// Every stage of every account, for the start of the process, with its banned participants.
    async fn stage_all(&self) -> Result<Vec<(StageArn, Vec<ParticipantId>)>, StoreError>;
    /// Changes name and recording configuration; tags, ARN and session stay. `NotFound` if it is gone.
    async fn stage_update(&self, stage: &Stage) -> Result<(), StoreError>;
    /// Deletes a stage with its sessions, participants, events and bans. `NotFound` if it is gone.
    async fn stage_delete(&self, arn: &StageArn) -> Result<(), StoreError>;

    /// Tags of a resource, `None` if there is no such resource.
    async fn tags_get(&self, arn: &ResourceArn) -> Result<Option<Tags>, StoreError>;
    /// Adds and overwrites tags in one transaction.
    async fn tags_merge(&self, arn: &ResourceArn, tags: &Tags) -> Result<(), StoreError>;
    /// Removes tags; absent keys are fine.
    async fn tags_remove(&self, arn: &ResourceArn, keys: &[String]) -> Result<(), StoreError>;

    /// Sessions of a stage, newest first.
    async fn session_list(
        &self,
        stage: &StageArn,
        page: &PageRequest,
    ) -> Result<Page<Session>, StoreError>;
    /// One session.
    async fn session_get(
        &self,
        stage: &StageArn,
        session: &SessionId,
    ) -> Result<Option<Session>, StoreError>;
    /// Sessions without an end: what a crash left.
    async fn session_live(&self) -> Result<Vec<LiveSession>, StoreError>;
    /// Deletes sessions (with participants and events) that ended before the given time, and says how many; frees the
    /// space of what deleted stages left.
    async fn session_expire(&self, before: Timestamp) -> Result<u64, StoreError>;

    /// Participants of a session, by first join, then id.
    async fn participant_list(
        &self,
        stage: &StageArn,
        session: &SessionId,
        filter: &ParticipantFilter,
        page: &PageRequest,
    ) -> Result<Page<Participant>, StoreError>;
    /// One participant of a session.
    async fn participant_get(
        &self,
        stage: &StageArn,
        session: &SessionId,
        participant: &ParticipantId,
    ) -> Result<Option<Participant>, StoreError>;
    /// Whether the participant has a record in any session of the stage.
    async fn participant_known(
        &self,
        stage: &StageArn,
        participant: &ParticipantId,
    ) -> Result<bool, StoreError>;
    /// Bans a participant id from a stage for good; again is fine. `NotFound` if the stage is gone.
    async fn participant_ban(
        &self,
        stage: &StageArn,
        participant: &ParticipantId,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Events of a participant in a session, oldest first.
    async fn event_list(
        &self,
        stage: &StageArn,
        session: &SessionId,
        participant: &ParticipantId,
        page: &PageRequest,
    ) -> Result<Page<Event>, StoreError>;

    /// Applies records in order in one transaction. Records about a stage that is gone are dropped.
    async fn records_apply(&self, records: &[Record]) -> Result<(), StoreError>;
    /// Notes that the process lives, for `LiveSession::last_seen` after a crash.
    async fn heartbeat(&self, at: Timestamp) -> Result<(), StoreError>;
    /// A secret of this installation by name: the stored one, or `fresh` stored now if there was none.
    async fn secret_get_or_insert(&self, name: &str, fresh: &[u8]) -> Result<Vec<u8>, StoreError>;
}
