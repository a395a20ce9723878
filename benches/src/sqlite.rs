//! SQLite: ours beside one sqlx statement per call on a tuned pool, and the stores of session crates.

use std::error::Error;
use std::path::Path;
use std::time::Duration;
use std::{env, io};

use axum_session_sqlx::SessionSqlitePool;
use session_store_sqlite::{SqliteStore, migration_sql};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tempfile::TempDir;
use tower_sessions_sqlx_store::SqliteStore as TheirStore;
use tower_sessions_sqlx_store::sqlx::sqlite as sqlite08;

use crate::load::{Contestant, Plan, Subject, Verb};
use crate::ours::{Ours, names};
use crate::report::{Section, Table};
use crate::theirs::{AxumSession, TowerSessions};

/// How long a connection waits for the lock. One statement per call, and many callers, make a long queue.
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn run(plan: Plan) -> Result<Vec<Section>, Box<dyn Error>> {
    let note = "A file each, WAL, `synchronous = NORMAL`. The pools of the session crates have 4 connections, for reads and writes; the tuned one has 4 for reads and 1 for writes.";
    let mut table = Table::new("SQLite", note);
    let folder = folder()?;
    let file = |name: &str| folder.path().join(name);
    let bare = Bare::open(&file("bare.db")).await?;
    let url = format!("sqlite:{}", file("ours.db").display());
    let ours = Ours::new(SqliteStore::connect(&url).await?);
    let tower = tower_sessions(&file("tower.db")).await?;
    let axum = pool(4).connect_with(options(&file("axum.db"))).await?;
    let axum = AxumSession::new(SessionSqlitePool::from(axum)).await?;
    let contestants = [
        Contestant::filled("sqlx, one statement per call, tuned pool", bare).await,
        Contestant::filled("session-store-sqlite", ours).await,
        Contestant::filled("tower-sessions-sqlx-store", tower).await,
        Contestant::filled("axum_session_sqlx", axum).await,
    ];
    for work in [("get", Verb::Get), ("set", Verb::Set)] {
        let callers = [1, 8, 64, 256];
        table.measure(plan, work, &callers, &contestants).await;
    }
    Ok(vec![table.section()])
}

/// A folder for databases, where the program is: on a disk, which the folder for temporary files may not be.
pub fn folder() -> io::Result<TempDir> {
    let program = env::current_exe()?;
    tempfile::tempdir_in(program.parent().unwrap_or(Path::new(".")))
}

async fn tower_sessions(file: &Path) -> Result<TowerSessions<TheirStore>, Box<dyn Error>> {
    let options = sqlite08::SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .busy_timeout(PATIENCE)
        .journal_mode(sqlite08::SqliteJournalMode::Wal)
        .synchronous(sqlite08::SqliteSynchronous::Normal);
    let pool = sqlite08::SqlitePoolOptions::new().max_connections(4);
    let store = TheirStore::new(pool.connect_with(options).await?);
    store.migrate().await?;
    Ok(TowerSessions(store))
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .busy_timeout(PATIENCE)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
}

/// Without a ping before each use.
fn pool(size: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(size)
        .test_before_acquire(false)
}

/// sqlx as one would tune it by hand.
struct Bare {
    readers: SqlitePool,
    writer: SqlitePool,
    names: Vec<String>,
}

impl Bare {
    async fn open(file: &Path) -> Result<Self, Box<dyn Error>> {
        let writer = pool(1).connect_with(options(file)).await?;
        // The same table and index: whoever keeps sessions in SQL has to find the expired ones.
        let table = AssertSqlSafe(migration_sql("sessions")?);
        sqlx::raw_sql(table).execute(&writer).await?;
        Ok(Self {
            readers: pool(4).connect_with(options(file)).await?,
            writer,
            names: names(""),
        })
    }
}

impl Subject for Bare {
    async fn get(&self, key: usize) -> usize {
        const SQL: &str = "SELECT value FROM sessions WHERE key = ? AND expires_at > CAST(unixepoch('subsec') * 1000 AS INTEGER)";
        let value = sqlx::query_scalar(SQL).bind(&self.names[key]);
        let value: Option<Vec<u8>> = value.fetch_optional(&self.readers).await.expect("get");
        value.map_or(0, |value| value.len())
    }

    async fn set(&self, key: usize, value: &[u8]) {
        const SQL: &str = "INSERT INTO sessions VALUES (?, ?, CAST(unixepoch('subsec') * 1000 AS INTEGER) + 3600000) \
                           ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at";
        let set = sqlx::query(SQL).bind(&self.names[key]).bind(value);
        set.execute(&self.writer).await.expect("set");
    }
}
