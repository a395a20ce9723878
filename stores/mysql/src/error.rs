//! From sqlx's errors to ours.

use std::io;

use session_store_api::{Error, ErrorKind};
use session_store_sql::{Reaction, ServerError};
use sqlx::mysql::MySqlDatabaseError;

/// The name of this store in its errors.
pub(crate) const STORE: &str = "mysql";

const TLS: &str = "TLS failed; see `ssl-mode`, `ssl-ca`, `ssl-cert` and `ssl-key`";

/// What to say about an error of sqlx.
pub(crate) fn error(error: sqlx::Error) -> Error {
    if let Some(refused) = server(&error) {
        return refusal(refused);
    }
    let (kind, message) = match &error {
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
            "the server did not speak MySQL's protocol",
        ),
        sqlx::Error::PoolTimedOut => (
            ErrorKind::Unavailable,
            "the pool had no connection to spare",
        ),
        sqlx::Error::PoolClosed => (ErrorKind::Unavailable, "the pool is closed"),
        sqlx::Error::Configuration(_) => (
            ErrorKind::Config,
            "sqlx refused the settings, or the password may only be sent over TLS",
        ),
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. } => (
            ErrorKind::Corrupt,
            "a record is not of the types that this store writes",
        ),
        _ => (ErrorKind::Other, "MySQL failed"),
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
    match server(error) {
        Some(refused) => !ends_connection(refused.number()),
        None => matches!(
            error,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)
        ),
    }
}

/// What to do about an error of sqlx.
pub(crate) fn reaction(error: &sqlx::Error) -> Reaction {
    match (server(error), error) {
        (Some(refused), _) => match refused.number() {
            // Deadlock; changed since last read; the table's definition changed, and what was prepared for it.
            1213 | 1020 | 1412 | 1615 => Reaction::Again,
            1205 => Reaction::Locked,
            number if breaks_connection(number) => Reaction::Broken,
            _ if concerns_a_row(refused) => Reaction::Apart,
            _ => Reaction::Fail,
        },
        (None, sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) => Reaction::Broken,
        (None, _) => Reaction::Fail,
    }
}

fn server(error: &sqlx::Error) -> Option<&MySqlDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}

/// Whether the server ends the connection, has become read-only, or does not know what was prepared.
fn ends_connection(number: u16) -> bool {
    breaks_connection(number) || matches!(number, 1243 | 1290 | 1792 | 1836 | 3032)
}

/// Whether the server ends the connection: it shuts down, was told to, or lost the thread.
fn breaks_connection(number: u16) -> bool {
    matches!(number, 1053 | 1152 | 1154..=1161 | 1927 | 4031)
}

/// Data, integrity, and what a trigger raises. What is said of it may quote the row.
fn concerns_a_row(refused: &MySqlDatabaseError) -> bool {
    let state = refused.code().unwrap_or_default();
    ["22", "23", "44", "45"]
        .iter()
        .any(|class| state.starts_with(class))
        // A constraint of the user's; a value of the wrong form or size for the column.
        || matches!(refused.number(), 3819 | 4025 | 1366 | 1265 | 1406)
}

/// What to say about one of the server's errors,
/// <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>.
fn refusal(refused: &MySqlDatabaseError) -> Error {
    let (kind, message) = match refused.number() {
        1146 | 1054 | 1136 | 1364 | 1906 => (
            ErrorKind::Config,
            "the table is missing or of another shape; `migrate()` creates it, `migration_sql()` shows it",
        ),
        1049 => (ErrorKind::Config, "the database is not there; create it"),
        1046 => (ErrorKind::Config, "the URL names no database"),
        1044 | 1142 | 1143 | 1227 => (
            ErrorKind::Config,
            "the user lacks a right: SELECT, INSERT, UPDATE and DELETE on the table are needed, and CREATE to create \
             it; see `migration_sql()`",
        ),
        1045 | 1130 | 1251 | 1698 | 1820 | 1862 => (
            ErrorKind::Config,
            "the server refuses the user or the password",
        ),
        1040 | 1203 | 1226 => (
            ErrorKind::Unavailable,
            "the server has too many connections",
        ),
        1290 | 1792 | 1836 | 3032 => (
            ErrorKind::Unavailable,
            "the server is read-only, as a replica is; the URL must lead to a primary",
        ),
        1213 | 1020 | 1412 | 1615 => (
            ErrorKind::Unavailable,
            "the statement kept colliding with those of others",
        ),
        1205 => (
            ErrorKind::Timeout,
            "the record stayed locked by somebody else",
        ),
        1317 | 1969 | 3024 => (ErrorKind::Timeout, "the server gave the statement up"),
        1153 => (
            ErrorKind::TooLarge,
            "the server's `max_allowed_packet` is too small for the value",
        ),
        1021 | 1114 => (ErrorKind::Unavailable, "the server's disk is full"),
        number if breaks_connection(number) => {
            (ErrorKind::Unavailable, "the server ended the connection")
        }
        _ if concerns_a_row(refused) => (
            ErrorKind::Other,
            "the table refused the record, by a constraint or a trigger",
        ),
        _ => (ErrorKind::Other, "MySQL failed"),
    };
    let said = (!concerns_a_row(refused)).then(|| refused.message());
    Error::new(kind, STORE, message)
        .with_source(ServerError::new(refused.number().to_string(), said))
}
