//! The options of one layer, checked.

use std::fmt;
use std::sync::Arc;

use session_store_api::MaxAge;

use crate::cookie::line::Attributes;
use crate::hooks::Hooks;
use crate::mode::Mode;
use crate::profile::Codec;
use crate::{ExternalKey, OnStoreError, Oversize, RequestFilter};

/// Everything a request needs to know.
pub(crate) struct Config {
    pub(crate) mode: Mode,
    pub(crate) carrier: Carrier,
    pub(crate) max_age: MaxAge,
    pub(crate) rolling: bool,
    pub(crate) renew: bool,
    pub(crate) auto_commit: bool,
    pub(crate) prefix: String,
    pub(crate) trust_proxy: bool,
    pub(crate) oversize: Oversize,
    pub(crate) on_store_error: OnStoreError,
    pub(crate) log_value: bool,
    /// A Node process may serve the same sessions.
    pub(crate) shared_with_node: bool,
    pub(crate) scope: Scope,
    pub(crate) hooks: Hooks,
    /// Something will ask for the request's head, so it is kept.
    pub(crate) keeps_head: bool,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("mode", &self.mode)
            .field("max_age", &self.max_age)
            .field("rolling", &self.rolling)
            .field("renew", &self.renew)
            .finish_non_exhaustive()
    }
}

/// Which requests have a session.
#[derive(Clone, Debug)]
pub(crate) enum Scope {
    All,
    None,
    Only(RequestFilter),
    Except(RequestFilter),
}

/// What brings the session's id, or the session, back with the next request.
pub(crate) enum Carrier {
    Cookie(Box<CookieCarrier>),
    External(Arc<dyn ExternalKey>),
}

/// The cookies that a layer writes and reads.
pub(crate) struct CookieCarrier {
    pub(crate) attributes: Attributes,
    pub(crate) overwrite: bool,
    /// What is written.
    pub(crate) own: Codec,
    /// The partitioned twin of `own`, where `auto_chips` is on.
    pub(crate) twin: Option<Codec>,
    /// What is read besides.
    pub(crate) accepted: Vec<Codec>,
}

impl CookieCarrier {
    /// All forms that are read, in order, and whether it is what we write.
    pub(crate) fn codecs(&self) -> impl Iterator<Item = (&Codec, bool)> {
        let own = [Some(&self.own), self.twin.as_ref()].into_iter().flatten();
        let accepted = self.accepted.iter().map(|codec| (codec, false));
        own.map(|codec| (codec, true)).chain(accepted)
    }
}
