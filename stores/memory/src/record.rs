//! What a shard keeps under a key.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::RwLock;

use crate::spare::{Spare, suits};
use crate::stats::Removals;

/// moka keeps a record past its end for a 16th of its life, and at most this long. A write that only prolongs
/// the life need not tell moka then.
const LONGEST_GRACE: Duration = Duration::from_secs(300);

/// A record that moka may free within this time is not rewritten but removed and inserted anew.
const MARGIN: Duration = Duration::from_secs(60);

/// A value and the end of its life.
///
/// What a read needs comes first: with the counts of an [`Arc`] it is 64 bytes, what a processor fetches at once.
/// With the larger lock of the standard library a read took 5 % longer.
#[repr(C)]
pub(crate) struct Record {
    contents: RwLock<Contents>,
    /// When moka frees it. `None` is past the end of the clock, centuries from now.
    kept_until: Option<Instant>,
    /// Whether it was overwritten or destroyed.
    superseded: AtomicBool,
    freed: Arc<Freed>,
}

/// What becomes of freed records: they are counted, and their memory is used again.
pub(crate) struct Freed {
    pub(crate) removals: Removals,
    pub(crate) spare: Spare,
}

/// What a write replaces, all at once.
struct Contents {
    value: Vec<u8>,
    /// `None` is past the end of the clock.
    deadline: Option<Instant>,
}

impl Record {
    /// A record of `value` to live for `life` from now.
    pub(crate) fn new(value: Vec<u8>, life: Duration, now: Instant, freed: Arc<Freed>) -> Self {
        let deadline = now.checked_add(life);
        let grace = (life / 16).min(LONGEST_GRACE);
        Self {
            contents: RwLock::new(Contents { value, deadline }),
            kept_until: deadline.and_then(|deadline| deadline.checked_add(grace)),
            superseded: AtomicBool::new(false),
            freed,
        }
    }

    /// What `read` makes of the value, if it lives at `now`.
    pub(crate) fn read<T>(&self, now: Instant, read: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let contents = self.contents.read();
        contents.lives(now).then(|| read(&contents.value))
    }

    /// The bytes it has for its value.
    pub(crate) fn capacity(&self) -> usize {
        self.contents.read().value.capacity()
    }

    /// How long moka keeps it.
    pub(crate) fn kept_from(&self, now: Instant) -> Option<Duration> {
        self.kept_until
            .map(|end| end.saturating_duration_since(now))
    }

    /// Whether moka may free it soon.
    pub(crate) fn is_ending(&self, now: Instant) -> bool {
        self.kept_from(now).is_some_and(|time| time < MARGIN)
    }

    /// Lives for `life` from now, with another value or the one it has. Refuses if it has ended, and what moka
    /// would have to know: another size, or an end before the present one or after the record is freed.
    pub(crate) fn renew(&self, value: Option<&[u8]>, life: Duration, now: Instant) -> bool {
        let deadline = now.checked_add(life);
        let mut contents = self.contents.write();
        if self.is_ending(now)
            || !contents.lives(now)
            || is_before(deadline, contents.deadline)
            || is_before(self.kept_until, deadline)
            || value.is_some_and(|value| !suits(contents.value.capacity(), value.len()))
        {
            return false;
        }
        contents.deadline = deadline;
        if let Some(value) = value {
            contents.value.clear();
            contents.value.extend_from_slice(value);
        }
        true
    }

    /// Notes that it is overwritten or destroyed, not dropped by the cache.
    pub(crate) fn supersede(&self, now: Instant) {
        let lives = self.contents.read().lives(now);
        self.superseded.store(lives, Ordering::Relaxed);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let contents = self.contents.get_mut();
        if !*self.superseded.get_mut() {
            self.freed.removals.count(!contents.lives(Instant::now()));
        }
        self.freed.spare.give(mem::take(&mut contents.value));
    }
}

impl Contents {
    fn lives(&self, now: Instant) -> bool {
        self.deadline.is_none_or(|deadline| now < deadline)
    }
}

fn is_before(end: Option<Instant>, other: Option<Instant>) -> bool {
    end.is_some_and(|end| other.is_none_or(|other| end < other))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const SECOND: Duration = Duration::from_secs(1);
    const NANOSECOND: Duration = Duration::from_nanos(1);

    fn record(life: Duration, now: Instant) -> (Record, Arc<Freed>) {
        let freed = Arc::new(Freed {
            removals: Removals::default(),
            spare: Spare::new(1 << 20),
        });
        let value = freed.spare.copy(b"old");
        (Record::new(value, life, now, Arc::clone(&freed)), freed)
    }

    fn value(record: &Record, now: Instant) -> Option<Vec<u8>> {
        record.read(now, <[u8]>::to_vec)
    }

    #[test]
    fn a_renewed_record_ends_at_its_new_deadline_to_the_nanosecond() {
        let now = Instant::now();
        let (record, _) = record(HOUR, now);
        let later = now + SECOND;
        assert!(record.renew(None, HOUR, later));
        assert_eq!(value(&record, later).unwrap(), b"old");
        assert!(record.renew(Some(b"new"), HOUR, later));
        assert_eq!(value(&record, later + HOUR - NANOSECOND).unwrap(), b"new");
        assert_eq!(value(&record, later + HOUR), None);
        assert!(record.kept_from(later + HOUR).unwrap() > Duration::ZERO);
    }

    #[test]
    fn what_moka_would_have_to_know_is_refused_and_changes_nothing() {
        let now = Instant::now();
        let (record, _) = record(HOUR, now);
        for (what, bytes, life, at) in [
            ("a value too large", 1000, HOUR, now),
            ("an end before the old one", 3, HOUR - SECOND, now),
            ("an end after moka frees it", 3, HOUR * 2, now),
            ("an end past the clock", 3, Duration::MAX, now),
            ("a record at its end", 3, HOUR, now + HOUR),
            (
                "a record moka may free soon",
                3,
                SECOND,
                now + HOUR + 170 * SECOND,
            ),
        ] {
            assert!(!record.renew(Some(&vec![0; bytes]), life, at), "{what}");
        }
        assert_eq!(value(&record, now + HOUR - NANOSECOND).unwrap(), b"old");
        assert_eq!(value(&record, now + HOUR), None);
    }

    #[test]
    fn a_record_without_end_is_renewed_without_end_alone() {
        let now = Instant::now();
        let (record, _) = record(Duration::MAX, now);
        assert!(record.renew(Some(b"new"), Duration::MAX, now));
        assert!(!record.renew(None, HOUR, now));
        assert_eq!(record.kept_from(now), None);
    }

    #[test]
    fn freed_records_are_counted_unless_superseded() {
        let now = Instant::now();
        let counts = |life, superseded: bool| {
            let (record, freed) = record(life, now);
            if superseded {
                record.supersede(Instant::now());
            }
            drop(record);
            (freed.removals.evicted(), freed.removals.expired())
        };
        assert_eq!(counts(HOUR, false), (1, 0));
        assert_eq!(counts(NANOSECOND, false), (0, 1));
        assert_eq!(counts(HOUR, true), (0, 0));
        // It was over before anybody wrote.
        assert_eq!(counts(NANOSECOND, true), (0, 1));
    }
}
