//! A server whose memory is full.

use session_store_api::{ErrorKind, SessionStore};

use crate::{LASTING, connected, key, server, started_with};

#[tokio::test]
async fn evictions_are_counted_and_what_is_left_is_whole() {
    const RECORDS: u32 = 4000;
    let server = started_with(["-m", "2"]).await;
    let store = connected(&server).await;
    let value = |number: u32| number.to_le_bytes().repeat(512);
    for number in 0..RECORDS {
        store
            .set(&key(number), &value(number), LASTING)
            .await
            .unwrap();
    }
    let (mut found, mut gone) = (0, 0);
    for number in 0..RECORDS {
        match store.get(&key(number)).await.unwrap() {
            Some(seen) => {
                assert!(seen == value(number), "record {number} is another");
                found += 1;
            }
            None => gone += 1,
        }
    }
    assert!(found > 0 && gone > 0, "{found} found, {gone} gone");
    let stats = store.stats().await;
    let [(address, stats)] = &stats[..] else {
        panic!("one server, not {}", stats.len());
    };
    let stats = stats.as_ref().unwrap();
    assert_eq!(address, server.address());
    assert_eq!(stats.version, server.version());
    assert_eq!(stats.evictions, gone);
    assert!(
        stats.records >= found && stats.bytes > 0 && stats.max_bytes == 2 << 20,
        "{stats:?}"
    );
}

/// Without evictions a full server refuses writes, one by one, and goes on reading.
#[tokio::test]
async fn a_server_that_may_not_evict_says_so() {
    let server = started_with(["-m", "2", "-M"]).await;
    let store = connected(&server).await;
    let value = [7; 2048];
    let mut last = None;
    for number in 0..10_000 {
        if let Err(error) = store.set(&key(number), &value, LASTING).await {
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert!(error.to_string().contains("no memory"), "{error}");
            last = Some(number);
            break;
        }
    }
    let refused = last.expect("a server of 2 MiB holds no 20 MB");
    assert_eq!(store.get(&key(0)).await.unwrap().unwrap(), value);
    assert_eq!(store.get(&key(refused)).await.unwrap(), None);
    store.destroy(&key(0)).await.unwrap();
    store.set(&key(0), &value, LASTING).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_away_has_no_stats() {
    let (one, other) = (server().await, server().await);
    let url = format!("memcached://{},{}", one.address(), other.address());
    let store = session_store_memcached::MemcachedStore::connect(&url)
        .await
        .unwrap();
    other.kill().await.unwrap();
    for (address, stats) in store.stats().await {
        assert_eq!(
            stats.is_ok(),
            address == one.address(),
            "{address}: {stats:?}"
        );
    }
}
