//! One of the caches that a store is made of.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use session_store_api::SessionKey;

use crate::hashed::{Brought, Hashed, OwnedHashed};
use crate::stats::Removals;

/// What a record costs besides its key and value: moka's entry, its list nodes and timer node, its place in the
/// table. Measured with a counting allocator: 363 to 367 bytes.
const RECORD_COST: usize = 368;

/// What an empty shard costs: moka's logs of reads and writes. Measured: 104 KiB.
const SHARD_COST: u64 = 104 << 10;

/// No session is larger than this but by mistake.
const MAX_VALUE: usize = 16 << 20;

/// A record that has less life left than this is not updated but removed and written anew.
///
/// While moka updates a record, the new value still has the old deadline for a moment. Had that passed, moka might
/// free the record just then.
const MARGIN: Duration = Duration::from_secs(60);

/// A moka cache and the right to write to it.
///
/// Reading needs no lock. Every write holds the lock, because moka's own atomic updates are atomic among each
/// other only, and would bring a record back that was destroyed meanwhile.
pub(crate) struct Shard {
    records: Cache<OwnedHashed, Arc<Record>, Brought>,
    removals: Arc<Removals>,
    /// The weight written since moka last evicted.
    unsettled: Mutex<u64>,
    capacity: u64,
}

impl Shard {
    /// A shard that takes up to `bytes` of memory.
    pub(crate) fn new(bytes: u64) -> Self {
        let capacity = bytes.saturating_sub(SHARD_COST);
        let records = Cache::builder()
            .max_capacity(capacity)
            // The default policy may turn a new record away, which is a login that fails.
            .eviction_policy(EvictionPolicy::lru())
            .weigher(|key: &OwnedHashed, record: &Arc<Record>| {
                weight(key.len(), record.value.len())
            })
            .expire_after(Deadlines)
            .build_with_hasher(Brought::default());
        Self {
            records,
            removals: Arc::default(),
            unsettled: Mutex::new(0),
            capacity,
        }
    }

    /// The largest value taken, under any key.
    pub(crate) fn max_value(&self) -> usize {
        let capacity = usize::try_from(self.capacity).unwrap_or(usize::MAX);
        let fits = capacity.saturating_sub(RECORD_COST + SessionKey::MAX_LEN);
        fits.min(MAX_VALUE)
    }

    /// The live record under `key`.
    pub(crate) fn get(&self, key: Hashed<'_>) -> Option<Arc<Record>> {
        // moka checks the deadline itself, to the microsecond, whether or not it has cleaned up.
        self.records.get(&key)
    }

    /// Waits for its turn to write.
    pub(crate) fn write(&self) -> Writer<'_> {
        Writer {
            shard: self,
            // A panic cannot leave the count wrong by more than one record.
            unsettled: self
                .unsettled
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Why records went.
    pub(crate) fn removals(&self) -> &Removals {
        &self.removals
    }

    /// Records and bytes, after moka has done what it puts off.
    pub(crate) fn settled_size(&self) -> (u64, u64) {
        self.write().settle();
        (self.records.entry_count(), self.records.weighted_size())
    }
}

/// The right to write to a shard, and to decide on what it reads there: nobody else writes meanwhile.
pub(crate) struct Writer<'a> {
    shard: &'a Shard,
    unsettled: MutexGuard<'a, u64>,
}

impl Writer<'_> {
    pub(crate) fn get(&self, key: Hashed<'_>) -> Option<Arc<Record>> {
        self.shard.get(key)
    }

    /// Writes `value` to live for `life` from now.
    pub(crate) fn put(&mut self, key: Hashed<'_>, value: Arc<[u8]>, life: Duration) {
        let old = self.get(key);
        let now = Instant::now();
        if old.as_ref().is_none_or(|old| old.ends_within(MARGIN, now)) {
            self.shard.records.invalidate(&key);
        }
        if let Some(old) = old {
            old.supersede();
        }
        if life.is_zero() {
            return self.shard.records.invalidate(&key);
        }
        *self.unsettled += u64::from(weight(key.key().as_bytes().len(), value.len()));
        let record = Record {
            value,
            deadline: now.checked_add(life),
            superseded: AtomicBool::new(false),
            removals: Arc::clone(&self.shard.removals),
        };
        self.shard.records.insert(key.to_owned(), Arc::new(record));
        // Left to itself moka evicts every 64 writes, which may be many bytes. Far from the bound that is
        // no matter; what was written since is counted twice at most.
        let written = *self.unsettled;
        let size = self.shard.records.weighted_size().saturating_add(written);
        if written > self.shard.capacity / 32 && size > self.shard.capacity {
            self.settle();
        }
    }

    pub(crate) fn remove(&mut self, key: Hashed<'_>) {
        if let Some(old) = self.shard.records.remove(&key) {
            old.supersede();
        }
    }

    /// Lets moka evict what is over the bound.
    fn settle(&mut self) {
        self.shard.records.run_pending_tasks();
        *self.unsettled = 0;
    }
}

/// A value and the end of its life. Says what became of it when it is freed.
pub(crate) struct Record {
    pub(crate) value: Arc<[u8]>,
    /// `None` is past the end of the clock, centuries from now.
    deadline: Option<Instant>,
    /// Whether it was overwritten or destroyed.
    superseded: AtomicBool,
    removals: Arc<Removals>,
}

impl Record {
    fn life_from(&self, now: Instant) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(now))
    }

    fn ends_within(&self, time: Duration, now: Instant) -> bool {
        self.life_from(now).is_some_and(|life| life < time)
    }

    fn supersede(&self) {
        self.superseded.store(true, Ordering::Relaxed);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !*self.superseded.get_mut() {
            self.removals
                .count(self.ends_within(Duration::from_nanos(1), Instant::now()));
        }
    }
}

/// Tells moka when to free a record. The default for an update would keep the old deadline.
struct Deadlines;

impl Expiry<OwnedHashed, Arc<Record>> for Deadlines {
    fn expire_after_create(
        &self,
        _key: &OwnedHashed,
        record: &Arc<Record>,
        now: Instant,
    ) -> Option<Duration> {
        record.life_from(now)
    }

    fn expire_after_update(
        &self,
        _key: &OwnedHashed,
        record: &Arc<Record>,
        now: Instant,
        _old: Option<Duration>,
    ) -> Option<Duration> {
        record.life_from(now)
    }
}

fn weight(key: usize, value: usize) -> u32 {
    u32::try_from(key + value + RECORD_COST).unwrap_or(u32::MAX)
}
