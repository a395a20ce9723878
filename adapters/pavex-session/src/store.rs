//! The adapter, and what all its operations share.

use std::borrow::Cow;
use std::future::Future;
use std::time::{Duration, SystemTime};

use pavex_session::store::{SessionRecord as TheirRecord, SessionRecordRef};
use pavex_session::{SessionId, SessionStore};
use session_store_api::{
    AtomicSessionStore, Condition, InvalidSessionKey, MaxAge, ReservedName, Result, SessionKey,
    SessionRecord,
};

use crate::sweep::Sweep;

/// An atomic session store as pavex_session wants one.
///
/// See the [crate docs](crate) for what each operation does, and for the record that is kept.
#[derive(Clone, Debug)]
pub struct PavexSessionStore<S> {
    pub(crate) store: S,
    pub(crate) sweep: Option<Sweep>,
}

/// A record as it was found.
pub(crate) struct Found {
    pub(crate) bytes: Vec<u8>,
    pub(crate) record: SessionRecord,
    now: SystemTime,
}

impl<S: AtomicSessionStore> PavexSessionStore<S> {
    /// Keeps the sessions of pavex_session in `store`.
    pub fn new(store: S) -> Self {
        Self { store, sweep: None }
    }

    /// How `delete_expired` removes up to so many expired records and says how many it removed: the `sweep`
    /// of a SQL store. Unless set it removes none, for there is nothing to do: every store removes expired
    /// records by itself.
    #[must_use]
    pub fn with_sweep<F, Fut>(mut self, sweep: F) -> Self
    where
        F: Fn(u32) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<u64>> + Send + 'static,
    {
        self.sweep = Some(Sweep::new(sweep));
        self
    }

    /// The session of this key, unless it has ended.
    pub(crate) async fn find(&self, key: &SessionKey) -> Result<Option<Found>> {
        let Some(bytes) = self.store.get(key).await? else {
            return Ok(None);
        };
        let Some(record) = SessionRecord::decode(&bytes) else {
            tracing::warn!("a record under a session's id is no session, and is not read");
            return Ok(None);
        };
        let now = SystemTime::now();
        Ok((!record.is_expired(now)).then_some(Found { bytes, record, now }))
    }

    /// Removes the record if `condition` holds; says whether it did.
    pub(crate) async fn end(&self, key: &SessionKey, condition: Condition<'_>) -> Result<bool> {
        let at_once = MaxAge::After(Duration::ZERO);
        self.store.set_if(key, condition, b"", at_once).await
    }
}

impl<S: AtomicSessionStore + 'static> From<PavexSessionStore<S>> for SessionStore {
    fn from(store: PavexSessionStore<S>) -> Self {
        Self::new(store)
    }
}

impl Found {
    /// How long it lives from now on, if it says so.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        let ends = self.record.expires_at()?;
        Some(ends.duration_since(self.now).unwrap_or_default())
    }

    /// The session as pavex_session wants it. One that does not say when it ends is given no time, so that it
    /// is renewed and says so.
    pub(crate) fn into_theirs(self) -> TheirRecord {
        let ttl = self.remaining().unwrap_or_default();
        let values = self.record.into_values().into_iter();
        TheirRecord {
            state: values
                .map(|(name, value)| (Cow::Owned(name), value))
                .collect(),
            ttl,
        }
    }
}

/// An id is 36 hexadecimal digits and dashes, as in any UUID.
pub(crate) fn key(id: &SessionId) -> Result<SessionKey, InvalidSessionKey> {
    SessionKey::new(id.inner().to_string())
}

/// The bytes to keep of their record, and how long.
pub(crate) fn encode(record: &SessionRecordRef<'_>) -> Result<(Vec<u8>, MaxAge), ReservedName> {
    let values = record.state.iter();
    let values = values.map(|(name, value)| (name.clone().into_owned(), value.clone()));
    let max_age = MaxAge::After(record.ttl);
    let record = SessionRecord::new(values.collect(), max_age, SystemTime::now())?;
    Ok((record.encode(), max_age))
}
