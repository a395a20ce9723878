//! The suite against Redis: a server, one over TLS, Sentinel, Cluster, and a connection of the caller's.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use session_store_api::async_trait;
use session_store_conformance::{BoxError, Control, Facts, Fault, Setup, Suite};
use session_store_redis::redis::aio::ConnectionManagerConfig;
use session_store_redis::{RedisStore, redis};
#[cfg(feature = "tls")]
use test_servers::Certificates;
use test_servers::{FaultProxy, Kind, ProxyFault, SENTINEL_SERVICE, StartError, TestServer};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::support::elsewhere::{self, Elsewhere};

mod support {
    pub(crate) mod elsewhere;
}

fn main() -> ExitCode {
    let runtime = Runtime::new().unwrap();
    if let Some(url) = elsewhere::asked_for() {
        return runtime.block_on(async {
            let store = RedisStore::connect(&url).await.unwrap();
            elsewhere::serve(&store).await
        });
    }
    let suites = runtime.block_on(async {
        vec![
            server().await,
            #[cfg(feature = "tls")]
            tls().await,
            sentinel().await,
            cluster().await,
            connection().await,
        ]
    });
    session_store_conformance::main(suites)
}

/// One server, the same from where the clock is another, and power over one more.
async fn server() -> Suite {
    let server = TestServer::start(Kind::Redis).await;
    let (url, is_ours) = match &server {
        Ok(server) => (server.url().to_owned(), server.has_control()),
        Err(_) => Default::default(),
    };
    let suite = suite("redis", server, |server| server.url().to_owned());
    let suite = suite.skewed(move |setup, skew| {
        let url = format!("{url}?prefix={}:", setup.namespace());
        async move { Elsewhere::open(&url, skew).await }
    });
    if !is_ours {
        return suite; // who names a server may have no other
    }
    suite.breakable(|setup| async move {
        let turn = TURNS.acquire().await?;
        let server = TestServer::builder(Kind::Redis).durable().start().await?;
        let broken = Broken {
            proxy: FaultProxy::start(server.address())?,
            server,
            _turn: turn,
        };
        let store = open(&broken.server.url_through(&broken.proxy), &setup, "2s").await?;
        Ok((store, broken))
    })
}

#[cfg(feature = "tls")]
async fn tls() -> Suite {
    let server = TestServer::builder(Kind::Redis).mutual_tls().start().await;
    suite("redis-tls", server, |server| {
        let files = server.certificates().map(parameters).unwrap_or_default();
        format!("{}?{files}", server.url())
    })
}

async fn sentinel() -> Suite {
    let builder = TestServer::builder(Kind::Redis).sentinel();
    let server = builder.password("s3cret").start().await;
    suite("redis-sentinel", server, |server| {
        let hosts = hosts(server);
        format!("redis-sentinel://:s3cret@{hosts}/{SENTINEL_SERVICE}")
    })
}

async fn cluster() -> Suite {
    let server = TestServer::builder(Kind::Redis).cluster().start().await;
    suite("redis-cluster", server, |server| {
        format!("redis-cluster://{}", hosts(server))
    })
}

/// What a caller brings who has a connection already.
async fn connection() -> Suite {
    let name = "redis-connection";
    let server = match TestServer::start(Kind::Redis).await {
        Ok(server) => Arc::new(server),
        Err(reason) => return absent(name, reason),
    };
    Suite::atomic(name, facts(), move |setup| {
        let client = redis::Client::open(server.url());
        async move {
            // The driver's own is half a second, and this machine may be busy.
            let patient = ConnectionManagerConfig::new().set_response_timeout(Some(TIMEOUT));
            let manager = client?.get_connection_manager_with_config(patient).await?;
            let store = RedisStore::new(manager)
                .with_timeout(TIMEOUT)?
                .with_max_value(1 << 20)?;
            set_up(store, &setup)
        }
    })
}

/// The suite for a server, if there is one.
fn suite(
    name: &str,
    server: Result<TestServer, StartError>,
    url: impl Fn(&TestServer) -> String,
) -> Suite {
    let server = match server {
        Ok(server) => Arc::new(server),
        Err(reason) => return absent(name, reason),
    };
    let url = url(&server);
    Suite::atomic(name, facts(), move |setup| {
        let (server, url) = (Arc::clone(&server), url.clone());
        async move {
            let store = open(&url, &setup, "20s").await?;
            drop(server); // lives as long as the suite
            Ok(store)
        }
    })
}

/// A suite without a server, which says why.
fn absent(name: &str, reason: StartError) -> Suite {
    match reason {
        StartError::Unavailable(reason) => {
            let nobody = async |_| -> Result<RedisStore, BoxError> { Err("no server".into()) };
            Suite::atomic(name, facts(), nobody).unavailable(reason.to_string())
        }
        StartError::Failed(error) => panic!("{name}: {error}"),
    }
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

/// How many servers are being broken at a time, each of which writes all it is told to the disk.
static TURNS: Semaphore = Semaphore::const_new(4);

/// A server of one store's own, and the way to it.
struct Broken {
    server: TestServer,
    proxy: FaultProxy,
    _turn: SemaphorePermit<'static>,
}

#[async_trait]
impl Control for Broken {
    fn faults(&self) -> &[Fault] {
        &[
            Fault::Down,
            Fault::Hung,
            Fault::Cut,
            Fault::Garbled,
            Fault::Unheard,
        ]
    }

    async fn cause(&self, fault: Fault) -> Result<(), BoxError> {
        match fault {
            Fault::Down => self.server.kill().await?,
            Fault::Hung => self.server.pause().await?,
            Fault::Cut => self.proxy.set(ProxyFault::CutReplies(3)).await?,
            Fault::Garbled => self.proxy.set(ProxyFault::GarbleReplies).await?,
            Fault::Unheard => self.proxy.set(ProxyFault::DropReplies).await?,
            other => return Err(format!("{other:?} is new").into()),
        }
        Ok(())
    }

    async fn heal(&self) -> Result<(), BoxError> {
        self.proxy.set(ProxyFault::None).await?;
        if self.server.is_running() {
            self.server.resume().await?;
        } else {
            self.server.restart().await?;
        }
        Ok(())
    }

    fn connections(&self) -> Option<u64> {
        Some(self.proxy.counts().connections)
    }
}
