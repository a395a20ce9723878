//! Stores that give records other lives than were asked for.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    reason = "this is what these stores do wrong"
)]

use std::time::Duration;

use async_trait::async_trait;
use session_store_api::{AtomicSessionStore, Condition, MaxAge, Result, SessionKey, SessionStore};

use super::mutant::{Deviation, Mutant};
use super::reference::Reference;

const FOR_EVER: Duration = Duration::MAX;
const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn mutants() -> Vec<Mutant> {
    [
        early_and_late(),
        extremes(),
        sessions(),
        by_set_if(),
        by_touch(),
    ]
    .concat()
}

fn early_and_late() -> Vec<Mutant> {
    vec![
        Mutant::new("C06 A08", "cuts lives to whole seconds", || {
            Lives(|life| Duration::from_secs(life.as_secs()))
        }),
        Mutant::new("C06 A08", "cuts lives to half seconds", || {
            Lives(|life| Duration::from_millis((life.as_millis() / 500 * 500) as u64))
        }),
        Mutant::new("C06 A08", "takes milliseconds for microseconds", || {
            Lives(|life| life / 1000)
        }),
        Mutant::new("C06 A08", "ends lives a quarter early", || {
            Lives(|life| life - life / 4)
        }),
        Mutant::new("C06 A08", "ends lives a tenth early", || {
            Lives(|life| life - life / 10)
        }),
        Mutant::new("C06 A08", "lets nothing live longer than 100 ms", || {
            Lives(|life| life.min(Duration::from_millis(100)))
        }),
        Mutant::new(
            "C03 C07 C08 C10 C12 C20 A01 A02 A03 A07 A08",
            "never expires anything",
            || Lives(|_| FOR_EVER),
        ),
        Mutant::new("C07 A08", "rounds lives up to whole seconds", || {
            Lives(|life| Duration::from_millis(life.as_millis().div_ceil(1000) as u64 * 1000))
        }),
        Mutant::new("C07 A08", "takes milliseconds for seconds", || {
            Lives(|life| life.saturating_mul(1000))
        }),
        Mutant::new("C07 A08", "ends lives 300 ms late", || {
            Lives(|life| life.saturating_add(Duration::from_millis(300)))
        }),
        Mutant::new("C07 A08", "ends lives a tenth late", || {
            Lives(|life| life.saturating_add(life / 10))
        }),
    ]
}

fn extremes() -> Vec<Mutant> {
    vec![
        Mutant::new("C08 A08", "takes zero for no limit", || {
            Lives(|life| if life.is_zero() { FOR_EVER } else { life })
        }),
        Mutant::new("C08 A08", "lets everything live a second at least", || {
            Lives(|life| life.max(SECOND))
        }),
        Mutant::new("C09 A08", "counts seconds in 32 bits", || {
            Lives(|life| Duration::new(u64::from(life.as_secs() as u32), life.subsec_nanos()))
        }),
        Mutant::new("C09 A08", "counts milliseconds in 32 bits", || {
            Lives(|life| Duration::from_millis(u64::from(life.as_millis() as u32)))
        }),
        Mutant::new(
            "C09 A08",
            "counts milliseconds in 31 bits and a sign",
            || Lives(|life| Duration::from_millis((life.as_millis() as i32).max(0) as u64)),
        ),
        Mutant::new(
            "C09 A08",
            "counts nanoseconds in 63 bits and a sign",
            || Lives(|life| Duration::from_nanos((life.as_nanos() as i64).max(0) as u64)),
        ),
        Mutant::new(
            "C09 A08",
            "counts milliseconds in 63 bits and a sign",
            || Lives(|life| Duration::from_millis((life.as_millis() as i64).max(0) as u64)),
        ),
        Mutant::new(
            "C09 A08",
            "ends before 1970 whatever ends after 2038",
            || {
                Lives(|life| {
                    if life.as_secs() > 12 * 365 * 86_400 {
                        Duration::ZERO
                    } else {
                        life
                    }
                })
            },
        ),
        Mutant::new("C09 A08", "takes more than 30 days for a date", || {
            Lives(|life| {
                if life.as_secs() > 30 * 86_400 {
                    Duration::ZERO
                } else {
                    life
                }
            })
        }),
        Mutant::new("C09 A08", "cuts 1 ns to zero, and zero is for ever", || {
            Lives(|life| match life.as_millis() {
                0 if !life.is_zero() => FOR_EVER,
                _ => life,
            })
        }),
        Mutant::new(
            "C09 A08",
            "cuts 999 ms to zero, and zero is for ever",
            || {
                Lives(|life| match life.as_secs() {
                    0 if !life.is_zero() => FOR_EVER,
                    _ => life,
                })
            },
        ),
        Mutant::new("C09", "panics on Duration::MAX", || {
            Lives(|life| life + Duration::from_nanos(1))
        }),
    ]
}

fn sessions() -> Vec<Mutant> {
    vec![
        Mutant::new("C10 A08", "Session is for ever", || Session(FOR_EVER)),
        Mutant::new("C10 A08", "Session is zero", || Session(Duration::ZERO)),
        Mutant::new("C10 A08", "Session is 24 hours, whatever is set", || {
            Session(MaxAge::DEFAULT_SESSION)
        }),
    ]
}

fn by_set_if() -> Vec<Mutant> {
    vec![
        Mutant::new("A08", "set_if knows one life only, a day", || {
            SetIfLives(|_| MaxAge::DEFAULT_SESSION)
        }),
        Mutant::new("A08", "set_if cuts lives to whole seconds", || {
            SetIfLives(|life| Duration::from_secs(life.as_secs()))
        }),
        Mutant::new("A08", "set_if ends lives 300 ms late", || {
            SetIfLives(|life| life.saturating_add(Duration::from_millis(300)))
        }),
        Mutant::new("A08", "set_if takes zero for no limit", || {
            SetIfLives(|life| if life.is_zero() { FOR_EVER } else { life })
        }),
        Mutant::new(
            "A08",
            "set_if counts milliseconds in 31 bits and a sign",
            || SetIfLives(|life| Duration::from_millis((life.as_millis() as i32).max(0) as u64)),
        ),
        Mutant::new("A08", "set_if panics on Duration::MAX", || {
            SetIfLives(|life| life + Duration::from_nanos(1))
        }),
    ]
}

fn by_touch() -> Vec<Mutant> {
    vec![
        Mutant::new("A07 A08", "touch knows one life only, a day", || {
            TouchLives(|_| MaxAge::DEFAULT_SESSION)
        }),
        Mutant::new("A08", "touch cuts lives to whole seconds", || {
            TouchLives(|life| Duration::from_secs(life.as_secs()))
        }),
        Mutant::new("A08", "touch ends lives 300 ms late", || {
            TouchLives(|life| life.saturating_add(Duration::from_millis(300)))
        }),
        Mutant::new("A08", "touch takes zero for no limit", || {
            TouchLives(|life| if life.is_zero() { FOR_EVER } else { life })
        }),
        Mutant::new(
            "A08",
            "touch counts milliseconds in 31 bits and a sign",
            || TouchLives(|life| Duration::from_millis((life.as_millis() as i32).max(0) as u64)),
        ),
        Mutant::new("A08", "touch panics on Duration::MAX", || {
            TouchLives(|life| life + Duration::from_nanos(1))
        }),
    ]
}

/// Lets records live for another time than was asked for.
struct Lives(fn(Duration) -> Duration);

impl Lives {
    fn max_age(&self, store: &Reference, max_age: MaxAge) -> MaxAge {
        MaxAge::After(self.0(store.life(max_age)))
    }
}

#[async_trait]
impl Deviation for Lives {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        let max_age = self.max_age(store, max_age);
        store.set(key, value, max_age).await
    }

    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        let max_age = self.max_age(store, max_age);
        store.set_if(key, condition, value, max_age).await
    }

    async fn touch(&self, store: &Reference, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        let max_age = self.max_age(store, max_age);
        store.touch(key, max_age).await
    }
}

/// The same in `set_if` alone.
struct SetIfLives(fn(Duration) -> Duration);

#[async_trait]
impl Deviation for SetIfLives {
    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        let max_age = MaxAge::After(self.0(store.life(max_age)));
        store.set_if(key, condition, value, max_age).await
    }
}

/// The same in `touch` alone.
struct TouchLives(fn(Duration) -> Duration);

#[async_trait]
impl Deviation for TouchLives {
    async fn touch(&self, store: &Reference, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        let max_age = MaxAge::After(self.0(store.life(max_age)));
        store.touch(key, max_age).await
    }
}

/// Means something else by `MaxAge::Session` than it was told.
struct Session(Duration);

impl Session {
    fn max_age(&self, max_age: MaxAge) -> MaxAge {
        MaxAge::After(max_age.to_duration(self.0))
    }
}

#[async_trait]
impl Deviation for Session {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        store.set(key, value, self.max_age(max_age)).await
    }

    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        let max_age = self.max_age(max_age);
        store.set_if(key, condition, value, max_age).await
    }

    async fn touch(&self, store: &Reference, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        store.touch(key, self.max_age(max_age)).await
    }
}
