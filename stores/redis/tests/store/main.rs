//! What is Redis's own: names, commands, refusals, lost connections, fail-over.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::error::Error as _;
use std::fmt::Display;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use session_store_api::{Error, ErrorKind, MaxAge, SessionKey};
use session_store_redis::RedisStore;
use test_servers::{Kind, Reply, RespClient, TestServer, TestServerBuilder};

mod closing;
mod commands;
mod layouts;
mod load;
mod lost;
mod outages;
mod records;
mod refusals;
mod rights;
#[cfg(feature = "tls")]
mod tls;

/// Longer than any test.
const LASTING: MaxAge = MaxAge::After(Duration::from_secs(3600));

fn key(name: impl Display) -> SessionKey {
    SessionKey::new(name.to_string()).unwrap()
}

/// A server for one test.
fn own() -> TestServerBuilder {
    TestServer::builder(Kind::Redis).own()
}

/// The same, and the server remembers what it was told.
fn remembering() -> TestServerBuilder {
    let words = [
        "--slowlog-log-slower-than",
        "0",
        "--slowlog-max-len",
        "1000",
    ];
    own().args(words)
}

/// The commands about a name that a server remembers, the last one first.
async fn remembered(address: &str, name: &str) -> Vec<Vec<String>> {
    let mut client = RespClient::connect(address).await.unwrap();
    let log = client.command(&["SLOWLOG", "GET", "1000"]).await.unwrap();
    let commands = entries(log).into_iter().map(|entry| {
        // Its number, when it came, how long it took, and then the command.
        let words = entries(entry).swap_remove(3);
        entries(words).iter().map(Reply::text).collect()
    });
    let is_about = |words: &Vec<String>| words.iter().any(|word| word == name);
    commands.filter(is_about).collect()
}

fn entries(reply: Reply) -> Vec<Reply> {
    match reply {
        Reply::Array(entries) => entries,
        reply => panic!("an array was expected, not {reply:?}"),
    }
}

async fn connect(url: &str) -> RedisStore {
    RedisStore::connect(url).await.unwrap()
}

/// What the server answers to somebody else.
async fn ask(server: &TestServer, words: &[impl AsRef<[u8]> + Sync]) -> Reply {
    let mut client = RespClient::connect(server.address()).await.unwrap();
    client.command(words).await.unwrap()
}

/// The error of something that must not work, and all that it shows.
fn refused<T>(answer: Result<T, Error>, kind: ErrorKind, hint: &str) -> String {
    let error = answer.err().expect("an error");
    assert_eq!(error.kind(), kind, "{error}: {error:?}");
    assert!(
        error.to_string().contains(hint),
        "{hint:?} is not in: {error}"
    );
    let mut shown = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        shown += &format!(" {cause} {cause:?}");
        source = cause.source();
    }
    shown
}

/// Polls a call once, and says whether that was all it took.
async fn is_ready<F: Future + Unpin>(call: &mut F) -> bool {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *call).poll(cx).is_ready())).await
}
