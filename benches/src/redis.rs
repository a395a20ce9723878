//! Redis: ours beside the bare driver and the Redis stores of tower-sessions and actix-session.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use actix_session::storage::{RedisSessionStore, SessionKey, SessionStore as _};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo};
use session_store_redis::{RedisStore, redis};
use test_servers::{Kind, TestServer};
use tower_sessions_redis_store::RedisStore as TheirStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike as _, Config, Pool, ReconnectPolicy};

use crate::load::{Contestant, KEYS, Plan, Subject, VALUE, Verb};
use crate::ours::{Ours, names};
use crate::report::{Section, Table};
use crate::theirs::TowerSessions;

pub async fn run(plan: Plan) -> Result<Vec<Section>, Box<dyn Error>> {
    let server = TestServer::builder(Kind::Redis).own().start().await?;
    let url = server.url();
    let mut table = Table::new(
        "Redis",
        format!(
            "Redis {}. One connection each; the store of tower-sessions has a pool of 6.",
            server.version()
        ),
    );
    let bare = Bare::connect(url, true).await?;
    let coalescing = Bare::connect(url, false).await?;
    let ours = Ours::new(RedisStore::connect(url).await?);
    let tower = TowerSessions(tower_sessions(url).await?);
    let contestants = [
        Contestant::filled("redis alone, no delay", bare).await,
        Contestant::filled("session-store-redis", ours).await,
        Contestant::new("redis alone, as it comes", coalescing),
        Contestant::filled("tower-sessions-redis-store", tower).await,
        Contestant::new(
            "actix-session, RedisSessionStore",
            Actix::connect(url).await?,
        ),
    ];
    for work in [("get", Verb::Get), ("set", Verb::Set)] {
        table.measure(plan, work, &[1, 64, 512], &contestants).await;
    }
    Ok(vec![table.section()])
}

/// The store of tower-sessions.
pub async fn tower_sessions(url: &str) -> Result<TheirStore<Pool>, Box<dyn Error>> {
    let policy = Some(ReconnectPolicy::default());
    let pool = Pool::new(Config::from_url(url)?, None, None, policy, 6)?;
    pool.connect();
    pool.wait_for_connect().await?;
    Ok(TheirStore::new(pool))
}

/// The driver as one would use it by hand, with the same commands.
struct Bare {
    connection: MultiplexedConnection,
    names: Vec<String>,
}

impl Bare {
    /// `no_delay` as we set it; the driver's own choice is to let the system wait for full packets.
    async fn connect(url: &str, no_delay: bool) -> Result<Self, Box<dyn Error>> {
        let info = url.into_connection_info()?;
        let tcp = info.tcp_settings().clone().set_nodelay(no_delay);
        let client = Client::open(info.set_tcp_settings(tcp))?;
        // As safe as ours: no call waits for ever.
        let config =
            AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(5)));
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        Ok(Self {
            connection: connection.await?,
            names: names("bare:"),
        })
    }
}

impl Subject for Bare {
    async fn get(&self, key: usize) -> usize {
        let mut connection = self.connection.clone();
        let value: Option<Vec<u8>> = redis::cmd("GET")
            .arg(&self.names[key])
            .query_async(&mut connection)
            .await
            .expect("get");
        value.map_or(0, |value| value.len())
    }

    async fn set(&self, key: usize, value: &[u8]) {
        let mut set = redis::cmd("SET");
        set.arg(&self.names[key])
            .arg(value)
            .arg("PX")
            .arg(3_600_000);
        let mut connection = self.connection.clone();
        set.exec_async(&mut connection).await.expect("set");
    }
}

/// The store of actix-session, with one value of the same size in its state.
struct Actix {
    store: RedisSessionStore,
    /// It makes them up itself.
    keys: Vec<String>,
}

impl Actix {
    async fn connect(url: &str) -> Result<Self, Box<dyn Error>> {
        let store = RedisSessionStore::new(url).await?;
        let mut keys = Vec::new();
        for _ in 0..KEYS {
            let key = store.save(state(VALUE), &time::Duration::HOUR).await?;
            keys.push(key.as_ref().to_owned());
        }
        Ok(Self { store, keys })
    }

    fn key(&self, key: usize) -> SessionKey {
        SessionKey::try_from(self.keys[key].clone()).expect("a key of its own")
    }
}

impl Subject for Actix {
    async fn get(&self, key: usize) -> usize {
        let state = self.store.load(&self.key(key)).await.expect("load");
        state.map_or(0, |state| state["value"].len())
    }

    async fn set(&self, key: usize, value: &[u8]) {
        let (key, state) = (self.key(key), state(value.len()));
        let update = self.store.update(key, state, &time::Duration::HOUR);
        update.await.expect("update");
    }
}

fn state(len: usize) -> HashMap<String, String> {
    HashMap::from([("value".to_owned(), "x".repeat(len))])
}
