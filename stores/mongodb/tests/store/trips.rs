//! Round trips, counted between store and server.

use futures_util::future::join_all;
use session_store_api::{AtomicSessionStore, Condition, SessionStore};
use session_store_mongodb::MongoDbStore;
use test_servers::FaultProxy;

use crate::{LASTING, key, shared, with};

/// What the driver may ask the server by itself meanwhile: how it is.
const OWN: u64 = 2;

async fn through_a_proxy(collection: &str) -> (MongoDbStore, FaultProxy) {
    let server = shared().await;
    let proxy = FaultProxy::start(server.address()).unwrap();
    let url = with(
        &server.url_through(&proxy),
        format!("collection={collection}"),
    );
    let url = with(&url, "heartbeatFrequencyMS=60000");
    let store = MongoDbStore::connect(&url).await.unwrap();
    // Every connection it needs.
    let keys = [key("k"), key("l"), key("m")];
    let (reads, writes) = tokio::join!(
        join_all(keys.iter().map(|key| store.get(key))),
        join_all(keys.iter().map(|key| store.set(key, b"v", LASTING))),
    );
    assert!(reads.iter().all(Result::is_ok) && writes.iter().all(Result::is_ok));
    (store, proxy)
}

#[tokio::test]
async fn every_call_is_one_round_trip() {
    const CALLS: u64 = 20;
    let (store, proxy) = through_a_proxy("trips").await;
    let key = key("k");
    let (present, unchanged) = (Condition::Present, Condition::Unchanged(b"v"));
    let mut seen = Vec::new();
    for verb in 0..7 {
        let before = proxy.counts().round_trips;
        for _ in 0..CALLS {
            let held = match verb {
                0 => store.get(&key).await.unwrap().is_some(),
                1 => store.set(&key, b"v", LASTING).await.is_ok(),
                2 => store.touch(&key, LASTING).await.unwrap(),
                3 => store.set_if(&key, present, b"v", LASTING).await.unwrap(),
                4 => store.set_if(&key, unchanged, b"v", LASTING).await.unwrap(),
                5 => !store
                    .set_if(&key, Condition::Absent, b"v", LASTING)
                    .await
                    .unwrap(),
                _ => store.destroy(&key).await.is_ok(),
            };
            assert!(held, "verb {verb}");
        }
        seen.push(proxy.counts().round_trips - before);
    }
    for (verb, trips) in seen.iter().enumerate() {
        assert!(
            (CALLS..=CALLS + OWN).contains(trips),
            "verb {verb} of {seen:?}"
        );
    }
}

#[tokio::test]
async fn calls_made_at_once_share_round_trips() {
    let (store, proxy) = through_a_proxy("shared_trips").await;
    let keys: Vec<_> = (0..200).map(key).collect();
    let before = proxy.counts().round_trips;
    let written = join_all(keys.iter().map(|key| store.set(key, b"v", LASTING))).await;
    let read = join_all(keys.iter().map(|key| store.get(key))).await;
    let absent = |key| store.set_if(key, Condition::Absent, b"w", LASTING);
    let refused = join_all(keys.iter().map(absent)).await;
    let destroyed = join_all(keys.iter().map(|key| store.destroy(key))).await;
    let trips = proxy.counts().round_trips - before;
    assert!(
        written
            .into_iter()
            .chain(destroyed)
            .all(|done| done.is_ok())
    );
    assert!(read.into_iter().all(|value| value.unwrap().is_some()));
    assert!(refused.into_iter().all(|held| !held.unwrap()));
    // All of a kind are queued before the first is sent, so two lanes share them at most.
    assert!(trips <= 4 * 2 + OWN, "{trips} round trips for 800 calls");
}

#[tokio::test]
async fn however_many_are_found_they_come_in_one_answer() {
    const ROUNDS: u64 = 10;
    let (store, proxy) = through_a_proxy("many_found").await;
    // Two batches, each of more than the server sends unasked.
    let keys: Vec<_> = (0..480).map(key).collect();
    join_all(keys.iter().map(|key| store.set(key, b"v", LASTING))).await;
    let before = proxy.counts().round_trips;
    for _ in 0..ROUNDS {
        let read = join_all(keys.iter().map(|key| store.get(key))).await;
        assert!(read.into_iter().all(|value| value.unwrap().is_some()));
    }
    let trips = proxy.counts().round_trips - before;
    assert!(trips <= ROUNDS * 2 + OWN, "{trips} round trips");
}
