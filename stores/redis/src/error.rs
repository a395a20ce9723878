//! From the driver's errors and the server's to ours.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use redis::{Client, ErrorKind as DriverKind, RedisError, ServerError};
use session_store_api::{Error, ErrorKind};

/// The name of this store in its errors.
pub(crate) const STORE: &str = "redis";

/// A setting that cannot be.
pub(crate) fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, STORE, message.into())
}

/// The driver does not take the settings of a connection. It is asked before anything is connected.
pub(crate) fn bad_settings(cause: RedisError) -> Error {
    config("a connection cannot be set up so; are the files of `ca`, `cert` and `key` in PEM?")
        .with_source(cause)
}

/// More calls are under way than the store takes.
pub(crate) fn too_many_calls() -> Error {
    Error::new(ErrorKind::Unavailable, STORE, "too many calls wait")
}

/// The time of a call is over, and no connection was there to send it on.
pub(crate) fn no_connection_in_time() -> Error {
    let message = "no connection in time, so nothing was sent";
    Error::new(ErrorKind::Unavailable, STORE, message)
}

/// The time of a call is over, and what was sent has not been answered.
pub(crate) fn no_answer_in_time() -> Error {
    Error::new(ErrorKind::Timeout, STORE, "no answer in time")
}

/// The map of a cluster shows nobody for a slot.
pub(crate) fn no_owner() -> Error {
    let message = "the cluster has nobody for this slot at the moment";
    Error::new(ErrorKind::Unavailable, STORE, message)
}

/// The answer to `CLUSTER SLOTS` is no map.
pub(crate) fn no_cluster() -> Error {
    config("the answer to CLUSTER SLOTS cannot be read")
}

/// An answer of a type that the command never has.
pub(crate) fn unexpected_answer() -> Error {
    let message = "Redis answered something else than was asked for";
    Error::new(ErrorKind::Other, STORE, message)
}

/// No connection could be made, to this server if it is known to which: nothing was sent.
pub(crate) fn no_connection(to: Option<&Client>, cause: RedisError) -> Error {
    let (kind, message) = match cause.kind() {
        DriverKind::Server(_) | DriverKind::Extension => return said(Said::by(&cause), None),
        DriverKind::AuthenticationFailed => (ErrorKind::Config, AUTH),
        DriverKind::RESP3NotSupported => (ErrorKind::Config, OLD),
        DriverKind::Parse | DriverKind::UnexpectedReturnType => (
            ErrorKind::Config,
            "what answers there is not Redis, or speaks TLS (`rediss:`)",
        ),
        DriverKind::Io => match io_kind(&cause) {
            Some(io::ErrorKind::InvalidData) => (
                ErrorKind::Config,
                "TLS could not be agreed on: the port may speak none, or one side does not trust the other",
            ),
            Some(io::ErrorKind::PermissionDenied) => {
                (ErrorKind::Config, "the socket may not be opened")
            }
            Some(io::ErrorKind::TimedOut) => (
                ErrorKind::Unavailable,
                "the server does not answer; does the port speak TLS exactly if the URL does?",
            ),
            Some(
                io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::UnexpectedEof,
            ) => (
                ErrorKind::Unavailable,
                "the server hung up; does the port speak TLS exactly if the URL does?",
            ),
            _ => (ErrorKind::Unavailable, "the server cannot be reached"),
        },
        _ => (ErrorKind::Config, "the connection's settings were refused"),
    };
    let message = match to {
        Some(server) => format!("{message} ({})", server.get_connection_info().addr()),
        None => message.to_owned(),
    };
    Error::new(kind, STORE, message).with_source(without_bytes(cause))
}

/// A connection broke while an answer was awaited: the call may have been carried out.
pub(crate) fn no_answer(cause: RedisError) -> Error {
    let (kind, message) = match cause.kind() {
        DriverKind::Io if cause.is_timeout() => (ErrorKind::Timeout, "no answer in time"),
        DriverKind::Io => (ErrorKind::Unavailable, "the connection broke"),
        DriverKind::Parse => (
            ErrorKind::Unavailable,
            "the connection brought bytes that are no answer of Redis",
        ),
        DriverKind::ClusterConnectionNotFound => {
            (ErrorKind::Unavailable, "the server cannot be reached")
        }
        DriverKind::AuthenticationFailed => (ErrorKind::Config, AUTH),
        _ => (ErrorKind::Other, "the driver failed"),
    };
    Error::new(kind, STORE, message).with_source(without_bytes(cause))
}

/// The server refused the command, and did not carry it out.
pub(crate) fn refused(reply: &ServerError, prefix: &str) -> Error {
    said(Said::new(reply.code(), reply.details()), Some(prefix))
}

const AUTH: &str = "the user or the password is wrong";
const OLD: &str = "the server does not speak RESP3, as Redis does since 6.0";

/// What servers say, and what to do about it; the first row counts of which something was said.
#[rustfmt::skip]
const REPLIES: &[(&[&str], ErrorKind, &str)] = &[
    (&["OOM"], ErrorKind::Unavailable, "the server has reached `maxmemory`, and its policy lets nothing go"),
    (&["READONLY"], ErrorKind::Unavailable, "the server is a read-only replica: a fail-over is under way, or the URL is wrong"),
    (&["NOREPLICAS"], ErrorKind::Unavailable, "too few replicas follow the server (`min-replicas-to-write`)"),
    (&["MISCONF"], ErrorKind::Unavailable, "the server takes no writes, since it cannot save them to its disk"),
    (&["LOADING", "MASTERDOWN"], ErrorKind::Unavailable, "the server still loads its data"),
    (&["CLUSTERDOWN", "TRYAGAIN"], ErrorKind::Unavailable, "the cluster has nobody for this slot at the moment"),
    (&["BUSY", "max number of clients"], ErrorKind::Unavailable, "the server is too busy"),
    (&["MOVED", "ASK"], ErrorKind::Config, "the server belongs to a cluster; the URL for one begins with `redis-cluster:`"),
    (&["cluster support disabled"], ErrorKind::Config, "the server belongs to no cluster; the URL for it begins with `redis:`"),
    (&["NOPERM"], ErrorKind::Config, "the user may not do this; the README of session-store-redis lists the rights that are needed, and that of session-store-cli those of a check"),
    (&["NOAUTH"], ErrorKind::Config, "a password is needed, and the URL has none for this server"),
    (&["WRONGPASS", "AUTH"], ErrorKind::Config, AUTH),
    (&["NOPROTO"], ErrorKind::Config, OLD),
    (&["unknown command 'SENTINEL'", "unknown command `SENTINEL`"], ErrorKind::Config, "the server is no Sentinel; the URL for it begins with `redis:`"),
    (&["unknown command"], ErrorKind::Config, "the server lacks a command that the store needs; it may be renamed or switched off"),
    (&["DB index", "SELECT"], ErrorKind::Config, "the server has no database of that number"),
    (&["maximum allowed size", "invalid bulk length"], ErrorKind::TooLarge, "the server takes no value of this size"),
];

/// What to do about an error that a server has put into words.
fn said(said: Said, prefix: Option<&str>) -> Error {
    if said.has("WRONGTYPE") {
        let prefix = prefix.unwrap_or_default();
        let message = format!("under the prefix {prefix:?} stands something that is no string");
        return Error::new(ErrorKind::Corrupt, STORE, message).with_source(said);
    }
    let is_it = |(phrases, ..): &&(&[&str], _, _)| phrases.iter().any(|phrase| said.has(phrase));
    let (kind, message) = match REPLIES.iter().find(is_it) {
        Some((_, kind, message)) => (*kind, *message),
        None => (ErrorKind::Other, "Redis refused the command"),
    };
    Error::new(kind, STORE, message).with_source(said)
}

/// The words of a server, without those that repeat what was sent to it.
#[derive(Debug)]
struct Said {
    code: String,
    detail: String,
}

impl Said {
    fn new(code: &str, detail: Option<&str>) -> Self {
        let detail = detail.unwrap_or_default();
        // `unknown command 'GET', with args beginning with: 'sess:…'`
        let own = detail.split(", with args").next().unwrap_or_default();
        Self {
            code: code.to_owned(),
            detail: own.to_owned(),
        }
    }

    fn by(error: &RedisError) -> Self {
        Self::new(error.code().unwrap_or("ERR"), error.detail())
    }

    /// Whether these words were said, one after the other. What goes wrong inside a script is told in the
    /// words of an error of the script, so a code may stand anywhere.
    fn has(&self, phrase: &str) -> bool {
        let said = format!("{} {}", self.code, self.detail);
        let is_word_end = |c: char| !c.is_ascii_alphanumeric();
        said.match_indices(phrase).any(|(at, _)| {
            let (before, after) = (&said[..at], &said[at + phrase.len()..]);
            (before.is_empty() || before.ends_with(is_word_end))
                && (after.is_empty() || after.starts_with(is_word_end))
        })
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.detail)
    }
}

impl StdError for Said {}

/// The cause, unless it may show bytes of an answer.
fn without_bytes(cause: RedisError) -> Box<dyn StdError + Send + Sync> {
    match cause.kind() {
        DriverKind::Parse | DriverKind::UnexpectedReturnType => {
            io::Error::from(io::ErrorKind::InvalidData).into()
        }
        _ => cause.into(),
    }
}

fn io_kind(error: &RedisError) -> Option<io::ErrorKind> {
    let cause = error.source()?;
    let cause = cause.downcast_ref::<Arc<dyn StdError + Send + Sync>>()?;
    Some(cause.downcast_ref::<io::Error>()?.kind())
}
