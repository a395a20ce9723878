//! The door of the queue.

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::Limits;

/// Room in the queue, in calls and in bytes. First come, first served.
pub(crate) struct Admission {
    calls: Semaphore,
    bytes: Semaphore,
}

/// Room for one call, given back when dropped.
pub(crate) struct Permit<'a> {
    calls: SemaphorePermit<'a>,
    bytes: SemaphorePermit<'a>,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            calls: Semaphore::new(limits.queue_calls),
            bytes: Semaphore::new(limits.queue_bytes),
        }
    }

    /// Room for a call of `weight` bytes, if there is some now.
    pub(crate) fn try_admit(&self, weight: u32) -> Option<Permit<'_>> {
        Some(Permit {
            calls: self.calls.try_acquire().ok()?,
            bytes: self.bytes.try_acquire_many(weight).ok()?,
        })
    }

    /// Room for a call of `weight` bytes, once there is some. Always `Some`, for nobody closes the door.
    pub(crate) async fn admit(&self, weight: u32) -> Option<Permit<'_>> {
        Some(Permit {
            calls: self.calls.acquire().await.ok()?,
            bytes: self.bytes.acquire_many(weight).await.ok()?,
        })
    }

    /// Gives back the room of calls that left the queue.
    pub(crate) fn release(&self, calls: usize, bytes: usize) {
        self.calls.add_permits(calls);
        self.bytes.add_permits(bytes);
    }
}

impl Permit<'_> {
    /// Keeps the room taken until [`Admission::release`].
    pub(crate) fn keep(self) {
        self.calls.forget();
        self.bytes.forget();
    }
}
