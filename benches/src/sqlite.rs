//! SQLite: ours beside one sqlx statement per call on a tuned pool.

use std::error::Error;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use session_store_sqlite::{SqliteStore, migration_sql};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::load::{self, KEYS, Plan, Subject, VALUE, Verb};
use crate::memory::{Ours, name};
use crate::report::Table;

pub async fn run(plan: &Plan) -> Result<Vec<Table>, Box<dyn Error>> {
    let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR"))?;
    let bare = Arc::new(Bare::open(&folder.path().join("bare.db")).await?);
    let url = format!("sqlite:{}", folder.path().join("ours.db").display());
    let ours = Arc::new(Ours::new(SqliteStore::connect(&url).await?));
    load::fill(&*bare).await;
    load::fill(&*ours).await;
    let mut tables = Vec::new();
    for (verb, name) in [(Verb::Get, "get"), (Verb::Set, "set")] {
        for callers in [1, 8, 64, 256] {
            let (mut single, mut batched) = (Vec::new(), Vec::new());
            for _ in 0..plan.rounds {
                single.push(load::measure(&bare, verb, callers, plan.window).await);
                batched.push(load::measure(&ours, verb, callers, plan.window).await);
            }
            let table = Table {
                title: format!("SQLite {name}, {VALUE} B, {KEYS} records, {callers} callers, WAL"),
                rows: vec![
                    ("sqlx, one statement per call, tuned pool", single),
                    ("session-store-sqlite", batched),
                ],
            };
            println!("{}", table.text());
            tables.push(table);
        }
    }
    Ok(tables)
}

/// sqlx as one would tune it by hand: four readers, one writer, no ping before each use.
struct Bare {
    readers: SqlitePool,
    writer: SqlitePool,
    keys: Vec<String>,
}

impl Bare {
    async fn open(file: &Path) -> Result<Self, Box<dyn Error>> {
        let options = SqliteConnectOptions::from_str(&format!("sqlite:{}", file.display()))?
            .create_if_missing(true)
            .busy_timeout(Duration::from_secs(5))
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        let pool = |size| {
            SqlitePoolOptions::new()
                .max_connections(size)
                .test_before_acquire(false)
        };
        let writer = pool(1).connect_with(options.clone()).await?;
        // The same table and index: whoever keeps sessions in SQL has to find the expired ones.
        sqlx::raw_sql(sqlx::AssertSqlSafe(migration_sql("sessions")?))
            .execute(&writer)
            .await?;
        let readers = pool(4).connect_with(options).await?;
        Ok(Self {
            readers,
            writer,
            keys: (0..KEYS).map(name).collect(),
        })
    }
}

impl Subject for Bare {
    async fn get(&self, key: usize) -> usize {
        const SQL: &str = "SELECT value FROM sessions WHERE key = ? AND expires_at > CAST(unixepoch('subsec') * 1000 AS INTEGER)";
        let value: Option<Vec<u8>> = sqlx::query_scalar(SQL)
            .bind(&self.keys[key])
            .fetch_optional(&self.readers)
            .await
            .expect("get");
        value.map_or(0, |value| value.len())
    }

    async fn set(&self, key: usize, value: &[u8]) {
        const SQL: &str = "INSERT INTO sessions VALUES (?, ?, CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?) \
                           ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at";
        let query = sqlx::query(SQL)
            .bind(&self.keys[key])
            .bind(value)
            .bind(3_600_000_i64);
        query.execute(&self.writer).await.expect("set");
    }
}
