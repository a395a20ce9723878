//! What a handler may meet, sorted by what to do about it.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use http::StatusCode;

/// What the methods of [`Session`](crate::Session) answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a session could not be read or written.
///
/// [`kind`](Self::kind) is for reacting, [`Display`](fmt::Display) for reading, and
/// [`source`](StdError::source) keeps the store's own error. None of them shows an id, a name in the
/// session or a value. With feature `axum` it is a response: its [`status`](Self::status) with the name
/// of that status as text, and the cause goes to the log.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    message: Cow<'static, str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    pub(crate) fn with_boxed(mut self, source: Box<dyn StdError + Send + Sync>) -> Self {
        self.source = Some(Arc::from(source));
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The status of a response that can say no more than this error: 503 for
    /// [`Unavailable`](ErrorKind::Unavailable), [`ReadOnly`](ErrorKind::ReadOnly) and
    /// [`Conflict`](ErrorKind::Conflict), 409 for [`Destroyed`](ErrorKind::Destroyed), otherwise 500.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.kind {
            ErrorKind::Unavailable | ErrorKind::ReadOnly | ErrorKind::Conflict => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            ErrorKind::Destroyed => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Tells the log, with the cause, what the client is not told.
    pub(crate) fn log(&self, what: &'static str) {
        let error: &(dyn StdError + 'static) = self;
        tracing::error!(target: "session_layer", error, what);
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

impl From<session_store_api::Error> for Error {
    fn from(error: session_store_api::Error) -> Self {
        if error.kind().is_transient() {
            Self::new(ErrorKind::Unavailable, "the session store did not answer").with_source(error)
        } else {
            Self::new(ErrorKind::Store, "the session store failed").with_source(error)
        }
    }
}

/// What to do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The store is down or did not answer in time. Try again later; the session is as it was.
    Unavailable,
    /// The store failed otherwise: set up wrongly, value too large. Ask its error, the source.
    Store,
    /// Other requests changed the session again and again while this one tried to. Try again later.
    Conflict,
    /// The session was destroyed by another request, so nothing of this one was kept.
    Destroyed,
    /// The session cannot be changed: the store could not be read, or this request was told to have none.
    ReadOnly,
    /// The session is too large for the cookie it lives in. Put less into it.
    TooLarge,
    /// A hook of the application failed; the source is its error.
    Hook,
    /// The value has no JSON form, is nested too deeply, or is not of the type asked for.
    Value,
    /// The name belongs to the session itself: `_expire`, `_maxAge` and `_session`, and where Node shares the
    /// session, all that Node would not keep. Choose another.
    ReservedName,
    /// The operating system gave no random bytes.
    Random,
    /// There is no [`SessionLayer`](crate::SessionLayer) around this handler. Add one.
    NoLayer,
}
