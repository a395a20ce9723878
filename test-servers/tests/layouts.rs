//! Cluster and Sentinel: they become healthy, and survive the death of a primary.

#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::io;

use test_servers::{Kind, Node, ProxyFault, Reply, RespClient, SENTINEL_SERVICE, TestServer};

#[tokio::test]
async fn a_cluster_takes_every_key_and_survives_a_primary() {
    let server = TestServer::builder(Kind::Redis)
        .cluster()
        .start()
        .await
        .unwrap();
    assert_eq!((server.nodes().len(), server.urls().len()), (6, 6));
    let keys: Vec<_> = (0..100).map(|number| format!("key {number}")).collect();
    for key in &keys {
        set(&server, key, "before").await.unwrap();
    }
    // All three have their share of them.
    for node in &server.nodes()[..3] {
        let mut client = RespClient::connect(node.address()).await.unwrap();
        let Reply::Integer(count) = client.command(&["DBSIZE"]).await.unwrap() else {
            panic!("a number was expected");
        };
        assert!(count > 0);
    }
    server.nodes()[0].kill().await.unwrap();
    server.healthy().await.unwrap();
    for key in &keys {
        set(&server, key, "after").await.unwrap();
    }
    server.nodes()[0].restart().await.unwrap();
    server.healthy().await.unwrap();
    assert_eq!(role(&server.nodes()[0]).await, "slave");
    assert_eq!(role(&server.nodes()[3]).await, "master");
}

#[tokio::test]
async fn sentinels_name_another_primary_when_theirs_dies() {
    let builder = TestServer::builder(Kind::Redis).sentinel();
    let server = builder.password("s3cret/ö\"").start().await.unwrap();
    assert_eq!((server.nodes().len(), server.urls().len()), (5, 3));
    assert_eq!(primary(&server).await, server.nodes()[0].address());
    server.nodes()[0].kill().await.unwrap();
    server.healthy().await.unwrap();
    assert_eq!(primary(&server).await, server.nodes()[1].address());
    server.nodes()[0].restart().await.unwrap();
    server.healthy().await.unwrap();
    assert_eq!(primary(&server).await, server.nodes()[1].address());
}

#[tokio::test]
async fn a_sentinel_may_be_away() {
    let server = TestServer::builder(Kind::Redis)
        .sentinel()
        .start()
        .await
        .unwrap();
    server.nodes()[2].kill().await.unwrap();
    server.nodes()[0].pause().await.unwrap();
    server.nodes()[0].kill().await.unwrap();
    server.healthy().await.unwrap();
    server.nodes()[2].restart().await.unwrap();
    server.healthy().await.unwrap();
    assert_eq!(primary(&server).await, server.nodes()[1].address());
}

#[tokio::test]
async fn a_cluster_can_have_everything_at_once() {
    let builder = TestServer::builder(Kind::Redis).cluster().mutual_tls();
    let server = builder.password("s3cret").durable().start().await.unwrap();
    server.kill().await.unwrap();
    assert!(!server.is_running());
    server.restart().await.unwrap();
    server.healthy().await.unwrap();
}

#[tokio::test]
async fn a_cluster_behind_proxies_sends_its_clients_to_no_other_place() {
    let builder = TestServer::builder(Kind::Redis).cluster();
    let server = builder.start().await.unwrap();
    let proxies = server.behind_proxies().await.unwrap();
    assert_eq!(proxies.len(), 6);
    let mut client = RespClient::connect(proxies[0].address()).await.unwrap();
    let (mut taken, mut sent_on) = (0, 0);
    for number in 0..100 {
        match client.command(&["GET", &format!("key {number}")]).await {
            Ok(_) => taken += 1,
            Err(moved) => {
                let moved = moved.to_string();
                let to = moved.rsplit(' ').next().unwrap();
                assert!(proxies[1..3].iter().any(|proxy| proxy.address() == to));
                sent_on += 1;
            }
        }
    }
    assert!(taken > 0 && sent_on > 0, "{taken} taken, {sent_on} sent on");

    proxies[0].set(ProxyFault::Refuse).await.unwrap();
    assert!(client.command(&["PING"]).await.is_err());
    proxies[0].set(ProxyFault::None).await.unwrap();
    server.healthy().await.unwrap();
}

/// Sets a key wherever the cluster wants it.
async fn set(server: &TestServer, key: &str, value: &str) -> io::Result<()> {
    let node = server
        .nodes()
        .iter()
        .find(|node| node.is_running())
        .unwrap();
    let mut client = RespClient::connect(node.address()).await?;
    let Err(moved) = client.command(&["SET", key, value]).await else {
        return Ok(());
    };
    let address = moved.to_string();
    let address = address
        .strip_prefix("MOVED ")
        .and_then(|to| to.split(' ').nth(1));
    let mut client = RespClient::connect(address.ok_or(moved)?).await?;
    client.command(&["SET", key, value]).await.map(drop)
}

async fn role(node: &Node) -> String {
    let mut client = RespClient::connect(node.address()).await.unwrap();
    match client.command(&["ROLE"]).await.unwrap() {
        Reply::Array(role) => role[0].text(),
        other => panic!("an array was expected, not {other:?}"),
    }
}

/// Where a sentinel sends clients.
async fn primary(server: &TestServer) -> String {
    let address = server.address();
    let mut client = RespClient::connect(address).await.unwrap();
    let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SENTINEL_SERVICE];
    match client.command(&words).await.unwrap() {
        Reply::Array(address) => format!("{}:{}", address[0].text(), address[1].text()),
        other => panic!("an array was expected, not {other:?}"),
    }
}
