//! Where calls are made.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

use crate::admission::Admission;
use crate::carried::Carried;
use crate::lane::Lane;
use crate::queue::{Place, Queued, Write};
use crate::schedule::Schedule;
use crate::{Batch, Error, Limits, Sharing};

/// Runs calls together that are made at the same time.
///
/// Cheap to clone; clones are the same batcher. See the [crate docs](crate) for what is promised.
pub struct Batcher<B: Batch> {
    shared: Arc<Shared<B>>,
}

impl<B: Batch> Batcher<B> {
    /// A batcher that runs `batch` within `limits`. It starts nothing; calls do.
    pub fn new(batch: B, limits: Limits) -> Self {
        Self {
            shared: Arc::new(Shared {
                batch,
                limits,
                admission: Admission::new(&limits),
                hasher: RandomState::new(),
                schedule: Mutex::new(Schedule::new(limits)),
            }),
        }
    }

    /// What this batcher runs.
    #[must_use]
    pub fn batch(&self) -> &B {
        &self.shared.batch
    }

    /// Makes a call, and answers what its batch answered it.
    ///
    /// If fewer batches run than may, it is sent at once; otherwise with the others that queue.
    ///
    /// # Errors
    ///
    /// * [`QueueFull`](Error::QueueFull) if there was no room in the queue;
    /// * [`Timeout`](Error::Timeout) if there was no answer in time;
    /// * [`Lost`](Error::Lost) and [`Miscount`](Error::Miscount) if the batch broke;
    /// * [`Failed`](Error::Failed) if the batch answered so.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes a call that still queues out of the queue: it is never sent. One that
    /// was sent runs on, and so do its neighbours.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, and in one without a time driver (`enable_time`).
    pub async fn call(&self, call: B::Call) -> Result<B::Answer, Error<B::Error>> {
        let shared = &*self.shared;
        let limits = &shared.limits;
        let made = Instant::now();
        let deadline = made + limits.timeout;
        let weight = shared.batch.weight(&call).min(limits.queue_bytes);
        let write = shared.write(&call);

        let mut call = call;
        loop {
            shared
                .admit(weight, deadline.min(made + limits.queue_wait))
                .await?;
            let (reply, answer) = oneshot::channel();
            let item = Item { call, reply };
            let (mut ticket, carried) = self.push(Queued {
                item,
                weight,
                write,
            });
            let answer = async {
                match carried {
                    Some(lane) => lane.carry(answer).await,
                    None => answer.await,
                }
            };
            call = match timeout_at(deadline, answer).await {
                Ok(Ok(Reply::Answer(answer))) => {
                    ticket.settle();
                    return answer;
                }
                Ok(Ok(Reply::Unsent(call))) => call,
                Ok(Err(_)) => return Err(Error::Lost),
                Err(_) => {
                    let sent = !ticket.withdraw();
                    return Err(Error::Timeout { sent });
                }
            };
            ticket.settle();
            // If our own runtime is gone, every lane we start breaks off at once: do not spin for ever.
            if Instant::now() >= deadline {
                return Err(Error::Timeout { sent: false });
            }
            yield_now().await;
        }
    }

    /// Queues a call that was admitted. Starts a lane for it if need be, or hands it to the caller to
    /// carry if no other runs.
    fn push(&self, call: Queued<Item<B>>) -> (Ticket<'_, B>, Option<Arc<Carried>>) {
        let shared = &self.shared;
        let (runtime, now) = (Handle::current(), Instant::now());
        let mut schedule = shared.lock();
        let place = Some(schedule.push(call));
        let started = schedule.start(now).map(|id| Lane::new(shared, id));
        let (carried, started) = match started {
            Some(lane) if shared.limits.carry && schedule.is_calm() => {
                (Some(Carried::new(lane.run(), runtime)), None)
            }
            started => (None, started),
        };
        let alone = schedule.carry(carried.clone());
        drop(schedule);
        // Whoever carried a lane is alone no more.
        if let Some(lane) = alone {
            lane.set_down();
        }
        if let Some(lane) = started {
            lane.spawn();
        }
        (Ticket { shared, place }, carried)
    }
}

impl<B: Batch> Clone for Batcher<B> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<B: Batch> fmt::Debug for Batcher<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batcher")
            .field("limits", &self.shared.limits)
            .finish_non_exhaustive()
    }
}

/// What callers and lanes share.
pub(crate) struct Shared<B: Batch> {
    pub(crate) batch: B,
    pub(crate) limits: Limits,
    pub(crate) admission: Admission,
    hasher: RandomState,
    schedule: Mutex<Schedule<Item<B>>>,
}

impl<B: Batch> Shared<B> {
    /// The schedule, never locked across an await and never while code of the batch runs.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Schedule<Item<B>>> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, call: &B::Call) -> Option<Write> {
        let (key, alone) = match self.batch.sharing(call) {
            Sharing::Free => return None,
            Sharing::Key(key) => (key, false),
            Sharing::Alone(key) => (key, true),
        };
        let key = self.hasher.hash_one(key);
        Some(Write { key, alone })
    }

    /// Takes room in the queue, waiting for it until `deadline`.
    async fn admit(&self, weight: usize, deadline: Instant) -> Result<(), Error<B::Error>> {
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        let permit = match self.admission.try_admit(weight) {
            Some(permit) => Some(permit),
            None => timeout_at(deadline, self.admission.admit(weight))
                .await
                .ok()
                .flatten(),
        };
        permit.ok_or(Error::QueueFull)?.keep();
        Ok(())
    }
}

/// A call, and where its answer goes.
pub(crate) struct Item<B: Batch> {
    pub(crate) call: B::Call,
    pub(crate) reply: oneshot::Sender<Reply<B>>,
}

/// What a caller hears.
pub(crate) enum Reply<B: Batch> {
    Answer(Result<B::Answer, Error<B::Error>>),
    /// The call was not sent, and its lane is gone: queue it again.
    Unsent(B::Call),
}

/// A call's place in the queue, given up when its caller is dropped.
struct Ticket<'a, B: Batch> {
    shared: &'a Shared<B>,
    place: Option<Place>,
}

impl<B: Batch> Ticket<'_, B> {
    /// The call left the queue.
    fn settle(&mut self) {
        self.place = None;
    }

    /// Takes the call out of the queue; `false` if it had left.
    fn withdraw(&mut self) -> bool {
        let Some(place) = self.place.take() else {
            return false;
        };
        let removed = self.shared.lock().remove(place);
        let queued = removed.is_some();
        if let Some(call) = removed {
            self.shared.admission.release(1, call.weight);
        }
        queued
    }
}

impl<B: Batch> Drop for Ticket<'_, B> {
    fn drop(&mut self) {
        self.withdraw();
    }
}
