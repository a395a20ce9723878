//! The suite against MongoDB: a standalone server and a replica set; with power over a server, and from
//! processes with other clocks and zones.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use session_store_conformance::{BoxError, Facts, Setup, Suite};
use session_store_mongodb::MongoDbStore;
use test_servers::{FaultProxy, Kind, StartError, TestServer};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use crate::support::control::Power;
use crate::support::elsewhere::{self, Elsewhere};

mod support {
    pub(crate) mod control;
    pub(crate) mod elsewhere;
}

/// How many servers that a case breaks may run at once. A machine that starts twenty of them does nothing
/// else for a minute.
static TURNS: Semaphore = Semaphore::const_new(2);

fn main() -> ExitCode {
    let runtime = Runtime::new().unwrap();
    if let Some(url) = elsewhere::asked_for() {
        return elsewhere::serve(&runtime, &url);
    }
    let standalone = runtime.block_on(TestServer::start(Kind::MongoDb));
    let set = runtime.block_on(TestServer::builder(Kind::MongoDb).replica_set(1).start());
    session_store_conformance::main([
        suite("mongodb", standalone),
        suite("mongodb-replica-set", set),
    ])
}

fn suite(name: &str, server: Result<TestServer, StartError>) -> Suite {
    let (server, absence) = match server {
        Ok(server) => (Some(Arc::new(server)), None),
        Err(StartError::Unavailable(reason)) => (None, Some(reason)),
        Err(StartError::Failed(error)) => panic!("{error}"),
    };
    let (skewed, is_set) = (server.clone(), name != "mongodb");
    let suite = Suite::atomic(name, facts(), move |setup| {
        let server = server.clone();
        async move {
            // Nothing here depends on it, and the machine may be busy with the servers that others break.
            let url = with_parameter(&url(&server, &setup)?, "timeout=60s");
            open(&url, &setup).await
        }
    })
    .skewed(move |setup, skew| {
        let server = skewed.clone();
        async move { Elsewhere::open(&url(&server, &setup)?, skew).await }
    })
    .breakable(move |setup| async move {
        let turn = TURNS.acquire().await?;
        let server = match is_set {
            true => TestServer::builder(Kind::MongoDb).replica_set(1),
            false => TestServer::builder(Kind::MongoDb).own(),
        };
        let server = server.start().await?;
        let proxy = FaultProxy::start(server.address())?;
        // The set would tell of its own address, past the proxy.
        let url = server
            .url_through(&proxy)
            .replace("replicaSet=session-store", "directConnection=true");
        let url = with_parameter(&url, "timeout=2s");
        let store = open(&of_namespace(&url, &setup), &setup).await?;
        Ok((
            store,
            Power {
                server,
                proxy,
                _turn: turn,
            },
        ))
    });
    let suite = suite.deadline(Duration::from_secs(900));
    match absence {
        Some(reason) => suite.unavailable(reason.to_string()),
        None => suite,
    }
}

/// The server's clock shows the millisecond that has begun, and a life is rounded up by one.
fn facts() -> Facts {
    Facts::new()
        .resolution(Duration::from_millis(2))
        .max_value(1 << 20)
        .timeout(Duration::from_secs(5))
        .durable()
        .shared()
}

async fn open(url: &str, setup: &Setup) -> Result<MongoDbStore, BoxError> {
    let store = MongoDbStore::connect(url).await?;
    Ok(store.with_session_max_age(setup.session_max_age())?)
}

fn url(server: &Option<Arc<TestServer>>, setup: &Setup) -> Result<String, BoxError> {
    let server = server.as_ref().ok_or("there is no server")?;
    Ok(of_namespace(server.url(), setup))
}

fn of_namespace(url: &str, setup: &Setup) -> String {
    let mut url = with_parameter(url, "max_value=1MiB");
    url = with_parameter(&url, &format!("collection={}", setup.namespace()));
    if let Some(connections) = setup.connections() {
        url = with_parameter(&url, &format!("maxPoolSize={connections}"));
    }
    url
}

fn with_parameter(url: &str, parameter: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{parameter}")
}
