//! memcached: it starts, obeys, and leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::io;
use std::time::Duration;

use test_servers::{Kind, StartError, TestServer, TestServerBuilder};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test]
async fn it_answers_and_says_its_version() {
    let server = TestServer::start(Kind::Memcached).await.unwrap();
    assert_eq!(server.url(), format!("memcached://{}", server.address()));
    let version = ask(&server, "version").await.unwrap();
    assert_eq!(version, format!("VERSION {}", server.version()));
}

#[tokio::test]
async fn two_at_once_know_nothing_of_each_other() {
    let (one, other) = tokio::join!(own().start(), own().start());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(ask(&one, "add key 0 0 1\r\na").await.unwrap(), "STORED");
    assert_eq!(ask(&other, "add key 0 0 1\r\na").await.unwrap(), "STORED");
    one.kill().await.unwrap();
    assert_eq!(ask(&other, "delete key").await.unwrap(), "DELETED");
}

#[tokio::test]
async fn paused_it_takes_calls_and_answers_when_it_goes_on() {
    let server = own().start().await.unwrap();
    server.pause().await.unwrap();
    assert!(server.is_running());
    let question = ask(&server, "version");
    tokio::pin!(question);
    timeout(Duration::from_millis(200), &mut question)
        .await
        .expect_err("a paused server answered");
    server.resume().await.unwrap();
    question.await.unwrap();
}

#[tokio::test]
async fn killed_or_stopped_it_refuses_and_restarted_it_is_empty_at_the_same_place() {
    let server = own().start().await.unwrap();
    let url = server.url().to_owned();
    for (killed, paused) in [(true, false), (true, true), (false, false), (false, true)] {
        assert_eq!(ask(&server, "add key 0 0 1\r\na").await.unwrap(), "STORED");
        if paused {
            server.pause().await.unwrap();
        }
        if killed {
            server.kill().await.unwrap();
        } else {
            server.stop().await.unwrap();
        }
        assert!(!server.is_running());
        assert!(server.pause().await.is_err());
        ask(&server, "version").await.unwrap_err();
        server.restart().await.unwrap();
        assert_eq!(server.url(), url);
    }
}

#[tokio::test]
async fn settings_reach_the_server() {
    let server = own().args(["-m", "7"]).start().await.unwrap();
    let limit = ask(&server, "stats settings").await.unwrap();
    assert_eq!(limit, "STAT maxbytes 7340032");
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let failure = own().args(["-m", "nothing", "-I", "1"]).start().await;
    let message = failure.unwrap_err().to_string();
    assert!(message.contains("Item max size"), "{message}");
}

#[tokio::test]
async fn what_it_does_not_have_is_unavailable() {
    for builder in [own().tls(), own().password("secret"), own().durable()] {
        let Err(StartError::Unavailable(reason)) = builder.start().await else {
            panic!("it has it");
        };
        assert!(reason.to_string().starts_with("no memcached server has"));
    }
}

fn own() -> TestServerBuilder {
    TestServer::builder(Kind::Memcached).own()
}

/// The first line of an answer.
async fn ask(server: &TestServer, command: &str) -> io::Result<String> {
    let mut stream = BufReader::new(TcpStream::connect(server.address()).await?);
    stream
        .write_all(format!("{command}\r\n").as_bytes())
        .await?;
    let line = stream.lines().next_line().await?;
    line.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
