//! Handles that go, runtimes that go, calls that go.

use std::pin::pin;
use std::time::Duration;

use session_store_api::{AtomicSessionStore, Condition, SessionStore};
use test_servers::{FaultProxy, RespClient};
use tokio::runtime;
use tokio::time::{sleep, timeout};

use crate::{LASTING, connect, is_ready, key, own};

#[tokio::test]
async fn the_last_handle_closes_the_connections() {
    let server = own().start().await.unwrap();
    let mut admin = RespClient::connect(server.address()).await.unwrap();
    let store = connect(server.url()).await;
    let clone = store.clone();
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    drop(store);
    clone.set(&key("k"), b"v", LASTING).await.unwrap();
    assert_eq!(clients(&mut admin).await, 2);
    // Also if a call is left over that was never polled to its end.
    let key = key("k");
    let mut unfinished = clone.get(&key);
    is_ready(&mut unfinished).await;
    drop(unfinished);
    drop(clone);
    while clients(&mut admin).await > 1 {
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_last_handle_closes_those_of_a_cluster_too() {
    let server = own().cluster().start().await.unwrap();
    let mut admins = Vec::new();
    for node in server.nodes() {
        admins.push(RespClient::connect(node.address()).await.unwrap());
    }
    let mut before = Vec::new();
    for admin in &mut admins {
        before.push(clients(admin).await);
    }
    let store = connect(&format!("redis-cluster://{}", server.address())).await;
    for number in 0..20 {
        store.set(&key(number), b"v", LASTING).await.unwrap();
    }
    assert!(clients(&mut admins[1]).await > before[1]);
    drop(store);
    for (admin, before) in admins.iter_mut().zip(before) {
        while clients(admin).await > before {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// The connection goes with the runtime that it was made on; a handle outlives both.
#[test]
fn a_handle_goes_from_runtime_to_runtime() {
    let runtime = || {
        let mut builder = runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let (first, keeper) = (runtime(), runtime());
    let server = keeper.block_on(own().start()).unwrap();
    let store = first.block_on(connect(server.url()));
    first.block_on(store.set(&key("k"), b"0", LASTING)).unwrap();
    drop(first);
    for round in 0..5 {
        let runtime = runtime();
        let (old, new) = (round.to_string(), (round + 1).to_string());
        let unchanged = Condition::Unchanged(old.as_bytes());
        // Not even a write, which cannot be repeated, meets the dead connection.
        let key = key("k");
        let write = store.set_if(&key, unchanged, new.as_bytes(), LASTING);
        assert!(runtime.block_on(write).unwrap(), "round {round}");
    }
    drop(store);
}

/// Ten thousand calls, dropped after none to three polls or a random time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_cancelled_calls_changes_no_answer() {
    let server = own().start().await.unwrap();
    let proxy = FaultProxy::start(server.address()).unwrap();
    let store = connect(&server.url_through(&proxy)).await;
    for number in 0..16 {
        let value = format!("{number}:0");
        store
            .set(&key(number), value.as_bytes(), LASTING)
            .await
            .unwrap();
    }
    let callers = (0..20_u64).map(|caller| {
        let store = store.clone();
        tokio::spawn(async move {
            for call in 0..500_u64 {
                let number = (caller * 7 + call * 3) % 16;
                let (key, value) = (key(number), format!("{number}:{call}"));
                let polls = (caller + call) % 4;
                match call % 3 {
                    0 => drop_after(polls, store.set(&key, value.as_bytes(), LASTING)).await,
                    1 => drop_after(polls, store.get(&key)).await,
                    _ => {
                        let wait = Duration::from_micros(call % 200);
                        let set = store.set_if(&key, Condition::Present, value.as_bytes(), LASTING);
                        drop(timeout(wait, set).await);
                    }
                }
                if call % 16 == 0 {
                    is_whole(number, store.get(&key).await.unwrap());
                }
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    for number in 0..16 {
        is_whole(number, store.get(&key(number)).await.unwrap());
    }
    assert_eq!(proxy.counts().connections, 1);
}

fn is_whole(number: u64, value: Option<Vec<u8>>) {
    let value = String::from_utf8(value.expect("nobody removes a record")).unwrap();
    assert_eq!(value.split(':').next().unwrap(), number.to_string());
}

async fn drop_after<T>(polls: u64, call: impl Future<Output = T>) {
    let mut call = pin!(call);
    for _ in 0..polls {
        if is_ready(&mut call).await {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// How many clients the server has, the one who asks among them.
async fn clients(admin: &mut RespClient) -> usize {
    let list = admin
        .command(&["CLIENT", "LIST", "TYPE", "normal"])
        .await
        .unwrap();
    list.text().lines().count()
}
