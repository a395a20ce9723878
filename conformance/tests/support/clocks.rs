//! Stores that believe the clock or the time zone of their own process.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use session_store_api::{MaxAge, Result, SessionKey, SessionStore};
use session_store_conformance::Skew;

use super::mutant::{Deviation, Mutant};
use super::reference::{Record, Reference};

pub(crate) fn mutants() -> Vec<Mutant> {
    vec![
        Mutant::new("C19", "writes deadlines by its own clock", || {
            OwnClock::new(error_of_clock, true, false)
        }),
        Mutant::new("C19", "reads deadlines by its own clock", || {
            OwnClock::new(error_of_clock, false, true)
        }),
        Mutant::new("C19", "writes and reads by its own clock", || {
            OwnClock::new(error_of_clock, true, true)
        }),
        Mutant::new("C19", "writes deadlines in local time", || {
            OwnClock::new(error_of_zone, true, false)
        }),
        Mutant::new("C19", "reads deadlines in local time", || {
            OwnClock::new(error_of_zone, false, true)
        }),
    ]
}

/// How far a clock is ahead, and how far behind.
type ClockError = (Duration, Duration);

/// Uses its own clock where that of the server should be used.
struct OwnClock {
    skew: OnceLock<Skew>,
    error: fn(Skew) -> ClockError,
    writes: bool,
    reads: bool,
}

impl OwnClock {
    fn new(error: fn(Skew) -> ClockError, writes: bool, reads: bool) -> Self {
        let skew = OnceLock::new();
        Self {
            skew,
            error,
            writes,
            reads,
        }
    }

    fn error(&self, used: bool) -> ClockError {
        let skew = self.skew.get().filter(|_| used);
        skew.map_or((Duration::ZERO, Duration::ZERO), |skew| (self.error)(*skew))
    }
}

#[async_trait]
impl Deviation for OwnClock {
    fn skew(&self, skew: Skew) {
        self.skew.get_or_init(|| skew);
    }

    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let (ahead, behind) = self.error(self.reads);
        let is_live = |record: &&mut Record| {
            let now = Instant::now() + ahead;
            record.ends.is_none_or(|ends| now < ends + behind)
        };
        store
            .ask(|records| {
                let live = records.0.get_mut(key).filter(is_live);
                live.map(|record| record.value.clone())
            })
            .await
    }

    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        let (ahead, behind) = self.error(self.writes);
        let life = store
            .life(max_age)
            .saturating_add(ahead)
            .saturating_sub(behind);
        store.set(key, value, life.into()).await
    }
}

fn error_of_clock(skew: Skew) -> ClockError {
    match skew {
        Skew::Ahead(error) => (error, Duration::ZERO),
        Skew::Behind(error) => (Duration::ZERO, error),
        _ => (Duration::ZERO, Duration::ZERO),
    }
}

fn error_of_zone(skew: Skew) -> ClockError {
    let hours = |hours: i8| Duration::from_secs(u64::from(hours.unsigned_abs()) * 3_600);
    match skew {
        Skew::Zone(east @ 0..) => (hours(east), Duration::ZERO),
        Skew::Zone(west) => (Duration::ZERO, hours(west)),
        _ => (Duration::ZERO, Duration::ZERO),
    }
}
