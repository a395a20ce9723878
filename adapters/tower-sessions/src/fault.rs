//! What can go wrong, before a version of tower-sessions has its word for it.

use std::error::Error;
use std::fmt::Write;

/// Of the cases of tower-sessions' own error those that happen here.
pub(crate) enum Fault {
    Encode(String),
    Backend(String),
}

impl From<session_store_api::Error> for Fault {
    /// tower-sessions keeps text alone, so the text names the causes too.
    fn from(error: session_store_api::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        Self::Backend(text)
    }
}

impl From<session_store_api::ReservedName> for Fault {
    fn from(error: session_store_api::ReservedName) -> Self {
        Self::Encode(error.to_string())
    }
}
