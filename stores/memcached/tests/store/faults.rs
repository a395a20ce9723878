//! Servers that go, come back empty, or are something else.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use session_store_api::{AtomicSessionStore, Condition, ErrorKind, MaxAge, SessionStore};
use session_store_memcached::MemcachedStore;
use test_servers::{FaultProxy, Kind, ProxyFault, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::time::sleep;

use crate::{LASTING, Raw, connected, key, refused, server, started_with};

#[tokio::test]
async fn after_a_restart_all_is_gone_and_nothing_is_an_error() {
    let server = server().await;
    let store = connected(&server).await;
    for round in 0..3 {
        for name in ["read", "replaced", "unchanged", "touched"] {
            store.set(&key(name), b"value", LASTING).await.unwrap();
        }
        server.kill().await.unwrap();
        server.restart().await.unwrap();
        assert_eq!(
            store.get(&key("read")).await.unwrap(),
            None,
            "round {round}"
        );
        for condition in [Condition::Present, Condition::Unchanged(b"value")] {
            let written = store
                .set_if(&key("replaced"), condition, b"", LASTING)
                .await;
            assert!(!written.unwrap());
        }
        assert!(!store.touch(&key("touched"), LASTING).await.unwrap());
        store.destroy(&key("touched")).await.unwrap();
    }
}

#[tokio::test]
async fn where_nobody_listens_it_says_so() {
    let server = server().await;
    let store = MemcachedStore::new([server.address()]).unwrap();
    server.kill().await.unwrap();
    let hint = format!("no connection to {}", server.address());
    let found = store.get(&key("a")).await;
    refused(found, ErrorKind::Unavailable, &hint);
    let opened = MemcachedStore::connect(server.url()).await;
    refused(opened, ErrorKind::Unavailable, &hint);
    server.restart().await.unwrap();
    assert_eq!(store.get(&key("a")).await.unwrap(), None);
}

#[tokio::test]
async fn a_server_that_is_no_memcached_is_told_from_one() {
    let redis = TestServer::builder(Kind::Redis).own();
    let redis = redis.start().await.unwrap();
    let locked = TestServer::builder(Kind::Redis).own().password("p");
    let locked = locked.start().await.unwrap();
    let web = says("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let unknown = says("220 ready\r\n").await;
    for (address, kind, hint) in [
        (redis.address(), ErrorKind::Config, "is Redis"),
        (locked.address(), ErrorKind::Config, "is Redis"),
        (&web, ErrorKind::Config, "is a web server"),
        (&unknown, ErrorKind::Unavailable, "not memcached's protocol"),
    ] {
        let opened = MemcachedStore::connect(&format!("memcached://{address}")).await;
        refused(opened, kind, hint);
        let store = MemcachedStore::new([address]).unwrap();
        refused(store.get(&key("a")).await, kind, hint);
        let written = store.set(&key("a"), b"value", LASTING).await;
        refused(written, kind, address);
    }
}

/// Where a server is that says this to whatever it is asked.
async fn says(words: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = [0; 1024];
                while client.read(&mut asked).await.is_ok_and(|read| read > 0) {
                    let _ = client.write_all(words.as_bytes()).await;
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_server_with_too_many_clients_says_so() {
    let server = started_with(["-c", "50"]).await;
    let mut others = Vec::new();
    while others.len() < 60 {
        others.push(Raw::open(server.address()));
    }
    let give_up = Instant::now() + Duration::from_secs(30);
    let (store, found) = loop {
        let store = MemcachedStore::new([server.address()]).unwrap();
        let found = store.get(&key("a")).await;
        // What stands before a container may let others through after us.
        if found.is_err() || Instant::now() > give_up {
            break (store, found);
        }
        sleep(Duration::from_millis(10)).await;
    };
    refused(found, ErrorKind::Unavailable, "too many connections");
    drop(others);
    while let Err(error) = store.get(&key("a")).await {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Connections belong to a runtime, and one that nobody drives is as good as dead.
#[test]
fn a_runtime_that_stands_still_or_is_gone_holds_up_nobody() {
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let server = first.block_on(server());
    let store = MemcachedStore::new([server.address()]).unwrap();
    let name = &key("a");
    first.block_on(store.set(name, b"1", LASTING)).unwrap();
    second.block_on(store.set(name, b"2", LASTING)).unwrap();
    drop(second);
    first.block_on(store.set(name, b"3", LASTING)).unwrap();
    let found = runtime().block_on(store.get(name)).unwrap().unwrap();
    assert_eq!(found, b"3");
}

#[tokio::test]
async fn a_server_without_cas_is_refused() {
    let server = started_with(["-C"]).await;
    refused(
        MemcachedStore::connect(server.url()).await,
        ErrorKind::Config,
        "CAS",
    );
    let store = MemcachedStore::new([server.address()]).unwrap();
    store.set(&key("a"), b"value", LASTING).await.unwrap();
    let unchanged = Condition::Unchanged(b"value");
    let written = store.set_if(&key("a"), unchanged, b"", LASTING).await;
    refused(written, ErrorKind::Config, "CAS");
}

/// A life that takes the server's date takes two answers, and is over in time all the same.
#[tokio::test]
async fn a_server_that_hangs_is_a_timeout_whatever_the_life() {
    let server = server().await;
    let timeout = Duration::from_millis(300);
    let store = connected(&server).await.with_timeout(timeout).unwrap();
    let years = MaxAge::After(Duration::from_secs(3 * 365 * 24 * 60 * 60));
    server.pause().await.unwrap();
    let name = &key("a");
    let unchanged = Condition::Unchanged(b"");
    let (get, set, set_if, touch) = tokio::join!(
        store.get(name),
        store.set(name, b"", years),
        store.set_if(name, unchanged, b"", years),
        store.touch(name, years),
    );
    server.resume().await.unwrap();
    refused(get, ErrorKind::Timeout, "no answer in time");
    refused(set, ErrorKind::Timeout, "no answer in time");
    refused(set_if, ErrorKind::Timeout, "no answer in time");
    refused(touch, ErrorKind::Timeout, "no answer in time");
    while store.get(name).await.is_err() {
        sleep(Duration::from_millis(10)).await;
    }
}

/// Each of its answers would be in time.
#[tokio::test]
async fn two_slow_answers_make_one_call_late() {
    let server = server().await;
    let proxy = FaultProxy::start(server.address()).unwrap();
    let store = MemcachedStore::new([proxy.address()]).unwrap();
    let store = store.with_timeout(Duration::from_secs(1)).unwrap();
    let years = MaxAge::After(Duration::from_secs(3 * 365 * 24 * 60 * 60));
    let slow = ProxyFault::Delay(Duration::from_millis(600));
    proxy.set(slow).await.unwrap();
    let set = store.set(&key("a"), b"", years).await;
    refused(set, ErrorKind::Timeout, "no answer in time");
}

#[tokio::test]
async fn a_server_that_comes_back_is_not_run_over() {
    let server = server().await;
    let proxy = FaultProxy::start(server.address()).unwrap();
    let store = MemcachedStore::connect(&server.url_through(&proxy))
        .await
        .unwrap();
    let before = proxy.counts().connections;
    proxy.set(ProxyFault::Reset).await.unwrap();
    let callers = join_all((0..500).map(async |number| {
        while store.get(&key(number)).await.is_err() {
            sleep(Duration::from_millis(1)).await;
        }
    }));
    let outage = async {
        sleep(Duration::from_millis(700)).await;
        proxy.set(ProxyFault::None).await.unwrap();
    };
    tokio::join!(callers, outage);
    // 10, 20, 40, 80, 160, 160, … milliseconds apart at least, and two lanes.
    let made = proxy.counts().connections - before;
    assert!(made <= 40, "{made} connections");
}
