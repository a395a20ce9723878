//! Stores that keep something of the record that they overwrite.

use std::time::Instant;

use async_trait::async_trait;
use session_store_api::{AtomicSessionStore, Condition, MaxAge, Result, SessionKey, SessionStore};

use super::mutant::{Deviation, Mutant};
use super::reference::Reference;

pub(crate) fn mutants() -> Vec<Mutant> {
    vec![
        Mutant::new("C03", "set keeps the old expiry", || {
            Overwrites(|old, _| old)
        }),
        Mutant::new("C03", "set keeps the later of two expiries", || {
            Overwrites(|old, new| match (old, new) {
                (Some(old), Some(new)) => Some(old.max(new)),
                _ => None,
            })
        }),
        Mutant::new("C03", "set keeps the earlier of two expiries", || {
            Overwrites(|old, new| old.min(new).or(old).or(new))
        }),
        Mutant::new("C03", "set of the same bytes changes nothing", || {
            SkipsSameBytes
        }),
        Mutant::new("C03", "set keeps the old value, renews its life", || {
            KeepsOldValue
        }),
        Mutant::new("C03 A07", "an old timer ends a newer life", || OldTimers),
        Mutant::new("A08", "set_if of the same bytes changes nothing", || {
            SetIfSkipsSameBytes
        }),
        Mutant::new("A08", "set_if keeps the old expiry", || SetIfKeepsExpiry),
    ]
}

/// Makes a third expiry of the old one and the new one.
struct Overwrites(fn(Option<Instant>, Option<Instant>) -> Option<Instant>);

#[async_trait]
impl Deviation for Overwrites {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        store
            .ask(|records| {
                let new = store.ends(max_age);
                let ends = match records.live(key) {
                    Some(record) => self.0(record.ends, new),
                    None => new,
                };
                records.put(key, value, ends);
            })
            .await
    }
}

/// Removes records by timers that nobody stops.
struct OldTimers;

#[async_trait]
impl Deviation for OldTimers {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        store.set(key, value, max_age).await?;
        let (store, key, life) = (store.clone(), key.clone(), store.life(max_age));
        tokio::spawn(async move {
            tokio::time::sleep(life).await;
            store.destroy(&key).await
        });
        Ok(())
    }
}

struct SkipsSameBytes;

#[async_trait]
impl Deviation for SkipsSameBytes {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        if store.get(key).await?.as_deref() == Some(value) {
            return Ok(());
        }
        store.set(key, value, max_age).await
    }
}

struct KeepsOldValue;

#[async_trait]
impl Deviation for KeepsOldValue {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        if !store.touch(key, max_age).await? {
            store.set(key, value, max_age).await?;
        }
        Ok(())
    }
}

struct SetIfSkipsSameBytes;

#[async_trait]
impl Deviation for SetIfSkipsSameBytes {
    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        let same = condition == Condition::Unchanged(value);
        if same && store.get(key).await?.as_deref() == Some(value) {
            return Ok(true);
        }
        store.set_if(key, condition, value, max_age).await
    }
}

struct SetIfKeepsExpiry;

#[async_trait]
impl Deviation for SetIfKeepsExpiry {
    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        let old = store
            .ask(|records| records.live(key).map(|record| record.ends))
            .await?;
        let written = store.set_if(key, condition, value, max_age).await?;
        if let (true, Some(ends)) = (written, old) {
            store
                .ask(|records| records.live(key).map(|record| record.ends = ends))
                .await?;
        }
        Ok(written)
    }
}
