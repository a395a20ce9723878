//! Which call goes next.

use std::collections::{BTreeMap, HashMap, HashSet};

/// Calls in the order they came, except that a write waits for the earlier writes to its key.
///
/// A write of a key stands in `ready` only if it is the oldest of its key and no running batch writes
/// that key; the others wait aside, so that however many there are, taking a batch never looks at
/// them. Each call costs the logarithm of what is queued to add, to take and to remove.
pub(crate) struct Queue<T> {
    /// The place of the next call.
    next: u64,
    /// Calls a batch may take, by place.
    ready: BTreeMap<u64, Queued<T>>,
    /// Writes behind another write to their key, by key and place.
    waiting: BTreeMap<(u64, u64), Queued<T>>,
    /// Keys with a write in `ready` or in a running batch.
    busy: HashSet<u64>,
}

/// A call in the queue.
pub(crate) struct Queued<T> {
    pub(crate) item: T,
    pub(crate) weight: usize,
    /// `None` for a read.
    pub(crate) write: Option<Write>,
}

/// What a write keeps out of its batch.
#[derive(Clone, Copy)]
pub(crate) struct Write {
    /// The hash of its key.
    pub(crate) key: u64,
    /// Whether it keeps out plain writes too.
    pub(crate) alone: bool,
}

/// Where a call stands.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    at: u64,
    key: Option<u64>,
}

/// What was taken out of the queue.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) calls: usize,
    pub(crate) bytes: usize,
    /// The keys it writes, each once, to be [released](Queue::release) when it has run.
    pub(crate) keys: Vec<u64>,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self {
            next: 0,
            ready: BTreeMap::new(),
            waiting: BTreeMap::new(),
            busy: HashSet::new(),
        }
    }

    /// Adds a call at the end.
    pub(crate) fn push(&mut self, call: Queued<T>) -> Place {
        let at = self.next;
        self.next += 1;
        let key = call.write.map(|write| write.key);
        match key {
            Some(key) if !self.busy.insert(key) => self.waiting.insert((key, at), call),
            _ => self.ready.insert(at, call),
        };
        Place { at, key }
    }

    /// Takes a call out, unless a batch has.
    pub(crate) fn remove(&mut self, place: Place) -> Option<Queued<T>> {
        if let Some(call) = self.ready.remove(&place.at) {
            if let Some(key) = place.key {
                self.advance(key);
            }
            return Some(call);
        }
        self.waiting.remove(&(place.key?, place.at))
    }

    /// Whether there is a call to take.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Takes the oldest calls that may share a batch of at most `calls` calls and `bytes` bytes, and
    /// hands them to `put` in order. The first goes whatever its weight.
    pub(crate) fn take(&mut self, calls: usize, bytes: usize, mut put: impl FnMut(T)) -> Taken {
        let mut taken = Taken::default();
        // Plain writes moved up to `ready`, by key: this batch has a plain write of their key already.
        let mut moved = HashMap::new();
        while taken.calls < calls
            && let Some(first) = self.ready.first_entry()
        {
            let total = taken.bytes.saturating_add(first.get().weight);
            if total > bytes && taken.calls > 0 {
                break;
            }
            let call = first.remove();
            taken.calls += 1;
            taken.bytes = total;
            if let Some(write) = call.write {
                if moved.remove(&write.key).is_none() {
                    taken.keys.push(write.key);
                }
                if !write.alone
                    && let Some((at, false)) = self.next_of(write.key)
                {
                    self.move_up(write.key, at);
                    moved.insert(write.key, at);
                }
            }
            put(call.item);
        }
        for (key, at) in moved {
            if let Some(call) = self.ready.remove(&at) {
                self.waiting.insert((key, at), call);
            }
        }
        taken
    }

    /// Lets the writes behind a batch that has run go on.
    pub(crate) fn release(&mut self, keys: Vec<u64>) {
        for key in keys {
            self.advance(key);
        }
    }

    /// Takes everything out. Keys of running batches stay busy.
    pub(crate) fn drain(&mut self) -> Vec<Queued<T>> {
        let ready = std::mem::take(&mut self.ready).into_values();
        let waiting = std::mem::take(&mut self.waiting).into_values();
        let busy = &mut self.busy;
        ready
            .inspect(|call| {
                if let Some(write) = call.write {
                    busy.remove(&write.key);
                }
            })
            .chain(waiting)
            .collect()
    }

    /// The write of `key` that goes next is gone: the one behind it takes its place.
    fn advance(&mut self, key: u64) {
        match self.next_of(key) {
            Some((at, _)) => self.move_up(key, at),
            None => {
                self.busy.remove(&key);
            }
        }
    }

    /// The place of the oldest waiting write of `key`, and whether it goes alone.
    fn next_of(&self, key: u64) -> Option<(u64, bool)> {
        let (&(_, at), call) = self.waiting.range((key, 0)..=(key, u64::MAX)).next()?;
        Some((at, call.write.is_some_and(|write| write.alone)))
    }

    fn move_up(&mut self, key: u64, at: u64) {
        if let Some(call) = self.waiting.remove(&(key, at)) {
            self.ready.insert(at, call);
        }
    }
}
