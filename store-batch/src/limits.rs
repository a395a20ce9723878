//! How much a batcher takes on.

use std::time::Duration;

use tokio::sync::Semaphore;

/// How much a batcher takes on, and for how long.
///
/// ```
/// use std::time::Duration;
/// use session_store_batch::Limits;
///
/// let limits = Limits::default()
///     .with_in_flight(4)
///     .with_timeout(Duration::from_secs(2));
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(crate) in_flight: usize,
    pub(crate) batch_calls: usize,
    pub(crate) batch_bytes: usize,
    pub(crate) queue_calls: usize,
    pub(crate) queue_bytes: usize,
    pub(crate) queue_wait: Duration,
    pub(crate) timeout: Duration,
    pub(crate) carry: bool,
}

impl Limits {
    /// How many batches run at once. Zero counts as 1. Default: 2.
    ///
    /// Two keep the backend busy while one of them travels. More make smaller batches.
    #[must_use]
    pub fn with_in_flight(mut self, batches: usize) -> Self {
        self.in_flight = batches.max(1);
        self
    }

    /// How many calls a batch holds at most. Zero counts as 1. Default: 256.
    #[must_use]
    pub fn with_batch_calls(mut self, calls: usize) -> Self {
        self.batch_calls = calls.max(1);
        self
    }

    /// How many bytes a batch holds at most. Default: 4 MiB.
    ///
    /// A call over this goes alone.
    #[must_use]
    pub fn with_batch_bytes(mut self, bytes: usize) -> Self {
        self.batch_bytes = bytes;
        self
    }

    /// How many calls the queue holds at most, besides those being run. Zero counts as 1, and more
    /// than a semaphore counts (`u32::MAX`, less on 32-bit platforms) as that. Default: 10,000.
    #[must_use]
    pub fn with_queue_calls(mut self, calls: usize) -> Self {
        self.queue_calls = calls.clamp(1, MOST);
        self
    }

    /// How many bytes the queue holds at most, besides those being run. Zero counts as 1, and more
    /// than a semaphore counts (`u32::MAX`, less on 32-bit platforms) as that. Default: 64 MiB.
    ///
    /// A call over this is queued when no other is.
    #[must_use]
    pub fn with_queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes.clamp(1, MOST);
        self
    }

    /// How long a call waits for room in a full queue before it is
    /// [`QueueFull`](crate::Error::QueueFull). Zero refuses it at once. Default: 1 second.
    ///
    /// Part of [the timeout](Self::with_timeout), not on top of it.
    #[must_use]
    pub fn with_queue_wait(mut self, wait: Duration) -> Self {
        self.queue_wait = wait.min(FOREVER);
        self
    }

    /// How long a call takes at most, from when it is made, before it is
    /// [`Timeout`](crate::Error::Timeout). Default: 5 seconds.
    ///
    /// A batch that runs this long is given up: by then all its callers have been answered. Zero
    /// leaves no call the time to be answered. [`Duration::MAX`] stands for no limit.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.min(FOREVER);
        self
    }

    /// Whether a lone caller may run its batch itself instead of in a task. Default: yes.
    ///
    /// It saves waking a thread. But a caller that is neither polled nor dropped then leaves its batch
    /// where it is, with whatever the batch holds, until the next call to this batcher. Say no if others
    /// wait for what a batch holds: another batcher on the same small pool, for instance.
    #[must_use]
    pub fn with_carry(mut self, carry: bool) -> Self {
        self.carry = carry;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight: 2,
            batch_calls: 256,
            batch_bytes: 4 << 20,
            queue_calls: 10_000,
            queue_bytes: 64 << 20,
            queue_wait: Duration::from_secs(1),
            timeout: Duration::from_secs(5),
            carry: true,
        }
    }
}

/// The most calls or bytes a queue counts: what a semaphore holds and hands out at once.
const MOST: usize = if Semaphore::MAX_PERMITS < u32::MAX as usize {
    Semaphore::MAX_PERMITS
} else {
    u32::MAX as usize
};

/// Thirty years: long enough for a time limit, and near enough to add to any instant.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
