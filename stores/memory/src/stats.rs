//! What a store holds and what it has let go.

use std::sync::atomic::{AtomicU64, Ordering};

use moka::notification::RemovalCause;

/// What a [`MemoryStore`](crate::MemoryStore) holds, and what it has let go since it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Records held; up to a second or so, some may have expired already.
    pub entries: u64,
    /// What they weigh: keys, values and bookkeeping. At most the store's bound.
    pub bytes: u64,
    /// Records dropped to stay within the bound. Each was somebody's session: if this grows, raise the bound.
    pub evicted: u64,
    /// Records freed after their max age. One that was overwritten or destroyed first is not among them.
    pub expired: u64,
}

/// Why records went, counted.
#[derive(Default)]
pub(crate) struct Removals {
    evicted: AtomicU64,
    expired: AtomicU64,
}

impl Removals {
    pub(crate) fn count(&self, cause: RemovalCause) {
        let counter = match cause {
            RemovalCause::Size => &self.evicted,
            RemovalCause::Expired => &self.expired,
            RemovalCause::Explicit | RemovalCause::Replaced => return,
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
