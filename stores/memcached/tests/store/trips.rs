//! Round trips, counted on the way.

use std::time::Duration;

use futures_util::future::join_all;
use session_store_api::{AtomicSessionStore, Condition, MaxAge, Result, SessionStore};
use session_store_memcached::MemcachedStore;
use test_servers::FaultProxy;

use crate::{LASTING, key, server};

#[tokio::test]
async fn one_for_each_verb_and_two_for_unchanged() {
    let server = server().await;
    let proxy = FaultProxy::start(server.address()).unwrap();
    let store = MemcachedStore::connect(&server.url_through(&proxy))
        .await
        .unwrap();
    let (a, b) = (&key("a"), &key("b"));
    let years = MaxAge::After(Duration::from_secs(3 * 365 * 24 * 60 * 60));
    store.set(a, b"", years).await.unwrap(); // now the server's date is known

    takes(&proxy, 1, store.set(a, b"1", LASTING)).await;
    takes(&proxy, 1, store.set(a, b"1", years)).await;
    takes(&proxy, 1, store.get(a)).await;
    takes(&proxy, 1, store.get(b)).await;
    takes(&proxy, 1, store.set_if(b, Condition::Absent, b"1", LASTING)).await;
    takes(&proxy, 1, store.set_if(b, Condition::Absent, b"2", LASTING)).await;
    takes(&proxy, 1, store.set_if(b, Condition::Present, b"2", years)).await;
    takes(
        &proxy,
        2,
        store.set_if(b, Condition::Unchanged(b"2"), b"3", years),
    )
    .await;
    takes(
        &proxy,
        1,
        store.set_if(b, Condition::Unchanged(b"2"), b"3", years),
    )
    .await;
    takes(&proxy, 1, store.touch(b, LASTING)).await;
    takes(&proxy, 1, store.touch(b, years)).await;
    takes(&proxy, 1, store.destroy(b)).await;
}

#[tokio::test]
async fn few_for_many_at_once_on_two_connections() {
    let server = server().await;
    let proxy = FaultProxy::start(server.address()).unwrap();
    let store = MemcachedStore::connect(&server.url_through(&proxy))
        .await
        .unwrap();
    let before = proxy.counts().round_trips;
    let many = (0..500).map(async |number| {
        store.set(&key(number), b"value", LASTING).await.unwrap();
        store.get(&key(number)).await.unwrap().unwrap();
    });
    join_all(many).await;
    let counts = proxy.counts();
    let trips = counts.round_trips - before;
    assert!(trips < 250, "{trips} round trips for 1000 calls");
    assert!(
        counts.connections <= 2,
        "{} connections",
        counts.connections
    );
}

async fn takes<T>(proxy: &FaultProxy, trips: u64, call: impl Future<Output = Result<T>>) {
    let before = proxy.counts().round_trips;
    call.await.unwrap();
    assert_eq!(proxy.counts().round_trips - before, trips);
}
