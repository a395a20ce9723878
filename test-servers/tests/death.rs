//! What a test leaves behind when it ends, however it ends: nothing.

#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::env;
use std::fs;
use std::future::pending;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use test_servers::{Kind, TestServer};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

/// Tells a test that it is the child of itself, and its server what it is to be.
const CHILD: &str = "TEST_SERVERS_CHILD";

const KINDS: [Kind; 5] = [
    Kind::Redis,
    Kind::Postgres,
    Kind::MySql,
    Kind::Memcached,
    Kind::MongoDb,
];

#[tokio::test]
async fn a_server_dies_with_its_killed_parent() {
    if let Some(kind) = child() {
        let _server = start(kind).await;
        return pending().await;
    }
    for kind in KINDS {
        let (mut child, traces) = again("a_server_dies_with_its_killed_parent", kind).await;
        assert!(!traces.processes().is_empty());
        child.kill().await.unwrap();
        traces.vanish().await;
    }
}

#[tokio::test]
async fn a_paused_server_dies_with_its_killed_parent() {
    if let Some(kind) = child() {
        let _server = start(kind).await;
        return pending().await;
    }
    for kind in KINDS {
        let (mut child, traces) = again("a_paused_server_dies_with_its_killed_parent", kind).await;
        // The server alone: its parent must not be able to do anything about it.
        // It may have processes that come and go.
        for process in traces.processes() {
            let pause = format!("kill -STOP {process}");
            let paused = Command::new("/bin/sh").args(["-c", &pause]).output();
            paused.await.unwrap();
        }
        child.kill().await.unwrap();
        traces.vanish().await;
    }
}

/// As every static, never dropped.
static SHARED: OnceCell<TestServer> = OnceCell::const_new();

#[tokio::test]
async fn a_server_in_a_static_dies_with_the_program() {
    if let Some(kind) = child() {
        SHARED.get_or_init(|| start(kind)).await;
        return;
    }
    for kind in KINDS {
        let (mut child, traces) = again("a_server_in_a_static_dies_with_the_program", kind).await;
        assert!(child.wait().await.unwrap().success());
        traces.vanish().await;
    }
}

#[tokio::test]
async fn a_restarted_server_dies_too() {
    if let Some(kind) = child() {
        let server = process(kind).await;
        server.kill().await.unwrap();
        server.restart().await.unwrap();
        print_traces(&server);
        return pending().await;
    }
    for kind in KINDS {
        let (mut child, traces) = again("a_restarted_server_dies_too", kind).await;
        assert!(!traces.processes().is_empty());
        child.kill().await.unwrap();
        traces.vanish().await;
    }
}

#[tokio::test]
async fn a_dropped_server_is_gone_running_paused_or_killed() {
    for kind in KINDS {
        for state in 0..3 {
            let server = process(kind).await;
            let traces = Traces::new(server.nodes()[0].folder().unwrap().into());
            assert!(!traces.processes().is_empty());
            match state {
                0 => {}
                1 => server.pause().await.unwrap(),
                _ => server.kill().await.unwrap(),
            }
            drop(server);
            assert!(!traces.folder.exists());
            traces.vanish().await;
        }
    }
}

#[tokio::test]
async fn a_server_is_gone_with_a_panic() {
    let server = process(Kind::Redis).await;
    let traces = Traces::new(server.nodes()[0].folder().unwrap().into());
    let panicked = tokio::spawn(async move {
        let _server = server;
        panic!("as a failing test does");
    });
    panicked.await.unwrap_err();
    traces.vanish().await;
}

/// What a server leaves in the world: processes that are at home in its folder, the folder, and, as
/// Postgres does, memory that programs share.
struct Traces {
    folder: PathBuf,
    segment: Option<String>,
    /// Kept open: the child is not to die of what it prints.
    _output: Option<Lines<BufReader<ChildStdout>>>,
}

impl Traces {
    fn new(folder: PathBuf) -> Self {
        let lock = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
        let segment = lock
            .lines()
            .nth(6)
            .and_then(|line| line.split(' ').next_back());
        Self {
            folder,
            segment: segment.map(str::to_owned),
            _output: None,
        }
    }

    fn processes(&self) -> Vec<String> {
        let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap());
        let folder = self.folder.to_string_lossy();
        let is_at_home = |home: PathBuf| home.to_string_lossy().starts_with(&*folder);
        processes
            .filter(|process| fs::read_link(process.path().join("cwd")).is_ok_and(is_at_home))
            .map(|process| process.file_name().into_string().unwrap())
            .collect()
    }

    fn has_segment(&self) -> bool {
        let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
        let mut segments = segments
            .lines()
            .filter_map(|line| line.split_whitespace().nth(1));
        segments.any(|segment| Some(segment) == self.segment.as_deref())
    }

    async fn vanish(&self) {
        let gone = async {
            while self.folder.exists() || !self.processes().is_empty() || self.has_segment() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(60), gone)
            .await
            .expect("the server, or what it has, outlives the test");
    }
}

/// The kind of server to start, if this is the child.
fn child() -> Option<Kind> {
    let name = env::var(CHILD).ok()?;
    KINDS.into_iter().find(|kind| kind.name() == name)
}

/// A server whose traces can be seen here.
async fn process(kind: Kind) -> TestServer {
    let builder = TestServer::builder(kind).process();
    builder.start().await.unwrap()
}

/// What the child does.
async fn start(kind: Kind) -> TestServer {
    let server = process(kind).await;
    print_traces(&server);
    server
}

fn print_traces(server: &TestServer) {
    println!("traces {}", server.nodes()[0].folder().unwrap().display());
}

/// Runs a test of this binary again as a child, and reads what its server has left so far.
async fn again(test: &str, kind: Kind) -> (Child, Traces) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, kind.name())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, folder)) = line.split_once("traces ") {
            let traces = Traces {
                _output: Some(lines),
                ..Traces::new(folder.into())
            };
            return (child, traces);
        }
    }
    panic!("the child started no {kind}");
}
