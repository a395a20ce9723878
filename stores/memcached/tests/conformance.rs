//! The suite against memcached: one server, with power over it and under other clocks; and two of them.

use std::process::ExitCode;
use std::time::Duration;

use session_store_conformance::{BoxError, Facts, Setup, Suite};
use session_store_memcached::MemcachedStore;
use store_suite::{Elsewhere, Power, SharedServer};
use test_servers::{Kind, TestServer};

/// The largest value of a server that was not told otherwise.
const MAX_VALUE: usize = (1 << 20) - 1024;

fn main() -> ExitCode {
    store_suite::main(elsewhere, async || {
        let another = TestServer::builder(Kind::Memcached).own();
        let (one, other) = tokio::join!(TestServer::start(Kind::Memcached), another.start());
        let (one, other) = (SharedServer::new(one), SharedServer::new(other));
        [on_one(&one), on_two(&one, &other)]
    })
}

/// The store that is opened where the clock is another.
async fn elsewhere([url]: [String; 1]) -> Result<MemcachedStore, BoxError> {
    open(url).await
}

/// One server, the same from where the clock is another, and power over one more.
fn on_one(server: &SharedServer) -> Suite {
    let (shared, skewed) = (server.clone(), server.clone());
    let suite = Suite::atomic("memcached", facts(), move |setup| {
        open(url(&shared.url(), &setup))
    });
    let suite = suite.skewed(move |setup, skew| {
        let url = url(&skewed.url(), &setup);
        async move { Elsewhere::open(skew, [&url]).await }
    });
    let suite = server.serves(suite);
    if !server.is_ours() {
        return suite; // who names a server may have no other
    }
    suite.breakable(|setup| async move {
        let server = TestServer::builder(Kind::Memcached).own().start().await?;
        let power = Power::over_both(server)?;
        let url = url(power.url(), &setup);
        let store = open(format!("{url}&timeout=1s")).await?;
        Ok((store, power))
    })
}

fn on_two(one: &SharedServer, other: &SharedServer) -> Suite {
    let both = [one.clone(), other.clone()];
    let suite = Suite::atomic("memcached-two-servers", facts(), move |setup| {
        let hosts = both
            .each_ref()
            .map(|server| server.url().replace("memcached://", ""));
        let servers = format!("memcached://{}", hosts.join(","));
        open(url(&servers, &setup))
    });
    other.serves(one.serves(suite))
}

fn facts() -> Facts {
    Facts::new()
        .resolution(Duration::from_secs(4))
        .max_value(MAX_VALUE)
        .timeout(Duration::from_secs(5))
        .shared()
        .evicts()
}

async fn open(url: String) -> Result<MemcachedStore, BoxError> {
    Ok(MemcachedStore::connect(&url).await?)
}

/// The URL of a store on this server.
fn url(server: &str, setup: &Setup) -> String {
    let (prefix, millis) = (setup.namespace(), setup.session_max_age().as_millis());
    format!("{server}?prefix={prefix}:&session_max_age={millis}ms&max_value={MAX_VALUE}")
}
