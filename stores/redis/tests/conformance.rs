//! The suite against Redis: a server, one over TLS, Sentinel, Cluster, and a connection of the caller's.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::future::BoxFuture;
use session_store_conformance::{BoxError, Facts, Setup, Suite};
use session_store_redis::redis::aio::ConnectionManagerConfig;
use session_store_redis::{RedisStore, redis};
use store_suite::{Elsewhere, Power, SharedServer};
#[cfg(feature = "tls")]
use test_servers::Certificates;
use test_servers::{Kind, RespClient, SENTINEL_SERVICE, TestServer};
use tokio::sync::Semaphore;

/// How many servers are being broken at a time, each of which writes all it is told to the disk.
static TURNS: Semaphore = Semaphore::const_new(4);

fn main() -> ExitCode {
    store_suite::main(elsewhere, async || {
        vec![
            server().await,
            #[cfg(feature = "tls")]
            tls().await,
            sentinel().await,
            cluster().await,
            connection().await,
        ]
    })
}

/// The store that is opened where the clock is another.
async fn elsewhere([url]: [String; 1]) -> Result<RedisStore, BoxError> {
    Ok(RedisStore::connect(&url).await?)
}

/// One server, the same from where the clock is another, and power over one more.
async fn server() -> Suite {
    let server = SharedServer::new(TestServer::start(Kind::Redis).await);
    let suite = suite("redis", &server, |server| server.url().to_owned());
    let shared = server.clone();
    let suite = suite.skewed(move |setup, skew| {
        let url = format!("{}?prefix={}:", shared.url(), setup.namespace());
        async move { Elsewhere::open(skew, [&url]).await }
    });
    if !server.is_ours() {
        return suite; // who names a server may have no other
    }
    suite.breakable(|setup| async move {
        let turn = TURNS.acquire().await?;
        let builder = TestServer::builder(Kind::Redis).durable();
        let server = builder.args(["--replica-serve-stale-data", "no"]);
        let power = Power::over_both(server.start().await?)?;
        let power = power.with_refusal(refuse).with_turn(turn);
        let store = open(power.url(), &setup, "2s").await?;
        Ok((store, power))
    })
}

/// A replica that has not heard from its primary yet answers every call with an error.
fn refuse(server: &TestServer, refuses: bool) -> BoxFuture<'_, io::Result<()>> {
    let primary = if refuses {
        ["127.0.0.1", "1"]
    } else {
        ["NO", "ONE"]
    };
    Box::pin(async move {
        let mut admin = RespClient::connect(server.address()).await?;
        let words = ["REPLICAOF", primary[0], primary[1]];
        admin.command(&words).await.map(drop)
    })
}

#[cfg(feature = "tls")]
async fn tls() -> Suite {
    let server = TestServer::builder(Kind::Redis).mutual_tls().start().await;
    suite("redis-tls", &SharedServer::new(server), |server| {
        let files = server.certificates().map(parameters).unwrap_or_default();
        format!("{}?{files}", server.url())
    })
}

async fn sentinel() -> Suite {
    let builder = TestServer::builder(Kind::Redis).sentinel();
    let server = builder.password("s3cret").start().await;
    suite("redis-sentinel", &SharedServer::new(server), |server| {
        let hosts = hosts(server);
        format!("redis-sentinel://:s3cret@{hosts}/{SENTINEL_SERVICE}")
    })
}

async fn cluster() -> Suite {
    let server = TestServer::builder(Kind::Redis).cluster().start().await;
    suite("redis-cluster", &SharedServer::new(server), |server| {
        format!("redis-cluster://{}", hosts(server))
    })
}

/// What a caller brings who has a connection already.
async fn connection() -> Suite {
    let server = SharedServer::new(TestServer::start(Kind::Redis).await);
    let shared = server.clone();
    let suite = Suite::atomic("redis-connection", facts(), move |setup| {
        let client = redis::Client::open(shared.url());
        async move {
            // The driver's own is half a second, and this machine may be busy.
            let patient = ConnectionManagerConfig::new().set_response_timeout(Some(TIMEOUT));
            let manager = client?.get_connection_manager_with_config(patient).await?;
            let store = RedisStore::new(manager)
                .with_timeout(TIMEOUT)?
                .with_max_value(1 << 20)?;
            set_up(store, &setup)
        }
    });
    server.serves(suite)
}

/// The suite for a store that finds a server by this URL.
fn suite(name: &str, server: &SharedServer, url: fn(&TestServer) -> String) -> Suite {
    let shared = server.clone();
    let suite = Suite::atomic(name, facts(), move |setup| {
        let url = shared.get().map(url);
        async move { open(&url?, &setup, "20s").await }
    });
    server.serves(suite)
}

fn facts() -> Facts {
    let facts = Facts::new().durable().shared();
    facts.timeout(TIMEOUT).max_value(1 << 20)
}

/// All suites at once keep a small machine busy for longer than the 5 seconds that a call may take unless set.
const TIMEOUT: Duration = Duration::from_secs(20);

async fn open(url: &str, setup: &Setup, timeout: &str) -> Result<RedisStore, BoxError> {
    let mark = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{mark}timeout={timeout}&connect_timeout={timeout}&max_value=1MiB");
    set_up(RedisStore::connect(&url).await?, setup)
}

fn set_up(store: RedisStore, setup: &Setup) -> Result<RedisStore, BoxError> {
    let store = store.with_prefix(&format!("{}:", setup.namespace()))?;
    Ok(store.with_session_max_age(setup.session_max_age())?)
}

/// All the hosts of a server, as a URL has them.
fn hosts(server: &TestServer) -> String {
    let urls = server.urls();
    let hosts = urls
        .iter()
        .map(|url| url.rsplit(['/', '@']).next().unwrap());
    hosts.collect::<Vec<_>>().join(",")
}

#[cfg(feature = "tls")]
fn parameters(files: &Certificates) -> String {
    let (ca, cert, key) = (files.authority(), files.client(), files.client_key());
    format!(
        "ca={}&cert={}&key={}",
        ca.display(),
        cert.display(),
        key.display()
    )
}
