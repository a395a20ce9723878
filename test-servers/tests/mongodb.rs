//! MongoDB: it starts, obeys, and leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::io;
use std::time::Duration;

use test_servers::{Bson, Kind, MongoClient, Node, TestServer, TestServerBuilder};
use tokio::time::timeout;

#[tokio::test]
async fn it_answers_and_says_its_version() {
    let server = TestServer::start(Kind::MongoDb).await.unwrap();
    let expected = format!("mongodb://{}/sessions", server.address());
    assert_eq!(server.url(), expected);
    let build = ask(server.address(), "buildInfo").await.unwrap();
    assert_eq!(build.text("version"), server.version());
}

#[tokio::test]
async fn two_at_once_know_nothing_of_each_other() {
    let (one, other) = tokio::join!(own().start(), own().start());
    let (one, other) = (one.unwrap(), other.unwrap());
    insert(&one.nodes()[0], "same").await.unwrap();
    one.kill().await.unwrap();
    insert(&other.nodes()[0], "same").await.unwrap();
}

#[tokio::test]
async fn paused_it_takes_calls_and_answers_when_it_goes_on() {
    let server = own().start().await.unwrap();
    server.pause().await.unwrap();
    assert!(server.is_running());
    let question = ask(server.address(), "ping");
    tokio::pin!(question);
    timeout(Duration::from_millis(200), &mut question)
        .await
        .expect_err("a paused server answered");
    server.resume().await.unwrap();
    question.await.unwrap();
}

#[tokio::test]
async fn killed_it_refuses_and_restarted_it_has_what_it_confirmed() {
    let server = own().durable().start().await.unwrap();
    let url = server.url().to_owned();
    for paused in [false, true] {
        insert(&server.nodes()[0], &format!("{paused}"))
            .await
            .unwrap();
        if paused {
            server.pause().await.unwrap();
        }
        server.kill().await.unwrap();
        server.kill().await.unwrap();
        assert!(!server.is_running());
        assert!(server.pause().await.is_err());
        ask(server.address(), "ping").await.unwrap_err();
        server.restart().await.unwrap();
        assert_eq!(server.url(), url);
        let doubled = insert(&server.nodes()[0], &format!("{paused}")).await;
        let error = doubled.unwrap_err().to_string();
        assert!(error.contains("duplicate key"), "{error}");
    }
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
        let log = server.nodes()[0].log();
        assert!(log.contains(r#""exitCode":0"#), "{log}");
        server.restart().await.unwrap();
    }
}

#[tokio::test]
async fn a_password_is_asked_for_and_stands_in_the_url() {
    let server = own().password("s3cret/@ö").start().await.unwrap();
    let (address, url) = (server.address(), server.url());
    let expected = format!("mongodb://root:s3cret%2F%40%C3%B6@{address}/sessions?authSource=admin");
    assert_eq!(url, expected);
    let refused = insert(&server.nodes()[0], "a").await.unwrap_err();
    assert!(refused.to_string().starts_with("Unauthorized"), "{refused}");
    server.restart().await.unwrap();
}

#[tokio::test]
async fn tls_is_asked_for_and_stands_in_the_url() {
    for mutual in [false, true] {
        let builder = if mutual {
            own().mutual_tls()
        } else {
            own().tls()
        };
        let server = builder.start().await.unwrap();
        assert!(server.url().contains("?tls=true&tlsCAFile=/"));
        assert_eq!(server.url().contains("&tlsCertificateKeyFile=/"), mutual);
        // It speaks nothing else there.
        ask(server.address(), "ping").await.unwrap_err();
        server.restart().await.unwrap();
    }
}

#[tokio::test]
async fn a_replica_set_of_one_is_a_primary() {
    let server = own().replica_set(1).start().await.unwrap();
    let expected = format!(
        "mongodb://{}/sessions?replicaSet=session-store",
        server.address()
    );
    assert_eq!(server.url(), expected);
    insert(server.primary().await.unwrap(), "a").await.unwrap();
    server.step_down().await.unwrap();
    server.healthy().await.unwrap();
    insert(server.primary().await.unwrap(), "b").await.unwrap();
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    server.healthy().await.unwrap();
    insert(server.primary().await.unwrap(), "a")
        .await
        .unwrap_err();
}

#[tokio::test]
async fn a_replica_set_of_three_survives_its_primary() {
    let server = own().replica_set(3).start().await.unwrap();
    assert_eq!((server.nodes().len(), server.urls().len()), (3, 3));
    for node in server.nodes() {
        assert!(server.url().contains(node.address()));
    }
    let first = server.primary().await.unwrap().address();
    insert(server.primary().await.unwrap(), "a").await.unwrap();
    server.step_down().await.unwrap();
    server.healthy().await.unwrap();
    let second = server.primary().await.unwrap();
    assert_ne!(second.address(), first);
    insert(second, "b").await.unwrap();
    second.kill().await.unwrap();
    server.healthy().await.unwrap();
    let third = server.primary().await.unwrap();
    assert_ne!(third.address(), second.address());
    for known in ["a", "b"] {
        insert(third, known).await.unwrap_err();
    }
    insert(third, "c").await.unwrap();
    second.restart().await.unwrap();
    server.healthy().await.unwrap();
}

#[tokio::test]
async fn only_a_replica_set_has_a_primary() {
    let server = own().start().await.unwrap();
    let refused = server.primary().await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::Unsupported);
    let refused = server.step_down().await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::Unsupported);
}

#[tokio::test]
async fn settings_reach_the_server() {
    let setting = ["--setParameter", "ttlMonitorSleepSecs=7"];
    let server = own().args(setting).start().await.unwrap();
    let mut client = MongoClient::connect(server.address()).await.unwrap();
    let question = [
        ("getParameter", Bson::Int32(1)),
        ("ttlMonitorSleepSecs", Bson::Int32(1)),
    ];
    let answer = client.command("admin", question).await.unwrap();
    assert_eq!(answer.get("ttlMonitorSleepSecs"), Some(&Bson::Int32(7)));
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let failure = own().args(["--noSuchSetting"]).start().await;
    let message = failure.unwrap_err().to_string();
    assert!(message.contains("noSuchSetting"), "{message}");
}

fn own() -> TestServerBuilder {
    TestServer::builder(Kind::MongoDb).own()
}

async fn ask(address: &str, command: &str) -> io::Result<Bson> {
    let mut client = MongoClient::connect(address).await?;
    client.command("admin", [(command, Bson::Int32(1))]).await
}

/// Inserts a document under a key that is free, and returns when it is on most disks.
async fn insert(node: &Node, key: &str) -> io::Result<Bson> {
    let mut client = MongoClient::connect(node.address()).await?;
    let document = Bson::document([("_id", Bson::String(key.to_owned()))]);
    let concern = Bson::document([
        ("w", Bson::String("majority".to_owned())),
        ("j", Bson::Bool(true)),
    ]);
    let command = [
        ("insert", Bson::String("things".to_owned())),
        ("documents", Bson::Array(vec![document])),
        ("writeConcern", concern),
    ];
    client.command("sessions", command).await
}
