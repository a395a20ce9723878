//! Atomic stores that need two steps where there must be one.

use async_trait::async_trait;
use session_store_api::{AtomicSessionStore, Condition, MaxAge, Result, SessionKey, SessionStore};

use super::mutant::{Deviation, Mutant};
use super::reference::{Reference, holds};

pub(crate) fn mutants() -> Vec<Mutant> {
    vec![
        Mutant::new("A04 A09", "checks Absent, then writes", || {
            ChecksThenWrites(|condition| condition == Condition::Absent)
        }),
        Mutant::new("A05 A06 A09", "checks Unchanged, then writes", || {
            ChecksThenWrites(|condition| matches!(condition, Condition::Unchanged(_)))
        }),
        Mutant::new("A06 A09", "checks Present, then writes", || {
            ChecksThenWrites(|condition| condition == Condition::Present)
        }),
        Mutant::new(
            "A06 A07 A09",
            "touch reads, then writes what it read",
            || TouchRewrites,
        ),
        Mutant::new(
            "A07 A09",
            "touch restores old bytes to live records",
            || TouchRewritesLive,
        ),
    ]
}

/// Needs two round trips for these conditions.
struct ChecksThenWrites(fn(Condition<'_>) -> bool);

#[async_trait]
impl Deviation for ChecksThenWrites {
    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        if !self.0(condition) {
            return store.set_if(key, condition, value, max_age).await;
        }
        let holds = store
            .ask(|records| holds(condition, records.live(key)))
            .await?;
        if holds {
            store.set(key, value, max_age).await?;
        }
        Ok(holds)
    }
}

struct TouchRewrites;

#[async_trait]
impl Deviation for TouchRewrites {
    async fn touch(&self, store: &Reference, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        match store.get(key).await? {
            Some(value) => store.set(key, &value, max_age).await.map(|()| true),
            None => Ok(false),
        }
    }
}

struct TouchRewritesLive;

#[async_trait]
impl Deviation for TouchRewritesLive {
    async fn touch(&self, store: &Reference, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        match store.get(key).await? {
            Some(value) => store.set_if(key, Condition::Present, &value, max_age).await,
            None => Ok(false),
        }
    }
}
