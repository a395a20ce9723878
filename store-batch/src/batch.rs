//! What a batcher runs.

use std::future::Future;

/// Work that is cheaper together: many calls, one round trip.
///
/// Implement it for whatever reaches the backend (a pool, a client), and make calls through a
/// [`Batcher`](crate::Batcher). `weight` and `sharing` are asked once for each call, by the caller;
/// `run` is called by a task of the batcher.
pub trait Batch: Send + Sync + 'static {
    /// What a caller asks. It owns its data, for it outlives a caller that is cancelled.
    type Call: Send + Sync + 'static;

    /// What a call is answered.
    type Answer: Send + 'static;

    /// What can go wrong. Cloned for every call of a batch that fails as a whole.
    type Error: Clone + Send + 'static;

    /// The bytes `call` adds to a batch and to the queue, about.
    ///
    /// For [`Limits::with_batch_bytes`](crate::Limits::with_batch_bytes) and
    /// [`Limits::with_queue_bytes`](crate::Limits::with_queue_bytes).
    fn weight(&self, call: &Self::Call) -> usize;

    /// With which other calls `call` may share a batch.
    fn sharing<'a>(&self, call: &'a Self::Call) -> Sharing<'a>;

    /// Runs `calls` in one round trip, and answers each: as many answers as calls, in their order.
    ///
    /// The calls of one batch were made at the same time, so a read among them may or may not see a
    /// write among them. Of several plain writes to one key the last must win. There is always at
    /// least one call.
    ///
    /// # Errors
    ///
    /// [`Failure::Whole`] if every call failed alike, [`Failure::Split`] if one call spoilt it for the
    /// others and nothing was applied. A failure of one call that leaves the others alone is better
    /// said in its answer: make `Answer` a `Result`.
    ///
    /// # Cancel safety
    ///
    /// A cancelled caller does not drop this future. It is dropped when
    /// [the timeout](crate::Limits::with_timeout) has passed, and with the runtime it runs on.
    fn run(
        &self,
        calls: &[Self::Call],
    ) -> impl Future<Output = Result<Vec<Self::Answer>, Failure<Self::Error>>> + Send;
}

/// With which other calls a call may share a batch.
///
/// Keys are compared by a 64-bit hash. Two keys of the same hash count as one, which may cost a call
/// a wait and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sharing<'a> {
    /// With any: a read.
    Free,
    /// A plain write to this key: with any but an [`Alone`](Self::Alone) of the same key. Several of
    /// one key stand in a batch in the order in which they were queued.
    Key(&'a [u8]),
    /// A conditional write to this key: with any but another write to the same key.
    Alone(&'a [u8]),
}

/// Why a batch failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure<E> {
    /// Every call of the batch gets this error. Say this whenever something may have been applied.
    Whole(E),
    /// Nothing was applied and the cause is one of the calls. The batch is run again in halves until
    /// the calls at fault stand alone; they get this error, and their neighbours their answers.
    Split(E),
}
