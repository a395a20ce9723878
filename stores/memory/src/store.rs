//! The store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ahash::RandomState;
use session_store_api::{
    AtomicSessionStore, Condition, MaxAge, Result, SessionKey, SessionStore, StoreUrl, async_trait,
};

use crate::error::{STORE, config, too_large};
use crate::hashed::Hashed;
use crate::shard::Shard;
use crate::stats::{Removals, Stats};

const DEFAULT_MAX_BYTES: u64 = 64 << 20;
const MIN_MAX_BYTES: u64 = 1 << 20;

/// Under this, one large value would evict half a shard.
const SHARD_BYTES: u64 = 4 << 20;
/// The fewer, the faster a read: each shard has logs of its own to keep in the processor's caches.
const MAX_SHARDS: u64 = 8;

/// Sessions in the process's own memory, bounded by bytes.
///
/// Cheap to clone; clones are the same store. See the [crate docs](crate) for the bound, eviction and limits.
///
/// ```
/// use session_store_memory::MemoryStore;
///
/// let store = MemoryStore::new().with_max_bytes(256 << 20)?;
/// # Ok::<(), session_store_api::Error>(())
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    shards: Arc<Shards>,
    session_max_age: Duration,
}

/// Several small caches, so that no call has to clean up after all of them.
struct Shards {
    /// Keyed at random, as that of the standard library, in less than half of its time.
    hasher: RandomState,
    list: Vec<Shard>,
    max_bytes: u64,
}

impl MemoryStore {
    /// An empty store of up to 64 MiB, about 37,000 sessions of 1 KiB.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shards: Arc::new(Shards::new(DEFAULT_MAX_BYTES)),
            session_max_age: MaxAge::DEFAULT_SESSION,
        }
    }

    /// An empty store as a URL describes it: `memory:`, or `memory:?max_bytes=256MiB&session_max_age=12h`.
    ///
    /// # Errors
    ///
    /// [`Config`](session_store_api::ErrorKind::Config) for a parameter that there is not, and for a value
    /// that its setter refuses.
    pub fn from_url(url: &str) -> Result<Self> {
        let mut url = StoreUrl::parse(STORE, url)?;
        let mut store = Self::new();
        if let Some(max_bytes) = url.bytes("max_bytes")? {
            store = store.with_max_bytes(max_bytes)?;
        }
        if let Some(session_max_age) = url.duration("session_max_age")? {
            store = store.with_session_max_age(session_max_age)?;
        }
        if !matches!(url.place()?.as_str(), "" | "//") {
            return Err(config(
                "the URL names a place, and memory has none; write `memory:`",
            ));
        }
        url.finish()?;
        Ok(store)
    }

    /// An empty store that takes up to `max_bytes`: keys, values and bookkeeping. 64 MiB unless set.
    ///
    /// For moments up to 10 % more is in use, or 200 KiB if that is more.
    ///
    /// # Errors
    ///
    /// [`Config`](session_store_api::ErrorKind::Config) under 1 MiB.
    pub fn with_max_bytes(mut self, max_bytes: u64) -> Result<Self> {
        if max_bytes < MIN_MAX_BYTES {
            return Err(config(format!(
                "`max_bytes` must be at least {MIN_MAX_BYTES}, which is 1 MiB"
            )));
        }
        self.shards = Arc::new(Shards::new(max_bytes));
        Ok(self)
    }

    /// What [`MaxAge::Session`] means to this handle. 24 hours unless set.
    ///
    /// # Errors
    ///
    /// [`Config`](session_store_api::ErrorKind::Config) for zero, which would make every session unreadable.
    pub fn with_session_max_age(mut self, session_max_age: Duration) -> Result<Self> {
        if session_max_age.is_zero() {
            return Err(config("`session_max_age` must be more than zero"));
        }
        self.session_max_age = session_max_age;
        Ok(self)
    }

    /// The largest value in bytes; a larger one is [`TooLarge`](session_store_api::ErrorKind::TooLarge).
    #[must_use]
    pub fn max_value(&self) -> usize {
        self.shards.list[0].max_value()
    }

    /// What the store holds now, and what it has let go.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let shards = &self.shards.list;
        let sizes = shards.iter().map(Shard::settled_size);
        let (entries, bytes) = sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
        let removals = || shards.iter().map(Shard::removals);
        Stats {
            entries,
            bytes,
            evicted: removals().map(Removals::evicted).sum(),
            expired: removals().map(Removals::expired).sum(),
        }
    }

    fn locate<'a>(&self, key: &'a SessionKey) -> (&Shard, Hashed<'a>) {
        let key = Hashed::new(key, &self.shards.hasher);
        (&self.shards.list[key.index(self.shards.list.len())], key)
    }

    fn check(&self, value: &[u8]) -> Result<()> {
        let max = self.max_value();
        if value.len() > max {
            return Err(too_large(value.len(), max));
        }
        Ok(())
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("max_bytes", &self.shards.max_bytes)
            .field("session_max_age", &self.session_max_age)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let (shard, key) = self.locate(key);
        Ok(shard.get(key))
    }

    async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
        self.check(value)?;
        let (shard, key) = self.locate(key);
        let life = max_age.to_duration(self.session_max_age);
        shard.write(key).put(value, life);
        Ok(())
    }

    async fn destroy(&self, key: &SessionKey) -> Result<()> {
        let (shard, key) = self.locate(key);
        shard.write(key).remove();
        Ok(())
    }
}

#[async_trait]
impl AtomicSessionStore for MemoryStore {
    async fn set_if(
        &self,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        self.check(value)?;
        let (shard, key) = self.locate(key);
        let life = max_age.to_duration(self.session_max_age);
        let writer = shard.write(key);
        let holds = writer.meets(condition);
        if holds {
            writer.put(value, life);
        }
        Ok(holds)
    }

    async fn touch(&self, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        let (shard, key) = self.locate(key);
        let life = max_age.to_duration(self.session_max_age);
        Ok(shard.write(key).touch(life))
    }
}

impl Shards {
    fn new(max_bytes: u64) -> Self {
        let count = (max_bytes / SHARD_BYTES).clamp(1, MAX_SHARDS);
        let shard = |_| Shard::new(max_bytes / count);
        Self {
            hasher: RandomState::new(),
            list: (0..count).map(shard).collect(),
            max_bytes,
        }
    }
}
