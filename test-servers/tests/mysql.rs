//! MariaDB: it starts, obeys, and leaves nothing behind. Asked by its own client.

#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use test_servers::{Kind, TestServer, TestServerBuilder};
use tokio::process::Command;
use tokio::time::timeout;

#[tokio::test]
async fn it_answers_and_says_its_version() {
    let server = TestServer::start(Kind::MySql).await.unwrap();
    let expected = format!("mysql://root@{}/sessions", server.address());
    assert_eq!(server.url(), expected);
    let version = ask(&server, "SELECT VERSION()").await.unwrap();
    assert!(version.starts_with(server.version()), "{version}");
    let database = ask(&server, "SELECT DATABASE()").await.unwrap();
    assert_eq!(database, "sessions");
}

#[tokio::test]
async fn two_at_once_know_nothing_of_each_other() {
    let (one, other) = tokio::join!(own().start(), own().start());
    let (one, other) = (one.unwrap(), other.unwrap());
    ask(&one, "CREATE TABLE t (n INT)").await.unwrap();
    one.kill().await.unwrap();
    ask(&other, "CREATE TABLE t (n INT)").await.unwrap();
}

#[tokio::test]
async fn paused_it_takes_calls_and_answers_when_it_goes_on() {
    let server = own().start().await.unwrap();
    server.pause().await.unwrap();
    assert!(server.is_running());
    let question = ask(&server, "SELECT 1");
    tokio::pin!(question);
    timeout(Duration::from_millis(200), &mut question)
        .await
        .expect_err("a paused server answered");
    server.resume().await.unwrap();
    assert_eq!(question.await.unwrap(), "1");
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
    TcpStream::connect(server.address()).unwrap_err();
    server.restart().await.unwrap();
    assert_eq!(server.url(), url);
    ask(&server, "SELECT 1").await.unwrap();
}

#[tokio::test]
async fn stopped_it_has_ended_in_order_paused_or_not() {
    let server = own().start().await.unwrap();
    for paused in [false, true] {
        // It does not wait for a client that does not go.
        let mut client = mariadb(&server, "SELECT SLEEP(600)").spawn().unwrap();
        if paused {
            server.pause().await.unwrap();
        }
        server.stop().await.unwrap();
        assert!(!server.is_running());
        assert!(!client.wait().await.unwrap().success());
        assert!(server.nodes()[0].log().contains("Shutdown complete"));
        server.restart().await.unwrap();
    }
}

#[tokio::test]
async fn durable_keeps_what_it_confirmed() {
    let server = own().durable().start().await.unwrap();
    let flush = "SELECT @@innodb_flush_log_at_trx_commit";
    assert_eq!(ask(&server, flush).await.unwrap(), "1");
    ask(&server, "CREATE TABLE t (n INT)").await.unwrap();
    for round in 0..3 {
        let insert = format!("INSERT INTO t VALUES ({round})");
        ask(&server, &insert).await.unwrap();
        server.kill().await.unwrap();
        server.restart().await.unwrap();
    }
    assert_eq!(ask(&server, "SELECT SUM(n) FROM t").await.unwrap(), "3");
}

#[tokio::test]
async fn a_password_is_asked_for_and_stands_in_the_url() {
    let server = own().password(r"s3cret/@'\").start().await.unwrap();
    let url = server.url();
    assert!(
        url.starts_with("mysql://root:s3cret%2F%40%27%5C@127"),
        "{url}"
    );
    assert_eq!(ask(&server, "SELECT 1").await, None);
    let mut client = mariadb(&server, "SELECT 1");
    let known = client.env("MYSQL_PWD", r"s3cret/@'\");
    assert!(known.status().await.unwrap().success());
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
        assert!(server.url().contains("?ssl-mode=VERIFY_IDENTITY&ssl-ca=/"));
        assert_eq!(server.url().contains("&ssl-cert="), mutual);
        assert_eq!(ask(&server, "SELECT 1").await, None);
        let certificates = server.certificates().unwrap();
        for shown in [false, true] {
            let mut client = mariadb(&server, "SHOW STATUS LIKE 'Ssl_cipher'");
            client.arg("--ssl-verify-server-cert");
            client.arg("--ssl-ca").arg(certificates.authority());
            if shown {
                client.arg("--ssl-cert").arg(certificates.client());
                client.arg("--ssl-key").arg(certificates.client_key());
            }
            let output = client.output().await.unwrap();
            assert_eq!(output.status.success(), shown || !mutual);
            let said = String::from_utf8(output.stdout).unwrap();
            assert_eq!(said.contains("TLS_"), output.status.success(), "{said}");
        }
    }
}

#[tokio::test]
async fn settings_reach_the_server() {
    let server = own()
        .args(["--max-connections=17"])
        .env("TZ", "Pacific/Kiritimati")
        .start()
        .await
        .unwrap();
    let limit = ask(&server, "SELECT @@max_connections").await.unwrap();
    assert_eq!(limit, "17");
    let ahead = "SELECT TIMEDIFF(NOW(), UTC_TIMESTAMP())";
    assert_eq!(ask(&server, ahead).await.unwrap(), "14:00:00");
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let failure = own().args(["--no-such-setting=1"]).start().await;
    let message = failure.unwrap_err().to_string();
    assert!(message.contains("no-such-setting"), "{message}");
}

fn own() -> TestServerBuilder {
    TestServer::builder(Kind::MySql).own()
}

/// What the server answers, if it does, to a client without a password and without TLS.
async fn ask(server: &TestServer, question: &str) -> Option<String> {
    let mut client = mariadb(server, question);
    let output = client.arg("--skip-ssl").output().await.unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| answer.trim().to_owned())
}

fn mariadb(server: &TestServer, statement: &str) -> Command {
    let (host, port) = server.address().split_once(':').unwrap();
    let mut mariadb = Command::new("mariadb");
    mariadb
        .args(["--no-defaults", "--batch", "--skip-column-names"])
        .args(["--host", host, "--port", port, "--user", "root"])
        .args(["--execute", statement, "sessions"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    mariadb
}
