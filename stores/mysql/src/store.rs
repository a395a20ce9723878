//! The store.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use session_store_api::{AtomicSessionStore, Condition, MaxAge, Result, SessionKey, SessionStore};
use session_store_batch::Limits;
use session_store_sql::{Bounds, Connections, Sessions, Settings};
use sqlx::{MySql, MySqlPool};

use crate::connect::{self, Door};
use crate::error::{STORE, is_fit};
use crate::records::Records;
use crate::schema;
use crate::statements::MOST_ROWS;

/// What MySQL can do.
pub(crate) const BOUNDS: Bounds = Bounds {
    store: STORE,
    table: 64,
    schemas: true,
    // Twice this, for a value and the one that must stand there, goes into a packet of any server's default.
    usual_value: 4 << 20,
    max_value: 256 << 20,
};

/// Sessions in MySQL or MariaDB: one row per session.
///
/// Cheap to clone; clones share the connections. See the [crate docs](crate) for layout, expiry, limits
/// and what survives what.
#[derive(Clone)]
pub struct MySqlStore {
    door: Door,
    sessions: Sessions<Records>,
}

impl MySqlStore {
    /// Opens connections to the database of a URL, and creates the table if it is not there.
    ///
    /// `mysql://user:password@host:3306/database`; the [crate docs](crate#urls) list the parameters. The
    /// store has connections of its own, opened when they are needed and four at most.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the URL has a parameter that there is not, or a
    /// value that cannot be; if the server refuses the user; if the table is there and is not of ours, or is
    /// not there and the user may not create it. [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable)
    /// or [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) if there is no server.
    pub async fn connect(url: &str) -> Result<Self> {
        let (door, settings) = connect::open(url)?;
        let store = Self::assemble(door, settings);
        store.migrate().await?;
        Ok(store)
    }

    /// Keeps sessions through a pool of the caller's, which it never closes.
    ///
    /// Nothing is created: call [`migrate`](Self::migrate), or run [`migration_sql`](crate::migration_sql).
    /// It uses up to four of the pool's connections at once, and one is enough.
    #[must_use]
    pub fn new(pool: MySqlPool) -> Self {
        let door = Door {
            place: connect::place(&pool.connect_options()),
            connections: Connections::of_pool(pool, is_fit),
            in_flight: 2,
            alone: false,
        };
        Self::assemble(door, Settings::new(BOUNDS))
    }

    /// Keeps sessions in the table `name`, or `database.name`. Default: `sessions`, in the database of
    /// the URL.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) unless each name is 1 to 64 letters, digits and
    /// underscores, and begins with no digit.
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
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if it is zero.
    pub fn with_timeout(self, timeout: Duration) -> Result<Self> {
        self.reassembled(|settings| settings.set_timeout(timeout))
    }

    /// The largest value in bytes; a larger one is [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge).
    /// Default: 4 MiB.
    ///
    /// The server's `max_allowed_packet` must be twice as much.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if it is zero or more than 256 MiB.
    pub fn with_max_value(mut self, bytes: usize) -> Result<Self> {
        let change = |settings: &mut Settings| settings.set_max_value(bytes);
        self.sessions = self.sessions.with_settings(change)?;
        Ok(self)
    }

    /// Creates the table and its index if they are not there. Any number of processes may do so at once,
    /// and a user who may not create anything, if the table is there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if there is a table of that name with other columns,
    /// if the user may not create what is missing, or if the server's `max_allowed_packet` is too small for
    /// the largest value; otherwise as any call.
    pub async fn migrate(&self) -> Result<()> {
        let Door {
            connections, place, ..
        } = &self.door;
        schema::migrate(connections, place, self.sessions.settings()).await
    }

    /// Removes at most `limit` expired records, oldest first; says how many. A record is removed at the
    /// earliest when the hour of the day is over in which it expired.
    ///
    /// Not needed by a store that is written to: its writes remove twice as many expired records as they
    /// write. For a table that nobody writes to any more.
    ///
    /// # Errors
    ///
    /// As any call. What was removed by then stays so.
    pub async fn sweep(&self, limit: u32) -> Result<u64> {
        self.sessions.sweep(limit).await
    }

    fn assemble(door: Door, settings: Settings) -> Self {
        let records = Records::new(&door, settings.table());
        let limits = Limits::default()
            .with_batch_calls(MOST_ROWS)
            .with_in_flight(door.in_flight)
            .with_carry(door.alone);
        let sessions = Sessions::new(records, settings, limits, limits);
        Self { door, sessions }
    }

    /// With queues for settings that these know of. Clones may still use the connections.
    fn reassembled(self, change: impl FnOnce(&mut Settings) -> Result<()>) -> Result<Self> {
        let mut settings = self.sessions.settings().clone();
        change(&mut settings)?;
        let door = Door {
            alone: false,
            ..self.door
        };
        Ok(Self::assemble(door, settings))
    }
}

#[async_trait]
impl SessionStore for MySqlStore {
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
impl AtomicSessionStore for MySqlStore {
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

impl fmt::Debug for MySqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MySqlStore")
            .field("table", self.sessions.settings().table())
            .finish_non_exhaustive()
    }
}

/// The connections of a store.
pub(crate) type MySqlConnections = Connections<MySql>;
