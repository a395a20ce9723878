//! One of the caches that a store is made of.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use session_store_api::{Condition, SessionKey};

use crate::hashed::{Brought, Hashed, OwnedHashed, SHORT};
use crate::record::{Freed, Record};
use crate::spare::{MAX_ROUNDING, Spare, allocated};
use crate::stats::Removals;

/// What a record takes besides its value and a long key: itself, a short key, moka's entry, list node and timer node,
/// its place in the table, its share of the names that moka keeps of records gone. In allocations these are 550
/// bytes; the rest is what the heaps of several threads hold back after millions of inserts.
const RECORD_COST: usize = 650;

/// What an empty shard takes: moka's table, and logs of reads and writes. Measured: 104 KiB.
const SHARD_COST: u64 = 104 << 10;

/// This part of a shard's bytes is for spare buffers.
const SPARE_PART: u64 = 32;

/// No session is larger than this but by mistake.
const MAX_VALUE: usize = 16 << 20;

/// A moka cache and the right to write to it.
///
/// Reading does not wait for other keys. Every write holds the lock, because moka's own atomic updates are atomic
/// among each other only, and would bring a record back that was destroyed meanwhile.
pub(crate) struct Shard {
    records: Cache<OwnedHashed, Arc<Record>, Brought>,
    freed: Arc<Freed>,
    /// The weight written since moka last evicted.
    unsettled: Mutex<u64>,
    capacity: u64,
}

impl Shard {
    /// A shard that takes up to `bytes` of memory.
    pub(crate) fn new(bytes: u64) -> Self {
        let spare = bytes / SPARE_PART;
        let capacity = bytes.saturating_sub(SHARD_COST + spare);
        let records = Cache::builder()
            .max_capacity(capacity)
            // The default policy may turn a new record away, which is a login that fails.
            .eviction_policy(EvictionPolicy::lru())
            .weigher(|key: &OwnedHashed, record: &Arc<Record>| weight(key.len(), record.capacity()))
            .expire_after(Deadlines)
            .build_with_hasher(Brought::default());
        let freed = Freed {
            removals: Removals::default(),
            spare: Spare::new(usize::try_from(spare).unwrap_or(usize::MAX)),
        };
        Self {
            records,
            freed: Arc::new(freed),
            unsettled: Mutex::new(0),
            capacity,
        }
    }

    /// The largest value taken, under any key.
    pub(crate) fn max_value(&self) -> usize {
        let capacity = usize::try_from(self.capacity).unwrap_or(usize::MAX);
        let besides = allocated(SessionKey::MAX_LEN) + MAX_ROUNDING + RECORD_COST;
        capacity.saturating_sub(besides).min(MAX_VALUE)
    }

    /// The live value under `key`.
    pub(crate) fn get(&self, key: Hashed<'_>) -> Option<Vec<u8>> {
        self.records.get(&key)?.read(Instant::now(), <[u8]>::to_vec)
    }

    /// Waits for its turn to write under `key`.
    pub(crate) fn write<'a>(&'a self, key: Hashed<'a>) -> Writer<'a> {
        let unsettled = self.lock();
        Writer {
            old: self.records.get(&key),
            now: Instant::now(),
            shard: self,
            key,
            unsettled,
        }
    }

    /// Why records went.
    pub(crate) fn removals(&self) -> &Removals {
        &self.freed.removals
    }

    /// Records and bytes, after moka has done what it puts off.
    pub(crate) fn settled_size(&self) -> (u64, u64) {
        self.settle(&mut self.lock());
        (self.records.entry_count(), self.records.weighted_size())
    }

    /// Lets moka evict what is over the bound.
    fn settle(&self, unsettled: &mut u64) {
        self.records.run_pending_tasks();
        *unsettled = 0;
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        // A panic cannot leave the count wrong by more than one record.
        self.unsettled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to write under a key, and to decide on what is there: nobody else writes meanwhile.
pub(crate) struct Writer<'a> {
    shard: &'a Shard,
    key: Hashed<'a>,
    /// What moka has under the key. Its life may be over.
    old: Option<Arc<Record>>,
    now: Instant,
    unsettled: MutexGuard<'a, u64>,
}

impl Writer<'_> {
    /// Whether what is there meets `condition`.
    pub(crate) fn meets(&self, condition: Condition<'_>) -> bool {
        let live = |read: &dyn Fn(&[u8]) -> bool| self.old.as_ref()?.read(self.now, read);
        match condition {
            Condition::Absent => live(&|_| true).is_none(),
            Condition::Present => live(&|_| true).is_some(),
            Condition::Unchanged(old) => live(&|value| value == old) == Some(true),
        }
    }

    /// Writes `value` to live for `life` from now.
    pub(crate) fn put(self, value: &[u8], life: Duration) {
        if life.is_zero() {
            self.remove();
        } else if !self.renew(Some(value), life) {
            let value = self.shard.freed.spare.copy(value);
            self.insert(value, life);
        }
    }

    /// Lets the live value live for `life` from now. False if there is none.
    pub(crate) fn touch(self, life: Duration) -> bool {
        let Some(old) = &self.old else {
            return false;
        };
        let spare = &self.shard.freed.spare;
        if life.is_zero() {
            let lives = old.read(self.now, |_| ()).is_some();
            self.remove();
            lives
        } else if self.renew(None, life) {
            true
        } else if let Some(value) = old.read(self.now, |value| spare.copy(value)) {
            self.insert(value, life);
            true
        } else {
            false
        }
    }

    pub(crate) fn remove(self) {
        if let Some(old) = &self.old {
            old.supersede(self.now);
        }
        self.shard.records.invalidate(&self.key);
    }

    /// Writes into the record that is there, which is all that most writes need.
    fn renew(&self, value: Option<&[u8]>, life: Duration) -> bool {
        self.old
            .as_ref()
            .is_some_and(|old| old.renew(value, life, self.now))
            // moka may have evicted it meanwhile; nobody would see the write.
            && self.shard.records.contains_key(&self.key)
    }

    fn insert(mut self, value: Vec<u8>, life: Duration) {
        let Shard { records, freed, .. } = self.shard;
        if let Some(old) = &self.old {
            old.supersede(self.now);
        }
        // While moka updates a record, the new one still has the old one's end for a moment. Had that passed,
        // moka might free it just then.
        if self.old.as_ref().is_none_or(|old| old.is_ending(self.now)) {
            records.invalidate(&self.key);
        }
        *self.unsettled += u64::from(weight(self.key.key().as_bytes().len(), value.capacity()));
        let record = Record::new(value, life, self.now, Arc::clone(freed));
        records.insert(self.key.to_owned(), Arc::new(record));
        // Left to itself moka evicts every 64 writes, which may be many bytes. Far from the bound that is
        // no matter; what was written since is counted twice at most.
        let written = *self.unsettled;
        let size = records.weighted_size().saturating_add(written);
        if written > self.shard.capacity / 32 && size > self.shard.capacity {
            self.shard.settle(&mut self.unsettled);
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
        record.kept_from(now)
    }

    fn expire_after_update(
        &self,
        _key: &OwnedHashed,
        record: &Arc<Record>,
        now: Instant,
        _old: Option<Duration>,
    ) -> Option<Duration> {
        record.kept_from(now)
    }
}

/// What a record takes of the process's memory.
fn weight(key: usize, value: usize) -> u32 {
    let key = if key > SHORT { allocated(key) } else { 0 };
    let bytes = key + allocated(value) + RECORD_COST;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
