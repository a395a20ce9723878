//! The same power over servers in containers. `SESSION_STORE_CONTAINERS=1` asks for it.

#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Trial};
use test_servers::{FaultProxy, Kind, RespClient, TestServer};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

const KINDS: [Kind; 5] = [
    Kind::Redis,
    Kind::Postgres,
    Kind::MySql,
    Kind::Memcached,
    Kind::MongoDb,
];

/// Its parent runs this test, and so does it.
const KILLED: &str = "it_dies_with_its_killed_parent";

/// Tells that test that it is the child.
const CHILD: &str = "TEST_SERVERS_CHILD";

fn main() -> ExitCode {
    let trials = vec![
        trial(
            "each_kind_is_in_a_container_and_goes_with_its_handle",
            || {
                for kind in KINDS {
                    runtime().block_on(comes_and_goes(kind));
                }
            },
        ),
        trial("a_database_is_kept_and_asks_for_a_password", || {
            runtime().block_on(database());
        }),
        trial("it_obeys_on_any_runtime", || {
            let server = runtime().block_on(start());
            runtime().block_on(obeys(&server));
            drop(server); // and on none
        }),
        trial(KILLED, || runtime().block_on(dies_with_its_parent())),
        trial("it_speaks_tls", || runtime().block_on(speaks_tls())),
        trial("two_at_once", || {
            runtime().block_on(async { tokio::join!(start(), start()) });
        }),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(name: &str, test: fn()) -> Trial {
    Trial::ignorable_test(name, move || {
        if env::var("SESSION_STORE_CONTAINERS").is_ok_and(|value| value == "1") {
            test();
            return Ok(Completion::Completed);
        }
        let reason = "containers were not asked for: set SESSION_STORE_CONTAINERS=1";
        Ok(Completion::ignored_with(reason))
    })
}

async fn comes_and_goes(kind: Kind) {
    let server = TestServer::start(kind).await.unwrap();
    let version = server.version();
    assert!(
        version.starts_with(|first: char| first.is_ascii_digit()),
        "{version}"
    );
    assert!(server.nodes()[0].folder().is_none());
    let port = server.address().rsplit_once(':').unwrap().1.to_owned();
    assert!(containers().contains(&port));
    for _ in 0..2 {
        server.pause().await.unwrap();
    }
    for _ in 0..2 {
        server.resume().await.unwrap();
    }
    server.pause().await.unwrap();
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    server.stop().await.unwrap();
    assert!(!server.is_running());
    drop(server);
    assert!(!containers().contains(&port));
}

async fn database() {
    let builder = TestServer::builder(Kind::Postgres).password("s3cret");
    let server = builder.durable().start().await.unwrap();
    let url = server.url();
    assert!(psql(url, "CREATE TABLE t (n int)"));
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    assert!(psql(url, "INSERT INTO t VALUES (1)"));
    assert!(!psql(&url.replace("s3cret", "secret"), "SELECT 1"));
}

fn psql(url: &str, statement: &str) -> bool {
    let mut psql = Command::new("psql");
    psql.args(["--no-password", "--dbname", url, "--command", statement]);
    psql.stderr(Stdio::null()).status().unwrap().success()
}

/// Runs itself again as a child, which waits to be killed.
async fn dies_with_its_parent() {
    if env::var_os(CHILD).is_some() {
        let server = start().await;
        println!("port of {}", server.address());
        return std::future::pending().await;
    }
    let mut child = Command::new(env::current_exe().unwrap())
        .args([KILLED, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.find_map(|line| {
        line.unwrap()
            .split_once("port of 127.0.0.1:")
            .map(|(_, port)| port.to_owned())
    });
    let port = line.unwrap();
    assert!(containers().contains(&port));
    child.kill().unwrap();
    child.wait().unwrap();
    let gone = async {
        while containers().contains(&port) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let gone = timeout(Duration::from_secs(60), gone).await;
    gone.expect("the container outlives the test");
}

async fn obeys(server: &TestServer) {
    set(server, "before").await.unwrap();
    server.pause().await.unwrap();
    assert!(server.is_running());
    let hung = timeout(Duration::from_millis(200), set(server, "paused"));
    hung.await.expect_err("a paused server answered");
    server.resume().await.unwrap();
    for paused in [false, true] {
        if paused {
            server.pause().await.unwrap();
        }
        server.kill().await.unwrap();
        assert!(!server.is_running());
        assert!(set(server, "dead").await.is_err());
        server.restart().await.unwrap();
        let mut client = RespClient::connect(server.address()).await.unwrap();
        let kept = client.command(&["GET", "before"]).await.unwrap();
        assert_eq!(kept.text(), "value");
    }
    server.restart().await.unwrap();
    assert!(server.nodes()[0].log().contains("Ready to accept"));
    let proxy = FaultProxy::start(server.address()).unwrap();
    let mut client = RespClient::connect(proxy.address()).await.unwrap();
    client.command(&["PING"]).await.unwrap();
}

async fn speaks_tls() {
    let builder = TestServer::builder(Kind::Redis).mutual_tls();
    let server = builder.password("s3cret").start().await.unwrap();
    assert!(server.url().starts_with("rediss://:s3cret@127.0.0.1:"));
    assert!(server.certificates().unwrap().authority().is_file());
    // It speaks nothing else there; that it can be spoken to, the test of TLS shows.
    let mut plain = RespClient::connect(server.address()).await.unwrap();
    plain.command(&["PING"]).await.unwrap_err();
}

async fn start() -> TestServer {
    let builder = TestServer::builder(Kind::Redis).durable();
    builder.start().await.unwrap()
}

async fn set(server: &TestServer, key: &str) -> std::io::Result<()> {
    let mut client = RespClient::connect(server.address()).await?;
    client.command(&["SET", key, "value"]).await.map(drop)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// What the engine says that it runs.
fn containers() -> String {
    let listed = Command::new("docker")
        .args(["ps", "--all"])
        .output()
        .unwrap();
    assert!(listed.status.success());
    String::from_utf8(listed.stdout).unwrap()
}
