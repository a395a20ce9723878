//! What goes over the wire.

use std::time::Duration;

use session_store_api::{AtomicSessionStore, Condition, MaxAge, SessionStore};
use test_servers::{FaultProxy, Kind, Reply, TestServer};

use crate::{LASTING, ask, connect, key, own};

#[tokio::test]
async fn each_verb_is_one_round_trip() {
    let server = TestServer::start(Kind::Redis).await.unwrap();
    let proxy = FaultProxy::start(server.address()).unwrap();
    let prefix = "session-store-round-trips:";
    let store = connect(&server.url_through(&proxy)).await;
    let store = store.with_prefix(prefix).unwrap();
    let key = key("k");
    // The server learns the script on its first use.
    let unchanged = Condition::Unchanged(b"v");
    store.set_if(&key, unchanged, b"v", LASTING).await.unwrap();

    let trips = || proxy.counts().round_trips;
    let connections = proxy.counts().connections;
    let mut before = trips();
    let mut one = |verb: &str| {
        assert_eq!(trips() - before, 1, "{verb}");
        before = trips();
    };
    let over = MaxAge::After(Duration::ZERO);
    store.get(&key).await.unwrap();
    one("get of nothing");
    store.set(&key, b"v", LASTING).await.unwrap();
    one("set");
    store.get(&key).await.unwrap();
    one("get");
    for condition in [Condition::Absent, Condition::Present, unchanged] {
        store.set_if(&key, condition, b"v", LASTING).await.unwrap();
        one(&format!("{condition:?}"));
        store.set_if(&key, condition, b"v", over).await.unwrap();
        one(&format!("{condition:?}, over at once"));
    }
    store.set(&key, b"v", MaxAge::Session).await.unwrap();
    one("set for the session");
    store.touch(&key, LASTING).await.unwrap();
    one("touch");
    store.destroy(&key).await.unwrap();
    one("destroy");
    store.set(&key, b"v", over).await.unwrap();
    one("set, over at once");
    assert_eq!(proxy.counts().connections, connections);
}

#[tokio::test]
async fn the_script_is_sent_when_the_server_does_not_know_it() {
    let server = own().start().await.unwrap();
    let proxy = FaultProxy::start(server.address()).unwrap();
    let store = connect(&server.url_through(&proxy)).await;
    let key = key("k");
    store.set(&key, b"0", LASTING).await.unwrap();
    for round in 0..3 {
        let trips = proxy.counts().round_trips;
        for (number, trips_more) in [(2 * round, 2), (2 * round + 1, 3)] {
            let (old, new) = (number.to_string(), (number + 1).to_string());
            let unchanged = Condition::Unchanged(old.as_bytes());
            let set = store.set_if(&key, unchanged, new.as_bytes(), LASTING);
            assert!(set.await.unwrap());
            assert_eq!(proxy.counts().round_trips - trips, trips_more, "{number}");
        }
        ask(&server, &["SCRIPT", "FLUSH"]).await;
    }
    assert_eq!(store.get(&key).await.unwrap().unwrap(), b"6");
}

/// Among a thousand callers there is still one connection, and they share its round trips.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_at_the_same_time_share_a_connection() {
    let server = own().start().await.unwrap();
    let proxy = FaultProxy::start(server.address()).unwrap();
    let store = connect(&server.url_through(&proxy)).await;
    let trips = proxy.counts().round_trips;
    let calls = (0..1_000).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let (key, value) = (key(number), number.to_string());
            store.set(&key, value.as_bytes(), LASTING).await.unwrap();
            assert_eq!(store.get(&key).await.unwrap().unwrap(), value.as_bytes());
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    let counts = proxy.counts();
    assert_eq!(counts.connections, 1);
    let trips = counts.round_trips - trips;
    assert!(trips < 2_000, "{trips} round trips for 2,000 calls");
    assert_eq!(ask(&server, &["DBSIZE"]).await, Reply::Integer(1_000));
}
