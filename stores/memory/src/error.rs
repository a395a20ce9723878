//! Every error of this store.

use session_store_api::{Error, ErrorKind};

/// The name of this store in its errors.
pub(crate) const STORE: &str = "memory";

pub(crate) fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, STORE, message.into())
}

pub(crate) fn too_large(bytes: usize, max: usize) -> Error {
    let message = format!("{bytes} bytes; at most {max} fit under this `max_bytes`");
    Error::new(ErrorKind::TooLarge, STORE, message)
}
