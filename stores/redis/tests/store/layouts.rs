//! Fail-over under load: Sentinel and Cluster.

use session_store_api::SessionStore;
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
        let (from_id, to_id) = (id(&server, from).await, id(&server, to).await);
        ask(
            &server,
            to,
            &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id],
        )
        .await;
        ask(
            &server,
            from,
            &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id],
        )
        .await;
        load.goes_on().await;
        let port = server.nodes()[to].address().rsplit(':').next().unwrap();
        loop {
            let names = ask(&server, from, &["CLUSTER", "GETKEYSINSLOT", &slot, "100"]).await;
            if names.is_empty() {
                break;
            }
            for name in names.lines() {
                ask(
                    &server,
                    from,
                    &["MIGRATE", "127.0.0.1", port, name, "0", "5000"],
                )
                .await;
            }
        }
        load.goes_on().await;
        for node in [to, from] {
            ask(
                &server,
                node,
                &["CLUSTER", "SETSLOT", &slot, "NODE", &to_id],
            )
            .await;
        }
        load.goes_on().await;
    }
    let tally = load.end().await;
    println!("Cluster, slots moved: {tally}");
    assert_eq!((tally.wrong(), tally.lost()), (0, 0), "{tally}");
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
