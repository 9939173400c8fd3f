//! What SQLite's errors mean to a caller.

use sqlx::error::{DatabaseError, ErrorKind};

use crate::StoreError;

/// Primary result codes (sqlite.org/rescode.html) that say the file is not what SQLite wrote.
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_NOTADB: i32 = 26;

/// Everything that means "not now" (busy, locked, full, an IO error, a queue that does not move) is `Unavailable`.
impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if matches!(
            error,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)
        ) {
            return Self::Corrupt { what: "column" };
        }
        match error.as_database_error().and_then(DatabaseError::code) {
            // The low byte of an extended code is the primary one.
            Some(code)
                if code
                    .parse::<i32>()
                    .is_ok_and(|code| matches!(code & 0xFF, SQLITE_CORRUPT | SQLITE_NOTADB)) =>
            {
                Self::Corrupt { what: "file" }
            }
            Some(_) | None => Self::Unavailable(Box::new(error)),
        }
    }
}

/// Whether the error says that a row with the same key is there.
pub(super) fn is_duplicate(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|fault| fault.kind() == ErrorKind::UniqueViolation)
}

/// Whether the error says that another row refers to this one.
pub(super) fn is_referenced(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|fault| fault.kind() == ErrorKind::ForeignKeyViolation)
}
