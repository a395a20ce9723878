//! Atomic stores that write when they must not, or do not when they must.

use async_trait::async_trait;
use session_store_api::{AtomicSessionStore, Condition, MaxAge, Result, SessionKey};

use super::mutant::{Deviation, Mutant};
use super::reference::{Record, Reference, holds, live};

pub(crate) fn mutants() -> Vec<Mutant> {
    vec![
        Mutant::new("A01 A02 A03", "set_if looks at no condition", || {
            Decides(|_, _| true)
        }),
        Mutant::new("A01 A02 A03", "set_if never writes", || {
            Decides(|_, _| false)
        }),
        Mutant::new("A01", "Absent writes over a live record", || {
            Decides(|condition, record| match condition {
                Condition::Absent => true,
                _ => holds(condition, live(record)),
            })
        }),
        Mutant::new(
            "A01",
            "Absent does not write over an expired record",
            || {
                Decides(|condition, record| match condition {
                    Condition::Absent => record.is_none(),
                    _ => holds(condition, live(record)),
                })
            },
        ),
        Mutant::new("A02", "Present creates", || {
            Decides(|condition, record| match condition {
                Condition::Present => true,
                _ => holds(condition, live(record)),
            })
        }),
        Mutant::new("A02", "Present revives an expired record", || {
            Decides(|condition, record| match condition {
                Condition::Present => record.is_some(),
                _ => holds(condition, live(record)),
            })
        }),
        Mutant::new("A03", "Unchanged means Present", || Unchanged(|_, _| true)),
        Mutant::new("A03", "Unchanged compares lengths", || {
            Unchanged(|seen, expected| seen.len() == expected.len())
        }),
        Mutant::new("A03", "Unchanged compares the first 64 bytes", || {
            Unchanged(|seen, expected| seen.iter().take(64).eq(expected.iter().take(64)))
        }),
        Mutant::new("A03", "Unchanged compares the first 64 KiB", || {
            Unchanged(|seen, expected| seen.iter().take(65_536).eq(expected.iter().take(65_536)))
        }),
        Mutant::new("A03", "Unchanged looks whether the value begins so", || {
            Unchanged(|seen, expected| seen.starts_with(expected))
        }),
        Mutant::new(
            "A03",
            "Unchanged is refused if the record was renewed",
            || ComparesRecords,
        ),
        Mutant::new("A03", "Unchanged compares a weak checksum", || {
            Unchanged(|seen, expected| byte_sum(seen) == byte_sum(expected))
        }),
        Mutant::new("A03", "Unchanged ignores case", || {
            Unchanged(|seen, expected| seen.eq_ignore_ascii_case(expected))
        }),
        Mutant::new("A03", "Unchanged ignores white space at the end", || {
            Unchanged(|seen, expected| seen.trim_ascii_end() == expected.trim_ascii_end())
        }),
        Mutant::new("A03", "Unchanged stops at the first NUL", || {
            Unchanged(|seen, expected| until_nul(seen) == until_nul(expected))
        }),
        Mutant::new("A03", "Unchanged never holds for an empty value", || {
            Unchanged(|seen, expected| !seen.is_empty() && seen == expected)
        }),
        Mutant::new("A03", "Unchanged from empty creates", || {
            Decides(|condition, record| match (condition, record) {
                (Condition::Unchanged(b""), None) => true,
                (_, record) => holds(condition, live(record)),
            })
        }),
        Mutant::new("A03", "Unchanged revives an expired record", || {
            Decides(|condition, record| match condition {
                Condition::Unchanged(bytes) => record.is_some_and(|record| record.value == bytes),
                _ => holds(condition, live(record)),
            })
        }),
        Mutant::new("A01", "an Absent that fails renews", || {
            RenewsOnFailure(|condition| condition == Condition::Absent)
        }),
        Mutant::new("A03", "an Unchanged that fails renews", || {
            RenewsOnFailure(|condition| matches!(condition, Condition::Unchanged(_)))
        }),
        Mutant::new("A01", "an Absent that fails empties the record", || {
            EmptiesOnFailure(|condition| condition == Condition::Absent)
        }),
        Mutant::new("A03", "an Unchanged that fails empties the record", || {
            EmptiesOnFailure(|condition| matches!(condition, Condition::Unchanged(_)))
        }),
        Mutant::new(
            "A01 A02 A03",
            "set_if answers true, whatever it did",
            || SaysTrue,
        ),
        Mutant::new(
            "A01 A02 A03",
            "set_if answers false, whatever it did",
            || SaysFalse,
        ),
    ]
}

/// Decides by the record that is there, live or expired.
pub(crate) struct Decides(pub(crate) fn(Condition<'_>, Option<&mut Record>) -> bool);

#[async_trait]
impl Deviation for Decides {
    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        store
            .ask(|records| {
                let decision = self.0(condition, records.0.get_mut(key));
                if decision {
                    records.put(key, value, store.ends(max_age));
                }
                decision
            })
            .await
    }
}

/// Compares the live value with the expected one in its own way.
struct Unchanged(fn(&[u8], &[u8]) -> bool);

#[async_trait]
impl Deviation for Unchanged {
    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        store
            .ask(|records| {
                let live = records.live(key);
                let decision = match condition {
                    Condition::Unchanged(bytes) => {
                        live.is_some_and(|record| self.0(&record.value, bytes))
                    }
                    _ => holds(condition, live),
                };
                if decision {
                    records.put(key, value, store.ends(max_age));
                }
                decision
            })
            .await
    }
}

/// Looks at the value first, and then whether the record is still the one that it saw.
struct ComparesRecords;

#[async_trait]
impl Deviation for ComparesRecords {
    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        let Condition::Unchanged(bytes) = condition else {
            return store.set_if(key, condition, value, max_age).await;
        };
        let seen = store.ask(|records| {
            let live = records.live(key)?;
            (live.value == bytes).then_some(live.ends)
        });
        let Some(seen) = seen.await? else {
            return Ok(false);
        };
        store
            .ask(|records| {
                let is_same = records.live(key).is_some_and(|record| record.ends == seen);
                if is_same {
                    records.put(key, value, store.ends(max_age));
                }
                is_same
            })
            .await
    }
}

struct RenewsOnFailure(fn(Condition<'_>) -> bool);

#[async_trait]
impl Deviation for RenewsOnFailure {
    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        let written = store.set_if(key, condition, value, max_age).await?;
        if !written && self.0(condition) {
            store.touch(key, max_age).await?;
        }
        Ok(written)
    }
}

struct EmptiesOnFailure(fn(Condition<'_>) -> bool);

#[async_trait]
impl Deviation for EmptiesOnFailure {
    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        let written = store.set_if(key, condition, value, max_age).await?;
        if !written && self.0(condition) {
            store
                .ask(|records| records.live(key).map(|record| record.value.clear()))
                .await?;
        }
        Ok(written)
    }
}

struct SaysTrue;

#[async_trait]
impl Deviation for SaysTrue {
    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        store.set_if(key, condition, value, max_age).await?;
        Ok(true)
    }
}

struct SaysFalse;

#[async_trait]
impl Deviation for SaysFalse {
    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        store.set_if(key, condition, value, max_age).await?;
        Ok(false)
    }
}

fn byte_sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}

fn until_nul(bytes: &[u8]) -> Option<&[u8]> {
    bytes.split(|byte| *byte == 0).next()
}
