//! What is memcached's own: its clock, its limits, its memory, its many servers.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use session_store_api::{Error, ErrorKind, MaxAge, SessionKey};
use session_store_memcached::MemcachedStore;
use test_servers::{Kind, TestServer};

mod clock;
mod driver;
mod faults;
mod limits;
mod lives;
mod memory;
mod names;
mod ring;
mod trips;

/// Longer than any test.
const LASTING: MaxAge = MaxAge::After(Duration::from_secs(3600));

async fn server() -> TestServer {
    started_with::<[&str; 0]>([]).await
}

async fn started_with<A: IntoIterator<Item = &'static str>>(args: A) -> TestServer {
    let server = TestServer::builder(Kind::Memcached).own().args(args);
    server.start().await.unwrap()
}

async fn connected(server: &TestServer) -> MemcachedStore {
    MemcachedStore::connect(server.url()).await.unwrap()
}

fn key(name: impl std::fmt::Display) -> SessionKey {
    SessionKey::new(name.to_string()).unwrap()
}

/// The error of something that must not work, and all that it shows.
fn refused<T>(answer: Result<T, Error>, kind: ErrorKind, hint: &str) {
    let error = answer.err().expect("an error");
    assert_eq!(error.kind(), kind, "{error}: {error:?}");
    assert!(
        error.to_string().contains(hint),
        "{hint:?} is not in: {error}"
    );
}

/// The server itself, past the store.
struct Raw(BufReader<TcpStream>);

impl Raw {
    fn open(address: &str) -> Self {
        Self(BufReader::new(TcpStream::connect(address).unwrap()))
    }

    /// The first line that it answers.
    fn ask(&mut self, request: &str) -> String {
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// How many of its seconds the record has left; `-1` is for ever, and `None` that there is none.
    fn left(&mut self, key: &str) -> Option<i64> {
        let answer = self.ask(&format!("mg {key} t\r\n"));
        let left = answer.strip_prefix("HD t")?;
        Some(left.parse().unwrap())
    }

    /// A value and its size, as `get` shows them.
    fn value(&mut self, key: &str) -> Option<Vec<u8>> {
        let header = self.ask(&format!("mg {key} v\r\n"));
        let size: usize = header.strip_prefix("VA ")?.parse().unwrap();
        let mut value = vec![0; size + 2];
        self.0.read_exact(&mut value).unwrap();
        value.truncate(size);
        Some(value)
    }

    /// Seconds since 1970 on its clock.
    fn date(&mut self) -> i64 {
        self.0.get_mut().write_all(b"stats\r\n").unwrap();
        let mut date = None;
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            match line.trim_end() {
                "END" => return date.unwrap(),
                line => {
                    let time = line.strip_prefix("STAT time ");
                    date = date.or_else(|| time.map(|time| time.parse().unwrap()));
                }
            }
        }
    }
}
