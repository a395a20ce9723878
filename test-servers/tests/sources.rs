//! Where a server comes from, as the environment says. Each test runs itself again in another one.

#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::env;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::Command;

use test_servers::{FaultProxy, Kind, RespClient, StartError, TestServer};

/// Tells a test that it is the child of itself.
const CHILD: &str = "TEST_SERVERS_CHILD";
const URL: &str = "SESSION_STORE_REDIS_URL";

#[tokio::test]
async fn a_server_that_the_environment_names_is_used_and_left_alone() {
    if is_child() {
        let server = TestServer::start(Kind::Redis).await.unwrap();
        assert_eq!(server.url(), env::var(URL).unwrap());
        assert_eq!(server.version(), env::var("VERSION").unwrap());
        assert!(server.is_running() && !server.has_control());
        let refused = [
            server.pause().await,
            server.kill().await,
            server.restart().await,
        ];
        for refused in refused {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
        }
        let proxy = FaultProxy::start(server.address()).unwrap();
        let through = server.url_through(&proxy);
        assert!(through.ends_with(&format!(":s%40cret@{}/3", proxy.address())));
        let mut client = RespClient::connect(proxy.address()).await.unwrap();
        client.command(&["AUTH", "s@cret"]).await.unwrap();
        let own = TestServer::builder(Kind::Redis).own().start().await;
        let reason = unavailable(own);
        assert!(reason.contains(URL), "{reason}");
        return;
    }
    let builder = TestServer::builder(Kind::Redis).password("s@cret");
    let server = builder.start().await.unwrap();
    let url = format!("{}/3", server.url());
    again(
        "a_server_that_the_environment_names_is_used_and_left_alone",
        &[(URL, &url), ("VERSION", server.version())],
    );
    assert!(server.is_running());
}

#[tokio::test]
async fn a_server_that_is_named_and_not_there_is_a_failure() {
    if is_child() {
        let message = failed(TestServer::start(Kind::Redis).await);
        assert!(message.contains(URL), "{message}");
        return;
    }
    let name = "a_server_that_is_named_and_not_there_is_a_failure";
    again(name, &[(URL, "redis://127.0.0.1:1")]);
}

#[tokio::test]
async fn a_program_that_is_named_and_not_there_is_a_failure() {
    if is_child() {
        let message = failed(TestServer::start(Kind::Redis).await);
        assert!(message.contains("/no/such/program"), "{message}");
        return;
    }
    let program = ("SESSION_STORE_REDIS_BIN", "/no/such/program");
    let name = "a_program_that_is_named_and_not_there_is_a_failure";
    again(name, &[program]);
}

#[tokio::test]
async fn without_any_it_says_how_to_get_one() {
    if is_child() {
        let reason = unavailable(TestServer::start(Kind::Redis).await);
        assert!(reason.starts_with("no container engine for redis: start one"));
        assert_eq!(reason.lines().count(), 1);
        return;
    }
    let nowhere = ("DOCKER_HOST", "unix:///no/such/socket");
    let name = "without_any_it_says_how_to_get_one";
    again(name, &[nowhere, ("SESSION_STORE_CONTAINERS", "1")]);
}

#[tokio::test]
async fn a_taken_port_is_told_from_other_failures() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let builder = TestServer::builder(Kind::Redis).unix_socket();
    let message = failed(builder.args(["--port", &port]).start().await);
    assert!(message.contains("in use"), "{message}");
}

fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// Runs a test of this binary in an environment that names nothing but this.
fn again(test: &str, variables: &[(&str, &str)]) {
    let output = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env_remove(URL)
        .env_remove("SESSION_STORE_REDIS_BIN")
        .env("SESSION_STORE_CONTAINERS", "0")
        .env(CHILD, "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

fn unavailable(started: Result<TestServer, StartError>) -> String {
    match started.unwrap_err() {
        StartError::Unavailable(reason) => reason.to_string(),
        StartError::Failed(error) => panic!("{error}"),
    }
}

fn failed(started: Result<TestServer, StartError>) -> String {
    match started.unwrap_err() {
        StartError::Unavailable(reason) => panic!("{reason}"),
        StartError::Failed(error) => error.to_string(),
    }
}
