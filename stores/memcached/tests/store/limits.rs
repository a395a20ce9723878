//! How large a value may be, and what a refused one does.

use futures_util::future::join_all;
use session_store_api::{AtomicSessionStore, Condition, ErrorKind, SessionKey, SessionStore};
use session_store_memcached::MemcachedStore;
use test_servers::FaultProxy;

use crate::{LASTING, connected, key, refused, server, started_with};

const MIB: usize = 1 << 20;

#[tokio::test]
async fn the_limit_is_that_of_the_server() {
    for (args, limit) in [
        (vec![], MIB - 1024),
        (vec!["-I", "2m"], 2 * MIB - 1024),
        (vec!["-I", "512k"], MIB / 2 - 1024),
    ] {
        let server = started_with(args).await;
        let longest = key("k".repeat(SessionKey::MAX_LEN));
        let store = connected(&server)
            .await
            .with_prefix(&"p".repeat(50))
            .unwrap();
        let value = vec![7; limit];
        store.set(&longest, &value, LASTING).await.unwrap();
        assert!(store.get(&longest).await.unwrap().unwrap() == value);

        let hint = format!("`max_value` is {limit}");
        let larger = vec![8; limit + 1];
        refused(
            store.set(&longest, &larger, LASTING).await,
            ErrorKind::TooLarge,
            &hint,
        );
        for condition in [
            Condition::Absent,
            Condition::Present,
            Condition::Unchanged(&value),
        ] {
            let written = store.set_if(&longest, condition, &larger, LASTING).await;
            refused(written, ErrorKind::TooLarge, &hint);
        }
        assert!(store.get(&longest).await.unwrap().unwrap() == value);
        refused(
            store.with_max_value(limit + 1),
            ErrorKind::Config,
            "`max_value`",
        );
        let url = format!("{}?max_value={}", server.url(), limit + 1);
        refused(
            MemcachedStore::connect(&url).await,
            ErrorKind::Config,
            "`max_value`",
        );
    }
}

#[tokio::test]
async fn of_several_servers_the_smallest_limit_counts() {
    let (large, small) = (
        started_with(["-I", "2m"]).await,
        started_with(["-I", "512k"]).await,
    );
    let url = format!("memcached://{},{}", large.address(), small.address());
    let store = MemcachedStore::connect(&url).await.unwrap();
    let limit = 512 * 1024 - 1024;
    let value = vec![1; limit + 1];
    let hint = format!("`max_value` is {limit}");
    refused(
        store.set(&key("a"), &value, LASTING).await,
        ErrorKind::TooLarge,
        &hint,
    );
    store.set(&key("a"), &value[1..], LASTING).await.unwrap();
}

#[tokio::test]
async fn what_is_too_large_is_not_sent() {
    let server = server().await;
    let proxy = FaultProxy::start(server.address()).unwrap();
    let store = MemcachedStore::connect(&server.url_through(&proxy))
        .await
        .unwrap();
    let before = proxy.counts();
    let written = store.set(&key("a"), &vec![0; MIB], LASTING).await;
    refused(written, ErrorKind::TooLarge, "1048576 bytes");
    assert_eq!(proxy.counts(), before);
}

/// A server that takes less than it was thought to: the record is gone then, and nobody else's is.
#[tokio::test]
async fn a_value_that_the_server_refuses_harms_no_neighbour() {
    let server = server().await;
    let store = MemcachedStore::new([server.address()]).unwrap();
    let store = store.with_max_value(4 * MIB).unwrap();
    let name = key("large");
    store.set(&name, b"old", LASTING).await.unwrap();

    let too_large = vec![0; 2 * MIB];
    let large = store.set(&name, &too_large, LASTING);
    let neighbours = (0..100).map(async |number| {
        let (name, value) = (key(number), number.to_string());
        store.set(&name, value.as_bytes(), LASTING).await.unwrap();
        assert_eq!(store.get(&name).await.unwrap().unwrap(), value.as_bytes());
    });
    let (large, _) = tokio::join!(biased; large, join_all(neighbours));
    refused(large, ErrorKind::TooLarge, "removed the record");
    assert_eq!(store.get(&name).await.unwrap(), None);
}
