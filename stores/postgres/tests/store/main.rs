//! What is PostgreSQL's own: rows, plans, locks, rights, outages.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::error::Error as _;
use std::fmt::Display;
use std::time::Duration;

use session_store_api::{Error, ErrorKind, MaxAge, SessionKey};
use session_store_postgres::PostgresStore;
use session_store_postgres::sqlx::postgres::{PgConnection, PgPoolOptions};
use session_store_postgres::sqlx::{self, AssertSqlSafe, Connection, PgPool};
use test_servers::{Kind, TestServer, TestServerBuilder};

mod locks;
mod opening;
mod outages;
mod plans;
mod records;
mod rights;
mod rows;
mod sweeping;

/// Longer than any test.
const LASTING: MaxAge = MaxAge::After(Duration::from_secs(3600));

fn key(name: impl Display) -> SessionKey {
    SessionKey::new(name.to_string()).unwrap()
}

/// A server for one test.
fn own() -> TestServerBuilder {
    TestServer::builder(Kind::Postgres).own()
}

async fn server() -> TestServer {
    own().start().await.unwrap()
}

async fn connect(url: &str) -> PostgresStore {
    PostgresStore::connect(url).await.unwrap()
}

/// A pool of one connection, which is told these first.
async fn pool(url: &str, first: &'static str) -> PgPool {
    PgPoolOptions::new()
        .max_connections(1)
        .after_connect(move |connection, _| {
            let first = sqlx::raw_sql(first);
            Box::pin(async move { first.execute(connection).await.map(drop) })
        })
        .connect(url)
        .await
        .unwrap()
}

/// Somebody else's connection.
async fn stranger(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

async fn run(connection: &mut PgConnection, sql: impl Into<String>) {
    let sql = AssertSqlSafe(sql.into());
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}

async fn count(connection: &mut PgConnection, sql: impl Into<String>) -> i64 {
    let count = sqlx::query_scalar(AssertSqlSafe(sql.into())).persistent(false);
    count.fetch_one(connection).await.unwrap()
}

/// The error of something that must not work, and all that it shows.
fn refused<T>(answer: Result<T, Error>, kind: ErrorKind, hint: &str) -> String {
    let error = answer.err().expect("an error");
    assert_eq!(error.kind(), kind, "{error}: {error:?}");
    assert!(
        error.to_string().contains(hint),
        "{hint:?} is not in: {error}"
    );
    let mut shown = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        shown += &format!(" {cause} {cause:?}");
        source = cause.source();
    }
    shown
}
