//! PostgreSQL: ours beside bare sqlx, a pipelined tokio-postgres, and the stores of session crates.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum_session_sqlx::SessionPgPool;
use session_store_postgres::{PostgresStore, migration_sql};
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgPool, PgPoolOptions};
use test_servers::{Kind, TestServer};
use tokio_postgres::{Client, NoTls, Statement};
use tower_sessions_sqlx_store::PostgresStore as TheirStore;
use tower_sessions_sqlx_store::sqlx::postgres as postgres08;

use crate::load::{Contestant, Plan, Subject, Verb};
use crate::ours::{Ours, names};
use crate::report::{Section, Table};
use crate::theirs::{AxumSession, TowerSessions};

/// The size of the pools of those who make one statement per call. Ours has 4.
const POOL: u32 = 16;

const CALLERS: [usize; 4] = [1, 8, 64, 256];

const GET: &str = "SELECT value FROM bare WHERE key = $1 AND expires_at > now()";

const GET_MANY: &str = "SELECT key, value FROM bare WHERE key = ANY($1) AND expires_at > now()";

/// What 64 callers ask for at once, of two connections.
const BATCH: usize = 32;

const SET: &str = "INSERT INTO bare (key, value, expires_at) VALUES ($1, $2, now() + interval '1 hour') \
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at";

pub async fn run(plan: Plan) -> Result<Vec<Section>, Box<dyn Error>> {
    let server = TestServer::builder(Kind::Postgres).own().durable();
    let server = server.start().await?;
    let url = server.url();
    let mut table = Table::new(
        "PostgreSQL",
        format!(
            "PostgreSQL {}. Pools of {POOL} connections, ours of 4. What is acknowledged is on the disk, but in the row that says otherwise. \
             `pavex_session_sqlx` is missing: pavex and axum ask for two versions of one crate that cannot stand side by side. It makes one statement per call, as the first row does.",
            server.version()
        ),
    );
    let ours = Ours::new(PostgresStore::connect(url).await?);
    let bare = Bare::connect(url).await?;
    let pipelined = Pipelined::connect(url).await?;
    let tower = tower_sessions(url).await?;
    let axum = AxumSession::new(SessionPgPool::from(pool().connect(url).await?)).await?;
    let mut contestants = vec![
        Contestant::filled("sqlx, one statement per call, tuned pool", bare).await,
        Contestant::filled("session-store-postgres", ours).await,
        Contestant::new("tokio-postgres, 4 pipelined connections", pipelined),
        Contestant::filled("tower-sessions-sqlx-store", tower).await,
        Contestant::filled("axum_session_sqlx", axum).await,
    ];
    let get = ("get", Verb::Get);
    table.measure(plan, get, &[1, 8], &contestants).await;
    let batches = Batches(Bare::connect(url).await?);
    contestants.push(Contestant::new("sqlx, 32 records a statement", batches));
    table.measure(plan, get, &[64], &contestants).await;
    contestants.pop();
    table.measure(plan, get, &[256], &contestants).await;

    let mark = if url.contains('?') { '&' } else { '?' };
    let relaxed = format!("{url}{mark}table=relaxed&synchronous_commit=off");
    let relaxed = Ours::new(PostgresStore::connect(&relaxed).await?);
    let name = "session-store-postgres, synchronous_commit=off";
    contestants.push(Contestant::filled(name, relaxed).await);
    let set = ("set", Verb::Set);
    table.measure(plan, set, &CALLERS, &contestants).await;
    Ok(vec![table.section()])
}

/// Without a ping before each use.
fn pool() -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(POOL)
        .test_before_acquire(false)
}

async fn tower_sessions(url: &str) -> Result<TowerSessions<TheirStore>, Box<dyn Error>> {
    let pool = postgres08::PgPoolOptions::new()
        .max_connections(POOL)
        .test_before_acquire(false);
    let store = TheirStore::new(pool.connect(url).await?);
    store.migrate().await?;
    Ok(TowerSessions(store))
}

/// sqlx as one would use it by hand.
struct Bare {
    pool: PgPool,
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
        let value = sqlx::query_scalar(GET).bind(&self.names[key]);
        let value: Option<Vec<u8>> = value.fetch_optional(&self.pool).await.expect("get");
        value.map_or(0, |value| value.len())
    }

    async fn set(&self, key: usize, value: &[u8]) {
        let set = sqlx::query(SET).bind(&self.names[key]).bind(value);
        set.execute(&self.pool).await.expect("set");
    }
}

/// What batches alone give: two who each ask for this many records at once, and for nothing else. On the table of
/// [`Bare`].
struct Batches(Bare);

impl Subject for Batches {
    fn records(&self) -> usize {
        BATCH
    }

    async fn get(&self, key: usize) -> usize {
        let names = self.0.names.iter().cycle().skip(key).take(BATCH);
        let names: Vec<&str> = names.map(String::as_str).collect();
        let get = sqlx::query_as(GET_MANY).bind(&names);
        let records: Vec<(String, Vec<u8>)> = get.fetch_all(&self.0.pool).await.expect("get");
        records.iter().map(|(_, value)| value.len()).sum::<usize>() / BATCH
    }

    async fn set(&self, _key: usize, _value: &[u8]) {
        unreachable!("it reads alone");
    }
}

/// Connections that all callers share, each sending on while others wait for their answer. On the table
/// of [`Bare`].
struct Pipelined {
    clients: Vec<(Client, Statement, Statement)>,
    next: AtomicUsize,
    names: Vec<String>,
}

impl Pipelined {
    async fn connect(url: &str) -> Result<Self, Box<dyn Error>> {
        let mut clients = Vec::new();
        for _ in 0..4 {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(connection);
            let (get, set) = (client.prepare(GET).await?, client.prepare(SET).await?);
            clients.push((client, get, set));
        }
        Ok(Self {
            clients,
            next: AtomicUsize::new(0),
            names: names(""),
        })
    }

    fn client(&self) -> &(Client, Statement, Statement) {
        &self.clients[self.next.fetch_add(1, Ordering::Relaxed) % self.clients.len()]
    }
}

impl Subject for Pipelined {
    async fn get(&self, key: usize) -> usize {
        let (client, get, _) = self.client();
        let row = client.query_opt(get, &[&self.names[key]]).await;
        row.expect("get").map_or(0, |row| {
            // Its own bytes, as all the others.
            row.get::<_, Vec<u8>>(0).len()
        })
    }

    async fn set(&self, key: usize, value: &[u8]) {
        let (client, _, set) = self.client();
        let written = client.execute(set, &[&self.names[key], &value]).await;
        written.expect("set");
    }
}
