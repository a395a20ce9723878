//! From what goes wrong to our errors.
//!
//! The driver's errors show keys, and pieces of what it read, so none of them is kept as a source.

use std::io;

use memcache::exp::Error as DriverError;
use session_store_api::{Error, ErrorKind};
use session_store_batch::Error as BatchError;

/// The name of this store in its errors.
pub(crate) const STORE: &str = "memcached";

/// What to do about a connection that was not made.
pub(crate) fn unreachable(address: &str, cause: io::Error) -> Error {
    let message = format!("no connection to {address}");
    Error::new(ErrorKind::Unavailable, STORE, message).with_source(cause)
}

/// What to do about a connection that broke.
pub(crate) fn broken(address: &str, cause: io::Error) -> Error {
    let message = format!("the connection to {address} broke");
    Error::new(ErrorKind::Unavailable, STORE, message).with_source(cause)
}

/// What to do about a reply that is no answer, after which nothing more can be read.
pub(crate) fn error(address: &str, error: &DriverError) -> Error {
    match error {
        // Of all commands only a meta command can be unknown.
        DriverError::Rejected(message) if message == "ERROR" => config(format!(
            "{address} does not know memcached's meta protocol; memcached 1.6 or later is needed"
        )),
        DriverError::Rejected(_) => other("the server rejected a command"),
        _ => gibberish(address),
    }
}

/// What to do about bytes that are not of the protocol: most likely what stands between us and the server
/// is broken.
pub(crate) fn gibberish(address: &str) -> Error {
    let message = format!("what came back from {address} is not memcached's protocol");
    Error::new(ErrorKind::Unavailable, STORE, message)
}

/// A server that is known not to be memcached.
pub(crate) fn other_server(address: &str, whose: &str) -> Error {
    config(format!(
        "what answers at {address} is {whose}, not memcached"
    ))
}

/// A server that takes no more clients.
pub(crate) fn crowded(address: &str) -> Error {
    let message = format!("{address} has too many connections (its option -c)");
    Error::new(ErrorKind::Unavailable, STORE, message)
}

/// What to do about a `SERVER_ERROR`, which is the answer to one command alone.
pub(crate) fn refused(message: &str) -> Error {
    let (kind, message) = match message {
        "object too large for cache" => (
            ErrorKind::TooLarge,
            "the server takes no value of this size (its option -I), and has removed the record",
        ),
        "out of memory storing object" => (
            ErrorKind::Unavailable,
            "the server has no memory for the value, and has removed the record",
        ),
        _ => (ErrorKind::Unavailable, "the server failed"),
    };
    Error::new(kind, STORE, message)
}

/// What to do about an error of the queue in front of a server.
pub(crate) fn batch_error(error: BatchError<Error>) -> Error {
    match error {
        BatchError::Failed(error) => error,
        BatchError::QueueFull => queue_error(ErrorKind::Unavailable, "too many calls wait", error),
        BatchError::Timeout { .. } => queue_error(ErrorKind::Timeout, LATE, error),
        _ => queue_error(ErrorKind::Other, "the batch broke off", error),
    }
}

/// No answer in time.
pub(crate) fn late() -> Error {
    Error::new(ErrorKind::Timeout, STORE, LATE)
}

/// No answer in time of this server.
pub(crate) fn late_server(address: &str) -> Error {
    Error::new(ErrorKind::Timeout, STORE, format!("{LATE} from {address}"))
}

/// A setting that cannot be.
pub(crate) fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, STORE, message.into())
}

/// A server that cannot tell whether a record was written to.
pub(crate) fn no_cas() -> Error {
    config("the server runs without CAS (its option -C)")
}

pub(crate) fn other(message: &'static str) -> Error {
    Error::new(ErrorKind::Other, STORE, message)
}

const LATE: &str = "no answer in time";

fn queue_error(kind: ErrorKind, message: &'static str, cause: BatchError<Error>) -> Error {
    Error::new(kind, STORE, message).with_source(cause)
}
