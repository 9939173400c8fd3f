//! Bringing the schema up to date.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection, SqliteConnection};

use crate::StoreError;

static MIGRATOR: Migrator = sqlx::migrate!("migrations/sqlite");

/// Applies all missing migrations in one transaction: a crash in the middle leaves the old schema. A schema that is newer than
/// this build's, or is not the one this build would have made, is left as it is and refused.
pub(super) async fn run(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let known = MIGRATOR
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0);
    match MIGRATOR.run(&mut *transaction).await {
        Ok(()) => Ok(transaction.commit().await?),
        // Dropping the transaction rolls it back. Where SQLite has done so by itself (full disk), an explicit rollback would fail
        // and hide the cause.
        Err(fault) => Err(refusal(fault, known)),
    }
}

fn refusal(fault: MigrateError, known: i64) -> StoreError {
    if let MigrateError::VersionMissing(found) = fault
        && found > known
    {
        return StoreError::SchemaTooNew { found, known };
    }
    if matches!(
        fault,
        MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_) | MigrateError::Dirty(_)
    ) {
        return StoreError::Corrupt {
            what: "schema version",
        };
    }
    if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = fault {
        return error.into();
    }
    StoreError::Unavailable(Box::new(fault))
}
