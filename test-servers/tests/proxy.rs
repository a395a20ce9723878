//! The fault proxy, between a client and a real Redis.

#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use test_servers::{Counts, FaultProxy, Kind, ProxyFault, RespClient, TestServer};
use tokio::time::timeout;

/// Long enough for an answer that is on its way, short enough to wait for one that is not.
const MOMENT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn it_carries_and_counts() {
    let (server, proxy) = start().await;
    assert_eq!(proxy.counts(), Counts::default());
    assert_eq!(
        server.url_through(&proxy),
        format!("redis://{}", proxy.address())
    );
    let mut client = connect(&proxy).await;
    for round_trips in 1..=10 {
        client.command(&["PING"]).await.unwrap();
        let counts = proxy.counts();
        assert_eq!(counts.connections, 1);
        assert_eq!(counts.request_bytes, round_trips * 14); // *1 $4 PING
        assert_eq!(counts.reply_bytes, round_trips * 7); // +PONG
        assert_eq!(counts.round_trips, round_trips);
    }
}

#[tokio::test]
async fn large_values_come_through_whole() {
    let (_server, proxy) = start().await;
    let mut client = connect(&proxy).await;
    let value: Vec<u8> = (0..4_000_000_u32)
        .map(|i| i.to_le_bytes()[i as usize % 4])
        .collect();
    client
        .command(&[b"SET", b"key".as_slice(), &value])
        .await
        .unwrap();
    let read = client.command(&["GET", "key"]).await.unwrap();
    assert!(read == test_servers::Reply::Bulk(value));
}

#[tokio::test]
async fn delay_makes_each_reply_late() {
    let (_server, proxy) = start().await;
    let mut client = connect(&proxy).await;
    let delay = Duration::from_millis(100);
    proxy.set(ProxyFault::Delay(delay)).await.unwrap();
    for _ in 0..2 {
        let began = Instant::now();
        client.command(&["PING"]).await.unwrap();
        assert!(began.elapsed() >= delay);
    }
}

#[tokio::test]
async fn hold_keeps_everything_and_brings_it_later() {
    let (server, proxy) = start().await;
    let mut open = connect(&proxy).await;
    proxy.set(ProxyFault::Hold).await.unwrap();
    let mut new = connect(&proxy).await;
    for (client, key) in [(&mut open, "open"), (&mut new, "new")] {
        let command = ["SET", key, "value"];
        let set = client.command(&command);
        tokio::pin!(set);
        timeout(MOMENT, &mut set)
            .await
            .expect_err("an answer came through");
        assert_eq!(get(&server, key).await, "");
        proxy.set(ProxyFault::None).await.unwrap();
        set.await.unwrap();
        assert_eq!(get(&server, key).await, "value");
        proxy.set(ProxyFault::Hold).await.unwrap();
    }
}

#[tokio::test]
async fn a_black_hole_takes_everything_and_brings_nothing() {
    let (server, proxy) = start().await;
    let mut open = connect(&proxy).await;
    open.command(&["PING"]).await.unwrap();
    proxy.set(ProxyFault::BlackHole).await.unwrap();
    let mut new = connect(&proxy).await;
    for (client, key) in [(&mut open, "open"), (&mut new, "new")] {
        let command = ["SET", key, "value"];
        timeout(MOMENT, client.command(&command))
            .await
            .expect_err("an answer came through");
        assert_eq!(get(&server, key).await, "");
    }
    proxy.set(ProxyFault::None).await.unwrap();
    for client in [&mut open, &mut new] {
        ended(client).await;
    }
    connect(&proxy).await.command(&["PING"]).await.unwrap();
}

#[tokio::test]
async fn a_dropped_reply_is_of_a_request_that_was_done() {
    let (server, proxy) = start().await;
    let mut client = connect(&proxy).await;
    proxy.set(ProxyFault::DropReplies).await.unwrap();
    timeout(MOMENT, client.command(&["SET", "key", "value"]))
        .await
        .expect_err("an answer came through");
    while get(&server, "key").await.is_empty() {}
    proxy.set(ProxyFault::None).await.unwrap();
    ended(&mut client).await;
}

#[tokio::test]
async fn a_garbled_reply_is_no_answer() {
    let (_server, proxy) = start().await;
    let mut client = connect(&proxy).await;
    proxy.set(ProxyFault::GarbleReplies).await.unwrap();
    // Turned over, the end of a line is none.
    let garbled = timeout(MOMENT, client.command(&["PING"])).await;
    garbled.expect_err("an answer came through");
    proxy.set(ProxyFault::None).await.unwrap();
    ended(&mut client).await;
}

#[tokio::test]
async fn cuts_fall_where_they_should() {
    let (server, proxy) = start().await;
    let value = "v".repeat(1000);
    for (fault, done) in [
        (ProxyFault::CutRequests(0), false),
        (ProxyFault::CutRequests(500), false),
        (ProxyFault::CutReplies(0), true),
        (ProxyFault::CutReplies(3), true),
    ] {
        for open in [true, false] {
            let key = format!("{fault:?} {open}");
            proxy.set(ProxyFault::None).await.unwrap();
            let mut client = connect(&proxy).await;
            if open {
                client.command(&["PING"]).await.unwrap();
            }
            proxy.set(fault).await.unwrap();
            if !open {
                client = connect(&proxy).await;
            }
            client.command(&["SET", &key, &value]).await.unwrap_err();
            assert_eq!(get(&server, &key).await == value, done, "{key}");
        }
    }
    // What is under the limit comes through, and what adds up to it does not.
    proxy.set(ProxyFault::CutReplies(10)).await.unwrap();
    let mut client = connect(&proxy).await;
    client.command(&["PING"]).await.unwrap();
    client.command(&["PING"]).await.unwrap_err();
}

#[tokio::test]
async fn reset_ends_connections_rudely() {
    let (_server, proxy) = start().await;
    let mut open = connect(&proxy).await;
    open.command(&["PING"]).await.unwrap();
    proxy.set(ProxyFault::Reset).await.unwrap();
    let error = timeout(MOMENT * 50, async {
        loop {
            if let Err(error) = open.command(&["PING"]).await {
                return error;
            }
        }
    });
    let error = error.await.unwrap();
    assert!(
        matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        ),
        "{error}"
    );
    // It is taken and reset, perhaps before the client knows that it was taken.
    if let Ok(mut new) = RespClient::connect(proxy.address()).await {
        new.command(&["PING"]).await.unwrap_err();
    }
    proxy.set(ProxyFault::None).await.unwrap();
    connect(&proxy).await.command(&["PING"]).await.unwrap();
}

#[tokio::test]
async fn refuse_is_as_if_nobody_listened() {
    let (_server, proxy) = start().await;
    let mut open = connect(&proxy).await;
    open.command(&["PING"]).await.unwrap();
    for _ in 0..3 {
        proxy.set(ProxyFault::Refuse).await.unwrap();
        let error = RespClient::connect(proxy.address()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        ended(&mut open).await;
        proxy.set(ProxyFault::None).await.unwrap();
        open = connect(&proxy).await;
        open.command(&["PING"]).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_down_ends_the_connection() {
    let (server, proxy) = start().await;
    server.kill().await.unwrap();
    ended(&mut connect(&proxy).await).await;
    server.restart().await.unwrap();
    connect(&proxy).await.command(&["PING"]).await.unwrap();
}

#[tokio::test]
async fn dropping_it_ends_its_connections() {
    let (_server, proxy) = start().await;
    let mut client = connect(&proxy).await;
    client.command(&["PING"]).await.unwrap();
    let address = proxy.address().to_owned();
    drop(proxy);
    ended(&mut client).await;
    RespClient::connect(&address).await.unwrap_err();
}

/// A proxy belongs to no runtime: what one began another goes on with.
#[test]
fn it_outlives_the_runtime_it_was_made_in() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
    };
    let (_server, proxy) = runtime().unwrap().block_on(start());
    runtime().unwrap().block_on(async {
        proxy
            .set(ProxyFault::Delay(Duration::from_millis(1)))
            .await
            .unwrap();
        connect(&proxy).await.command(&["PING"]).await.unwrap();
    });
}

async fn start() -> (TestServer, FaultProxy) {
    let server = TestServer::start(Kind::Redis).await.unwrap();
    let proxy = FaultProxy::start(server.address()).unwrap();
    (server, proxy)
}

async fn connect(proxy: &FaultProxy) -> RespClient {
    RespClient::connect(proxy.address()).await.unwrap()
}

/// What stands on the server, past the proxy.
async fn get(server: &TestServer, key: &str) -> String {
    let mut client = RespClient::connect(server.address()).await.unwrap();
    client.command(&["GET", key]).await.unwrap().text()
}

/// The connection carries no more.
async fn ended(client: &mut RespClient) {
    let ended = async { while client.command(&["PING"]).await.is_ok() {} };
    timeout(Duration::from_secs(30), ended)
        .await
        .expect("the connection is still open");
}
