//! SQLite: one file in WAL mode with `synchronous=FULL`, one connection that writes and a few that read.
//!
//! Every write is one `BEGIN IMMEDIATE` transaction. `DEFERRED` would fail at once with `SQLITE_BUSY_SNAPSHOT`, and `NORMAL`
//! would lose acknowledged commits at a power loss. SQL is static text with bound parameters only.
//!
//! What is absent: retries. A caller that gets [`StoreError::Unavailable`] decides itself.

mod event;
mod fault;
mod grave;
mod life;
mod migrate;
mod open;
mod participant;
mod records;
mod row;
mod secret;
mod session;
mod stage;
mod tags;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use model::{
    AccountId, ConnectionTokenId, EncoderConfiguration, EncoderConfigurationArn, Event,
    IngestConfiguration, IngestConfigurationArn, LiveSession, Participant, ParticipantId,
    PublicKey, PublicKeyArn, Record, Region, ResourceArn, RevokedConnectionToken, Session,
    SessionId, Stage, StageArn, State, StorageConfiguration, StorageConfigurationArn, Tags,
};
use sqlx::{SqlitePool, Transaction};
use tokio::time::Instant;
use tracing::{Instrument, Span, debug_span};

use crate::{
    IngestChange, IngestFilter, Latency, Operation, Page, PageRequest, ParticipantFilter, Seeded,
    StageChange, Store, StoreError,
};

/// How long an operation may take before it is given up: a disk that hangs must not hold callers for ever. Above the
/// time to wait for a connection, so that a full queue and a hung disk are told apart.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);

/// A store in one SQLite file, or in memory.
#[derive(Debug)]
pub struct Sqlite {
    db: Db,
    latency: Arc<Latency>,
    /// Keeps a memory database alive while the writer's connection is being replaced.
    anchor: Option<SqlitePool>,
    /// Held for as long as the database is open; the system drops it with the process.
    _lock: Option<File>,
}

/// The two ways to the database.
#[derive(Clone, Debug)]
struct Db {
    /// Has one connection.
    writer: SqlitePool,
    /// Has a few, which cannot write. In memory it is the writer: a shared cache has no snapshots for readers.
    readers: SqlitePool,
}

impl Db {
    /// Begins a write transaction, which waits for the one before it. Dropping it rolls it back.
    async fn write(&self) -> Result<Transaction<'static, sqlx::Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Begins a read transaction: one snapshot for several queries.
    async fn read(&self) -> Result<Transaction<'static, sqlx::Sqlite>, StoreError> {
        Ok(self.readers.begin().await?)
    }
}

impl Sqlite {
    /// Opens the database at `path`, or makes it (readable by its owner only) in a directory that exists, and brings its
    /// schema up to date.
    ///
    /// [`StoreError::InUse`] if it is open already, [`StoreError::SchemaTooNew`] if a newer version wrote it.
    pub async fn open(path: &Path, latency: Arc<Latency>) -> Result<Self, StoreError> {
        open::file(path, latency, &open::Settings::default()).await
    }

    /// Makes an empty database in memory that is gone with the value.
    pub async fn open_memory(latency: Arc<Latency>) -> Result<Self, StoreError> {
        open::memory(latency, &open::Settings::default()).await
    }

    /// Waits for what is being done, then closes all connections; the last one moves the WAL into the database. Every
    /// later call fails. A store that is dropped without it loses nothing.
    pub async fn close(&self) {
        self.db.readers.close().await;
        self.db.writer.close().await;
        if let Some(anchor) = &self.anchor {
            anchor.close().await;
        }
    }

    /// Does one operation in its span, within the time limit, and counts it.
    async fn run<T>(
        &self,
        operation: Operation,
        span: Span,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let result = tokio::time::timeout(OPERATION_TIMEOUT, work.instrument(span))
            .await
            .unwrap_or_else(|elapsed| Err(StoreError::Unavailable(Box::new(elapsed))));
        self.latency.observe(operation, began.elapsed());
        if let Err(StoreError::Unavailable(_) | StoreError::Corrupt { .. }) = &result {
            self.latency.count_failure(operation);
        }
        result
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn stage_insert(&self, stage: &Stage, quota: u32) -> Result<(), StoreError> {
        let span = debug_span!("db.stage.insert", stage = %stage.arn.id);
        self.run(
            Operation::StageInsert,
            span,
            stage::insert(&self.db, stage, quota),
        )
        .await
    }

    async fn stage_get(&self, arn: &StageArn) -> Result<Option<Stage>, StoreError> {
        let span = debug_span!("db.stage.lookup", stage = %arn.id);
        self.run(Operation::StageGet, span, stage::get(&self.db, arn))
            .await
    }

    async fn stage_list(
        &self,
        account: &AccountId,
        region: &Region,
        page: &PageRequest,
    ) -> Result<Page<Stage>, StoreError> {
        let span = debug_span!("db.stage.list");
        self.run(
            Operation::StageList,
            span,
            stage::list(&self.db, account, region, page),
        )
        .await
    }

    async fn stage_all(&self) -> Result<Vec<(StageArn, Vec<ParticipantId>)>, StoreError> {
        let span = debug_span!("db.stage.all");
        self.run(Operation::StageAll, span, stage::all(&self.db))
            .await
    }

    async fn stage_update(
        &self,
        arn: &StageArn,
        change: &StageChange,
    ) -> Result<Stage, StoreError> {
        let span = debug_span!("db.stage.update", stage = %arn.id);
        self.run(
            Operation::StageUpdate,
            span,
            stage::update(&self.db, arn, change),
        )
        .await
    }

    async fn stage_delete(&self, arn: &StageArn) -> Result<(), StoreError> {
        let span = debug_span!("db.stage.delete", stage = %arn.id);
        self.run(Operation::StageDelete, span, stage::delete(&self.db, arn))
            .await
    }

    async fn public_key_insert(&self, _key: &PublicKey, _quota: u32) -> Result<(), StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn public_key_get(&self, _arn: &PublicKeyArn) -> Result<Option<PublicKey>, StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn public_key_list(
        &self,
        _account: &AccountId,
        _region: &Region,
        _page: &PageRequest,
    ) -> Result<Page<PublicKey>, StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn public_key_delete(&self, _arn: &PublicKeyArn) -> Result<(), StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn ingest_configuration_insert(
        &self,
        _configuration: &IngestConfiguration,
        _quota: u32,
    ) -> Result<(), StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn ingest_configuration_get(
        &self,
        _arn: &IngestConfigurationArn,
    ) -> Result<Option<IngestConfiguration>, StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn ingest_configuration_list(
        &self,
        _account: &AccountId,
        _region: &Region,
        _filter: &IngestFilter,
        _page: &PageRequest,
    ) -> Result<Page<IngestConfiguration>, StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn ingest_configuration_update(
        &self,
        _arn: &IngestConfigurationArn,
        _change: &IngestChange,
    ) -> Result<IngestConfiguration, StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn ingest_configuration_delete(
        &self,
        _arn: &IngestConfigurationArn,
    ) -> Result<(), StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn ingest_configuration_detach(
        &self,
        _stage: &StageArn,
        _participant: &ParticipantId,
    ) -> Result<bool, StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn encoder_configuration_insert(
        &self,
        _configuration: &EncoderConfiguration,
        _quota: u32,
    ) -> Result<(), StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn encoder_configuration_get(
        &self,
        _arn: &EncoderConfigurationArn,
    ) -> Result<Option<EncoderConfiguration>, StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn encoder_configuration_list(
        &self,
        _account: &AccountId,
        _region: &Region,
        _page: &PageRequest,
    ) -> Result<Page<EncoderConfiguration>, StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn encoder_configuration_delete(
        &self,
        _arn: &EncoderConfigurationArn,
    ) -> Result<(), StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn storage_configuration_insert(
        &self,
        _configuration: &StorageConfiguration,
        _quota: u32,
    ) -> Result<(), StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn storage_configuration_get(
        &self,
        _arn: &StorageConfigurationArn,
    ) -> Result<Option<StorageConfiguration>, StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn storage_configuration_list(
        &self,
        _account: &AccountId,
        _region: &Region,
        _page: &PageRequest,
    ) -> Result<Page<StorageConfiguration>, StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn storage_configuration_delete(
        &self,
        _arn: &StorageConfigurationArn,
    ) -> Result<(), StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn connection_token_revoke(
        &self,
        _token: &RevokedConnectionToken,
    ) -> Result<(), StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn connection_token_is_revoked(
        &self,
        _account: &AccountId,
        _region: &Region,
        _token: &ConnectionTokenId,
    ) -> Result<bool, StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn connection_token_expire(&self, _before: Timestamp) -> Result<u64, StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn state_export(&self) -> Result<State, StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn state_insert(&self, _state: &State) -> Result<Seeded, StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn state_clear(&self) -> Result<Vec<StageArn>, StoreError> {
        Err(StoreError::Unavailable("not in this build".into()))
    }

    async fn tags_get(&self, arn: &ResourceArn) -> Result<Option<Tags>, StoreError> {
        let span = debug_span!("db.tags.lookup", resource = %arn.id);
        self.run(Operation::TagsGet, span, tags::get(&self.db, arn))
            .await
    }

    async fn tags_merge(&self, arn: &ResourceArn, tags: &Tags) -> Result<(), StoreError> {
        let span = debug_span!("db.tags.merge", resource = %arn.id);
        self.run(Operation::TagsMerge, span, tags::merge(&self.db, arn, tags))
            .await
    }

    async fn tags_remove(&self, arn: &ResourceArn, keys: &[String]) -> Result<(), StoreError> {
        let span = debug_span!("db.tags.remove", resource = %arn.id);
        self.run(
            Operation::TagsRemove,
            span,
            tags::remove(&self.db, arn, keys),
        )
        .await
    }

    async fn session_list(
        &self,
        stage: &StageArn,
        page: &PageRequest,
    ) -> Result<Page<Session>, StoreError> {
        let span = debug_span!("db.session.list", stage = %stage.id);
        self.run(
            Operation::SessionList,
            span,
            session::list(&self.db, stage, page),
        )
        .await
    }

    async fn session_get(
        &self,
        stage: &StageArn,
        session: &SessionId,
    ) -> Result<Option<Session>, StoreError> {
        let span = debug_span!("db.session.lookup", stage = %stage.id, %session);
        self.run(
            Operation::SessionGet,
            span,
            session::get(&self.db, stage, session),
        )
        .await
    }

    async fn session_live(&self) -> Result<Vec<LiveSession>, StoreError> {
        let span = debug_span!("db.session.live");
        self.run(Operation::SessionLive, span, session::live(&self.db))
            .await
    }

    async fn session_expire(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut expired = 0;
        // In small transactions, so that other writes get their turn.
        loop {
            let span = debug_span!("db.session.expire");
            let work = grave::bury_some(&self.db, before);
            match self.run(Operation::SessionExpire, span, work).await? {
                0 => break,
                some => expired += some,
            }
        }
        loop {
            let span = debug_span!("db.session.clear");
            let work = grave::clear_some(&self.db);
            if !self.run(Operation::SessionExpire, span, work).await? {
                return Ok(expired);
            }
        }
    }

    async fn participant_list(
        &self,
        stage: &StageArn,
        session: &SessionId,
        filter: &ParticipantFilter,
        page: &PageRequest,
    ) -> Result<Page<Participant>, StoreError> {
        let span = debug_span!("db.participant.list", stage = %stage.id, %session);
        self.run(
            Operation::ParticipantList,
            span,
            participant::list(&self.db, stage, session, filter, page),
        )
        .await
    }

    async fn participant_get(
        &self,
        stage: &StageArn,
        session: &SessionId,
        participant: &ParticipantId,
    ) -> Result<Option<Participant>, StoreError> {
        let span = debug_span!("db.participant.lookup", stage = %stage.id, %session, %participant);
        self.run(
            Operation::ParticipantGet,
            span,
            participant::get(&self.db, stage, session, participant),
        )
        .await
    }

    async fn participant_known(
        &self,
        stage: &StageArn,
        participant: &ParticipantId,
    ) -> Result<bool, StoreError> {
        let span = debug_span!("db.participant.known", stage = %stage.id, %participant);
        self.run(
            Operation::ParticipantKnown,
            span,
            participant::known(&self.db, stage, participant),
        )
        .await
    }

    async fn participant_ban(
        &self,
        stage: &StageArn,
        participant: &ParticipantId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let span = debug_span!("db.participant.ban", stage = %stage.id, %participant);
        self.run(
            Operation::ParticipantBan,
            span,
            participant::ban(&self.db, stage, participant, at),
        )
        .await
    }

    async fn event_list(
        &self,
        stage: &StageArn,
        session: &SessionId,
        participant: &ParticipantId,
        page: &PageRequest,
    ) -> Result<Page<Event>, StoreError> {
        let span = debug_span!("db.event.list", stage = %stage.id, %session, %participant);
        self.run(
            Operation::EventList,
            span,
            event::list(&self.db, stage, session, participant, page),
        )
        .await
    }

    async fn records_apply(&self, records: &[Record]) -> Result<(), StoreError> {
        let span = debug_span!("db.records.apply", records = records.len());
        self.run(
            Operation::RecordsApply,
            span,
            records::apply(&self.db, records),
        )
        .await
    }

    async fn heartbeat(&self, at: Timestamp) -> Result<(), StoreError> {
        let span = debug_span!("db.life.heartbeat");
        self.run(Operation::Heartbeat, span, life::heartbeat(&self.db, at))
            .await
    }

    async fn secret_get_or_insert(&self, name: &str, fresh: &[u8]) -> Result<Vec<u8>, StoreError> {
        let span = debug_span!("db.secret.lookup");
        self.run(
            Operation::SecretGetOrInsert,
            span,
            secret::get_or_insert(&self.db, name, fresh),
        )
        .await
    }
}
