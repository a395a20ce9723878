//! The options of one layer, checked.

use std::fmt;
use std::sync::Arc;

use session_store_api::{AtomicSessionStore, MaxAge, SessionStore};

use crate::seal::Seal;

/// When the cookie carries `Secure`: the browser then sends it over https alone.
///
/// `true` is [`Always`](Self::Always) and `false` is [`Never`](Self::Never).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth case")]
pub enum Secure {
    /// When the request came over https.
    #[default]
    Auto,
    /// On every response.
    Always,
    /// On no response.
    Never,
}

impl From<bool> for Secure {
    fn from(secure: bool) -> Self {
        if secure { Self::Always } else { Self::Never }
    }
}

/// From which sites the browser sends the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 6265bis knows three")]
pub enum SameSite {
    /// From our own site alone.
    Strict,
    /// From our own site, and when a link leads here.
    Lax,
    /// From every site. Needs [`Secure::Always`].
    None,
}

/// Everything a request needs to know.
pub(crate) struct Config {
    pub(crate) store: Store,
    pub(crate) seal: Seal,
    pub(crate) cookie: CookieOptions,
    pub(crate) max_age: MaxAge,
    pub(crate) rolling: bool,
    pub(crate) renew: bool,
    pub(crate) prefix: String,
    pub(crate) trust_proxy: bool,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("store", &self.store)
            .field("cookie", &self.cookie)
            .field("max_age", &self.max_age)
            .field("rolling", &self.rolling)
            .field("renew", &self.renew)
            .finish_non_exhaustive()
    }
}

/// Where the records are, and what may be asked of that place.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    Plain(Arc<dyn SessionStore>),
    Atomic(Arc<dyn AtomicSessionStore>),
}

impl Store {
    pub(crate) fn plain(&self) -> &dyn SessionStore {
        match self {
            Self::Plain(store) => &**store,
            Self::Atomic(store) => &**store,
        }
    }
}

/// Name and attributes of the cookie.
#[derive(Clone, Debug)]
pub(crate) struct CookieOptions {
    pub(crate) name: String,
    pub(crate) http_only: bool,
    pub(crate) secure: Secure,
    pub(crate) same_site: Option<SameSite>,
    pub(crate) path: String,
    pub(crate) domain: Option<String>,
}
