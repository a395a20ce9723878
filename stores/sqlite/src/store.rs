//! The store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use session_store_api::{
    AtomicSessionStore, Condition, Error, ErrorKind, MaxAge, Result, SessionKey, SessionStore,
};
use session_store_batch::{Batcher, Limits};
use sqlx::SqlitePool;

use crate::connect;
use crate::error::{STORE, batch_error, config, error};
use crate::patience::patiently;
use crate::read::Reads;
use crate::schema::{self, migration_sql};
use crate::settings::Settings;
use crate::statements::{MOST_ROWS, Statements};
use crate::write::{Change, Content, Write, Writes};

/// The longest life that is told from a longer one: ten thousand years, in milliseconds.
const LONGEST: i64 = 10_000 * 366 * 24 * 60 * 60 * 1000;

/// Sessions in SQLite: one row per session.
///
/// Cheap to clone; clones share the connections. See the [crate docs](crate) for layout, expiry, limits
/// and what survives what.
#[derive(Clone)]
pub struct SqliteStore {
    readers: SqlitePool,
    writer: SqlitePool,
    settings: Settings,
    reads: Batcher<Reads>,
    writes: Batcher<Writes>,
}

impl SqliteStore {
    /// Opens the database of a URL, creates the file and the table if they are not there.
    ///
    /// `sqlite:sessions.db` is a file, `sqlite::memory:` a database that ends with the store. The
    /// [crate docs](crate#urls) list the parameters. The store has connections of its own: one that
    /// writes and two that read.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if the URL has a parameter that there is not, or a value that cannot be; if
    /// the file cannot be opened for writing; if the table is there and is not of ours.
    /// [`ErrorKind::Corrupt`] if the file is no SQLite database. [`ErrorKind::Timeout`] if it stays
    /// locked.
    pub async fn connect(url: &str) -> Result<Self> {
        let store = connect::open(url).await?;
        store.migrate().await?;
        Ok(store)
    }

    /// Keeps sessions through a pool of the caller's, which it never closes.
    ///
    /// Nothing is created: call [`migrate`](Self::migrate), or run [`migration_sql`](crate::migration_sql).
    /// Give the pool's connections a `busy_timeout`, and use WAL; both are sqlx's defaults or one line.
    #[must_use]
    pub fn new(pool: SqlitePool) -> Self {
        Self::assemble(pool.clone(), pool, Settings::default(), false)
    }

    /// Keeps sessions in the table `name`. Default: `sessions`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] unless it is 1 to 63 letters, digits and underscores, beginning with a letter
    /// or an underscore and not with `sqlite_`.
    pub fn with_table(mut self, name: &str) -> Result<Self> {
        self.settings.set_table(name)?;
        Ok(self.reassembled())
    }

    /// What [`MaxAge::Session`] means. Default: 24 hours.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is zero.
    pub fn with_session_max_age(mut self, session_max_age: Duration) -> Result<Self> {
        self.settings.set_session_max_age(session_max_age)?;
        Ok(self)
    }

    /// Within what time every call is answered. Default: 5 seconds.
    ///
    /// How long a connection waits for a locked database is a setting of the pool (`busy_timeout`);
    /// [`connect`](Self::connect) sets both by its parameter `timeout`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is zero.
    pub fn with_timeout(mut self, timeout: Duration) -> Result<Self> {
        self.settings.set_timeout(timeout)?;
        Ok(self.reassembled())
    }

    /// The largest value in bytes; a larger one is [`ErrorKind::TooLarge`]. Default: 16 MiB.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is zero or more than the 1,000,000,000 bytes that SQLite takes.
    pub fn with_max_value(mut self, bytes: usize) -> Result<Self> {
        self.settings.set_max_value(bytes)?;
        Ok(self)
    }

    /// Creates the table and its index if they are not there. Any number of processes may do so at once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if there is a table of that name with other columns, or the database is
    /// read-only; otherwise as any call.
    pub async fn migrate(&self) -> Result<()> {
        let table = &self.settings.table;
        let sql = migration_sql(table.as_str())?;
        let attempt = || schema::migrate(&self.writer, &sql, table);
        match patiently(self.settings.patience().ends(), attempt).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(config(format!(
                "the table {table:?} is there but has other columns than `key`, `value` and `expires_at`; \
                 name another with `table`, or see `migration_sql()`"
            ))),
            Err(cause) => Err(error(cause)),
        }
    }

    /// Removes at most `limit` expired records, oldest first; says how many.
    ///
    /// Not needed by a store that is written to: its writes remove twice as many expired records as they
    /// write. For a table that nobody writes to any more.
    ///
    /// # Errors
    ///
    /// As any call.
    pub async fn sweep(&self, limit: u32) -> Result<u64> {
        self.writes
            .call(Write::Sweep(limit))
            .await
            .map_err(batch_error)?
    }

    /// A store over these pools. `alone` says that each pool is for one kind of call of this store only, so
    /// that a caller who holds a connection and is not polled keeps no other kind of call waiting.
    pub(crate) fn assemble(
        readers: SqlitePool,
        writer: SqlitePool,
        settings: Settings,
        alone: bool,
    ) -> Self {
        let statements = Arc::new(Statements::new(settings.table.as_str()));
        let limits = Limits::default()
            .with_timeout(settings.timeout)
            .with_batch_calls(MOST_ROWS)
            .with_carry(alone);
        let reads = Reads {
            pool: readers.clone(),
            patience: settings.patience(),
            statements: Arc::clone(&statements),
        };
        let writes = Writes::new(writer.clone(), statements, settings.patience());
        Self {
            readers,
            writer,
            settings,
            reads: Batcher::new(reads, limits),
            // SQLite has one writer at a time; a second batch would only wait for the first.
            writes: Batcher::new(writes, limits.with_in_flight(1)),
        }
    }

    /// With queues for the settings as they are now. Clones may still use the pools.
    fn reassembled(self) -> Self {
        Self::assemble(self.readers, self.writer, self.settings, false)
    }

    async fn write(&self, key: &SessionKey, change: Change) -> Result<bool> {
        let changed = self.writes.call(Write::Record(key.clone(), change)).await;
        Ok(changed.map_err(batch_error)?? > 0)
    }

    fn content(&self, value: &[u8], max_age: MaxAge) -> Result<Content> {
        self.check_len(value)?;
        Ok(Content {
            value: value.to_vec(),
            life: self.life(max_age),
        })
    }

    fn check_len(&self, value: &[u8]) -> Result<()> {
        let (len, most) = (value.len(), self.settings.max_value);
        if len > most {
            let message = format!("{len} bytes; `max_value` is {most}");
            return Err(Error::new(ErrorKind::TooLarge, STORE, message));
        }
        Ok(())
    }

    /// What is added to SQLite's clock, in its milliseconds.
    fn life(&self, max_age: MaxAge) -> i64 {
        match max_age.to_millis(self.settings.session_max_age) {
            0 => 0,
            // The clock shows the millisecond that has begun, so a life begins up to one before now.
            millis => i64::try_from(millis).map_or(LONGEST, |millis| millis.min(LONGEST)) + 1,
        }
    }
}

#[async_trait]
impl SessionStore for SqliteStore {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        self.reads.call(key.clone()).await.map_err(batch_error)
    }

    async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
        let change = Change::Set(self.content(value, max_age)?);
        self.write(key, change).await.map(drop)
    }

    async fn destroy(&self, key: &SessionKey) -> Result<()> {
        self.write(key, Change::Destroy).await.map(drop)
    }
}

#[async_trait]
impl AtomicSessionStore for SqliteStore {
    async fn set_if(
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
            Condition::Unchanged(old) if self.check_len(old).is_err() => return Ok(false),
            Condition::Unchanged(old) => Change::SetIfUnchanged(content, old.to_vec()),
        };
        self.write(key, change).await
    }

    async fn touch(&self, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        self.write(key, Change::Touch(self.life(max_age))).await
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("table", &self.settings.table)
            .finish_non_exhaustive()
    }
}
