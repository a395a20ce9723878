//! The suite against PostgreSQL: a server, a pool of one connection made by the caller, statements fit for a
//! pooler, and servers of which each is killed and paused.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use session_store_api::async_trait;
use session_store_conformance::{BoxError, Control, Facts, Fault, Setup, Suite};
use session_store_postgres::PostgresStore;
use session_store_postgres::sqlx::postgres::PgPoolOptions;
use test_servers::{FaultProxy, Kind, ProxyFault, StartError, TestServer};
use tokio::runtime::Runtime;

mod skewed;

fn main() -> ExitCode {
    let runtime = Runtime::new().unwrap();
    if let Some(code) = runtime.block_on(skewed::serve()) {
        return code;
    }
    let server = match runtime.block_on(start()) {
        Ok(server) => Ok(Arc::new(server)),
        Err(StartError::Unavailable(reason)) => Err(reason.to_string()),
        Err(StartError::Failed(error)) => panic!("{error}"),
    };
    let suites = [
        network(&server),
        pooler(&server),
        one_connection(&server),
        killed(&server),
    ];
    session_store_conformance::main(suites.map(|suite| match &server {
        Ok(_) => suite,
        Err(reason) => suite.unavailable(reason.clone()),
    }))
}

/// A server for all the stores that are open at once, or the one that the environment names.
async fn start() -> Result<TestServer, StartError> {
    let own = TestServer::builder(Kind::Postgres).args(["-c", "max_connections=1000"]);
    match own.start().await {
        Err(StartError::Unavailable(_)) => TestServer::start(Kind::Postgres).await,
        server => server,
    }
}

/// What the tests share, or why there is none.
type Server = Result<Arc<TestServer>, String>;

/// The store's own connections, over a network that breaks, and under other clocks.
fn network(server: &Server) -> Suite {
    let (shared, skewed, breaking) = (url(server), url(server), server.clone());
    Suite::atomic("postgres", facts(), move |setup| {
        let shared = shared.clone();
        async move { open(&shared, &setup, "timeout=20s").await }
    })
    .skewed(move |setup, skew| {
        let remote = skewed::Remote::start(&skewed, &setup, skew);
        async move { remote }
    })
    .breakable(move |setup| {
        let server = breaking.clone();
        async move {
            let server = server?;
            let network = FaultProxy::start(server.address())?;
            let url = server.url_through(&network);
            let store = open(&url, &setup, "timeout=2s&connections=2").await?;
            Ok((store, Network(network)))
        }
    })
}

/// A server that is killed and paused: one for each time.
fn killed(server: &Server) -> Suite {
    let shared = url(server);
    let suite = Suite::atomic("postgres-killed", facts(), move |setup| {
        let shared = shared.clone();
        async move { open(&shared, &setup, "timeout=20s&connections=1").await }
    });
    suite
        .breakable(|setup| async move {
            let server = TestServer::builder(Kind::Postgres)
                .durable()
                .start()
                .await?;
            let store = open(server.url(), &setup, "timeout=2s&connections=2").await?;
            Ok((store, Machine(server)))
        })
        .only("c20")
}

/// Statements that hold their values as text.
fn pooler(server: &Server) -> Suite {
    let shared = url(server);
    let suite = Suite::atomic("postgres-pooler", facts(), move |setup| {
        let shared = shared.clone();
        async move { open(&shared, &setup, "timeout=20s&connections=2&pooler=true").await }
    });
    suite.only("c0").only("a")
}

/// A pool of the caller's with one connection.
fn one_connection(server: &Server) -> Suite {
    let shared = url(server);
    let suite = Suite::atomic("postgres-pool-of-one", facts(), move |setup| {
        let shared = shared.clone();
        async move {
            let pool = PgPoolOptions::new()
                .max_connections(1)
                .connect(&shared)
                .await?;
            let store = PostgresStore::new(pool)
                .with_table(setup.namespace())?
                .with_max_value(1 << 20)?
                .with_timeout(Duration::from_secs(20))?
                .with_session_max_age(setup.session_max_age())?;
            store.migrate().await?;
            Ok(store)
        }
    });
    suite.only("c13").only("c18").only("a04").only("a05")
}

fn facts() -> Facts {
    Facts::new()
        .max_value(1 << 20)
        .timeout(Duration::from_secs(20))
        .durable()
        .shared()
}

fn url(server: &Server) -> String {
    server.as_ref().map_or_else(
        |_| "postgres://nowhere".to_owned(),
        |server| server.url().to_owned(),
    )
}

async fn open(url: &str, setup: &Setup, parameters: &str) -> Result<PostgresStore, BoxError> {
    let table = setup.namespace();
    let url = format!("{url}?table={table}&max_value=1MiB&{parameters}");
    let store = PostgresStore::connect(&url).await?;
    Ok(store.with_session_max_age(setup.session_max_age())?)
}

/// Power over the network.
struct Network(FaultProxy);

#[async_trait]
impl Control for Network {
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
        let fault = match fault {
            Fault::Down => ProxyFault::Refuse,
            Fault::Hung => ProxyFault::BlackHole,
            Fault::Cut => ProxyFault::CutReplies(10),
            Fault::Garbled => ProxyFault::GarbleReplies,
            Fault::Unheard => ProxyFault::DropReplies,
            other => return Err(format!("no such fault of a network: {other:?}").into()),
        };
        Ok(self.0.set(fault).await?)
    }

    async fn heal(&self) -> Result<(), BoxError> {
        Ok(self.0.set(ProxyFault::None).await?)
    }

    fn connections(&self) -> Option<u64> {
        Some(self.0.counts().connections)
    }
}

/// Power over the server.
struct Machine(TestServer);

#[async_trait]
impl Control for Machine {
    fn faults(&self) -> &[Fault] {
        &[Fault::Down, Fault::Hung]
    }

    async fn cause(&self, fault: Fault) -> Result<(), BoxError> {
        match fault {
            Fault::Down => self.0.kill().await?,
            _ => self.0.pause().await?,
        }
        Ok(())
    }

    async fn heal(&self) -> Result<(), BoxError> {
        if self.0.is_running() {
            self.0.resume().await?;
        } else {
            self.0.restart().await?;
        }
        Ok(())
    }
}
