//! Several servers: which keeps what, and what happens to the rest when one is away.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use memcache::exp::{Rendezvous, Router};
use session_store_api::{ErrorKind, SessionKey, SessionStore};
use session_store_memcached::{MemcachedStore, memcache};
use test_servers::TestServer;

use crate::{LASTING, Raw, key, refused, server};

/// Three servers, and a store over them in this order.
async fn three(order: [usize; 3]) -> ([TestServer; 3], MemcachedStore) {
    let servers = [server().await, server().await, server().await];
    let addresses = order.map(|place| servers[place].address());
    let url = format!("memcached://{}?timeout=1s", addresses.join(","));
    (servers, MemcachedStore::connect(&url).await.unwrap())
}

fn keys() -> impl Iterator<Item = SessionKey> {
    (0..120).map(key)
}

/// On which of the servers the record is; on one alone.
fn place(servers: &[TestServer], key: &SessionKey) -> usize {
    let name = format!("session:{}", key.as_str());
    let holds = |server: &&TestServer| Raw::open(server.address()).value(&name).is_some();
    let holders: Vec<_> = servers.iter().filter(holds).collect();
    assert_eq!(holders.len(), 1);
    servers
        .iter()
        .position(|server| server.address() == holders[0].address())
        .unwrap()
}

#[tokio::test]
async fn records_are_spread_and_the_order_of_servers_does_not_matter() {
    let (servers, store) = three([0, 1, 2]).await;
    let mut spread = BTreeMap::new();
    for key in keys() {
        store.set(&key, b"value", LASTING).await.unwrap();
        *spread.entry(place(&servers, &key)).or_insert(0) += 1;
    }
    assert!(
        spread.len() == 3 && spread.values().all(|count| *count >= 15),
        "{spread:?}"
    );

    let addresses = [2, 0, 1].map(|place: usize| servers[place].address());
    let other = MemcachedStore::new(addresses).unwrap();
    for key in keys() {
        assert!(other.get(&key).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn without_one_server_only_its_records_move() {
    let (servers, store) = three([0, 1, 2]).await;
    let two = MemcachedStore::new([servers[0].address(), servers[2].address()]).unwrap();
    for key in keys() {
        store.set(&key, b"value", LASTING).await.unwrap();
        let moved = place(&servers, &key) == 1;
        assert_eq!(two.get(&key).await.unwrap().is_none(), moved);
    }
}

/// Where records are must not change with a version of Rust or of the driver: they would all be lost.
#[test]
fn the_ring_is_the_one_that_it_was() {
    let servers = ["a:11211", "b:11211", "c:11211"].map(str::to_owned);
    let places: String = (0..40)
        .map(|number| {
            let key = format!("session:{number}");
            let place = Rendezvous::new().route(key.as_bytes(), &servers);
            servers[place].chars().next().unwrap()
        })
        .collect();
    assert_eq!(places, "cabcabbccaacccbbbcbacacbbabacccccaababbb");
}

#[tokio::test]
async fn a_server_that_is_down_takes_only_its_own_records() {
    let (servers, store) = three([0, 1, 2]).await;
    let mut places = Vec::new();
    for key in keys() {
        store.set(&key, b"value", LASTING).await.unwrap();
        places.push((place(&servers, &key), key));
    }
    servers[1].kill().await.unwrap();
    let hint = format!("no connection to {}", servers[1].address());
    let asked = places.iter().map(async |(place, key)| match place {
        1 => refused(store.get(key).await, ErrorKind::Unavailable, &hint),
        _ => assert_eq!(store.get(key).await.unwrap().unwrap(), b"value"),
    });
    join_all(asked).await;

    // A store opens without it too, and with none of them it does not.
    let url = format!(
        "memcached://{},{},{}",
        servers[0].address(),
        servers[1].address(),
        servers[2].address()
    );
    MemcachedStore::connect(&url).await.unwrap();

    // Replaced by an empty one, its records are missed, and written there again.
    servers[1].restart().await.unwrap();
    for (place, key) in places {
        let found = store.get(&key).await.unwrap();
        assert_eq!(found.is_none(), place == 1);
        store.set(&key, b"again", LASTING).await.unwrap();
        assert_eq!(self::place(&servers, &key), place);
    }
}

#[tokio::test]
async fn a_server_that_hangs_holds_up_nobody_elses_records() {
    let (servers, store) = three([0, 1, 2]).await;
    let mut places = Vec::new();
    for key in keys() {
        store.set(&key, b"value", LASTING).await.unwrap();
        places.push((place(&servers, &key), key));
    }
    let (hung, well): (Vec<_>, Vec<_>) = places.iter().partition(|(place, _)| *place == 1);
    let store = store.with_timeout(Duration::from_secs(30)).unwrap();
    servers[1].pause().await.unwrap();
    let waiting = join_all(hung.iter().map(|(_, key)| store.get(key)));
    let answered = join_all(well.iter().map(async |(_, key)| {
        assert_eq!(store.get(key).await.unwrap().unwrap(), b"value");
    }));
    tokio::pin!(waiting);
    tokio::select! {
        _ = &mut waiting => panic!("a paused server does not answer"),
        _ = answered => {}
    }
    servers[1].resume().await.unwrap();
    for found in waiting.await {
        assert_eq!(found.unwrap().unwrap(), b"value");
    }
}
