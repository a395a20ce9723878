//! Why there is no server.

use std::error::Error as StdError;
use std::{fmt, io};

use crate::Kind;

/// Why a server, or a clock, could not be had.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a test is ignored or fails: there is no third"
)]
pub enum StartError {
    /// There is none on this machine: a test that needs one is to be reported as ignored, or as failed
    /// where `SESSION_STORE_REQUIRE` is `1`.
    Unavailable(Unavailable),
    /// There is one, and it did not start or does not answer: a test that needs it has failed.
    Failed(io::Error),
}

/// One line that says how to get what is missing.
#[derive(Debug)]
pub struct Unavailable(String);

impl Unavailable {
    pub(crate) fn new(kind: Kind) -> Self {
        Self(format!(
            "no {kind} server: run `cargo xtask test`, or install `{}`, or set {}",
            kind.package(),
            kind.url_variable(),
        ))
    }

    /// What was asked for is nothing that servers of this kind have.
    pub(crate) fn lacking(kind: Kind, what: &str) -> Self {
        Self(format!("no {kind} server has {what} here"))
    }

    pub(crate) fn no_engine(kind: Kind) -> Self {
        Self(format!(
            "no container engine for {kind}: start one, build with the feature `containers`, or unset \
             SESSION_STORE_CONTAINERS"
        ))
    }

    pub(crate) fn no_faketime() -> Self {
        Self("no libfaketime: run `cargo xtask test`, or install `faketime`".to_owned())
    }

    /// The server named by the environment is whole and plain, and belongs to somebody.
    pub(crate) fn not_ours(kind: Kind) -> Self {
        Self(format!(
            "this needs a {kind} server of its own: unset {}",
            kind.url_variable(),
        ))
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(reason) => reason.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl StdError for StartError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Unavailable(reason) => Some(reason),
            Self::Failed(error) => Some(error),
        }
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Unavailable> for StartError {
    fn from(reason: Unavailable) -> Self {
        Self::Unavailable(reason)
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Unavailable {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_in_one_line() {
        assert_eq!(
            Unavailable::new(Kind::Redis).to_string(),
            "no redis server: run `cargo xtask test`, or install `redis-server`, or set \
             SESSION_STORE_REDIS_URL"
        );
    }
}
