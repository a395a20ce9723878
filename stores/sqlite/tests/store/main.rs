//! What is SQLite's own: files, locks, crashes, schemas, sweeping.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::path::Path;
use std::time::Duration;

use session_store_api::{Error, ErrorKind, MaxAge, SessionKey};
use session_store_sqlite::sqlx::{self, Connection, SqliteConnection};

mod files;
mod locks;
mod records;

/// Longer than any test.
const LASTING: MaxAge = MaxAge::After(Duration::from_secs(3600));

fn key(name: impl std::fmt::Display) -> SessionKey {
    SessionKey::new(name.to_string()).unwrap()
}

fn url(folder: &Path, file: &str) -> String {
    format!("sqlite:{}", folder.join(file).display())
}

/// The error of something that must not work, and all that it shows.
fn refused<T>(answer: Result<T, Error>, kind: ErrorKind, hint: &str) {
    let error = answer.err().expect("an error");
    assert_eq!(error.kind(), kind, "{error}: {error:?}");
    assert!(
        error.to_string().contains(hint),
        "{hint:?} is not in: {error}"
    );
}

/// Another connection to the file, as another process would have.
async fn stranger(url: &str) -> SqliteConnection {
    SqliteConnection::connect(url).await.unwrap()
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) {
    sqlx::query(sql).execute(connection).await.unwrap();
}

async fn count(url: &str, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql)
        .fetch_one(&mut stranger(url).await)
        .await
        .unwrap()
}
