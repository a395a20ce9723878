//! What it costs to remove an expired row, among few of them and among many.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use session_store_api::{MaxAge, Result as StoreResult, SessionKey, SessionStore};
use session_store_mysql::MySqlStore;
use session_store_postgres::PostgresStore;
use session_store_sqlite::SqliteStore;
use sqlx::AssertSqlSafe;
use sqlx::mysql::MySqlPool;
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use test_servers::{Kind, TestServer};
use tokio::time::sleep;

use crate::load::{HOUR, VALUE};
use crate::mysql::LOG;
use crate::report::{Facts, Section};
use crate::sqlite;

/// How many expired rows there are.
const FEW: u32 = 10_000;
const MANY: u32 = 1_000_000;

/// How often somebody reads meanwhile. He writes every tenth time.
const PAUSE: Duration = Duration::from_millis(2);

/// How often he writes: if more often, the store would sweep for itself.
const WRITES: u32 = 100;

pub async fn run() -> Result<Section, Box<dyn Error>> {
    let mut facts = Facts::new(
        "Sweeping",
        "One `sweep` removes 10,000 expired rows of 1 KiB, of as many and of a million. Beside it one caller reads and writes a record that is live.",
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
    sweep(&store, store.sweep(FEW)).await
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
    sweep(&store, store.sweep(FEW)).await
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
    sweep(&store, store.sweep(FEW)).await
}

/// Removes [`FEW`] rows while somebody reads and writes: the time of a row, and of his slowest calls.
async fn sweep(
    store: &impl SessionStore,
    sweep: impl Future<Output = StoreResult<u64>>,
) -> Result<String, Box<dyn Error>> {
    let done = AtomicBool::new(false);
    let began = Instant::now();
    let swept = async {
        let removed = sweep.await;
        done.store(true, Ordering::Relaxed);
        removed.map(|removed| (removed, began.elapsed()))
    };
    let (swept, slowest) = tokio::join!(swept, meanwhile(store, &done));
    let ((removed, took), [get, set]) = (swept?, slowest?);
    assert_eq!(removed, u64::from(FEW), "all of them have expired");
    Ok(format!(
        "{:.1} µs a row; meanwhile the slowest get {:.1} ms, set {:.1} ms",
        took.as_secs_f64() * 1e6 / f64::from(FEW),
        get.as_secs_f64() * 1e3,
        set.as_secs_f64() * 1e3,
    ))
}

/// Reads and writes a record now and then: its slowest get and set.
async fn meanwhile(store: &impl SessionStore, done: &AtomicBool) -> StoreResult<[Duration; 2]> {
    let (key, value) = (SessionKey::new("live").expect("a valid key"), [0xA5; VALUE]);
    let set = || store.set(&key, &value, MaxAge::After(HOUR));
    set().await?;
    let (mut slowest, mut turn) = ([Duration::ZERO; 2], 0);
    while !done.load(Ordering::Relaxed) {
        let began = Instant::now();
        store.get(&key).await?;
        slowest[0] = slowest[0].max(began.elapsed());
        if turn % 10 == 0 && turn < 10 * WRITES {
            let began = Instant::now();
            set().await?;
            slowest[1] = slowest[1].max(began.elapsed());
        }
        turn += 1;
        sleep(PAUSE).await;
    }
    Ok(slowest)
}
