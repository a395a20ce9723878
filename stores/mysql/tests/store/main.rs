//! What is MySQL's and MariaDB's own: rows, plans, locks, rights, outages.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::error::Error as _;
use std::fmt::Display;
use std::time::Duration;

use session_store_api::{Error, ErrorKind, MaxAge, SessionKey};
use session_store_mysql::MySqlStore;
use session_store_mysql::sqlx::mysql::{MySqlConnection, MySqlPoolOptions};
use session_store_mysql::sqlx::{self, AssertSqlSafe, Connection, MySqlPool};
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

/// A table of the numbers from 0 to 999,999.
const NUMBERS: &str = "(WITH digit AS (SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 \
     UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) \
     SELECT f.d * 100000 + e.d * 10000 + d.d * 1000 + c.d * 100 + b.d * 10 + a.d AS number \
     FROM digit f, digit e, digit d, digit c, digit b, digit a) AS numbers";

fn key(name: impl Display) -> SessionKey {
    SessionKey::new(name.to_string()).unwrap()
}

/// A server for one test.
fn own() -> TestServerBuilder {
    TestServer::builder(Kind::MySql).own()
}

async fn server() -> TestServer {
    own().start().await.unwrap()
}

async fn connect(url: &str) -> MySqlStore {
    MySqlStore::connect(url).await.unwrap()
}

/// A pool of one connection, which is told these first.
async fn pool(url: &str, first: &'static str) -> MySqlPool {
    MySqlPoolOptions::new()
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
async fn stranger(url: &str) -> MySqlConnection {
    MySqlConnection::connect(url).await.unwrap()
}

async fn run(connection: &mut MySqlConnection, sql: impl Into<String>) {
    let sql = AssertSqlSafe(sql.into());
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}

async fn count(connection: &mut MySqlConnection, sql: impl Into<String>) -> i64 {
    let count = sqlx::query_scalar(AssertSqlSafe(sql.into()));
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
