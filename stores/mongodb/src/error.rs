//! From the driver's errors to ours.
//!
//! The driver shows the server's whole reply, and that shows keys: `E11000 … dup key: { _id: "…" }`. So what
//! is kept of an error of the server is its code and its name, never its text.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use mongodb::error::ErrorKind as DriverKind;
use session_store_api::{Error, ErrorKind};
use session_store_batch::Error as BatchError;

/// The name of this store in its errors.
pub(crate) const STORE: &str = "mongodb";

/// What to do about an error of the driver.
pub(crate) fn error(error: &mongodb::error::Error) -> Error {
    let (kind, message, cause): (_, _, Option<String>) = match &*error.kind {
        DriverKind::Command(command) => return server_error(command.code, &command.code_name),
        DriverKind::Io(cause) => {
            let (kind, message) = match cause.kind() {
                io::ErrorKind::TimedOut => (ErrorKind::Timeout, "no answer in time"),
                _ => (ErrorKind::Unavailable, "the connection broke"),
            };
            return Error::new(kind, STORE, message).with_source(cause.to_string());
        }
        DriverKind::ServerSelection { message, .. } => (
            ErrorKind::Unavailable,
            nobody_found(message),
            Some(message.clone()),
        ),
        DriverKind::ConnectionPoolCleared { .. } => {
            (ErrorKind::Unavailable, "the connection was given up", None)
        }
        DriverKind::Shutdown => (ErrorKind::Unavailable, "the client was shut down", None),
        DriverKind::DnsResolve { message, .. } => (
            ErrorKind::Unavailable,
            "the servers' names could not be looked up",
            Some(message.clone()),
        ),
        DriverKind::InvalidResponse { .. } | DriverKind::Bson(_) => {
            (ErrorKind::Unavailable, "the answer could not be read", None)
        }
        DriverKind::Authentication { .. } => (
            ErrorKind::Config,
            "the server refuses the credentials; a user of another database needs `authSource`",
            None,
        ),
        DriverKind::InvalidTlsConfig { message, .. } => (
            ErrorKind::Config,
            "the TLS settings cannot be used",
            Some(message.clone()),
        ),
        DriverKind::IncompatibleServer { message, .. } => (
            ErrorKind::Unsupported,
            "the driver does not speak with a server of this version",
            Some(message.clone()),
        ),
        _ => (ErrorKind::Other, "the driver failed", None),
    };
    let error = Error::new(kind, STORE, message);
    match cause {
        Some(cause) => error.with_source(cause),
        None => error,
    }
}

/// Why no server was found, as far as the driver's account of its search tells.
fn nobody_found(account: &str) -> &'static str {
    let tells = |phrases: &[&str]| phrases.iter().any(|phrase| account.contains(phrase));
    let of_rustls = [
        "invalid peer certificate",
        "received corrupt message",
        "received fatal alert",
    ];
    if tells(&of_rustls) {
        return "TLS could not be agreed on; see `tls`, `tlsCAFile` and `tlsCertificateKeyFile`";
    }
    // Servers that belong to another set are struck off, until nobody is left.
    let of_another_set = account.contains("Set Name: ") && !account.contains("Servers: [");
    if of_another_set || account.contains("replicaSet name") {
        return "no host of the URL belongs to the set that `replicaSet` names";
    }
    let of_a_server_that_hung_up = [
        "handshake eof",
        "early eof",
        "unexpected end of file",
        "Connection reset",
        "Broken pipe",
    ];
    if tells(&of_a_server_that_hung_up) {
        return "the server hung up; does the port speak TLS exactly if the URL has `tls=true`?";
    }
    "no server that takes writes was found in time"
}

/// What to do about an error that the server answers.
pub(crate) fn server_error(code: i32, name: &str) -> Error {
    let (kind, message) = reaction(code);
    let name = name.to_owned();
    Error::new(kind, STORE, message).with_source(ServerError { code, name })
}

/// The error for a reply that is not like those of MongoDB.
pub(crate) fn unreadable() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        STORE,
        "the answer could not be read",
    )
}

/// What to do about an error of the queue in front of MongoDB.
pub(crate) fn batch_error(error: BatchError<Error>) -> Error {
    match error {
        BatchError::Failed(error) => error,
        BatchError::QueueFull => queue_error(ErrorKind::Unavailable, "too many calls wait", error),
        BatchError::Timeout { .. } => queue_error(ErrorKind::Timeout, "no answer in time", error),
        _ => queue_error(ErrorKind::Other, "the batch broke off", error),
    }
}

/// A setting that cannot be.
pub(crate) fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, STORE, message.into())
}

fn queue_error(kind: ErrorKind, message: &'static str, cause: BatchError<Error>) -> Error {
    Error::new(kind, STORE, message).with_source(cause)
}

/// An error of the server, without its text.
#[derive(Debug)]
struct ServerError {
    code: i32,
    name: String,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "code {}", self.code)?;
        if self.name.is_empty() {
            return Ok(());
        }
        write!(f, ", {}", self.name)
    }
}

impl StdError for ServerError {}

/// What to do about one of the server's codes, <https://www.mongodb.com/docs/manual/reference/error-codes/>.
fn reaction(code: i32) -> (ErrorKind, &'static str) {
    match code {
        // BadValue: of what is sent, only `w` may be refused for its value.
        2 => (
            ErrorKind::Config,
            "the server refuses a value; is `w` more than 1, and there is no replica set?",
        ),
        // Unauthorized, AuthenticationFailed, AtlasError
        13 | 18 | 8000 => (
            ErrorKind::Config,
            "the user lacks a right on this collection, or the URL names no user",
        ),
        // LockTimeout, MaxTimeMSExpired, NetworkInterfaceExceededTimeLimit, ExceededTimeLimit
        24 | 50 | 202 | 262 => (ErrorKind::Timeout, "the server could not do it in time"),
        // WriteConcernFailed
        64 => (
            ErrorKind::Timeout,
            "the write was not confirmed in time by as many members as `w` asks for",
        ),
        // UnknownReplWriteConcern, UnsatisfiableWriteConcern
        79 | 100 => (
            ErrorKind::Config,
            "there are no such members as `w` asks for",
        ),
        // HostUnreachable, HostNotFound, NetworkTimeout, ShutdownInProgress, FailedToSatisfyReadPreference,
        // PrimarySteppedDown, SocketException, NotWritablePrimary, InterruptedAtShutdown,
        // InterruptedDueToReplStateChange, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary
        6 | 7 | 89 | 91 | 133 | 189 | 9001 | 10058 | 10107 | 11600 | 11602 | 13435 | 13436 => (
            ErrorKind::Unavailable,
            "the server is no primary, or shuts down",
        ),
        // WriteConflict, OutOfDiskSpace
        112 => (ErrorKind::Unavailable, "too many write the same record"),
        14031 => (ErrorKind::Unavailable, "the server's disk is full"),
        // BSONObjectTooLarge
        10334 => (ErrorKind::TooLarge, "MongoDB takes no value of this size"),
        // DuplicateKey: of `_id` the server makes an upsert an update by itself.
        11000 => (
            ErrorKind::Config,
            "the collection has another unique index than that on `_id`",
        ),
        // DocumentValidationFailure
        121 => (
            ErrorKind::Config,
            "the collection's validator refuses records",
        ),
        // InvalidNamespace, CommandNotSupportedOnView
        73 | 166 => (
            ErrorKind::Config,
            "there can be no records under this collection's name",
        ),
        // FailedToParse, TypeMismatch, CommandNotFound, CommandNotSupported, InvalidPipelineOperator,
        // NotImplemented
        9 | 14 | 59 | 115 | 168 | 238 => (
            ErrorKind::Unsupported,
            "the server does not understand what MongoDB 4.4 does",
        ),
        _ => (ErrorKind::Other, "MongoDB failed"),
    }
}
