//! Atomic stores that touch what they must not, or not as they must.

use std::time::Instant;

use async_trait::async_trait;
use session_store_api::{AtomicSessionStore, MaxAge, Result, SessionKey, SessionStore};

use super::mutant::{Deviation, Mutant};
use super::reference::{Record, Reference, live};

pub(crate) fn mutants() -> Vec<Mutant> {
    vec![
        Mutant::new("A07", "touch does nothing", || {
            Touches(|record, _| live(record).is_some())
        }),
        Mutant::new("A07", "touch revives an expired record", || Touches(renew)),
        Mutant::new("A07", "touch answers true for an expired record", || {
            Touches(|record, ends| {
                let there = record.is_some();
                renew(live(record), ends);
                there
            })
        }),
        Mutant::new("A07", "touch answers true for a missing record", || {
            Touches(|record, ends| {
                renew(live(record), ends);
                true
            })
        }),
        Mutant::new("A07", "touch answers false for a live record", || {
            Touches(|record, ends| {
                renew(live(record), ends);
                false
            })
        }),
        Mutant::new("A07", "touch does not shorten", || {
            Touches(|record, ends| {
                let record = live(record);
                record
                    .map(|record| record.ends = record.ends.max(ends))
                    .is_some()
            })
        }),
        Mutant::new("A07", "touch does not extend", || {
            Touches(|record, ends| {
                let record = live(record);
                record
                    .map(|record| record.ends = record.ends.min(ends))
                    .is_some()
            })
        }),
        Mutant::new("A07", "touch empties the record", || {
            Touches(|record, ends| {
                let empty = Record {
                    value: Vec::new(),
                    ends,
                };
                live(record).map(|record| *record = empty).is_some()
            })
        }),
        Mutant::new("A07", "touch adds to the life that is left", || {
            Touches(|record, ends| {
                let Some(record) = live(record) else {
                    return false;
                };
                let left = record.ends.map(|ends| ends - Instant::now());
                record.ends = ends.and_then(|ends| ends.checked_add(left?));
                true
            })
        }),
        Mutant::new("A07", "touch creates", || TouchCreates),
    ]
}

/// Touches the record that is there, live or expired, in its own way.
pub(crate) struct Touches(pub(crate) fn(Option<&mut Record>, Option<Instant>) -> bool);

#[async_trait]
impl Deviation for Touches {
    async fn touch(&self, store: &Reference, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        let ends = store.ends(max_age);
        store
            .ask(|records| self.0(records.0.get_mut(key), ends))
            .await
    }
}

struct TouchCreates;

#[async_trait]
impl Deviation for TouchCreates {
    async fn touch(&self, store: &Reference, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        let touched = store.touch(key, max_age).await?;
        if !touched {
            store.set(key, b"", max_age).await?;
        }
        Ok(touched)
    }
}

/// Restarts the life of the record that is there, live or expired.
pub(crate) fn renew(record: Option<&mut Record>, ends: Option<Instant>) -> bool {
    record.map(|record| record.ends = ends).is_some()
}
