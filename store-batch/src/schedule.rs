//! What is queued and what runs.

use std::sync::Arc;

use tokio::time::Instant;

use crate::Limits;
use crate::carried::Carried;
use crate::queue::{Place, Queue, Queued, Taken};

/// The queue, and the lanes that empty it.
///
/// While a call is ready a lane is there: the last one leaves only when none is, and [`lose`](Self::lose)
/// takes every call out.
pub(crate) struct Schedule<T> {
    limits: Limits,
    queue: Queue<T>,
    lanes: Vec<Running>,
    next_lane: u64,
    /// The last batch was a single call.
    sparse: bool,
    /// The lane that the last caller was given to carry, if he was.
    carried: Option<Arc<Carried>>,
}

/// A lane, from when it is started until it leaves.
struct Running {
    lane: u64,
    /// When its batch is given up. A lane still here by then hangs with its runtime.
    until: Instant,
    /// The keys its batch writes.
    keys: Vec<u64>,
}

impl<T> Schedule<T> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            queue: Queue::new(),
            lanes: Vec::new(),
            next_lane: 0,
            sparse: false,
            carried: None,
        }
    }

    /// Adds a call at the end of the queue.
    pub(crate) fn push(&mut self, call: Queued<T>) -> Place {
        self.queue.push(call)
    }

    /// Takes a call out of the queue, unless a batch has.
    pub(crate) fn remove(&mut self, place: Place) -> Option<Queued<T>> {
        self.queue.remove(place)
    }

    /// Whether the lane that was just started is better [carried](Carried): there is no other, and calls
    /// come one by one. Calls that come in crowds do better to wait for the task, and go together.
    pub(crate) fn is_calm(&self) -> bool {
        self.lanes.len() == 1 && self.sparse
    }

    /// Notes the lane that the caller carries from now on; answers the one that was noted before.
    pub(crate) fn carry(&mut self, lane: Option<Arc<Carried>>) -> Option<Arc<Carried>> {
        std::mem::replace(&mut self.carried, lane)
    }

    /// A lane to start, if there is something to do and not enough do it.
    pub(crate) fn start(&mut self, now: Instant) -> Option<u64> {
        if self.lanes.len() >= self.limits.in_flight {
            self.give_up(now);
        }
        if self.lanes.len() >= self.limits.in_flight || !self.queue.is_ready() {
            return None;
        }
        let lane = self.next_lane;
        self.next_lane += 1;
        self.lanes.push(Running {
            lane,
            until: now + self.limits.timeout,
            keys: Vec::new(),
        });
        Some(lane)
    }

    /// Hands the next batch of `lane`, which may run `until`, to `put`: how many calls and bytes it
    /// has, or `None` if the lane is to leave.
    pub(crate) fn take(
        &mut self,
        lane: u64,
        until: Instant,
        put: impl FnMut(T),
    ) -> Option<(usize, usize)> {
        let index = self.stay(lane)?;
        let Limits {
            batch_calls,
            batch_bytes,
            ..
        } = self.limits;
        let Taken { calls, bytes, keys } = self.queue.take(batch_calls, batch_bytes, put);
        self.sparse = calls == 1;
        let running = &mut self.lanes[index];
        running.keys = keys;
        running.until = until;
        Some((calls, bytes))
    }

    /// Ends the batch of `lane`; `false` if the lane is to leave.
    pub(crate) fn finish(&mut self, lane: u64) -> bool {
        if let Some(index) = self.position(lane) {
            let keys = std::mem::take(&mut self.lanes[index].keys);
            self.queue.release(keys);
        }
        self.stay(lane).is_some()
    }

    /// Ends a lane that broke off, and takes out every queued call, for there may be no other lane.
    pub(crate) fn lose(&mut self, lane: u64) -> Vec<Queued<T>> {
        let Some(index) = self.position(lane) else {
            return Vec::new();
        };
        let Running { keys, .. } = self.lanes.swap_remove(index);
        self.queue.release(keys);
        self.queue.drain()
    }

    /// Forgets the lanes that should have given up their batch by now: nobody runs them.
    fn give_up(&mut self, now: Instant) {
        let queue = &mut self.queue;
        self.lanes.retain_mut(|running| {
            let hangs = running.until < now;
            if hangs {
                queue.release(std::mem::take(&mut running.keys));
            }
            !hangs
        });
    }

    /// Where `lane` is, or `None` if it has nothing to do (and is forgotten) or was given up.
    fn stay(&mut self, lane: u64) -> Option<usize> {
        let index = self.position(lane)?;
        if self.queue.is_ready() {
            return Some(index);
        }
        self.lanes.swap_remove(index);
        None
    }

    fn position(&self, lane: u64) -> Option<usize> {
        self.lanes.iter().position(|running| running.lane == lane)
    }
}
