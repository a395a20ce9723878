//! Servers that go away and come back.

use std::time::{Duration, Instant};

use session_store_api::{AtomicSessionStore, Condition, ErrorKind, SessionStore};
use session_store_redis::RedisStore;
use test_servers::{FaultProxy, ProxyFault};
use tokio::time::sleep;

use crate::{LASTING, ask, connect, is_ready, key, own, refused};

/// As a server does that closes idle connections, or whatever stands before it.
#[tokio::test]
async fn a_connection_that_was_closed_costs_a_read_nothing() {
    let server = own().start().await.unwrap();
    let store = connect(server.url()).await;
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    for _ in 0..10 {
        ask(&server, &["CLIENT", "KILL", "TYPE", "normal"]).await;
        assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"v");
    }
}

#[tokio::test]
async fn a_short_absence_is_a_delay() {
    let server = own().durable().start().await.unwrap();
    let store = connect(&format!("{}?timeout=60s", server.url())).await;
    store.set(&key("k"), b"0", LASTING).await.unwrap();
    server.kill().await.unwrap();
    // The driver sees the end of a connection soon, and this after that.
    refused_once(&store).await;
    let unchanged = Condition::Unchanged(b"0");
    let key = key("k");
    let (set, restarted) = tokio::join!(store.set_if(&key, unchanged, b"1", LASTING), async {
        sleep(Duration::from_millis(300)).await;
        server.restart().await
    });
    restarted.unwrap();
    assert!(set.unwrap(), "it was sent once, when there was a server");
}

/// Calls until the connection is known to be gone, and no longer.
async fn refused_once(store: &RedisStore) {
    let short = store
        .clone()
        .with_timeout(Duration::from_millis(50))
        .unwrap();
    let answer = short.get(&key("k")).await;
    refused(answer, ErrorKind::Unavailable, "reached");
}

#[tokio::test]
async fn a_long_absence_is_an_error_that_says_why() {
    let server = own().start().await.unwrap();
    let store = connect(&format!("{}?timeout=300ms", server.url())).await;
    server.kill().await.unwrap();
    for _ in 0..3 {
        let answer = store.get(&key("k")).await;
        refused(answer, ErrorKind::Unavailable, "reached");
    }
    server.restart().await.unwrap();
    while store.get(&key("k")).await.is_err() {}
}

#[tokio::test]
async fn a_server_that_hangs_is_a_timeout_and_then_absent() {
    let server = own().start().await.unwrap();
    let store = connect(&format!("{}?timeout=300ms", server.url())).await;
    server.pause().await.unwrap();
    let answer = store.set(&key("k"), b"v", LASTING).await;
    refused(answer, ErrorKind::Timeout, "no answer in time");
    // The connection has been given up, and no other can be made.
    let answer = store.set(&key("k"), b"v", LASTING).await;
    refused(answer, ErrorKind::Unavailable, "");
    server.resume().await.unwrap();
    while store.set(&key("k"), b"w", LASTING).await.is_err() {}
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"w");
}

/// A host that is gone says nothing: nobody closes the connection, nobody refuses another.
#[tokio::test]
async fn a_network_that_swallows_everything() {
    let server = own().start().await.unwrap();
    let proxy = FaultProxy::start(server.address()).unwrap();
    let url = format!("{}?timeout=300ms", server.url_through(&proxy));
    let store = connect(&url).await;
    for _ in 0..2 {
        proxy.set(ProxyFault::BlackHole).await.unwrap();
        let answer = store.get(&key("k")).await;
        assert!(answer.unwrap_err().kind().is_transient());
        proxy.set(ProxyFault::None).await.unwrap();
        while store.get(&key("k")).await.is_err() {}
    }
}

/// However many callers wait, one connection at a time is tried, with growing pauses.
#[tokio::test]
async fn callers_of_a_server_that_is_away_do_not_storm_it() {
    const CALLERS: usize = 200;
    let server = own().start().await.unwrap();
    let proxy = FaultProxy::start(server.address()).unwrap();
    let store = connect(&format!("{}?timeout=30s", server.url_through(&proxy))).await;
    proxy.set(ProxyFault::CutReplies(0)).await.unwrap();
    let (before, began) = (proxy.counts().connections, Instant::now());
    let calls = (0..CALLERS).map(|number| {
        let store = store.clone();
        tokio::spawn(async move { store.get(&key(number)).await })
    });
    let calls: Vec<_> = calls.collect();
    sleep(Duration::from_secs(2)).await;
    proxy.set(ProxyFault::None).await.unwrap();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), None);
    }
    let tried = proxy.counts().connections - before;
    // Pauses of at least 10, 20, 40, 80, 160, and then 250 ms.
    let most = 6 + began.elapsed().as_millis() / 250;
    assert!(
        u128::from(tried) <= most,
        "{tried} connections, {most} expected at most"
    );
    println!(
        "{CALLERS} callers, {tried} connections in {:?}",
        began.elapsed()
    );
}

/// What waits is bounded: who comes when too many wait is told so at once.
#[tokio::test]
async fn too_many_calls_are_refused() {
    const MOST: usize = 16_384;
    let server = own().start().await.unwrap();
    let store = connect(&format!("{}?timeout=60s", server.url())).await;
    server.pause().await.unwrap();
    let key = key("k");
    let mut calls: Vec<_> = (0..MOST).map(|_| Box::pin(store.get(&key))).collect();
    for call in &mut calls {
        assert!(!is_ready(call).await);
    }
    refused(
        store.get(&key).await,
        ErrorKind::Unavailable,
        "too many calls",
    );
    drop(calls);
    server.resume().await.unwrap();
    assert_eq!(store.get(&key).await.unwrap(), None);
}

#[tokio::test]
async fn a_unix_socket_comes_back_too() {
    let server = own().unix_socket().durable().start().await.unwrap();
    let url = server.url().replace("unix://", "redis+unix://");
    let store = connect(&format!("{url}?db=2")).await;
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"v");
}
