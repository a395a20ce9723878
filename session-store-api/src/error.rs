//! One error for every store, sorted by what to do about it.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What the stores answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a store could not do what it was asked.
///
/// [`kind`](Self::kind) is for reacting, [`Display`](fmt::Display) for reading, and
/// [`source`](StdError::source) keeps the driver's own error. Neither shows a key, a value or a
/// password. Cheap to clone: callers whose work shared one round trip share its error.
///
/// ```
/// use session_store_api::{Error, ErrorKind};
///
/// let cause = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
/// let error = Error::new(ErrorKind::Unavailable, "redis", "no connection").with_source(cause);
/// assert_eq!(error.to_string(), "redis session store is unavailable: no connection");
/// assert!(error.kind().is_transient());
/// ```
#[derive(Clone)]
pub struct Error {
    kind: ErrorKind,
    store: &'static str,
    message: Cow<'static, str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of the store named `store` (`"redis"`), saying in a few words what went wrong.
    ///
    /// The message must hold neither a key nor a value nor a password.
    pub fn new(
        kind: ErrorKind,
        store: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            kind,
            store,
            message: message.into(),
            source: None,
        }
    }

    /// Keeps the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The store that answered it, for instance `"sqlite"`.
    #[must_use]
    pub fn store(&self) -> &'static str {
        self.store
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} session store {}: {}",
            self.store, self.kind, self.message
        )
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("store", &self.store)
            .field("message", &self.message)
            .field("source", &self.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

/// What to do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The backend is down, refuses, or is too busy to take the call. Try again later.
    Unavailable,
    /// The backend did not answer in time. A write may have been applied. Try again later.
    Timeout,
    /// The value is over the store's limit. Store less.
    TooLarge,
    /// What the backend holds is not a record of ours. Look at the data, or at the prefix or table.
    Corrupt,
    /// The store is set up wrongly: address, credentials, rights, name, missing table. Ask the operator.
    Config,
    /// This store or this build cannot do that. Choose another store, or switch a feature on.
    Unsupported,
    /// Anything else; the source knows.
    Other,
}

impl ErrorKind {
    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Unavailable | Self::Timeout)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "is unavailable",
            Self::Timeout => "did not answer in time",
            Self::TooLarge => "refused a value as too large",
            Self::Corrupt => "holds something that is no session",
            Self::Config => "is set up wrongly",
            Self::Unsupported => "does not support this",
            Self::Other => "failed",
        })
    }
}
