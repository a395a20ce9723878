//! From sqlx's errors to ours.

use std::io;

use session_store_api::{Error, ErrorKind};
use session_store_sql::{Reaction, ServerError};
use sqlx::error::DatabaseError;

/// The name of this store in its errors.
pub(crate) const STORE: &str = "postgres";

const TLS: &str = "TLS failed; see `sslmode`, `sslrootcert`, `sslcert` and `sslkey`";

/// What to say about an error of sqlx.
pub(crate) fn error(error: sqlx::Error) -> Error {
    let (kind, message) = match &error {
        sqlx::Error::Database(database) => return refused(&**database),
        sqlx::Error::Tls(_) => (ErrorKind::Config, TLS),
        // What rustls says of a certificate comes through the socket.
        sqlx::Error::Io(cause) if cause.kind() == io::ErrorKind::InvalidData => {
            (ErrorKind::Config, TLS)
        }
        sqlx::Error::Io(_) => (
            ErrorKind::Unavailable,
            "the connection to the server failed",
        ),
        sqlx::Error::Protocol(_) => (
            ErrorKind::Unavailable,
            "the server did not speak PostgreSQL's protocol",
        ),
        sqlx::Error::PoolTimedOut => (
            ErrorKind::Unavailable,
            "the pool had no connection to spare",
        ),
        sqlx::Error::PoolClosed => (ErrorKind::Unavailable, "the pool is closed"),
        sqlx::Error::Configuration(_) => (ErrorKind::Config, "sqlx refused the settings"),
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. } => (
            ErrorKind::Corrupt,
            "a record is not of the types that this store writes",
        ),
        _ => (ErrorKind::Other, "PostgreSQL failed"),
    };
    Error::new(kind, STORE, message).with_source(error)
}

/// The same of the first connection to this place.
pub(crate) fn error_at(place: &str, failure: sqlx::Error) -> Error {
    match &failure {
        sqlx::Error::Io(cause) if cause.kind() != io::ErrorKind::InvalidData => {
            let message = format!("the connection to {place} failed");
            Error::new(ErrorKind::Unavailable, STORE, message).with_source(failure)
        }
        _ => error(failure),
    }
}

/// Whether the connection is still good after this error.
pub(crate) fn is_fit(error: &sqlx::Error) -> bool {
    match error.as_database_error().and_then(DatabaseError::code) {
        Some(code) => !ends_connection(&code),
        None => matches!(
            error,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)
        ),
    }
}

/// Whether the server ends the connection (57P, 08), has become a standby (25006), or does not know what we
/// prepared (26000, 42P05) or prepared for a table that has changed since (0A000).
fn ends_connection(code: &str) -> bool {
    matches!(code.get(..3), Some("57P"))
        || code.starts_with("08")
        || matches!(code, "25006" | "26000" | "42P05" | "0A000")
}

/// What to do about an error of sqlx.
pub(crate) fn reaction(error: &sqlx::Error) -> Reaction {
    match error {
        sqlx::Error::Database(database) => match database.code().as_deref().unwrap_or_default() {
            // Serialization, deadlock; and a plan that was made for columns of other types.
            "40001" | "40P01" | "0A000" => Reaction::Again,
            "55P03" => Reaction::Locked,
            code if concerns_a_row(code) => Reaction::Apart,
            code if code.starts_with("57P") || code.starts_with("08") => Reaction::Broken,
            _ => Reaction::Fail,
        },
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => Reaction::Broken,
        _ => Reaction::Fail,
    }
}

/// Data, integrity, limits, and what a trigger raises. What is said of it may quote the row.
fn concerns_a_row(code: &str) -> bool {
    ["22", "23", "44", "54", "P0"]
        .iter()
        .any(|class| code.starts_with(class))
}

/// What to say about one of PostgreSQL's codes,
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn refused(error: &dyn DatabaseError) -> Error {
    let code = error.code().unwrap_or_default();
    let (kind, message) = match &*code {
        "42P01" | "42703" | "42804" | "42883" | "42P10" => (
            ErrorKind::Config,
            "the table is missing or of another shape; `migrate()` creates it, `migration_sql()` shows it",
        ),
        "3F000" => (ErrorKind::Config, "the schema is not there; create it"),
        "42501" => (
            ErrorKind::Config,
            "the user lacks a right: SELECT, INSERT, UPDATE and DELETE on the table are needed, and to create it \
             CREATE on its schema; see `migration_sql()`",
        ),
        "28000" | "28P01" => (
            ErrorKind::Config,
            "the server refuses the user or the password",
        ),
        "3D000" => (ErrorKind::Config, "the database is not there; create it"),
        "25006" => (
            ErrorKind::Unavailable,
            "the server is read-only, as a standby is; the URL must lead to a primary",
        ),
        "26000" | "42P05" | "08P01" => (
            ErrorKind::Config,
            "prepared statements get lost; behind a pooler use `pooler=true`",
        ),
        "40001" | "40P01" => (
            ErrorKind::Unavailable,
            "the statement kept colliding with those of others",
        ),
        "55P03" => (
            ErrorKind::Timeout,
            "the record stayed locked by somebody else",
        ),
        "57014" => (ErrorKind::Timeout, "the server gave the statement up"),
        "53100" => (ErrorKind::Unavailable, "the server's disk is full"),
        "53300" => (
            ErrorKind::Unavailable,
            "the server has too many connections",
        ),
        code if concerns_a_row(code) => (
            ErrorKind::Other,
            "the table refused the record, by a constraint or a trigger",
        ),
        code => match code.get(..2) {
            Some("08" | "53" | "57" | "58") => (
                ErrorKind::Unavailable,
                "the server cannot take statements now",
            ),
            _ => (ErrorKind::Other, "PostgreSQL failed"),
        },
    };
    let said = (!concerns_a_row(&code)).then(|| error.message());
    Error::new(kind, STORE, message).with_source(ServerError::new(code.into_owned(), said))
}
