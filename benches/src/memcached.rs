//! memcached: ours beside the clients that there are, and a socket pipelined by hand.

use std::error::Error;

use async_memcached::AsciiProtocol;
use memcache::exp::{AsyncMetaClient, Ttl};
use session_store_memcached::MemcachedStore;
use test_servers::{Kind, TestServer};
use tokio::sync::Mutex;

use crate::load::{Contestant, Plan, Subject, Verb};
use crate::memcached::pipelined::Pipelined;
use crate::ours::{Ours, names};
use crate::report::{Section, Table};

mod pipelined;

/// How many connections the clients without pipelines have.
const POOL: usize = 16;

/// What the clients that are no store of ours put before their keys.
const PREFIX: &str = "bare:";

/// How long a record lives, in seconds as memcached takes them.
const HOUR: u32 = 3600;

pub async fn run(plan: Plan) -> Result<Vec<Section>, Box<dyn Error>> {
    let server = TestServer::builder(Kind::Memcached)
        .own()
        .args(["-m", "256"]);
    let server = server.start().await?;
    let address = server.address();
    let mut table = Table::new(
        "memcached",
        format!(
            "memcached {}. `memcache::exp` has a connection for each caller, async-memcached and the blocking client have {POOL}.",
            server.version()
        ),
    );
    let ours = Ours::new(MemcachedStore::connect(server.url()).await?);
    let single = Single::connect(address).await?;
    let pipelined = Pipelined::connect(address).await?;
    let pooled = Pooled::connect(address).await?;
    let blocking = Blocking::connect(address)?;
    let contestants = [
        Contestant::filled("memcache::exp, one command per call", single).await,
        Contestant::filled("session-store-memcached", ours).await,
        Contestant::new("one socket, pipelined by hand", pipelined),
        Contestant::new("async-memcached", pooled),
        Contestant::new("memcache on spawn_blocking", blocking),
    ];
    for work in [("get", Verb::Get), ("set", Verb::Set)] {
        table.measure(plan, work, &[1, 64, 512], &contestants).await;
    }
    Ok(vec![table.section()])
}

/// The client of the driver that we build on.
struct Single {
    client: AsyncMetaClient,
    names: Vec<String>,
}

impl Single {
    async fn connect(address: &str) -> Result<Self, Box<dyn Error>> {
        // As many connections as there are callers are kept, not 8.
        let builder = AsyncMetaClient::builder().max_idle(POOL * 32);
        Ok(Self {
            client: builder.connect_async(address).await?,
            names: names(PREFIX),
        })
    }
}

impl Subject for Single {
    async fn get(&self, key: usize) -> usize {
        let found = self.client.get(&self.names[key]).send().await;
        found.expect("get").value.map_or(0, |value| value.len())
    }

    async fn set(&self, key: usize, value: &[u8]) {
        let set = self
            .client
            .set(&self.names[key], value)
            .ttl(Ttl::secs(HOUR));
        assert!(set.send().await.expect("set").applied());
    }
}

/// async-memcached, whose client is one connection. Callers are spread over several.
struct Pooled {
    clients: Vec<Mutex<async_memcached::Client>>,
    names: Vec<String>,
}

impl Pooled {
    async fn connect(address: &str) -> Result<Self, Box<dyn Error>> {
        let mut clients = Vec::new();
        for _ in 0..POOL {
            let client = async_memcached::Client::new(format!("tcp://{address}")).await?;
            clients.push(Mutex::new(client));
        }
        Ok(Self {
            clients,
            names: names(PREFIX),
        })
    }
}

impl Subject for Pooled {
    async fn get(&self, key: usize) -> usize {
        let mut client = self.clients[key % POOL].lock().await;
        let found = client.get(&self.names[key]).await.expect("get");
        found
            .and_then(|value| value.data)
            .map_or(0, |value| value.len())
    }

    async fn set(&self, key: usize, value: &[u8]) {
        let mut client = self.clients[key % POOL].lock().await;
        let set = client.set(&self.names[key], value, Some(i64::from(HOUR)), None);
        set.await.expect("set");
    }
}

/// The driver's older client, which blocks.
struct Blocking {
    client: memcache::Client,
    names: Vec<String>,
}

impl Blocking {
    fn connect(address: &str) -> Result<Self, Box<dyn Error>> {
        // The ASCII protocol is the faster one of this client.
        let url = format!("memcache://{address}?protocol=ascii");
        let client = memcache::Client::with_pool_size(url, u32::try_from(POOL)?)?;
        Ok(Self {
            client,
            names: names(PREFIX),
        })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        call: impl FnOnce(memcache::Client) -> T + Send + 'static,
    ) -> T {
        let client = self.client.clone();
        let called = tokio::task::spawn_blocking(move || call(client));
        called.await.expect("no panic")
    }
}

impl Subject for Blocking {
    async fn get(&self, key: usize) -> usize {
        let name = self.names[key].clone();
        let found = self.blocking(move |client| client.get::<Vec<u8>>(&name));
        found.await.expect("get").map_or(0, |value| value.len())
    }

    async fn set(&self, key: usize, value: &[u8]) {
        let (name, value) = (self.names[key].clone(), value.to_vec());
        let set = self.blocking(move |client| client.set(&name, &value[..], HOUR));
        set.await.expect("set");
    }
}
