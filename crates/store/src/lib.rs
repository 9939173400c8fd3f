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
    AccountId, ConnectionTokenId, EncoderConfiguration, EncoderConfigurationArn, Event,
    IngestConfiguration, IngestConfigurationArn, LiveSession, Participant, ParticipantId,
    ParticipantState, PublicKey, PublicKeyArn, Record, RecordingConfiguration, Region, Replica,
    ResourceArn, RevokedConnectionToken, Session, SessionId, Stage, StageArn, State,
    StorageConfiguration, StorageConfigurationArn, StreamKey, Tags,
};

pub use latency::{BUCKETS, Latency, Operation, OperationLatency};
pub use page::{Page, PageRequest, Position};
pub use sqlite::Sqlite;

/// The store as everybody holds it.
pub type SharedStore = Arc<dyn Store>;

/// What can go wrong. A caller answers `Unavailable` with 503 and the others by their name.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The account has as many resources of the kind in the region as it may.
    #[error("the quota of {kinds} is reached: {max} in an account and region")]
    QuotaExceeded {
        /// Their kind in the plural, e.g. `public keys`.
        kinds: &'static str,
        /// The quota.
        max: u32,
    },
    /// There is a resource with this identity already; nothing was changed.
    #[error("the resource exists already")]
    AlreadyExists,
    /// The resource is gone.
    #[error("the resource does not exist")]
    NotFound,
    /// A stream of the ingest configuration is connected; nothing was changed.
    #[error("the ingest configuration is ACTIVE: a stream is connected")]
    Active,
    /// A resource that the new one names is not there, or is of another account or region; nothing was changed.
    #[error("the {kind} does not exist")]
    ReferenceNotFound {
        /// Its kind, e.g. `stage`.
        kind: &'static str,
    },
    /// Another resource names this one; nothing was changed.
    #[error("the resource is in use by a {by}")]
    Referenced {
        /// The kind of the other one.
        by: &'static str,
    },
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

/// How a participant came to have a record on a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CameBy {
    /// With a token or as a replica, at least once.
    Token,
    /// Through an ingest configuration and never otherwise.
    Ingest,
}

/// What is changed of a stage; `None` leaves it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageChange {
    /// The new name.
    pub name: Option<String>,
    /// The new recording configuration.
    pub recording: Option<RecordingConfiguration>,
}

/// Which ingest configurations are asked for; the API allows one filter at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IngestFilter {
    /// Every one.
    All,
    /// Those of a stage.
    Stage(StageArn),
    /// Those of which a stream is connected, or those of which none is.
    Active(bool),
    /// None: a filter whose value no configuration can have.
    Nothing,
}

/// What is changed of an ingest configuration; `None` leaves it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngestChange {
    /// To which stage it publishes from here on, or to none.
    pub stage: Option<Option<StageArn>>,
    /// Whether it has a second stream.
    pub redundancy: Option<Redundancy>,
}

/// Whether an ingest configuration has a second stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redundancy {
    /// It has not; its credentials are dropped.
    Off,
    /// It has. Credentials that are there already stay; otherwise they are made of these, the first with the
    /// configuration's own key.
    On {
        /// The participants of the two streams.
        participants: [ParticipantId; 2],
        /// The key of the second one.
        second_key: StreamKey,
    },
}

/// How many resources a seed has brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    /// New ones.
    pub inserted: u64,
    /// Those whose identity was there already; they were left as they are.
    pub skipped: u64,
}

/// The repository. Every write that has returned `Ok` is durable; every list is complete and in a stable order, page by page,
/// whatever is inserted or deleted meanwhile. A list of something that does not exist is empty.
#[async_trait]
pub trait Store: Send + Sync {
    /// Adds a stage unless its account already has `quota` of them in its region. `ReferenceNotFound` if its recordings
    /// would go to a storage configuration that its account and region do not have.
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
    /// Changes a stage in one transaction and gives it as it stands then. `NotFound` if it is gone, `ReferenceNotFound` as
    /// for an insert.
    async fn stage_update(&self, arn: &StageArn, change: &StageChange)
    -> Result<Stage, StoreError>;
    /// Deletes a stage with its sessions, participants, events, replications from it and bans, and detaches its ingest configurations. `NotFound`
    /// if it is gone.
    async fn stage_delete(&self, arn: &StageArn) -> Result<(), StoreError>;

    /// Adds a public key. `AlreadyExists` if its account and region have the same key.
    async fn public_key_insert(&self, key: &PublicKey, quota: u32) -> Result<(), StoreError>;
    /// One public key.
    async fn public_key_get(&self, arn: &PublicKeyArn) -> Result<Option<PublicKey>, StoreError>;
    /// Public keys of an account and region, by creation time, then id.
    async fn public_key_list(
        &self,
        account: &AccountId,
        region: &Region,
        page: &PageRequest,
    ) -> Result<Page<PublicKey>, StoreError>;
    /// Deletes a public key. `NotFound` if it is gone.
    async fn public_key_delete(&self, arn: &PublicKeyArn) -> Result<(), StoreError>;

    /// Adds an ingest configuration. `ReferenceNotFound` if its stage is not one of its account and region.
    async fn ingest_configuration_insert(
        &self,
        configuration: &IngestConfiguration,
        quota: u32,
    ) -> Result<(), StoreError>;
    /// One ingest configuration.
    async fn ingest_configuration_get(
        &self,
        arn: &IngestConfigurationArn,
    ) -> Result<Option<IngestConfiguration>, StoreError>;
    /// Ingest configurations of an account and region, by creation time, then id.
    async fn ingest_configuration_list(
        &self,
        account: &AccountId,
        region: &Region,
        filter: &IngestFilter,
        page: &PageRequest,
    ) -> Result<Page<IngestConfiguration>, StoreError>;
    /// Changes an ingest configuration in one transaction and gives it as it stands then. `NotFound` if it is gone,
    /// `ReferenceNotFound` as for an insert, `Active` while a stream of it is connected.
    async fn ingest_configuration_update(
        &self,
        arn: &IngestConfigurationArn,
        change: &IngestChange,
    ) -> Result<IngestConfiguration, StoreError>;
    /// Deletes an ingest configuration. `NotFound` if it is gone, `Active` while a stream of it is connected, unless that is to
    /// be done by `force`.
    async fn ingest_configuration_delete(
        &self,
        arn: &IngestConfigurationArn,
        force: bool,
    ) -> Result<(), StoreError>;
    /// Detaches the ingest configuration that publishes to the stage as this participant, with one of its streams or as a
    /// whole, active or not. Says which that was.
    async fn ingest_configuration_detach(
        &self,
        stage: &StageArn,
        participant: &ParticipantId,
    ) -> Result<Vec<IngestConfigurationArn>, StoreError>;

    /// Adds an encoder configuration.
    async fn encoder_configuration_insert(
        &self,
        configuration: &EncoderConfiguration,
        quota: u32,
    ) -> Result<(), StoreError>;
    /// One encoder configuration.
    async fn encoder_configuration_get(
        &self,
        arn: &EncoderConfigurationArn,
    ) -> Result<Option<EncoderConfiguration>, StoreError>;
    /// Encoder configurations of an account and region, by creation time, then id.
    async fn encoder_configuration_list(
        &self,
        account: &AccountId,
        region: &Region,
        page: &PageRequest,
    ) -> Result<Page<EncoderConfiguration>, StoreError>;
    /// Deletes an encoder configuration. `NotFound` if it is gone.
    async fn encoder_configuration_delete(
        &self,
        arn: &EncoderConfigurationArn,
    ) -> Result<(), StoreError>;

    /// Adds a storage configuration.
    async fn storage_configuration_insert(
        &self,
        configuration: &StorageConfiguration,
        quota: u32,
    ) -> Result<(), StoreError>;
    /// One storage configuration.
    async fn storage_configuration_get(
        &self,
        arn: &StorageConfigurationArn,
    ) -> Result<Option<StorageConfiguration>, StoreError>;
    /// Storage configurations of an account and region, by creation time, then id.
    async fn storage_configuration_list(
        &self,
        account: &AccountId,
        region: &Region,
        page: &PageRequest,
    ) -> Result<Page<StorageConfiguration>, StoreError>;
    /// Deletes a storage configuration. `NotFound` if it is gone, `Referenced` while a stage names it.
    async fn storage_configuration_delete(
        &self,
        arn: &StorageConfigurationArn,
    ) -> Result<(), StoreError>;

    /// Revokes a connection token; again is fine, and the later time counts.
    async fn connection_token_revoke(
        &self,
        token: &RevokedConnectionToken,
    ) -> Result<(), StoreError>;
    /// Whether a connection token has been revoked in the account and region.
    async fn connection_token_is_revoked(
        &self,
        account: &AccountId,
        region: &Region,
        token: &ConnectionTokenId,
    ) -> Result<bool, StoreError>;
    /// Forgets tokens that were revoked before the given time, and says how many.
    async fn connection_token_expire(&self, before: Timestamp) -> Result<u64, StoreError>;

    /// Every resource, in one snapshot and a stable order.
    async fn state_export(&self) -> Result<State, StoreError>;
    /// Adds resources, all or none; quotas do not count, every item does. One whose identity is there already is skipped.
    /// `ReferenceNotFound` as for single inserts, and for a ban whose stage is not there; `AlreadyExists` if a public key is
    /// there under another ARN.
    async fn state_insert(&self, state: &State) -> Result<Seeded, StoreError>;
    /// Deletes everything but the secrets of the installation, and says which stages there were.
    async fn state_clear(&self) -> Result<Vec<StageArn>, StoreError>;

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
    /// Deletes sessions (with participants, events and replications from them) that ended before the given time, and says how many; frees the
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
    /// Whether the participant has a record in any session of the stage, and how it got there.
    async fn participant_known(
        &self,
        stage: &StageArn,
        participant: &ParticipantId,
    ) -> Result<Option<CameBy>, StoreError>;
    /// The newest session of the stage in which the participant has a record.
    async fn participant_session(
        &self,
        stage: &StageArn,
        participant: &ParticipantId,
    ) -> Result<Option<SessionId>, StoreError>;
    /// Bans a participant id from a stage for good; again is fine. `NotFound` if the stage is gone.
    async fn participant_ban(
        &self,
        stage: &StageArn,
        participant: &ParticipantId,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Replications of a participant from a session, active ones and those that are over, by the ARN of their destination.
    async fn replica_list(
        &self,
        source: &StageArn,
        session: &SessionId,
        participant: &ParticipantId,
        page: &PageRequest,
    ) -> Result<Page<Replica>, StoreError>;
    /// Whether the participant was ever replicated from the one stage to the other, in any session that is kept.
    async fn replica_known(
        &self,
        source: &StageArn,
        destination: &StageArn,
        participant: &ParticipantId,
    ) -> Result<bool, StoreError>;

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
