//! What callers hear.

use std::error::Error as StdError;
use std::fmt;

use session_store_api::{Error, ErrorKind};
use session_store_batch::Error as BatchError;

/// What a server refused: its code, and its words where they cannot hold a key or a value.
///
/// It stands as the cause in a store's errors instead of the driver's own error, whose details quote the
/// row that was refused.
#[derive(Clone, Debug)]
pub struct ServerError {
    code: String,
    message: Option<String>,
}

impl ServerError {
    /// The error of this code. `message` is for errors that concern no row.
    #[must_use]
    pub fn new(code: impl Into<String>, message: Option<&str>) -> Self {
        Self {
            code: code.into(),
            message: message.map(str::to_owned),
        }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{message} (error {})", self.code),
            None => write!(f, "error {}", self.code),
        }
    }
}

impl StdError for ServerError {}

/// A setting of the store that cannot be.
pub fn config(store: &'static str, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, store, message.into())
}

/// What to say about an error of the queue in front of the database.
pub(crate) fn queue_error(store: &'static str, error: BatchError<Error>) -> Error {
    let (kind, message) = match error {
        BatchError::Failed(error) => return error,
        BatchError::QueueFull => (ErrorKind::Unavailable, "too many calls wait"),
        BatchError::Timeout { .. } => (ErrorKind::Timeout, "no answer in time"),
        _ => (ErrorKind::Other, "the batch broke off"),
    };
    Error::new(kind, store, message).with_source(error)
}
