//! SQLite: one file in WAL mode with `synchronous=FULL`, one connection that writes and a few that read.
//!
//! Every write is in a `BEGIN IMMEDIATE` transaction, which it may share with others (`writer`). `DEFERRED` would fail at once
//! with `SQLITE_BUSY_SNAPSHOT`, and `NORMAL` would lose acknowledged commits at a power loss. SQL is static text with bound
//! parameters only.
//!
//! What is absent: retries. A caller that gets [`StoreError::Unavailable`] decides itself.

mod connection_token;
mod encoder_configuration;
mod event;
mod fault;
mod grave;
mod ingest_configuration;
mod life;
mod migrate;
mod open;
mod participant;
mod public_key;
mod records;
mod replica;
mod repository;
mod resource;
mod row;
mod secret;
mod session;
mod stage;
mod state;
mod storage_configuration;
mod tags;
#[cfg(test)]
mod tests;
mod writer;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{SqliteConnection, SqlitePool, Transaction};
use tokio::time::Instant;
use tracing::{Instrument, Span};

use self::writer::{Work, Writer};
use crate::{Latency, Operation, StoreError};

/// A store in one SQLite file, or in memory.
#[derive(Debug)]
pub struct Sqlite {
    db: Db,
    writer: Writer,
    latency: Arc<Latency>,
    /// After how long an operation is given up.
    timeout: Duration,
    /// Keeps a memory database alive while the writer's connection is being replaced.
    anchor: Option<SqlitePool>,
    /// Held for as long as the database is open; the system drops it with the process.
    _lock: Option<File>,
}

/// The two ways to the database.
#[derive(Clone, Debug)]
struct Db {
    /// Has one connection, for the task that writes.
    writer: SqlitePool,
    /// Has a few, which cannot write. In memory it is the writer: a shared cache has no snapshots for readers.
    readers: SqlitePool,
}

impl Db {
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

    /// Reads, in a span.
    async fn read<T>(
        &self,
        operation: Operation,
        span: Span,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.run(operation, work.instrument(span)).await
    }

    /// Writes, in a span. The work does not depend on who waits for it: it may go on when its caller has given up.
    async fn write<T: Send + 'static>(
        &self,
        operation: Operation,
        span: Span,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let written = self.writer.write(span.clone(), work);
        self.run(operation, written.instrument(span)).await
    }

    /// Does one operation within the time limit, and counts it.
    async fn run<T>(
        &self,
        operation: Operation,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let result = tokio::time::timeout(self.timeout, work)
            .await
            .unwrap_or_else(|elapsed| Err(StoreError::Unavailable(Box::new(elapsed))));
        self.latency.observe(operation, began.elapsed());
        if let Err(StoreError::Unavailable(_) | StoreError::Corrupt { .. }) = &result {
            self.latency.count_failure(operation);
        }
        result
    }
}
