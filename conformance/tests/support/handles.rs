//! Stores that are not one store to several handles, or not the same one after a restart.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use session_store_api::{AtomicSessionStore, Condition, MaxAge, Result, SessionKey, SessionStore};
use session_store_conformance::Setup;

use super::mutant::{Deviation, Mutant};
use super::reference::{Record, Records, Reference, Server, Table};

pub(crate) fn mutants() -> Vec<Mutant> {
    vec![
        Mutant::new("C11", "every handle has its own records", || OwnRecords),
        Mutant::new("C11", "every handle has its own cache", OwnCache::default),
        Mutant::new("C20", "opening empties the store", || {
            SpoilsOnOpening(forget)
        }),
        Mutant::new("C20", "opening starts lives anew", || {
            SpoilsOnOpening(start_anew)
        }),
        Mutant::new("C20", "opening loses expiries", || {
            SpoilsOnOpening(lose_expiries)
        }),
        Mutant::new("C20", "opening brings expired records back", || {
            SpoilsOnOpening(revive)
        }),
        Mutant::new("C20", "a restart empties the store", || {
            SpoilsOnRestart(forget)
        }),
        Mutant::new("C20", "a restart starts lives anew", || {
            SpoilsOnRestart(start_anew)
        }),
        Mutant::new("C20", "a restart loses expiries", || {
            SpoilsOnRestart(lose_expiries)
        }),
        Mutant::new("C20", "a restart brings expired records back", || {
            SpoilsOnRestart(revive)
        }),
    ]
}

struct OwnRecords;

impl Deviation for OwnRecords {
    fn open(&self, server: &Server, setup: &Setup) -> Reference {
        Reference::over(server, Table::default(), setup)
    }
}

/// Remembers what it has read until it ends or is written through the same handle.
#[derive(Default)]
struct OwnCache(Mutex<HashMap<SessionKey, Record>>);

impl OwnCache {
    fn forget(&self, key: &SessionKey) {
        self.0.lock().unwrap().remove(key);
    }
}

#[async_trait]
impl Deviation for OwnCache {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let cached = self.0.lock().unwrap().get(key).cloned();
        if let Some(record) = cached.filter(Record::is_live) {
            return Ok(Some(record.value));
        }
        let found = store.ask(|records| records.live(key).cloned()).await?;
        if let Some(record) = &found {
            self.0.lock().unwrap().insert(key.clone(), record.clone());
        }
        Ok(found.map(|record| record.value))
    }

    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        store.set(key, value, max_age).await?;
        self.forget(key);
        Ok(())
    }

    async fn destroy(&self, store: &Reference, key: &SessionKey) -> Result<()> {
        store.destroy(key).await?;
        self.forget(key);
        Ok(())
    }

    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        let written = store.set_if(key, condition, value, max_age).await?;
        self.forget(key);
        Ok(written)
    }

    async fn touch(&self, store: &Reference, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        let touched = store.touch(key, max_age).await?;
        self.forget(key);
        Ok(touched)
    }
}

/// Changes what it finds when it is opened.
struct SpoilsOnOpening(fn(&mut Records));

impl Deviation for SpoilsOnOpening {
    fn open(&self, server: &Server, setup: &Setup) -> Reference {
        self.0(&mut server.table(setup.namespace()).lock());
        Reference::open(server, setup)
    }
}

/// Keeps on its disk something else than it has in memory.
struct SpoilsOnRestart(fn(&mut Records));

impl Deviation for SpoilsOnRestart {
    fn shut_down(&self, records: &mut Records) {
        self.0(records);
    }
}

fn forget(records: &mut Records) {
    records.0.clear();
}

fn start_anew(records: &mut Records) {
    let day = Instant::now() + MaxAge::DEFAULT_SESSION;
    for record in records.0.values_mut().filter(|record| record.is_live()) {
        record.ends = Some(day);
    }
}

fn lose_expiries(records: &mut Records) {
    for record in records.0.values_mut().filter(|record| record.is_live()) {
        record.ends = None;
    }
}

fn revive(records: &mut Records) {
    let soon = Instant::now() + Duration::from_secs(60);
    for record in records.0.values_mut().filter(|record| !record.is_live()) {
        record.ends = Some(soon);
    }
}
