//! Answers that are lost on the way: what is asked again, how often, and for how long.

use std::fmt;
use std::time::Duration;

use session_store_api::{AtomicSessionStore, Condition, Result, SessionKey, SessionStore};
use session_store_redis::redis::aio::ConnectionManagerConfig;
use session_store_redis::{RedisStore, redis};
use test_servers::{FaultProxy, ProxyFault, RespClient, TestServer};
use tokio::time::{self, sleep, timeout};

use crate::{LASTING, connect, key, remembered, remembering};

/// For every call; far longer than one takes that nobody holds up.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A connection is never the first to give up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(600);

#[tokio::test]
async fn a_write_that_was_carried_out_is_not_sent_again() {
    for setup in Setup::each().await {
        for write in Write::ALL {
            let (store, key) = (&setup.store, key(format!("{write:?}")));
            // A cluster that broke has its map drawn anew by the next call, but not at once.
            sleep(Duration::from_millis(200)).await;
            if write != Write::Absent {
                store.set(&key, b"old", LASTING).await.unwrap();
            }
            // The server learns the script on its first use.
            let same = Condition::Unchanged(b"old");
            store.set_if(&key, same, b"old", LASTING).await.unwrap();
            let before = setup.count(write.verb(), &key).await;

            setup.meets(ProxyFault::DropReplies).await;
            let call = tokio::spawn(write.call(store.clone(), key.clone()));
            while setup.count(write.verb(), &key).await == before {
                assert!(!call.is_finished(), "{setup:?}: {write:?} was never sent");
                sleep(Duration::from_millis(5)).await;
            }
            setup.meets(ProxyFault::Reset).await;
            setup.meets(ProxyFault::None).await;
            let answer = call.await.unwrap();
            let error = match answer {
                Ok(done) => panic!("{setup:?}: {write:?}: {done}, though nobody was told"),
                Err(error) => error,
            };
            assert!(error.kind().is_transient(), "{setup:?}: {write:?}: {error}");
            while store.get(&key).await.is_err() {}
            let sent = setup.count(write.verb(), &key).await - before;
            assert_eq!(sent, 1, "{setup:?}: {write:?}");
        }
    }
}

#[tokio::test]
async fn a_read_is_sent_twice_at_most() {
    for setup in Setup::each().await {
        let (store, key) = (&setup.store, key("large"));
        store.set(&key, &[1; 64 << 10], LASTING).await.unwrap();
        // It hangs up on whom it would owe so much.
        setup.allows_answers_of("32768").await;
        let answer = timeout(2 * TIMEOUT, store.get(&key)).await;
        let error = answer.expect("an end").unwrap_err();
        assert!(error.kind().is_transient(), "{setup:?}: {error}");
        setup.allows_answers_of("0").await;
        assert_eq!(setup.count("GET", &key).await, 2, "{setup:?}");
    }
}

#[tokio::test]
async fn a_read_that_is_sent_again_has_what_is_left_of_its_time() {
    for setup in Setup::each().await {
        let (store, key) = (setup.store.clone(), key("k"));
        store.set(&key, b"v", LASTING).await.unwrap();
        setup.meets(ProxyFault::BlackHole).await;
        let call = tokio::spawn(async move { store.get(&key).await });
        sleep(Duration::from_millis(50)).await; // it is sent
        pass(TIMEOUT * 2 / 3).await;

        let before = setup.connections();
        setup.hang_up().await;
        while setup.connections() == before && !call.is_finished() {
            sleep(Duration::from_millis(5)).await;
        }
        assert!(!call.is_finished(), "{setup:?}: it was not asked again");

        pass(TIMEOUT / 2).await;
        let answer = timeout(TIMEOUT / 3, call).await;
        let answer = answer.unwrap_or_else(|_| panic!("{setup:?}: it has more than its time"));
        let error = answer.unwrap().unwrap_err();
        assert!(error.kind().is_transient(), "{setup:?}: {error}");
    }
}

/// Lets this time pass at once.
async fn pass(time: Duration) {
    time::pause();
    time::advance(time).await;
    time::resume();
}

/// A store, its servers, and the network between them.
struct Setup {
    name: &'static str,
    store: RedisStore,
    server: TestServer,
    network: Vec<FaultProxy>,
}

impl Setup {
    /// One for each way in which a store comes to its servers.
    async fn each() -> [Self; 3] {
        tokio::join!(Self::server(), Self::cluster(), Self::connection()).into()
    }

    async fn server() -> Self {
        let server = remembering().start().await.unwrap();
        let network = FaultProxy::start(server.address()).unwrap();
        Self {
            name: "server",
            store: connect(&with_timeouts(&server.url_through(&network))).await,
            server,
            network: vec![network],
        }
    }

    async fn cluster() -> Self {
        let server = remembering().cluster().start().await.unwrap();
        let network = server.behind_proxies().await.unwrap();
        let url = format!("redis-cluster://{}", network[0].address());
        Self {
            name: "cluster",
            store: connect(&with_timeouts(&url)).await,
            server,
            network,
        }
    }

    /// A connection of the caller's.
    async fn connection() -> Self {
        let server = remembering().start().await.unwrap();
        let network = FaultProxy::start(server.address()).unwrap();
        let client = redis::Client::open(server.url_through(&network)).unwrap();
        let patient = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(CONNECT_TIMEOUT));
        let manager = client.get_connection_manager_with_config(patient).await;
        let store = RedisStore::new(manager.unwrap());
        Self {
            name: "connection",
            store: store.with_timeout(TIMEOUT).unwrap(),
            server,
            network: vec![network],
        }
    }

    async fn meets(&self, fault: ProxyFault) {
        for network in &self.network {
            network.set(fault).await.unwrap();
        }
    }

    /// The servers close the connections of all clients.
    async fn hang_up(&self) {
        self.tell(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    }

    /// The servers close a connection on which so many bytes wait; with 0, none.
    async fn allows_answers_of(&self, bytes: &str) {
        let limit = format!("normal {bytes} 0 0");
        self.tell(&["CONFIG", "SET", "client-output-buffer-limit", &limit])
            .await;
    }

    /// Tells each server, past the network.
    async fn tell(&self, words: &[&str]) {
        for node in self.server.nodes() {
            let mut admin = RespClient::connect(node.address()).await.unwrap();
            admin.command(words).await.unwrap();
        }
    }

    /// How many connections were made through the network.
    fn connections(&self) -> u64 {
        let counts = self.network.iter().map(FaultProxy::counts);
        counts.map(|counts| counts.connections).sum()
    }

    /// How often a command about a key was carried out; by the first three, for the others are replicas.
    async fn count(&self, verb: &str, key: &SessionKey) -> usize {
        let name = format!("sess:{}", key.as_str());
        let mut count = 0;
        for node in self.server.nodes().iter().take(3) {
            let commands = remembered(node.address(), &name).await;
            count += commands.iter().filter(|words| words[0] == verb).count();
        }
        count
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

fn with_timeouts(url: &str) -> String {
    let (timeout, connect_timeout) = (TIMEOUT.as_millis(), CONNECT_TIMEOUT.as_millis());
    format!("{url}?timeout={timeout}ms&connect_timeout={connect_timeout}ms")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Write {
    Set,
    Absent,
    Present,
    Unchanged,
    Touch,
    Destroy,
}

impl Write {
    const ALL: [Self; 6] = [
        Self::Set,
        Self::Absent,
        Self::Present,
        Self::Unchanged,
        Self::Touch,
        Self::Destroy,
    ];

    /// What is sent.
    fn verb(self) -> &'static str {
        match self {
            Self::Set | Self::Absent | Self::Present => "SET",
            Self::Unchanged => "EVALSHA",
            Self::Touch => "PEXPIRE",
            Self::Destroy => "DEL",
        }
    }

    async fn call(self, store: RedisStore, key: SessionKey) -> Result<bool> {
        let set_if = |condition| store.set_if(&key, condition, b"new", LASTING);
        match self {
            Self::Set => store.set(&key, b"new", LASTING).await.map(|()| true),
            Self::Absent => set_if(Condition::Absent).await,
            Self::Present => set_if(Condition::Present).await,
            Self::Unchanged => set_if(Condition::Unchanged(b"old")).await,
            Self::Touch => store.touch(&key, LASTING).await,
            Self::Destroy => store.destroy(&key).await.map(|()| true),
        }
    }
}
