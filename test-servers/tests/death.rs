//! What a test leaves behind when it is killed: nothing.

#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::env;
use std::future::pending;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use test_servers::{Kind, Reply, RespClient, TestServer};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

/// Tells a test that it is the child of itself.
const ROLE: &str = "TEST_SERVERS_CHILD";

#[tokio::test]
async fn a_server_dies_with_its_killed_parent() {
    if is_child() {
        let _server = start().await;
        return pending().await;
    }
    let (mut child, traces) = again("a_server_dies_with_its_killed_parent").await;
    traces.exist();
    child.kill().await.unwrap();
    traces.vanish().await;
}

#[tokio::test]
async fn a_paused_server_dies_with_its_killed_parent() {
    if is_child() {
        let _server = start().await;
        return pending().await;
    }
    let (mut child, traces) = again("a_paused_server_dies_with_its_killed_parent").await;
    // The server alone: its parent must not be able to do anything about it.
    let pause = format!("kill -STOP {}", traces.process);
    let paused = Command::new("/bin/sh").args(["-c", &pause]).status().await;
    assert!(paused.unwrap().success());
    child.kill().await.unwrap();
    traces.vanish().await;
}

/// As every static, never dropped.
static SHARED: OnceCell<TestServer> = OnceCell::const_new();

#[tokio::test]
async fn a_server_in_a_static_dies_with_the_program() {
    if is_child() {
        SHARED.get_or_init(start).await;
        return;
    }
    let (mut child, traces) = again("a_server_in_a_static_dies_with_the_program").await;
    assert!(child.wait().await.unwrap().success());
    traces.vanish().await;
}

#[tokio::test]
async fn a_restarted_server_dies_too() {
    if is_child() {
        let server = process().await;
        server.kill().await.unwrap();
        server.restart().await.unwrap();
        print_traces(&server).await;
        return pending().await;
    }
    let (mut child, traces) = again("a_restarted_server_dies_too").await;
    traces.exist();
    child.kill().await.unwrap();
    traces.vanish().await;
}

/// What a server leaves in the world.
struct Traces {
    process: String,
    folder: String,
    /// Kept open: the child is not to die of what it prints.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Traces {
    fn exist(&self) {
        assert!(is_process(&self.process) && Path::new(&self.folder).is_dir());
    }

    async fn vanish(&self) {
        let gone = async {
            while is_process(&self.process) || Path::new(&self.folder).exists() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(30), gone)
            .await
            .expect("the server or its folder outlives the test");
    }
}

fn is_child() -> bool {
    env::var_os(ROLE).is_some()
}

/// A server whose traces can be seen here: no container has a socket of this machine.
async fn process() -> TestServer {
    let builder = TestServer::builder(Kind::Redis).unix_socket();
    builder.start().await.unwrap()
}

/// What the child does.
async fn start() -> TestServer {
    let server = process().await;
    print_traces(&server).await;
    server
}

async fn print_traces(server: &TestServer) {
    let mut client = RespClient::connect(server.address()).await.unwrap();
    let info = client.command(&["INFO", "server"]).await.unwrap().text();
    let process = info
        .lines()
        .find_map(|line| line.strip_prefix("process_id:"));
    let folder = client.command(&["CONFIG", "GET", "dir"]).await.unwrap();
    let Reply::Array(folder) = folder else {
        panic!("{folder:?}")
    };
    println!("traces {} {}", process.unwrap(), folder[1].text());
}

/// Runs a test of this binary again as a child, and reads what its server has left so far.
async fn again(test: &str) -> (Child, Traces) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(ROLE, "1")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, traces)) = line.split_once("traces ") {
            let (process, folder) = traces.split_once(' ').unwrap();
            let traces = Traces {
                process: process.to_owned(),
                folder: folder.to_owned(),
                _output: lines,
            };
            return (child, traces);
        }
    }
    panic!("the child started no server");
}

fn is_process(id: &str) -> bool {
    // A zombie is none: nobody has taken leave of it yet, but it runs no more.
    let status = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}
