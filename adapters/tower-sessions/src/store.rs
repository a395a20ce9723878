//! The adapter, in the terms that all versions of tower-sessions share.

use std::collections::HashMap;
use std::future::Future;
use std::time::SystemTime;

use serde_json::Value;
use session_store_api::{AtomicSessionStore, Condition, MaxAge, Result, SessionKey, SessionRecord};
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

use crate::fault::Fault;
use crate::sweep::Sweep;

/// What tower-sessions takes for the end of a session that ends with the browser's.
const SESSION_ENDS_AFTER: Duration = Duration::weeks(2);

/// An atomic session store as tower-sessions wants one.
///
/// See the [crate docs](crate) for what each operation does, and for the record that is kept.
#[derive(Clone, Debug)]
pub struct TowerSessionsStore<S> {
    store: S,
    late_save: LateSave,
    sweep: Option<Sweep>,
}

/// What to do about a request that saves a session which another has ended meanwhile, or which has expired.
///
/// Either way the session stays ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LateSave {
    /// Drops what was to be saved and tells the log. The response goes out as it is.
    #[default]
    Drop,
    /// Answers an error, of which tower-sessions makes a 500.
    Fail,
}

/// A session as tower-sessions sees it.
pub(crate) struct Found {
    pub(crate) data: HashMap<String, Value>,
    pub(crate) expiry_date: OffsetDateTime,
}

impl<S: AtomicSessionStore> TowerSessionsStore<S> {
    /// Keeps the sessions of tower-sessions in `store`.
    pub fn new(store: S) -> Self {
        Self {
            store,
            late_save: LateSave::default(),
            sweep: None,
        }
    }

    /// What to do about a save that comes too late. [`LateSave::Drop`] unless set.
    #[must_use]
    pub fn with_late_save(mut self, late_save: LateSave) -> Self {
        self.late_save = late_save;
        self
    }

    /// How `ExpiredDeletion::delete_expired` removes up to so many expired records and says how many it
    /// removed: the `sweep` of a SQL store. Unless set it answers an error, for there is nothing to do:
    /// every store removes expired records by itself.
    #[must_use]
    pub fn with_sweep<F, Fut>(mut self, sweep: F) -> Self
    where
        F: Fn(u32) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<u64>> + Send + 'static,
    {
        self.sweep = Some(Sweep::new(sweep));
        self
    }

    /// Keeps a new session; `false` if there is one of this id.
    pub(crate) async fn insert(
        &self,
        id: &str,
        data: &HashMap<String, Value>,
        expiry_date: OffsetDateTime,
    ) -> Result<bool, Fault> {
        self.write(Condition::Absent, id, data, expiry_date).await
    }

    /// Replaces a session that is there.
    pub(crate) async fn replace(
        &self,
        id: &str,
        data: &HashMap<String, Value>,
        expiry_date: OffsetDateTime,
    ) -> Result<(), Fault> {
        if self
            .write(Condition::Present, id, data, expiry_date)
            .await?
        {
            return Ok(());
        }
        let late = "the session to save has ended meanwhile, and stays so";
        match self.late_save {
            LateSave::Drop => {
                tracing::warn!("{late}");
                Ok(())
            }
            LateSave::Fail => Err(Fault::Backend(late.to_owned())),
        }
    }

    pub(crate) async fn find(&self, id: &str) -> Result<Option<Found>, Fault> {
        let Some(bytes) = self.store.get(&key(id)?).await? else {
            return Ok(None);
        };
        let Some(record) = SessionRecord::decode(&bytes) else {
            // A session of its own for whoever shows this id, and nothing of this record.
            tracing::warn!("a record under a session's id is no session, and is not read");
            return Ok(None);
        };
        let now = SystemTime::now();
        if record.is_expired(now) {
            return Ok(None);
        }
        let expiry_date = match record.expires_at() {
            Some(ends) => date(ends),
            None => date(now).saturating_add(SESSION_ENDS_AFTER),
        };
        Ok(Some(Found {
            data: record.into_values().into_iter().collect(),
            expiry_date,
        }))
    }

    pub(crate) async fn remove(&self, id: &str) -> Result<(), Fault> {
        Ok(self.store.destroy(&key(id)?).await?)
    }

    pub(crate) async fn remove_expired(&self) -> Result<(), Fault> {
        match &self.sweep {
            Some(sweep) => Ok(sweep.run().await?),
            None => Err(Fault::Backend(
                "deleting expired sessions is not supported, nor needed: the store removes them by itself; \
                 drop the deletion task, or name the store's own with `with_sweep`"
                    .to_owned(),
            )),
        }
    }

    async fn write(
        &self,
        condition: Condition<'_>,
        id: &str,
        data: &HashMap<String, Value>,
        expiry_date: OffsetDateTime,
    ) -> Result<bool, Fault> {
        let now = SystemTime::now();
        // What has ended already has no life left, which leaves nothing in the store.
        let life = SystemTime::from(expiry_date).duration_since(now);
        let max_age = MaxAge::After(life.unwrap_or_default());
        let values = data
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()));
        let record = SessionRecord::new(values.collect(), max_age, now)?.encode();
        Ok(self
            .store
            .set_if(&key(id)?, condition, &record, max_age)
            .await?)
    }
}

/// An id of tower-sessions is 22 letters, digits, `-` and `_`.
fn key(id: &str) -> Result<SessionKey, Fault> {
    SessionKey::new(id).map_err(|error| Fault::Encode(error.to_string()))
}

/// As a date, at the latest the end of the year 9999.
fn date(time: SystemTime) -> OffsetDateTime {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| Duration::try_from(since).ok())
        .and_then(|since| OffsetDateTime::UNIX_EPOCH.checked_add(since))
        .unwrap_or(PrimitiveDateTime::MAX.assume_utc())
}
