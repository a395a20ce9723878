//! A plain Redis: it starts, obeys, and leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::path::PathBuf;
use std::time::Duration;

use test_servers::{Kind, Reply, RespClient, TestServer, TestServerBuilder};
use tokio::time::timeout;

#[tokio::test]
async fn it_answers_and_says_its_version() {
    let server = TestServer::start(Kind::Redis).await.unwrap();
    assert!(
        server
            .version()
            .starts_with(|first: char| first.is_ascii_digit())
    );
    assert!(server.url().starts_with("redis://"));
    assert!(server.url().ends_with(server.address()));
    let mut client = connect(&server).await;
    assert_eq!(client.command(&["PING"]).await.unwrap().text(), "PONG");
}

#[tokio::test]
async fn two_at_once_know_nothing_of_each_other() {
    let (one, other) = tokio::join!(own().start(), own().start());
    let (one, other) = (one.unwrap(), other.unwrap());
    set(&one, "whose", "one").await;
    assert_eq!(get(&other, "whose").await, Reply::Nil);
    one.kill().await.unwrap();
    set(&other, "whose", "other").await;
}

#[tokio::test]
async fn paused_it_takes_calls_and_answers_when_it_goes_on() {
    let server = own().start().await.unwrap();
    for _ in 0..2 {
        server.pause().await.unwrap();
    }
    assert!(server.is_running());
    let mut client = connect(&server).await; // the kernel takes connections for it
    let question = client.command(&["PING"]);
    tokio::pin!(question);
    timeout(Duration::from_millis(200), &mut question)
        .await
        .expect_err("a paused server answered");
    for _ in 0..2 {
        server.resume().await.unwrap();
    }
    assert_eq!(question.await.unwrap().text(), "PONG");
}

#[tokio::test]
async fn killed_it_refuses_and_restarted_it_is_at_the_same_place() {
    let server = own().start().await.unwrap();
    let url = server.url().to_owned();
    server.pause().await.unwrap();
    server.kill().await.unwrap();
    server.kill().await.unwrap();
    assert!(!server.is_running());
    assert!(server.pause().await.is_err());
    RespClient::connect(server.address()).await.unwrap_err();
    server.restart().await.unwrap();
    assert!(server.is_running());
    assert_eq!(server.url(), url);
    set(&server, "key", "value").await;
}

#[tokio::test]
async fn stopped_it_has_ended_in_order_paused_or_not() {
    let server = own().start().await.unwrap();
    for paused in [false, true] {
        if paused {
            server.pause().await.unwrap();
        }
        server.stop().await.unwrap();
        assert!(!server.is_running());
        assert!(server.nodes()[0].log().contains("ready to exit"));
        server.restart().await.unwrap();
    }
}

#[tokio::test]
async fn durable_keeps_what_it_confirmed_and_plain_does_not() {
    let durable = own().durable().start().await.unwrap();
    let plain = own().start().await.unwrap();
    for server in [&durable, &plain] {
        for round in 0..3 {
            let key = format!("round {round}");
            set(server, &key, "kept").await;
            server.kill().await.unwrap();
            server.restart().await.unwrap();
        }
    }
    for round in 0..3 {
        let key = format!("round {round}");
        assert_eq!(get(&durable, &key).await.text(), "kept");
        assert_eq!(get(&plain, &key).await, Reply::Nil);
    }
}

#[tokio::test]
async fn a_password_is_asked_for_and_stands_in_the_url() {
    let server = own().password("s3cret/@ö").start().await.unwrap();
    assert!(
        server
            .url()
            .starts_with("redis://:s3cret%2F%40%C3%B6@127.0.0.1:")
    );
    let mut client = connect(&server).await;
    let refused = client.command(&["PING"]).await.unwrap_err();
    assert!(refused.to_string().starts_with("NOAUTH"), "{refused}");
    client.command(&["AUTH", "s3cret/@ö"]).await.unwrap();
    client.command(&["PING"]).await.unwrap();
    server.restart().await.unwrap();
}

#[tokio::test]
async fn a_unix_socket_is_a_url_too() {
    let server = own().unix_socket().start().await.unwrap();
    let path = server.url().strip_prefix("unix://").unwrap();
    let mut client = RespClient::connect_unix(path).await.unwrap();
    assert_eq!(client.command(&["PING"]).await.unwrap().text(), "PONG");
}

#[tokio::test]
async fn settings_reach_the_server() {
    let server = own()
        .args(["--maxmemory", "7mb"])
        .env("TZ", "Pacific/Kiritimati")
        .start()
        .await
        .unwrap();
    let mut client = connect(&server).await;
    let limit = client.command(&["CONFIG", "GET", "maxmemory"]).await;
    assert_eq!(texts(&limit.unwrap()), ["maxmemory", "7340032"]);
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let failure = own().args(["--no-such-setting", "1"]).start().await;
    let message = failure.unwrap_err().to_string();
    assert!(message.contains("no-such-setting"), "{message}");
}

#[tokio::test]
async fn data_vanishes_with_the_server() {
    let server = own().process().durable().start().await.unwrap();
    let folder = folder(&server).await;
    assert!(folder.is_dir());
    drop(server);
    assert!(!folder.exists());
}

#[tokio::test]
async fn data_vanishes_with_a_panic() {
    let server = own().process().durable().start().await.unwrap();
    let (folder, address) = (folder(&server).await, server.address().to_owned());
    let panicked = tokio::spawn(async move {
        let _server = server;
        panic!("as a failing test does");
    });
    panicked.await.unwrap_err();
    assert!(!folder.exists());
    RespClient::connect(&address).await.unwrap_err();
}

fn own() -> TestServerBuilder {
    TestServer::builder(Kind::Redis).own()
}

async fn connect(server: &TestServer) -> RespClient {
    RespClient::connect(server.address()).await.unwrap()
}

async fn set(server: &TestServer, key: &str, value: &str) {
    let mut client = connect(server).await;
    client.command(&["SET", key, value]).await.unwrap();
}

async fn get(server: &TestServer, key: &str) -> Reply {
    let mut client = connect(server).await;
    client.command(&["GET", key]).await.unwrap()
}

async fn folder(server: &TestServer) -> PathBuf {
    let mut client = connect(server).await;
    let folder = client.command(&["CONFIG", "GET", "dir"]).await.unwrap();
    PathBuf::from(&texts(&folder)[1])
}

fn texts(reply: &Reply) -> Vec<String> {
    match reply {
        Reply::Array(replies) => replies.iter().map(Reply::text).collect(),
        other => panic!("an array was expected, not {other:?}"),
    }
}
