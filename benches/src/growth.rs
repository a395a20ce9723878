//! Growth: ours with a million sessions beside ours with ten thousand.

use std::error::Error;

use session_store_api::SessionStore;
use session_store_memcached::MemcachedStore;
use session_store_memory::MemoryStore;
use session_store_postgres::PostgresStore;
use session_store_redis::RedisStore;
use session_store_sqlite::SqliteStore;
use test_servers::{Kind, TestServer};

use crate::load::{Contestant, KEYS, Plan, Verb};
use crate::ours::Ours;
use crate::report::{Section, Table};
use crate::sqlite;

mod sweep;

const MANY: usize = 1_000_000;

pub async fn run(plan: Plan) -> Result<Vec<Section>, Box<dyn Error>> {
    let note = "The same store with 10,000 sessions and with 1,000,000, each in a table, server or cache of its own.";
    let mut table = Table::new("Growth", note);

    let few = MemoryStore::new();
    let many = MemoryStore::new().with_max_bytes(4 << 30)?;
    let works = [("memory, get", Verb::Get), ("memory, set", Verb::Set)];
    compare(&mut table, plan, works, few, many).await;

    let servers = [start(Kind::Redis).await?, start(Kind::Redis).await?];
    let few = RedisStore::connect(servers[0].url()).await?;
    let many = RedisStore::connect(servers[1].url()).await?;
    let works = [("Redis, get", Verb::Get), ("Redis, set", Verb::Set)];
    compare(&mut table, plan, works, few, many).await;
    drop(servers);

    let servers = [start(Kind::Memcached).await?, start(Kind::Memcached).await?];
    let few = MemcachedStore::connect(servers[0].url()).await?;
    let many = MemcachedStore::connect(servers[1].url()).await?;
    let works = [("memcached, get", Verb::Get), ("memcached, set", Verb::Set)];
    compare(&mut table, plan, works, few, many).await;
    drop(servers);

    let folder = sqlite::folder()?;
    let url = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let few = SqliteStore::connect(&url("few.db")).await?;
    let many = SqliteStore::connect(&url("many.db")).await?;
    let works = [("SQLite, get", Verb::Get), ("SQLite, set", Verb::Set)];
    compare(&mut table, plan, works, few, many).await;
    drop(folder);

    let server = start(Kind::Postgres).await?;
    let store = PostgresStore::connect(server.url()).await?;
    let (few, many) = (store.clone().with_table("few")?, store.with_table("many")?);
    few.migrate().await?;
    many.migrate().await?;
    let works = [
        ("PostgreSQL, get", Verb::Get),
        ("PostgreSQL, set", Verb::Set),
    ];
    compare(&mut table, plan, works, few, many).await;
    drop(server);
    Ok(vec![table.section(), sweep::run().await?])
}

async fn compare<S: SessionStore + 'static>(
    table: &mut Table,
    plan: Plan,
    works: [(&'static str, Verb); 2],
    few: S,
    many: S,
) {
    let contestants = [
        Contestant::filled("10,000 sessions", Ours::of(few, KEYS)).await,
        Contestant::filled("1,000,000 sessions", Ours::of(many, MANY)).await,
    ];
    for work in works {
        table.measure(plan, work, &[64], &contestants).await;
    }
}

async fn start(kind: Kind) -> Result<TestServer, Box<dyn Error>> {
    let server = TestServer::builder(kind).own();
    Ok(match kind {
        Kind::Memcached => server.args(["-m", "4096"]).start().await?,
        _ => server.start().await?,
    })
}
