//! How many expired records one statement removes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Whatever the disk, so many.
const LEAST: u32 = 16;

/// However fast, no more.
const MOST: u32 = 1024;

/// Up to this time a piece was fast, and the next is twice as large.
const FAST: Duration = Duration::from_millis(5);

/// From this time on a piece was slow, and the next is half as large. Where records are read from the disk
/// one by one, now and then a piece takes several times as long as another.
const SLOW: Duration = Duration::from_millis(20);

/// The size of the next piece of a sweep. It follows what the last ones took: a record that the server has
/// in memory is removed in microseconds, one that it must read first in a millisecond.
pub(crate) struct Pace(AtomicU32);

impl Pace {
    /// Begins with few.
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(LEAST))
    }

    /// How many records to remove next.
    pub(crate) fn piece(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Notes what it took to remove so many. A piece that was cut short says nothing of whole ones, unless it
    /// was slow all the same.
    pub(crate) fn note(&self, removed: u64, took: Duration) {
        let piece = self.piece();
        let next = if took >= SLOW {
            piece / 2
        } else if took <= FAST && removed >= u64::from(piece) {
            piece * 2
        } else {
            piece
        };
        self.0.store(next.clamp(LEAST, MOST), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_halved_after_a_slow_one_and_doubled_after_a_fast_one() {
        let pace = Pace::new();
        let mut after = |took| {
            pace.note(pace.piece().into(), took);
            pace.piece()
        };
        assert_eq!([FAST; 3].map(&mut after), [32, 64, 128]);
        assert_eq!([SLOW; 4].map(&mut after), [64, 32, LEAST, LEAST]);
        assert_eq!(after(FAST + Duration::from_millis(1)), LEAST);
        assert_eq!([FAST; 7].map(after)[5..], [MOST, MOST]);
    }

    #[test]
    fn a_piece_that_was_cut_short_makes_the_next_smaller_but_never_larger() {
        let pace = Pace::new();
        pace.note(u64::from(LEAST), FAST);
        pace.note(1, Duration::ZERO);
        assert_eq!(pace.piece(), 2 * LEAST);
        pace.note(1, SLOW);
        assert_eq!(pace.piece(), LEAST);
    }
}
