//! Memory of values that went, for values that come.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What an allocator adds to an allocation, and the steps it rounds up to: those of the GNU C library.
const HEADER: usize = 8;
const STEP: usize = 16;

pub(crate) const MAX_ROUNDING: usize = HEADER + STEP;

/// The buffers a shard has for its next values.
///
/// An allocator with a heap for each thread gives memory back to the heap it came from. Without spare buffers each
/// heap grows, in time, to what the store held when its thread wrote most: with two threads the process was seen
/// to take twice the bound.
pub(crate) struct Spare {
    buffers: Mutex<Buffers>,
    max_bytes: usize,
}

#[derive(Default)]
struct Buffers {
    /// By capacity, then by age.
    list: BTreeMap<(usize, u64), Vec<u8>>,
    bytes: usize,
    given: u64,
    /// Where the last one was dropped. Going round drops what nobody takes, whatever its size.
    dropped: (usize, u64),
}

impl Spare {
    /// None yet, and never more than `max_bytes`.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            buffers: Mutex::default(),
            max_bytes,
        }
    }

    /// A copy of `value`, in a spare buffer if one fits.
    pub(crate) fn copy(&self, value: &[u8]) -> Vec<u8> {
        let mut buffer = self
            .take(value.len())
            .unwrap_or_else(|| Vec::with_capacity(allocated(value.len()) - HEADER));
        buffer.extend_from_slice(value);
        buffer
    }

    /// Keeps a buffer that is not needed any more.
    pub(crate) fn give(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() == 0 || buffer.capacity() > self.max_bytes {
            return;
        }
        buffer.clear();
        let mut buffers = self.lock();
        buffers.give(buffer);
        while buffers.bytes > self.max_bytes {
            buffers.drop_one();
        }
    }

    fn take(&self, bytes: usize) -> Option<Vec<u8>> {
        let mut buffers = self.lock();
        let fitting = (bytes, 0)..=(roomiest(bytes), u64::MAX);
        let (&place, _) = buffers.list.range(fitting).next()?;
        buffers.remove(place)
    }

    fn lock(&self) -> MutexGuard<'_, Buffers> {
        // A panic can only leave the count of bytes wrong, by one buffer.
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffers {
    fn give(&mut self, buffer: Vec<u8>) {
        self.given += 1;
        self.bytes += buffer.capacity();
        self.list.insert((buffer.capacity(), self.given), buffer);
    }

    fn drop_one(&mut self) {
        let next = self.list.range(self.dropped..).next();
        if let Some((&place, _)) = next.or_else(|| self.list.first_key_value()) {
            self.dropped = place;
            self.remove(place);
        }
    }

    fn remove(&mut self, place: (usize, u64)) -> Option<Vec<u8>> {
        let buffer = self.list.remove(&place)?;
        self.bytes -= buffer.capacity();
        Some(buffer)
    }
}

/// Whether a buffer of this capacity suits a value of so many bytes: it has room, and wastes little.
pub(crate) fn suits(capacity: usize, bytes: usize) -> bool {
    (bytes..=roomiest(bytes)).contains(&capacity)
}

/// What so many bytes take of the process's memory. At most [`MAX_ROUNDING`] more.
pub(crate) fn allocated(bytes: usize) -> usize {
    (bytes + HEADER).next_multiple_of(STEP)
}

fn roomiest(bytes: usize) -> usize {
    allocated(bytes) + bytes / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_serves_values_that_nearly_fill_it() {
        let spare = Spare::new(1 << 20);
        let buffer = spare.copy(&[1; 1024]);
        let capacity = buffer.capacity();
        assert!(suits(capacity, 1024) && suits(capacity, 950));
        assert!(!suits(capacity, capacity + 1) && !suits(capacity, 700));

        spare.give(buffer);
        assert!(spare.take(700).is_none());
        assert!(spare.take(1100).is_none());
        let again = spare.copy(&[2; 950]);
        assert_eq!((again.capacity(), again), (capacity, vec![2; 950]));
        assert!(spare.take(950).is_none());
    }

    #[test]
    fn the_bound_holds_and_no_size_keeps_the_others_out() {
        let spare = Spare::new(10_000);
        for size in [64, 1000, 300] {
            for _ in 0..1_000 {
                spare.give(Vec::with_capacity(size));
                assert!(spare.lock().bytes <= 10_000);
            }
            assert!(spare.take(size).is_some(), "{size}");
        }
        spare.give(Vec::with_capacity(10_001));
        assert!(spare.take(10_001).is_none());
        let buffers = spare.lock();
        let sum: usize = buffers.list.values().map(Vec::capacity).sum();
        assert_eq!(sum, buffers.bytes);
    }
}
