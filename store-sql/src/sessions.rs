//! The verbs, over a database.

use std::sync::Arc;

use session_store_api::{Condition, MaxAge, Result, SessionKey};
use session_store_batch::{Batcher, Limits};
use tokio::time::{Instant, timeout};

use crate::database::Database;
use crate::error::queue_error;
use crate::read::Reads;
use crate::settings::Settings;
use crate::write::{Change, Content, Refused, Write, Writes};

/// Sessions in a table: the five verbs of the contract, and sweeping. A store forwards to it.
///
/// Cheap to clone; clones share the queues.
pub struct Sessions<D: Database> {
    settings: Settings,
    reads: Batcher<Reads<D>>,
    writes: Batcher<Writes<D>>,
}

impl<D: Database> Sessions<D> {
    /// Sessions in the table of `settings`, with queues of these limits but for the timeout, which is that
    /// of the settings.
    pub fn new(database: D, settings: Settings, reads: Limits, writes: Limits) -> Self {
        let database = Arc::new(database);
        let (timeout, patience) = (settings.timeout(), settings.patience());
        let written = Writes::new(Arc::clone(&database), patience);
        let read = Reads { database, patience };
        Self {
            settings,
            reads: Batcher::new(read, reads.with_timeout(timeout)),
            writes: Batcher::new(written, writes.with_timeout(timeout)),
        }
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &D {
        &self.reads.batch().database
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The same queues under settings that they know nothing of: how long sessions live, and how large
    /// they may be.
    ///
    /// # Errors
    ///
    /// What `change` says.
    pub fn with_settings(
        mut self,
        change: impl FnOnce(&mut Settings) -> Result<()>,
    ) -> Result<Self> {
        change(&mut self.settings)?;
        Ok(self)
    }

    /// [`SessionStore::get`](session_store_api::SessionStore::get).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let found = self.reads.call(key.clone()).await;
        found.map_err(|error| queue_error(D::NAME, error))
    }

    /// [`SessionStore::set`](session_store_api::SessionStore::set).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
        let change = Change::Set(self.content(value, max_age)?);
        self.write(key, change).await.map(drop)
    }

    /// [`SessionStore::destroy`](session_store_api::SessionStore::destroy).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn destroy(&self, key: &SessionKey) -> Result<()> {
        self.write(key, Change::Destroy).await.map(drop)
    }

    /// [`AtomicSessionStore::set_if`](session_store_api::AtomicSessionStore::set_if).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn set_if(
        &self,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        let content = self.content(value, max_age)?;
        let change = match condition {
            Condition::Absent => Change::SetIfAbsent(content),
            Condition::Present => Change::SetIfPresent(content),
            // Nothing longer than the limit can stand there.
            Condition::Unchanged(old) if self.settings.check_len(old).is_err() => return Ok(false),
            Condition::Unchanged(old) => Change::SetIfUnchanged(content, old.to_vec()),
        };
        self.write(key, change).await
    }

    /// [`AtomicSessionStore::touch`](session_store_api::AtomicSessionStore::touch).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn touch(&self, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        let life = self.settings.life(max_age);
        self.write(key, Change::Touch(life)).await
    }

    /// Removes at most `limit` expired records, oldest first; says how many. Each statement removes a bounded
    /// number, so that writes find their turn in between.
    ///
    /// # Errors
    ///
    /// As any call. What was removed by then stays so.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves off.
    pub async fn sweep(&self, limit: u32) -> Result<u64> {
        let mut swept = 0;
        let mut left = limit;
        while left > 0 {
            let most = left.min(self.writes.batch().piece());
            let removed = self.writes.call(Write::Sweep(most)).await;
            let removed = removed.map_err(|error| queue_error(D::NAME, error))?;
            let removed = removed.map_err(|refused| refused.error)?;
            swept += removed;
            left -= most;
            if removed < u64::from(most) {
                break;
            }
        }
        Ok(swept)
    }

    async fn write(&self, key: &SessionKey, change: Change) -> Result<bool> {
        let (began, until) = (Instant::now(), self.settings.patience().ends());
        let change = Arc::new(change);
        let mut written = self.write_once(key, &change).await;
        // While somebody has its row locked it waits in one batch after the other, each time with others.
        while let Err(refused) = &written
            && refused.is_locked
            && Instant::now() < until
        {
            let rest = self.settings.timeout().saturating_sub(began.elapsed());
            match timeout(rest, self.write_once(key, &change)).await {
                Ok(again) => written = again,
                Err(_) => break,
            }
        }
        Ok(written.map_err(|refused| refused.error)? > 0)
    }

    async fn write_once(&self, key: &SessionKey, change: &Arc<Change>) -> Result<u64, Refused> {
        let call = Write::Record(key.clone(), Arc::clone(change));
        let answer = self.writes.call(call).await;
        answer.map_err(|error| queue_error(D::NAME, error))?
    }

    fn content(&self, value: &[u8], max_age: MaxAge) -> Result<Content> {
        self.settings.check_len(value)?;
        Ok(Content {
            value: value.to_vec(),
            life: self.settings.life(max_age),
        })
    }
}

impl<D: Database> Clone for Sessions<D> {
    fn clone(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            reads: self.reads.clone(),
            writes: self.writes.clone(),
        }
    }
}

impl<D: Database> std::fmt::Debug for Sessions<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
