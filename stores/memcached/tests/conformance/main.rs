//! The suite against memcached: one server, with power over it and under other clocks; and two of them.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::process::ExitCode;
use std::time::Duration;

use session_store_api::async_trait;
use session_store_conformance::{BoxError, Control, Facts, Fault, Setup, Suite};
use session_store_memcached::MemcachedStore;
use test_servers::{FaultProxy, Kind, ProxyFault, StartError, TestServer};
use tokio::runtime::Runtime;

mod skewed;

fn main() -> ExitCode {
    let runtime = Runtime::new().unwrap();
    if let Some(url) = skewed::url() {
        return runtime.block_on(skewed::serve(&url));
    }
    let (one, other) = runtime.block_on(async {
        let another = TestServer::builder(Kind::Memcached).own();
        tokio::join!(TestServer::start(Kind::Memcached), another.start())
    });
    session_store_conformance::main([on_one(&one), on_two(&one, &other)])
}

fn on_one(server: &Result<TestServer, StartError>) -> Suite {
    let url = match server {
        Ok(server) => server.url().to_owned(),
        Err(reason) => return absent("memcached", reason),
    };
    let suite =
        Suite::atomic("memcached", facts(), opener(url.clone())).skewed(move |setup, skew| {
            let url = store_url(&url, &setup);
            async move { skewed::Remote::start(&url, skew) }
        });
    if !server.as_ref().is_ok_and(TestServer::has_control) {
        return suite;
    }
    suite.breakable(|setup| async move {
        let server = TestServer::builder(Kind::Memcached).own().start().await?;
        let proxy = FaultProxy::start(server.address())?;
        let url = store_url(&server.url_through(&proxy), &setup);
        let store = MemcachedStore::connect(&format!("{url}&timeout=1s")).await?;
        Ok((store, Breaker { server, proxy }))
    })
}

fn on_two(one: &Result<TestServer, StartError>, other: &Result<TestServer, StartError>) -> Suite {
    match (one, other) {
        (Ok(one), Ok(other)) => {
            let url = format!("memcached://{},{}", one.address(), other.address());
            Suite::atomic("memcached-two-servers", facts(), opener(url))
        }
        (Err(reason), _) | (_, Err(reason)) => absent("memcached-two-servers", reason),
    }
}

fn absent(name: &str, reason: &StartError) -> Suite {
    let nowhere = opener("memcached://127.0.0.1:1".to_owned());
    Suite::atomic(name, facts(), nowhere).unavailable(reason.to_string())
}

fn facts() -> Facts {
    Facts::new()
        .resolution(Duration::from_secs(4))
        .max_value(MAX_VALUE)
        .timeout(Duration::from_secs(5))
        .shared()
        .evicts()
}

type Opening = std::pin::Pin<Box<dyn Future<Output = Result<MemcachedStore, BoxError>> + Send>>;

fn opener(url: String) -> impl Fn(Setup) -> Opening + Send + Sync + 'static {
    move |setup| {
        let url = store_url(&url, &setup);
        Box::pin(async move { Ok(MemcachedStore::connect(&url).await?) })
    }
}

fn store_url(url: &str, setup: &Setup) -> String {
    let (prefix, millis) = (setup.namespace(), setup.session_max_age().as_millis());
    format!("{url}?prefix={prefix}:&session_max_age={millis}ms&max_value={MAX_VALUE}")
}

/// The largest value of a server that was not told otherwise.
const MAX_VALUE: usize = (1 << 20) - 1024;

/// A server, and the network before it.
struct Breaker {
    server: TestServer,
    proxy: FaultProxy,
}

#[async_trait]
impl Control for Breaker {
    fn faults(&self) -> &[Fault] {
        use Fault::{Cut, Down, Garbled, Hung, Unheard};
        &[Down, Hung, Cut, Garbled, Unheard]
    }

    async fn cause(&self, fault: Fault) -> Result<(), BoxError> {
        match fault {
            Fault::Down => {
                self.server.kill().await?;
                self.proxy.set(ProxyFault::Refuse).await?;
            }
            Fault::Hung => self.server.pause().await?,
            Fault::Cut => self.proxy.set(ProxyFault::CutReplies(4)).await?,
            Fault::Garbled => self.proxy.set(ProxyFault::GarbleReplies).await?,
            Fault::Unheard => self.proxy.set(ProxyFault::DropReplies).await?,
            other => return Err(format!("this control cannot cause {other:?}").into()),
        }
        Ok(())
    }

    async fn heal(&self) -> Result<(), BoxError> {
        if !self.server.is_running() {
            self.server.restart().await?;
        }
        self.server.resume().await?;
        self.proxy.set(ProxyFault::None).await?;
        Ok(())
    }

    fn connections(&self) -> Option<u64> {
        Some(self.proxy.counts().connections)
    }
}
