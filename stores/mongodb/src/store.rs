//! The store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mongodb::bson::RawDocumentBuf;
use mongodb::{Collection, Database};
use session_store_api::{
    AtomicSessionStore, Condition, Error, ErrorKind, MaxAge, Result, SessionKey, SessionStore,
};
use session_store_batch::{Batcher, Limits};
use tokio::time::timeout;
use tracing::warn;

use crate::connect;
use crate::error::{STORE, batch_error, config};
use crate::read::Reads;
use crate::retry::Retries;
use crate::schema::{self, Flaw};
use crate::settings::{Settings, write_concern};
use crate::write::{Change, Content, Write, Writes};

/// The longest life that is told from a longer one: a thousand years, in milliseconds.
const LONGEST: i64 = 1_000 * 366 * 24 * 60 * 60 * 1000;

/// How many batches of reads, and how many of writes, run at once.
pub(crate) const IN_FLIGHT: usize = 2;

/// Sessions in MongoDB: one document per session.
///
/// Cheap to clone; clones share the client. See the [crate docs](crate) for layout, expiry, limits and what
/// survives what.
#[derive(Clone)]
pub struct MongoDbStore {
    database: Database,
    settings: Settings,
    retries: Option<Arc<Retries>>,
    reads: Batcher<Reads>,
    writes: Batcher<Writes>,
}

impl MongoDbStore {
    /// Connects to the servers of a URL, and creates the index by which they remove expired records.
    ///
    /// `mongodb://host/database` or `mongodb+srv://host/database`. The [crate docs](crate#urls) list the
    /// parameters; the driver's own options may stand among them.
    ///
    /// If the user may not create the index, or there is another one, the store works all the same, and a
    /// warning is logged with `tracing`: expired records are never read, but they stay.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if the URL names no database, has a parameter that there is not or a value
    /// that cannot be; if the server refuses the credentials; if the collection has a collation.
    /// [`ErrorKind::Unsupported`] for `mongodb+srv://` without the feature `srv`.
    /// [`ErrorKind::Unavailable`] or [`ErrorKind::Timeout`] if no server can be reached that takes writes.
    pub async fn connect(url: &str) -> Result<Self> {
        let store = connect::open(url).await?;
        if store.flaw().await?.is_none() {
            return Ok(store);
        }
        match store.migrate().await {
            Err(error) if error.kind() == ErrorKind::Config => warn!("{error}"),
            migrated => migrated?,
        }
        Ok(store)
    }

    /// Keeps sessions in a database of the caller's client, which it never closes.
    ///
    /// Nothing is created: call [`migrate`](Self::migrate). Writes are confirmed as the database is told to
    /// have them, by a majority if it is told nothing, and never by nobody (`w: 0`). Reads go to the primary.
    /// Which timeouts the client has is the caller's; [`with_timeout`](Self::with_timeout) bounds them all.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self::assemble(database, Settings::default(), None, false)
    }

    /// Keeps sessions in the collection `name`. Default: `sessions`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] unless it is 1 to 120 bytes without `$` or NUL, and does not begin with
    /// `system.`.
    pub fn with_collection(mut self, name: &str) -> Result<Self> {
        self.settings.set_collection(name)?;
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
    /// The server is told to give up a little earlier.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is zero.
    pub fn with_timeout(mut self, timeout: Duration) -> Result<Self> {
        self.settings.set_timeout(timeout)?;
        Ok(self.reassembled())
    }

    /// The largest value in bytes; a larger one is [`ErrorKind::TooLarge`]. Default: 4 MiB.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is zero or more than 8,000,000: two values must find room in the 16 MiB
    /// of a command, for [`Condition::Unchanged`].
    pub fn with_max_value(mut self, bytes: usize) -> Result<Self> {
        self.settings.set_max_value(bytes)?;
        Ok(self)
    }

    /// Creates the collection and the index by which the server removes expired records, unless they are
    /// there. Any number of processes may do so at once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if there is another index on `expires_at`, if the collection has a collation,
    /// or if the user may not create the index; otherwise as any call.
    pub async fn migrate(&self) -> Result<()> {
        if self.flaw().await?.is_none() {
            return Ok(());
        }
        let collection = self.collection();
        let created = within(self.settings.timeout, schema::create(&collection)).await;
        // What is there says more than why nothing could be added.
        match self.flaw().await? {
            None => Ok(()),
            Some(Flaw::Missing) => created.and(Err(config(Flaw::Missing.message()))),
            Some(flaw) => Err(config(flaw.message())),
        }
    }

    /// Checks that the server removes expired records: that there is a TTL index on `expires_at`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if there is none, or if the collection has a collation; otherwise as any call.
    pub async fn check(&self) -> Result<()> {
        match self.flaw().await? {
            None => Ok(()),
            Some(flaw) => Err(config(flaw.message())),
        }
    }

    /// A store in this database. `alone` says that there is a connection for each of its batches, so that a
    /// caller who holds one and is not polled keeps nobody waiting.
    pub(crate) fn assemble(
        database: Database,
        settings: Settings,
        retries: Option<Arc<Retries>>,
        alone: bool,
    ) -> Self {
        let patience = settings.patience();
        let limits = Limits::default()
            .with_in_flight(IN_FLIGHT)
            .with_timeout(settings.timeout)
            .with_carry(alone);
        let reads = Reads {
            collection: database.collection(&settings.collection),
            patience,
        };
        let writes = Writes {
            database: database.clone(),
            collection: Arc::clone(&settings.collection),
            concern: write_concern(database.write_concern(), patience),
            patience,
            retries: retries.clone(),
        };
        Self {
            database,
            settings,
            retries,
            reads: Batcher::new(reads, limits),
            writes: Batcher::new(writes, limits),
        }
    }

    /// With queues for the settings as they are now. Clones may still use the connections.
    fn reassembled(self) -> Self {
        Self::assemble(self.database, self.settings, self.retries, false)
    }

    fn collection(&self) -> Collection<RawDocumentBuf> {
        self.database.collection(&self.settings.collection)
    }

    async fn flaw(&self) -> Result<Option<Flaw>> {
        within(self.settings.timeout, schema::inspect(&self.collection())).await
    }

    async fn write(&self, key: &SessionKey, change: Change) -> Result<bool> {
        let key = key.clone();
        let written = self.writes.call(Write { key, change }).await;
        written.map_err(batch_error)?
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

    /// What is added to the server's clock, in its milliseconds.
    fn life(&self, max_age: MaxAge) -> i64 {
        match max_age.to_millis(self.settings.session_max_age) {
            0 => 0,
            // The clock shows the millisecond that has begun, so a life begins up to one before now.
            millis => i64::try_from(millis).map_or(LONGEST, |millis| millis.min(LONGEST)) + 1,
        }
    }
}

#[async_trait]
impl SessionStore for MongoDbStore {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        self.reads.call(key.clone()).await.map_err(batch_error)?
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
impl AtomicSessionStore for MongoDbStore {
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

impl fmt::Debug for MongoDbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoDbStore")
            .field("database", &self.database.name())
            .field("collection", &self.settings.collection)
            .finish_non_exhaustive()
    }
}

/// What `work` answers, or that it did not in time.
pub(crate) async fn within<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, STORE, "no answer in time")))
}
