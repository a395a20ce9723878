//! MySQL: ours beside bare sqlx and the stores of session crates. MariaDB where there is no other.

use std::error::Error;

use axum_session_sqlx::SessionMySqlPool;
use session_store_mysql::{MySqlStore, migration_sql};
use sqlx::AssertSqlSafe;
use sqlx::mysql::{MySqlPool, MySqlPoolOptions};
use test_servers::{Kind, TestServer};
use tower_sessions_sqlx_store::MySqlStore as TheirStore;
use tower_sessions_sqlx_store::sqlx::mysql as mysql08;

use crate::load::{Contestant, Plan, Subject, Verb};
use crate::ours::{Ours, names};
use crate::report::{Section, Table};
use crate::theirs::{AxumSession, TowerSessions};

/// The size of the pools of those who make one statement per call. Ours has 4.
const POOL: u32 = 16;

/// The test servers have small files, and would wait for a checkpoint again and again.
pub const LOG: &str = "--innodb-log-file-size=256M";

pub async fn run(plan: Plan) -> Result<Vec<Section>, Box<dyn Error>> {
    let server = TestServer::builder(Kind::MySql).own().durable().args([LOG]);
    let server = server.start().await?;
    let url = server.url();
    let mut table = Table::new(
        "MySQL",
        format!(
            "{}. Pools of {POOL} connections, ours of 4. What is acknowledged is on the disk (`innodb_flush_log_at_trx_commit` is 1).",
            server.version()
        ),
    );
    let ours = Ours::new(MySqlStore::connect(url).await?);
    let bare = Bare::connect(url).await?;
    let tower = tower_sessions(url).await?;
    let axum = AxumSession::new(SessionMySqlPool::from(pool().connect(url).await?)).await?;
    let contestants = [
        Contestant::filled("sqlx, one statement per call, tuned pool", bare).await,
        Contestant::filled("session-store-mysql", ours).await,
        Contestant::filled("tower-sessions-sqlx-store", tower).await,
        Contestant::filled("axum_session_sqlx", axum).await,
    ];
    for work in [("get", Verb::Get), ("set", Verb::Set)] {
        let callers = [1, 64];
        table.measure(plan, work, &callers, &contestants).await;
    }
    Ok(vec![table.section()])
}

/// Without a ping before each use.
fn pool() -> MySqlPoolOptions {
    MySqlPoolOptions::new()
        .max_connections(POOL)
        .test_before_acquire(false)
}

async fn tower_sessions(url: &str) -> Result<TowerSessions<TheirStore>, Box<dyn Error>> {
    let pool = mysql08::MySqlPoolOptions::new()
        .max_connections(POOL)
        .test_before_acquire(false);
    let store = TheirStore::new(pool.connect(url).await?);
    store.migrate().await?;
    Ok(TowerSessions(store))
}

/// sqlx as one would use it by hand.
struct Bare {
    pool: MySqlPool,
    names: Vec<String>,
}

impl Bare {
    async fn connect(url: &str) -> Result<Self, Box<dyn Error>> {
        let pool = pool().connect(url).await?;
        // The same table and index: whoever keeps sessions in SQL has to find the expired ones.
        let table = AssertSqlSafe(migration_sql("bare")?);
        sqlx::raw_sql(table).execute(&pool).await?;
        let names = names("");
        Ok(Self { pool, names })
    }
}

impl Subject for Bare {
    async fn get(&self, key: usize) -> usize {
        const SQL: &str = "SELECT value FROM bare WHERE `key` = ? \
                           AND expires_at > CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)";
        let value = sqlx::query_scalar(SQL).bind(self.names[key].as_bytes());
        let value: Option<Vec<u8>> = value.fetch_optional(&self.pool).await.expect("get");
        value.map_or(0, |value| value.len())
    }

    async fn set(&self, key: usize, value: &[u8]) {
        const SQL: &str = "INSERT INTO bare (`key`, value, expires_at) \
                           VALUES (?, ?, CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) + 3600000) \
                           ON DUPLICATE KEY UPDATE value = VALUES(value), expires_at = VALUES(expires_at)";
        let name = self.names[key].as_bytes();
        let set = sqlx::query(SQL).bind(name).bind(value);
        set.execute(&self.pool).await.expect("set");
    }
}
