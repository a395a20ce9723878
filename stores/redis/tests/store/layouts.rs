//! Fail-over and resharding: Sentinel and Cluster.

use session_store_api::{AtomicSessionStore, Condition, SessionStore};
use test_servers::{Reply, RespClient, SENTINEL_SERVICE, TestServer};

use crate::load::Load;
use crate::{LASTING, connect, key, own};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_name_another_primary() {
    let server = own().sentinel().start().await.unwrap();
    let url = format!(
        "redis-sentinel://{}/{SENTINEL_SERVICE}?timeout=2s",
        hosts(&server)
    );
    let store = connect(&url).await;
    let load = Load::begin(&store, 16);
    load.goes_on().await;
    server.nodes()[0].kill().await.unwrap();
    server.healthy().await.unwrap();
    load.goes_on().await;
    // Back again as a replica, which nobody must write to.
    server.nodes()[0].restart().await.unwrap();
    server.healthy().await.unwrap();
    load.goes_on().await;
    let tally = load.end().await;
    println!("Sentinel, primary killed: {tally}");
    assert_eq!(tally.wrong(), 0, "{tally}");
}

/// A fail-over that an operator asks for: the old primary lives on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_becomes_a_replica_is_left() {
    let server = own().sentinel().start().await.unwrap();
    let url = format!(
        "redis-sentinel://{}/{SENTINEL_SERVICE}?timeout=2s",
        hosts(&server)
    );
    let store = connect(&url).await;
    let load = Load::begin(&store, 16);
    load.goes_on().await;
    let mut sentinel = RespClient::connect(server.address()).await.unwrap();
    sentinel
        .command(&["SENTINEL", "FAILOVER", SENTINEL_SERVICE])
        .await
        .unwrap();
    while role(&server, 1).await != "master" || role(&server, 0).await != "slave" {
        load.goes_on().await;
    }
    server.healthy().await.unwrap();
    load.goes_on().await;
    let tally = load.end().await;
    println!("Sentinel, fail-over on request: {tally}");
    assert_eq!(tally.wrong(), 0, "{tally}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_replaces_a_primary() {
    let server = own().cluster().start().await.unwrap();
    let store = connect(&format!("redis-cluster://{}", hosts(&server))).await;
    let load = Load::begin(&store, 16);
    load.goes_on().await;
    server.nodes()[0].kill().await.unwrap();
    server.healthy().await.unwrap();
    load.goes_on().await;
    server.nodes()[0].restart().await.unwrap();
    server.healthy().await.unwrap();
    load.goes_on().await;
    let tally = load.end().await;
    println!("Cluster, primary killed: {tally}");
    assert_eq!(tally.wrong(), 0, "{tally}");
}

/// Slots that move from node to node while they are used: `ASK`, `TRYAGAIN` and `MOVED`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_move_under_load() {
    let server = own().cluster().start().await.unwrap();
    let store = connect(&format!("redis-cluster://{}", server.address())).await;
    let load = Load::begin(&store, 16);
    load.goes_on().await;
    // Two slots that records of the load are in.
    for number in [0, 1] {
        let slot = ask(
            &server,
            0,
            &["CLUSTER", "KEYSLOT", &format!("sess:{number}")],
        )
        .await;
        let from = owner(&server, &slot).await;
        let to = (from + 1) % 3;
        begin_move(&server, &slot, from, to).await;
        load.goes_on().await;
        loop {
            let names = ask(&server, from, &["CLUSTER", "GETKEYSINSLOT", &slot, "100"]).await;
            if names.is_empty() {
                break;
            }
            for name in names.lines() {
                migrate(&server, name, from, to).await;
            }
        }
        load.goes_on().await;
        end_move(&server, &slot, from, to).await;
        load.goes_on().await;
    }
    let tally = load.end().await;
    println!("Cluster, slots moved: {tally}");
    assert_eq!((tally.wrong(), tally.lost()), (0, 0), "{tally}");
}

/// While a slot moves, the node that has it sends a client who asks for what has gone, or never was there,
/// on to the other (`ASK`), which answers only those who say that they were sent (`ASKING`).
#[tokio::test]
async fn a_record_is_found_while_its_slot_moves() {
    let server = own().cluster().start().await.unwrap();
    let url = format!("redis-cluster://{}?timeout=30s", server.address());
    let store = connect(&url).await.with_prefix("{tag}:").unwrap();
    let (gone, still, new) = (key("gone"), key("still"), key("new"));
    for key in [&gone, &still] {
        store.set(key, b"0", LASTING).await.unwrap();
    }
    let slot = ask(&server, 0, &["CLUSTER", "KEYSLOT", "{tag}:"]).await;
    let from = owner(&server, &slot).await;
    let to = (from + 1) % 3;
    begin_move(&server, &slot, from, to).await;
    migrate(&server, "{tag}:gone", from, to).await;

    for key in [&gone, &still] {
        assert_eq!(store.get(key).await.unwrap().unwrap(), b"0");
        store.set(key, b"1", LASTING).await.unwrap();
        for (condition, done) in [
            (Condition::Absent, false),
            (Condition::Present, true),
            (Condition::Unchanged(b"2"), true),
        ] {
            let set = store.set_if(key, condition, b"2", LASTING).await;
            assert_eq!(set.unwrap(), done, "{condition:?}");
        }
        assert!(store.touch(key, LASTING).await.unwrap());
        assert_eq!(store.get(key).await.unwrap().unwrap(), b"2");
    }
    assert_eq!(store.get(&new).await.unwrap(), None);
    for is_new in [true, false] {
        let set = store.set_if(&new, Condition::Absent, b"2", LASTING).await;
        assert_eq!(set.unwrap(), is_new);
    }

    migrate(&server, "{tag}:still", from, to).await;
    end_move(&server, &slot, from, to).await;
    for key in [&gone, &still, &new] {
        assert_eq!(store.get(key).await.unwrap().unwrap(), b"2");
        store.destroy(key).await.unwrap();
        assert_eq!(store.get(key).await.unwrap(), None);
    }
}

/// One node that is known is enough, and it need not be a primary.
#[tokio::test]
async fn a_cluster_is_found_through_any_node() {
    let server = own().cluster().start().await.unwrap();
    for node in server.nodes() {
        let store = connect(&format!("redis-cluster://{}", node.address())).await;
        for number in 0..10 {
            store.set(&key(number), b"v", LASTING).await.unwrap();
            assert_eq!(store.get(&key(number)).await.unwrap().unwrap(), b"v");
        }
    }
    let dead = format!("redis-cluster://127.0.0.1:1,{}", server.address());
    connect(&dead).await.get(&key("k")).await.unwrap();
}

fn hosts(server: &TestServer) -> String {
    let urls = server.urls();
    let hosts = urls.iter().map(|url| url.rsplit('/').next().unwrap());
    hosts.collect::<Vec<_>>().join(",")
}

/// What a node answers, as lines.
async fn ask(server: &TestServer, node: usize, words: &[&str]) -> String {
    let mut client = RespClient::connect(server.nodes()[node].address())
        .await
        .unwrap();
    match client.command(words).await.unwrap() {
        Reply::Integer(number) => number.to_string(),
        Reply::Array(texts) => texts.iter().map(Reply::text).collect::<Vec<_>>().join("\n"),
        reply => reply.text(),
    }
}

/// Tells two nodes that a slot is about to move from the one to the other.
async fn begin_move(server: &TestServer, slot: &str, from: usize, to: usize) {
    let (from_id, to_id) = (id(server, from).await, id(server, to).await);
    let importing = ["CLUSTER", "SETSLOT", slot, "IMPORTING", &from_id];
    ask(server, to, &importing).await;
    let migrating = ["CLUSTER", "SETSLOT", slot, "MIGRATING", &to_id];
    ask(server, from, &migrating).await;
}

/// Moves one record.
async fn migrate(server: &TestServer, name: &str, from: usize, to: usize) {
    let port = server.nodes()[to].address().rsplit(':').next().unwrap();
    let migrate = ["MIGRATE", "127.0.0.1", port, name, "0", "5000"];
    ask(server, from, &migrate).await;
}

/// Tells both that it has moved.
async fn end_move(server: &TestServer, slot: &str, from: usize, to: usize) {
    let to_id = id(server, to).await;
    for node in [to, from] {
        ask(server, node, &["CLUSTER", "SETSLOT", slot, "NODE", &to_id]).await;
    }
}

/// What a node says it is; nothing if it hangs up, as one does to all clients when it is demoted.
async fn role(server: &TestServer, node: usize) -> String {
    let address = server.nodes()[node].address();
    let mut client = RespClient::connect(address).await.unwrap();
    match client.command(&["ROLE"]).await {
        Ok(Reply::Array(role)) => role[0].text(),
        _ => String::new(),
    }
}

async fn id(server: &TestServer, node: usize) -> String {
    ask(server, node, &["CLUSTER", "MYID"]).await
}

/// Which of the three primaries has this slot.
async fn owner(server: &TestServer, slot: &str) -> usize {
    for node in 0..3 {
        let begins = 16_384 * node / 3;
        let ends = 16_384 * (node + 1) / 3;
        if (begins..ends).contains(&slot.parse().unwrap()) {
            assert_eq!(role(server, node).await, "master");
            return node;
        }
    }
    panic!("a slot is below 16,384");
}
