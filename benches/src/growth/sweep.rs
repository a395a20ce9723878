//! What it costs to remove an expired row, among few of them and among many.

use std::error::Error;
use std::time::Instant;

use session_store_api::Result as StoreResult;
use session_store_mysql::MySqlStore;
use session_store_postgres::PostgresStore;
use session_store_sqlite::SqliteStore;
use sqlx::AssertSqlSafe;
use sqlx::mysql::MySqlPool;
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use test_servers::{Kind, TestServer};

use crate::load::VALUE;
use crate::mysql::LOG;
use crate::report::{Facts, Section};
use crate::sqlite;

/// How many expired rows there are.
const FEW: u32 = 10_000;
const MANY: u32 = 1_000_000;

/// How many are removed at a time, as many times as there are few.
const PIECE: u32 = 256;

pub async fn run() -> Result<Section, Box<dyn Error>> {
    let mut facts = Facts::new(
        "Sweeping",
        "10,000 expired rows of 1 KiB are removed, 256 by each `sweep`: of as many, and of a million.",
    );
    for (rows, what) in [
        (FEW, "of 10,000 expired rows"),
        (MANY, "of 1,000,000 expired rows"),
    ] {
        facts.push(what, "session-store-sqlite", of_sqlite(rows).await?);
        facts.push(what, "session-store-postgres", of_postgres(rows).await?);
        facts.push(what, "session-store-mysql", of_mysql(rows).await?);
    }
    Ok(facts.section())
}

async fn of_sqlite(rows: u32) -> Result<String, Box<dyn Error>> {
    let folder = sqlite::folder()?;
    let url = format!("sqlite:{}", folder.path().join("sweep.db").display());
    let store = SqliteStore::connect(&url).await?;
    let pool = SqlitePool::connect(&url).await?;
    let insert = format!(
        "WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < {rows}) \
         INSERT INTO sessions SELECT 'expired-' || number, zeroblob({VALUE}), number FROM numbers"
    );
    sqlx::raw_sql(AssertSqlSafe(insert)).execute(&pool).await?;
    pool.close().await;
    sweep(async |limit| store.sweep(limit).await).await
}

async fn of_postgres(rows: u32) -> Result<String, Box<dyn Error>> {
    let server = TestServer::builder(Kind::Postgres).own().start().await?;
    let store = PostgresStore::connect(server.url()).await?;
    let pool = PgPool::connect(server.url()).await?;
    let insert = format!(
        "INSERT INTO sessions (key, value, expires_at) \
         SELECT 'expired-' || number, convert_to(repeat('x', {VALUE}), 'UTF8'), '2000-01-01Z'::timestamptz + number * interval '1 s' \
         FROM generate_series(1, {rows}) AS number"
    );
    sqlx::raw_sql(AssertSqlSafe(insert)).execute(&pool).await?;
    // As it does itself, in a minute.
    sqlx::raw_sql("ANALYZE sessions").execute(&pool).await?;
    pool.close().await;
    sweep(async |limit| store.sweep(limit).await).await
}

async fn of_mysql(rows: u32) -> Result<String, Box<dyn Error>> {
    let server = TestServer::builder(Kind::MySql).own().args([LOG]);
    let server = server.start().await?;
    let store = MySqlStore::connect(server.url()).await?;
    let pool = MySqlPool::connect(server.url()).await?;
    let insert = format!(
        "INSERT INTO sessions (`key`, `value`, expires_at) \
         WITH digit AS (SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 \
                        UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9), \
         numbers AS (SELECT f.d * 100000 + e.d * 10000 + d.d * 1000 + c.d * 100 + b.d * 10 + a.d AS number \
                     FROM digit f, digit e, digit d, digit c, digit b, digit a) \
         SELECT CONCAT('expired-', number), REPEAT('x', {VALUE}), number * 1000 FROM numbers WHERE number < {rows}"
    );
    sqlx::raw_sql(AssertSqlSafe(insert)).execute(&pool).await?;
    pool.close().await;
    sweep(async |limit| store.sweep(limit).await).await
}

/// Removes [`FEW`] rows piece by piece: the time of a row, and of the slowest piece.
async fn sweep(one: impl AsyncFn(u32) -> StoreResult<u64>) -> Result<String, Box<dyn Error>> {
    let (began, mut slowest) = (Instant::now(), 0.0_f64);
    for _ in 0..FEW / PIECE {
        let began = Instant::now();
        let removed = one(PIECE).await?;
        assert_eq!(removed, u64::from(PIECE), "all of them have expired");
        slowest = slowest.max(began.elapsed().as_secs_f64());
    }
    let row = began.elapsed().as_secs_f64() / f64::from(FEW / PIECE * PIECE);
    Ok(format!(
        "{:.1} µs a row, slowest piece {:.1} ms",
        row * 1e6,
        slowest * 1e3
    ))
}
