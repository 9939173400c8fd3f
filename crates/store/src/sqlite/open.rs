//! Opening and closing: the lock, the file and its permissions, the connections and their settings.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::writer::Writer;
use super::{Db, Sqlite, ingest_configuration, migrate};
use crate::{Latency, StoreError};

/// Connections that read. Reads are short and mostly from the page cache; a dozen cores' worth of them gains nothing.
const READERS: u32 = 4;

/// Size to which the WAL file is cut back after a large transaction, in bytes.
const WAL_BYTES_KEPT: &str = "67108864";

/// How the database is opened, where that is not fixed.
pub(super) struct Settings {
    /// How long a statement waits for another process's lock, e.g. a backup tool's.
    pub(super) busy_timeout: Duration,
    /// How long a read waits for a connection, or the writer for its own.
    pub(super) acquire_timeout: Duration,
    /// How long an operation may take, its time in the queue included, before it is given up: a disk that hangs must not hold
    /// callers for ever.
    pub(super) operation_timeout: Duration,
    /// Most pages that the file may have (`None`: as many as the disk holds).
    pub(super) pages_max: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(5),
            acquire_timeout: Duration::from_secs(5),
            operation_timeout: Duration::from_secs(10),
            pages_max: None,
        }
    }
}

/// Opens or makes the database at `path`.
pub(super) async fn file(
    path: &Path,
    latency: Arc<Latency>,
    settings: &Settings,
) -> Result<Sqlite, StoreError> {
    let path = resolved(path).map_err(unavailable)?;
    // The lock comes first: closing a descriptor of a file that this process has open elsewhere would drop SQLite's own locks on it.
    let lock = lock(&path)?;
    make(&path).map_err(unavailable)?;

    let options = common(SqliteConnectOptions::new(), settings)
        .filename(&path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", WAL_BYTES_KEPT);
    let writer = pool(1, settings).connect_with(options.clone()).await?;
    {
        let mut connection = writer.acquire().await?;
        migrate::run(&mut connection).await?;
        ingest_configuration::none_is_active(&mut connection).await?;
    }
    let readers = pool(READERS, settings)
        .connect_with(options.pragma("query_only", "ON"))
        .await?;
    Ok(Sqlite {
        writer: Writer::start(writer.clone()),
        db: Db { writer, readers },
        latency,
        timeout: settings.operation_timeout,
        anchor: None,
        _lock: Some(lock),
    })
}

/// Makes a database in memory.
pub(super) async fn memory(
    latency: Arc<Latency>,
    settings: &Settings,
) -> Result<Sqlite, StoreError> {
    // Parsing this text draws a name that is unique in the process; all connections with these options share the database.
    let options = common(SqliteConnectOptions::from_str("sqlite::memory:")?, settings);
    let anchor = pool(1, settings).connect_with(options.clone()).await?;
    let writer = pool(1, settings).connect_with(options).await?;
    migrate::run(&mut *writer.acquire().await?).await?;
    Ok(Sqlite {
        writer: Writer::start(writer.clone()),
        db: Db {
            readers: writer.clone(),
            writer,
        },
        latency,
        timeout: settings.operation_timeout,
        anchor: Some(anchor),
        _lock: None,
    })
}

fn common(options: SqliteConnectOptions, settings: &Settings) -> SqliteConnectOptions {
    let options = options
        .foreign_keys(true)
        .busy_timeout(settings.busy_timeout)
        .thread_name(|at| format!("store-{at}"));
    match settings.pages_max {
        Some(pages) => options.pragma("max_page_count", pages.to_string()),
        None => options,
    }
}

fn pool(size: u32, settings: &Settings) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(size)
        .min_connections(1)
        .acquire_timeout(settings.acquire_timeout)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        // A full disk or an IO error makes SQLite roll back by itself. The driver's own rollback then fails, and it would believe
        // for ever that the connection is in a transaction. Such a connection is replaced. The ping waits for a rollback under way;
        // a connection that is in no transaction has none, and is spared the trip to its thread.
        .after_release(|connection, _| {
            Box::pin(async move {
                if connection.is_in_transaction() {
                    connection.ping().await?;
                }
                Ok(!connection.is_in_transaction())
            })
        })
}

/// The file's path without links, so that two names of one database have one lock.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    if path.exists() {
        return fs::canonicalize(path);
    }
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    Ok(fs::canonicalize(directory)?.join(name))
}

/// Takes the lock file beside the database. SQLite's own locks let several processes share a database; two servers on one
/// would each believe that the live sessions are theirs.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = private(Path::new(&name)).map_err(unavailable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(unavailable(error)),
    }
}

/// Makes an empty database file unless there is one, for its owner only: secrets are inside. SQLite gives the WAL the same mode.
fn make(path: &Path) -> io::Result<()> {
    private(path)?.sync_all()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    }
    // The name of a new file survives a power loss once its directory is synced.
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

fn unavailable(error: io::Error) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}
