//! The suite against MongoDB: a standalone server and a replica set; with power over a server, and from
//! processes with other clocks and zones.

use std::process::ExitCode;
use std::time::Duration;

use session_store_conformance::{BoxError, Facts, Setup, Suite};
use session_store_mongodb::MongoDbStore;
use store_suite::{Elsewhere, Power, SharedServer};
use test_servers::{Kind, TestServer, TestServerBuilder};
use tokio::sync::Semaphore;

/// How many servers that a case breaks may run at once. A machine that starts twenty of them does nothing
/// else for a minute.
static TURNS: Semaphore = Semaphore::const_new(2);

fn main() -> ExitCode {
    store_suite::main(elsewhere, async || {
        let standalone = SharedServer::new(TestServer::start(Kind::MongoDb).await);
        let set = SharedServer::new(replica_set().start().await);
        [
            suite("mongodb", &standalone, || {
                TestServer::builder(Kind::MongoDb).own()
            }),
            suite("mongodb-replica-set", &set, replica_set),
        ]
    })
}

/// The store that is opened where the clock is another.
async fn elsewhere([url]: [String; 1]) -> Result<MongoDbStore, BoxError> {
    Ok(MongoDbStore::connect(&url).await?)
}

fn replica_set() -> TestServerBuilder {
    TestServer::builder(Kind::MongoDb).replica_set(1)
}

/// The suite for a store on this server, and on one more of its kind that is broken.
fn suite(name: &str, server: &SharedServer, another: fn() -> TestServerBuilder) -> Suite {
    let (shared, skewed) = (server.clone(), server.clone());
    let suite = Suite::atomic(name, facts(), move |setup| {
        // Nothing here depends on it, and the machine may be busy with the servers that others break.
        let url = with_parameter(&of_namespace(&shared.url(), &setup), "timeout=60s");
        open(url, setup)
    })
    .skewed(move |setup, skew| {
        let url = of_namespace(&skewed.url(), &setup);
        async move { Elsewhere::open(skew, [&url]).await }
    })
    .breakable(move |setup| async move {
        let turn = TURNS.acquire().await?;
        let power = Power::over_both(another().start().await?)?.with_turn(turn);
        // The set would tell of its own address, past the network.
        let url = power
            .url()
            .replace("replicaSet=session-store", "directConnection=true");
        let url = with_parameter(&of_namespace(&url, &setup), "timeout=4s");
        Ok((open(url, setup).await?, power))
    });
    server.serves(suite.deadline(Duration::from_secs(900)))
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

async fn open(url: String, setup: Setup) -> Result<MongoDbStore, BoxError> {
    let store = MongoDbStore::connect(&url).await?;
    Ok(store.with_session_max_age(setup.session_max_age())?)
}

/// The URL of a store on this server.
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
