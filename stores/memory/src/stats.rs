//! What a store holds and what it has let go.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a [`MemoryStore`](crate::MemoryStore) holds, and what it has let go since it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Records held. Some may have expired already, at most about 5 minutes ago.
    pub entries: u64,
    /// What they weigh: keys, values and bookkeeping, as an allocator rounds them. At most the store's bound.
    pub bytes: u64,
    /// Records dropped to stay within the bound. Each was somebody's session: if this grows, raise the bound.
    /// Counted when its memory is freed, which a busy store does a moment later.
    pub evicted: u64,
    /// Records freed after their max age, counted likewise.
    pub expired: u64,
}

/// Why records went, counted.
#[derive(Default)]
pub(crate) struct Removals {
    evicted: AtomicU64,
    expired: AtomicU64,
}

impl Removals {
    /// Counts a record that went by itself.
    pub(crate) fn count(&self, expired: bool) {
        let counter = if expired {
            &self.expired
        } else {
            &self.evicted
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    pub(crate) fn expired(&self) -> u64 {
        self.expired.load(Ordering::Relaxed)
    }
}
