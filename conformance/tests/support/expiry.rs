//! Stores that look at expiries at the wrong time, or not at all.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use session_store_api::{ErrorKind, MaxAge, Result, SessionKey, SessionStore};
use session_store_conformance::Setup;

use super::mutant::{Deviation, Mutant};
use super::reference::{Reference, Server, error};

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn mutants() -> Vec<Mutant> {
    vec![
        Mutant::new("C07 A08", "expires on whole seconds of its clock", || {
            WholeSeconds
        }),
        Mutant::new("C07", "expires by a sweep every half second", || {
            SweepsOnly(Mutex::new(Instant::now()))
        }),
        Mutant::new("C07", "reading extends life", || ReadingRenews),
        Mutant::new("C07", "gives an expired value once more", || OnceMore),
        Mutant::new("C06", "keeps 50 records and does not declare it", || {
            KeepsFew
        }),
        Mutant::new("C08", "ignores a set with zero", || IgnoresZero),
        Mutant::new("C08", "answers an error for zero", || RefusesZero),
        Mutant::new("C09", "answers an error for Duration::MAX", || RefusesMax),
        Mutant::new("C10", "Session ends at once if it is 24 hours", || {
            UnsetSession
        }),
    ]
}

/// Declares a resolution of a millisecond and has one of a second.
struct WholeSeconds;

impl Deviation for WholeSeconds {
    fn open(&self, server: &Server, setup: &Setup) -> Reference {
        Reference::open(server, setup).with_resolution(SECOND)
    }
}

/// Looks at expiries when it sweeps, at no other time. Holds the time of the last sweep.
struct SweepsOnly(Mutex<Instant>);

#[async_trait]
impl Deviation for SweepsOnly {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        store
            .ask(|records| {
                let mut swept = self.0.lock().unwrap();
                if swept.elapsed() > SECOND / 2 {
                    *swept = Instant::now();
                    records.0.retain(|_, record| record.is_live());
                }
                records.0.get(key).map(|record| record.value.clone())
            })
            .await
    }
}

struct ReadingRenews;

#[async_trait]
impl Deviation for ReadingRenews {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        store
            .ask(|records| {
                let record = records.live(key)?;
                let day = Instant::now() + MaxAge::DEFAULT_SESSION;
                record.ends = record.ends.max(Some(day));
                Some(record.value.clone())
            })
            .await
    }
}

struct OnceMore;

#[async_trait]
impl Deviation for OnceMore {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        store
            .ask(|records| match records.live(key) {
                Some(record) => Some(record.value.clone()),
                None => records.0.remove(key).map(|record| record.value),
            })
            .await
    }
}

struct KeepsFew;

#[async_trait]
impl Deviation for KeepsFew {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        store
            .ask(|records| {
                records.put(key, value, store.ends(max_age));
                if records.0.len() > 50 {
                    let oldest = records.0.iter().min_by_key(|(_, record)| record.ends);
                    let oldest = oldest.map(|(key, _)| key.clone());
                    if let Some(key) = oldest {
                        records.remove(&key);
                    }
                }
            })
            .await
    }
}

struct IgnoresZero;

#[async_trait]
impl Deviation for IgnoresZero {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        if store.life(max_age).is_zero() {
            return Ok(());
        }
        store.set(key, value, max_age).await
    }
}

struct RefusesZero;

#[async_trait]
impl Deviation for RefusesZero {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        store.set(key, value, max_age).await?;
        if store.life(max_age).is_zero() {
            return Err(error(ErrorKind::Other, "invalid expire time"));
        }
        Ok(())
    }
}

struct RefusesMax;

#[async_trait]
impl Deviation for RefusesMax {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        if store.ends(max_age).is_none() {
            return Err(error(ErrorKind::Other, "invalid expire time"));
        }
        store.set(key, value, max_age).await
    }
}

/// Does not know what a session is unless it is told.
struct UnsetSession;

#[async_trait]
impl Deviation for UnsetSession {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        let unset = max_age == MaxAge::Session && store.life(max_age) == MaxAge::DEFAULT_SESSION;
        let max_age = if unset {
            MaxAge::After(Duration::ZERO)
        } else {
            max_age
        };
        store.set(key, value, max_age).await
    }
}
