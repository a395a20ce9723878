//! Stores that destroy too little.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use session_store_api::{Condition, ErrorKind, MaxAge, Result, SessionKey, SessionStore};

use super::conditions::Decides;
use super::mutant::{Deviation, Mutant};
use super::reference::{Reference, error, holds, live};
use super::touch::{Touches, renew};

pub(crate) fn mutants() -> Vec<Mutant> {
    vec![
        Mutant::new("C05", "destroy does nothing", || DestroysNothing),
        Mutant::new("C05", "destroying nothing is an error", || {
            DestroyingNothingFails
        }),
        Mutant::new("C05", "destroying an expired record is an error", || {
            DestroyingExpiredFails
        }),
        Mutant::new("C05", "destroy leaves an empty record", || LeavesTombstone),
        Mutant::new("C05", "destroy brings back what was overwritten", || {
            KeepsVersions
        }),
        Mutant::new("C05 A09", "destroys a little later", || DestroysLater),
        Mutant::new(
            "A01",
            "Absent does not write over a destroyed record",
            || {
                Buries(Decides(|condition, record| match condition {
                    Condition::Absent => record.is_none(),
                    _ => holds(condition, live(record)),
                }))
            },
        ),
        Mutant::new("A02 A06", "Present revives a destroyed record", || {
            Buries(Decides(|condition, record| match condition {
                Condition::Present => record.is_some(),
                _ => holds(condition, live(record)),
            }))
        }),
        Mutant::new("A03 A06", "Unchanged revives a destroyed record", || {
            Buries(Decides(|condition, record| match condition {
                Condition::Unchanged(bytes) => record.is_some_and(|record| record.value == bytes),
                _ => holds(condition, live(record)),
            }))
        }),
        Mutant::new("A06 A07", "touch revives a destroyed record", || {
            Buries(Touches(renew))
        }),
    ]
}

struct DestroysNothing;

#[async_trait]
impl Deviation for DestroysNothing {
    async fn destroy(&self, _store: &Reference, _key: &SessionKey) -> Result<()> {
        Ok(())
    }
}

struct DestroyingNothingFails;

#[async_trait]
impl Deviation for DestroyingNothingFails {
    async fn destroy(&self, store: &Reference, key: &SessionKey) -> Result<()> {
        match store.ask(|records| records.0.remove(key)).await? {
            Some(_) => Ok(()),
            None => Err(error(ErrorKind::Other, "no such record")),
        }
    }
}

struct DestroyingExpiredFails;

#[async_trait]
impl Deviation for DestroyingExpiredFails {
    async fn destroy(&self, store: &Reference, key: &SessionKey) -> Result<()> {
        match store.ask(|records| records.0.remove(key)).await? {
            Some(record) if !record.is_live() => Err(error(ErrorKind::Other, "no such record")),
            _ => Ok(()),
        }
    }
}

struct LeavesTombstone;

#[async_trait]
impl Deviation for LeavesTombstone {
    async fn destroy(&self, store: &Reference, key: &SessionKey) -> Result<()> {
        store.set(key, b"", MaxAge::Session).await
    }
}

/// Keeps the version before the last under a name of its own, and destroys the last alone.
struct KeepsVersions;

#[async_trait]
impl Deviation for KeepsVersions {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        store
            .ask(|records| {
                if let Some(record) = records.0.remove(key) {
                    records.0.insert(before(key), record);
                }
            })
            .await?;
        store.set(key, value, max_age).await
    }

    async fn destroy(&self, store: &Reference, key: &SessionKey) -> Result<()> {
        store
            .ask(|records| {
                records.remove(key);
                if let Some(record) = records.0.remove(&before(key)) {
                    records.0.insert(key.clone(), record);
                }
            })
            .await
    }
}

struct DestroysLater;

#[async_trait]
impl Deviation for DestroysLater {
    async fn destroy(&self, store: &Reference, key: &SessionKey) -> Result<()> {
        let (store, key) = (store.clone(), key.clone());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            store.destroy(&key).await
        });
        Ok(())
    }
}

/// Destroys by ending the life of a record, which stays where it was.
struct Buries<D>(D);

#[async_trait]
impl<D: Deviation> Deviation for Buries<D> {
    async fn destroy(&self, store: &Reference, key: &SessionKey) -> Result<()> {
        store
            .ask(|records| {
                renew(records.0.get_mut(key), Some(Instant::now()));
            })
            .await
    }

    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        self.0.set_if(store, key, condition, value, max_age).await
    }

    async fn touch(&self, store: &Reference, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        self.0.touch(store, key, max_age).await
    }
}

/// A key that no case asks for.
fn before(key: &SessionKey) -> SessionKey {
    let reversed: String = key.as_str().chars().rev().collect();
    SessionKey::new(reversed).unwrap()
}
