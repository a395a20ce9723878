//! Where sessions live: in a store, in one that each request opens, or in the cookie itself.

pub(crate) mod atomic;
pub(crate) mod cookie;
pub(crate) mod plain;

use std::fmt;
use std::sync::Arc;

use session_store_api::{AtomicSessionStore, MaxAge, SessionStore};

use crate::hooks::Hook;
use crate::record::{self, Record};
use crate::state::{Plan, Stored};
use crate::{Result, SessionKey};

/// Where the sessions of a layer live.
pub(crate) enum Mode {
    Cookie,
    Store(Source),
}

impl fmt::Debug for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie => f.write_str("Cookie"),
            Self::Store(source) => source.fmt(f),
        }
    }
}

/// Where a request's store comes from.
#[derive(Clone)]
pub(crate) enum Source {
    Fixed(Store),
    PerRequest(Hook<(), Store>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(store) => store.fmt(f),
            Self::PerRequest(_) => f.write_str("PerRequest"),
        }
    }
}

/// A store, and what may be asked of it.
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

/// A record ready to be written.
struct Draft {
    record: Record,
    bytes: Vec<u8>,
}

impl Draft {
    fn new(default: MaxAge, plan: &Plan) -> Result<Self> {
        let record = plan.record(default);
        let bytes = record.encode()?;
        Ok(Self { record, bytes })
    }

    fn store_max_age(&self) -> MaxAge {
        record::store_max_age(self.record.max_age.unwrap_or(MaxAge::Session))
    }

    fn stored_under(self, key: SessionKey) -> Stored {
        Stored {
            key: Some(key),
            bytes: self.bytes,
            record: self.record,
        }
    }
}
