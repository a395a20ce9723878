//! Postgres: it starts, obeys, and leaves nothing behind. Asked by its own client, which knows our URLs.

#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use test_servers::{Kind, TestServer, TestServerBuilder};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

#[tokio::test]
async fn it_answers_and_says_its_version() {
    let server = TestServer::start(Kind::Postgres).await.unwrap();
    assert!(server.url().starts_with("postgres://postgres@127.0.0.1:"));
    let version = ask(&server, "SHOW server_version").await.unwrap();
    assert!(version.starts_with(server.version()), "{version}");
    assert_eq!(ask(&server, "SHOW fsync").await.unwrap(), "off");
}

#[tokio::test]
async fn two_at_once_know_nothing_of_each_other() {
    let (one, other) = tokio::join!(own().start(), own().start());
    let (one, other) = (one.unwrap(), other.unwrap());
    ask(&one, "CREATE TABLE t()").await.unwrap();
    one.kill().await.unwrap();
    ask(&other, "CREATE TABLE t()").await.unwrap();
}

#[tokio::test]
async fn paused_it_takes_calls_and_answers_when_it_goes_on() {
    let server = own().start().await.unwrap();
    ask(&server, "CREATE SEQUENCE s").await.unwrap();
    // A connection is a process of its own, and this one is always at work.
    let work = "DO $$ BEGIN LOOP PERFORM nextval('s'); PERFORM pg_sleep(0.001); END LOOP; END $$";
    let mut worker = psql(server.url(), work).spawn().unwrap();
    let count = || ask(&server, "SELECT last_value FROM s");
    while count().await.unwrap() == "1" {
        sleep(Duration::from_millis(5)).await;
    }
    let before: u64 = count().await.unwrap().parse().unwrap();
    server.pause().await.unwrap();
    assert!(server.is_running());
    let question = count();
    tokio::pin!(question);
    timeout(Duration::from_millis(200), &mut question)
        .await
        .expect_err("a paused server answered");
    server.resume().await.unwrap();
    let after: u64 = question.await.unwrap().parse().unwrap();
    assert!(after > before);
    // It goes on where it was stopped.
    while count().await.unwrap().parse::<u64>().unwrap() == after {
        sleep(Duration::from_millis(5)).await;
    }
    server.kill().await.unwrap();
    assert!(!worker.wait().await.unwrap().success());
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
        let mut client = psql(server.url(), "SELECT pg_sleep(600)").spawn().unwrap();
        let clients = "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'sleep.600'";
        while ask(&server, clients).await.unwrap() == "0" {
            sleep(Duration::from_millis(5)).await;
        }
        if paused {
            server.pause().await.unwrap();
        }
        server.stop().await.unwrap();
        assert!(!server.is_running());
        assert!(!client.wait().await.unwrap().success());
        assert!(
            server.nodes()[0]
                .log()
                .contains("database system is shut down")
        );
        server.restart().await.unwrap();
    }
    assert!(!server.nodes()[0].log().contains("recovery"));
}

#[tokio::test]
async fn durable_keeps_what_it_confirmed() {
    let server = own().durable().start().await.unwrap();
    assert_eq!(ask(&server, "SHOW fsync").await.unwrap(), "on");
    ask(&server, "CREATE TABLE t (n int)").await.unwrap();
    for round in 0..3 {
        ask(&server, &format!("INSERT INTO t VALUES ({round})"))
            .await
            .unwrap();
        server.kill().await.unwrap();
        server.restart().await.unwrap();
    }
    assert_eq!(ask(&server, "SELECT sum(n) FROM t").await.unwrap(), "3");
}

#[tokio::test]
async fn a_password_is_asked_for_and_stands_in_the_url() {
    let server = own().password("s3cret/@'ö").start().await.unwrap();
    let url = server.url();
    assert!(
        url.starts_with("postgres://postgres:s3cret%2F%40%27%C3%B6@127"),
        "{url}"
    );
    ask(&server, "SELECT 1").await.unwrap();
    let wrong = url.replace("s3cret", "secret");
    assert!(!psql(&wrong, "SELECT 1").status().await.unwrap().success());
    server.restart().await.unwrap();
    ask(&server, "SELECT 1").await.unwrap();
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
        let secure = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        assert_eq!(ask(&server, secure).await.unwrap(), "t");
        let (plain, parameters) = server.url().split_once('?').unwrap();
        assert!(!has_access(&format!("{plain}?sslmode=disable")).await);
        let (server_only, _) = parameters
            .split_once("&sslcert")
            .unwrap_or((parameters, ""));
        assert_eq!(has_access(&format!("{plain}?{server_only}")).await, !mutual);
        server.restart().await.unwrap();
        ask(&server, "SELECT 1").await.unwrap();
    }
}

#[tokio::test]
async fn settings_reach_the_server() {
    let server = own()
        .args(["-c", "max_connections=7"])
        .env("TZ", "Pacific/Kiritimati")
        .start()
        .await
        .unwrap();
    assert_eq!(ask(&server, "SHOW max_connections").await.unwrap(), "7");
    assert_eq!(
        ask(&server, "SHOW timezone").await.unwrap(),
        "Pacific/Kiritimati"
    );
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let failure = own().args(["-c", "no_such_setting=1"]).start().await;
    let message = failure.unwrap_err().to_string();
    assert!(message.contains("no_such_setting"), "{message}");
}

fn own() -> TestServerBuilder {
    TestServer::builder(Kind::Postgres).own()
}

/// What the server answers, if it does.
async fn ask(server: &TestServer, question: &str) -> Option<String> {
    let output = psql(server.url(), question).output().await.unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| answer.trim().to_owned())
}

async fn has_access(url: &str) -> bool {
    psql(url, "SELECT 1").status().await.unwrap().success()
}

fn psql(url: &str, statement: &str) -> Command {
    let mut psql = Command::new("psql");
    psql.args([
        "--no-psqlrc",
        "--no-password",
        "--tuples-only",
        "--no-align",
    ])
    .args(["--dbname", url, "--command", statement])
    .stdin(Stdio::null())
    .stderr(Stdio::null())
    .kill_on_drop(true);
    psql
}
