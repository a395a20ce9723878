//! From sqlx's errors to ours.

use session_store_api::{Error, ErrorKind};
use sqlx::error::DatabaseError;

/// The name of this store in its errors.
pub(crate) const STORE: &str = "sqlite";

/// What to do about an error of sqlx.
pub(crate) fn error(error: sqlx::Error) -> Error {
    let (kind, message) = match &error {
        sqlx::Error::Database(database) => {
            primary(code(&**database).unwrap_or(1), database.message())
        }
        sqlx::Error::PoolTimedOut => (
            ErrorKind::Unavailable,
            "the pool had no connection to spare",
        ),
        sqlx::Error::PoolClosed => (ErrorKind::Unavailable, "the pool is closed"),
        sqlx::Error::WorkerCrashed => (ErrorKind::Unavailable, "the connection's thread ended"),
        sqlx::Error::Io(_) => (
            ErrorKind::Unavailable,
            "the file could not be read or written",
        ),
        sqlx::Error::Configuration(_) => (ErrorKind::Config, "SQLite refused the settings"),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => (
            ErrorKind::Corrupt,
            "a record is not of the types that this store writes",
        ),
        _ => (ErrorKind::Other, "SQLite failed"),
    };
    Error::new(kind, STORE, message).with_source(error)
}

/// Whether the database was locked by somebody else: `SQLITE_BUSY` or `SQLITE_LOCKED`, in any of their
/// extended forms.
pub(crate) fn is_locked(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(code);
    matches!(code, Some(5 | 6))
}

/// Whether the connection is still good after this error. After one of reading or writing the file it is
/// not: the file may have been replaced, or its disk mounted anew.
pub(crate) fn is_fit(error: &sqlx::Error) -> bool {
    match error.as_database_error().and_then(code) {
        Some(code) => !matches!(code, 8 | 10 | 11 | 14 | 26),
        None => matches!(
            error,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)
        ),
    }
}

/// A setting that cannot be.
pub(crate) fn config(message: impl Into<String>) -> Error {
    session_store_sql::config(STORE, message)
}

/// SQLite's primary result code, which its extended ones keep in their lowest byte.
fn code(error: &dyn DatabaseError) -> Option<i32> {
    let code: i32 = error.code()?.parse().ok()?;
    Some(code & 0xFF)
}

/// What to do about one of SQLite's result codes, <https://www.sqlite.org/rescode.html>.
fn primary(code: i32, message: &str) -> (ErrorKind, &'static str) {
    const MISSING: &str = "the table is missing or of another shape; `migrate()` creates it, `migration_sql()` shows it";
    match code {
        1 if message.starts_with("no such table") => (ErrorKind::Config, MISSING),
        1 if message.contains("no such column") || message.contains("has no column") => {
            (ErrorKind::Config, MISSING)
        }
        3 | 23 => (ErrorKind::Config, "access to the database is denied"),
        5 | 6 => (
            ErrorKind::Timeout,
            "the database stayed locked by somebody else",
        ),
        7 => (ErrorKind::Unavailable, "SQLite is out of memory"),
        8 => (
            ErrorKind::Config,
            "the database is read-only; the file, `-wal` and `-shm` beside it and the directory must be writable",
        ),
        10 => (ErrorKind::Unavailable, "the disk failed to read or write"),
        11 => (ErrorKind::Corrupt, "the database file is damaged"),
        13 => (ErrorKind::Unavailable, "the disk or the database is full"),
        14 => (
            ErrorKind::Config,
            "the database file cannot be opened; it and its directory must be writable",
        ),
        18 => (ErrorKind::TooLarge, "SQLite takes no value of this size"),
        26 => (ErrorKind::Corrupt, "the file is not an SQLite database"),
        _ => (ErrorKind::Other, "SQLite failed"),
    }
}
