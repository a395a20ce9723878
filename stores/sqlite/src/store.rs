//! The store.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use session_store_api::{AtomicSessionStore, Condition, MaxAge, Result, SessionKey, SessionStore};
use session_store_batch::Limits;
use session_store_sql::{Bounds, Connections, Sessions, Settings, patiently};
use sqlx::{Sqlite, SqlitePool};

use crate::connect;
use crate::error::{STORE, config, error, is_locked};
use crate::records::Records;
use crate::schema::{self, migration_sql};
use crate::statements::MOST_ROWS;

/// What SQLite can do.
pub(crate) const BOUNDS: Bounds = Bounds {
    store: STORE,
    table: 63,
    schemas: false,
    usual_value: 16 << 20,
    // SQLite's own limit, unless it was compiled with another.
    max_value: 1_000_000_000,
};

/// Sessions in SQLite: one row per session.
///
/// Cheap to clone; clones share the connections. See the [crate docs](crate) for layout, expiry, limits
/// and what survives what.
#[derive(Clone)]
pub struct SqliteStore {
    readers: SqliteConnections,
    writer: SqliteConnections,
    sessions: Sessions<Records>,
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
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the URL has a parameter that there is not, or a
    /// value that cannot be; if the file cannot be opened for writing; if the table is there and is not of
    /// ours. [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the file is no SQLite database.
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) if it stays locked.
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
        let connections = Connections::of_pool(pool, |_| true).embedded();
        let settings = Settings::new(BOUNDS);
        Self::assemble(connections.clone(), connections, settings, false)
    }

    /// Keeps sessions in the table `name`. Default: `sessions`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) unless it is 1 to 63 letters, digits and
    /// underscores, beginning with a letter or an underscore and not with `sqlite_`.
    pub fn with_table(self, name: &str) -> Result<Self> {
        self.reassembled(|settings| settings.set_table(name))
    }

    /// What [`MaxAge::Session`] means. Default: 24 hours.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if it is zero.
    pub fn with_session_max_age(mut self, session_max_age: Duration) -> Result<Self> {
        let change = |settings: &mut Settings| settings.set_session_max_age(session_max_age);
        self.sessions = self.sessions.with_settings(change)?;
        Ok(self)
    }

    /// Within what time every call is answered. Default: 5 seconds.
    ///
    /// How long a connection waits for a locked database is a setting of the pool (`busy_timeout`);
    /// [`connect`](Self::connect) sets both by its parameter `timeout`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if it is zero.
    pub fn with_timeout(self, timeout: Duration) -> Result<Self> {
        self.reassembled(|settings| settings.set_timeout(timeout))
    }

    /// The largest value in bytes; a larger one is [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge).
    /// Default: 16 MiB.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if it is zero or more than the 1,000,000,000 bytes
    /// that SQLite takes.
    pub fn with_max_value(mut self, bytes: usize) -> Result<Self> {
        let change = |settings: &mut Settings| settings.set_max_value(bytes);
        self.sessions = self.sessions.with_settings(change)?;
        Ok(self)
    }

    /// Creates the table and its index if they are not there. Any number of processes may do so at once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if there is a table of that name with other columns,
    /// or the database is read-only; otherwise as any call.
    pub async fn migrate(&self) -> Result<()> {
        let settings = self.sessions.settings();
        let table = settings.table();
        let sql = migration_sql(table.name())?;
        let attempt = || schema::migrate(&self.writer, &sql, table);
        match patiently(settings.patience().ends(), is_locked, attempt).await {
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
        self.sessions.sweep(limit).await
    }

    /// A store over these connections. `alone` says that each of the two is for one kind of call of this
    /// store only, so that a caller who holds a connection and is not polled keeps no other kind waiting.
    pub(crate) fn assemble(
        readers: SqliteConnections,
        writer: SqliteConnections,
        settings: Settings,
        alone: bool,
    ) -> Self {
        let records = Records::new(readers.clone(), writer.clone(), settings.table());
        let limits = Limits::default()
            .with_batch_calls(MOST_ROWS)
            .with_carry(alone);
        // SQLite has one writer at a time; a second batch would only wait for the first.
        let sessions = Sessions::new(records, settings, limits, limits.with_in_flight(1));
        Self {
            readers,
            writer,
            sessions,
        }
    }

    /// With queues for settings that these know of. Clones may still use the connections.
    fn reassembled(self, change: impl FnOnce(&mut Settings) -> Result<()>) -> Result<Self> {
        let mut settings = self.sessions.settings().clone();
        change(&mut settings)?;
        schema::check(settings.table())?;
        Ok(Self::assemble(self.readers, self.writer, settings, false))
    }
}

#[async_trait]
impl SessionStore for SqliteStore {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        self.sessions.get(key).await
    }

    async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
        self.sessions.set(key, value, max_age).await
    }

    async fn destroy(&self, key: &SessionKey) -> Result<()> {
        self.sessions.destroy(key).await
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
        self.sessions.set_if(key, condition, value, max_age).await
    }

    async fn touch(&self, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        self.sessions.touch(key, max_age).await
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("table", self.sessions.settings().table())
            .finish_non_exhaustive()
    }
}

/// The connections of a store.
pub(crate) type SqliteConnections = Connections<Sqlite>;
