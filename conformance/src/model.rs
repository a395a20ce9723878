//! What a store must answer, as plainly as it can be written.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use session_store_api::{Condition, MaxAge, SessionKey};

/// What a store must answer: a map, and a clock that stands until it is told.
///
/// Random sequences of calls are made on a store and on this model, and the answers compared. Every
/// method takes `now`, the time since any fixed moment.
///
/// ```
/// use std::time::Duration;
/// use session_store_api::{MaxAge, SessionKey};
/// use session_store_conformance::Model;
///
/// let (mut model, key) = (Model::default(), SessionKey::new("k")?);
/// let second = Duration::from_secs(1);
/// model.set(Duration::ZERO, &key, b"v", MaxAge::After(second));
/// assert_eq!(model.get(second / 2, &key), Some(&b"v"[..]));
/// assert_eq!(model.get(second, &key), None);
/// # Ok::<(), session_store_api::InvalidSessionKey>(())
/// ```
#[derive(Clone)]
pub struct Model {
    records: HashMap<SessionKey, Record>,
    session_max_age: Duration,
}

#[derive(Clone)]
struct Record {
    value: Vec<u8>,
    /// Live before this moment, not at it.
    ends: Duration,
}

impl Model {
    /// A model of an empty store to which [`MaxAge::Session`] means this long.
    #[must_use]
    pub fn new(session_max_age: Duration) -> Self {
        Self {
            records: HashMap::new(),
            session_max_age,
        }
    }

    /// What [`SessionStore::get`](session_store_api::SessionStore::get) must answer.
    #[must_use]
    pub fn get(&self, now: Duration, key: &SessionKey) -> Option<&[u8]> {
        let record = self.records.get(key)?;
        (now < record.ends).then_some(&record.value)
    }

    /// [`SessionStore::set`](session_store_api::SessionStore::set).
    pub fn set(&mut self, now: Duration, key: &SessionKey, value: &[u8], max_age: MaxAge) {
        let record = Record {
            value: value.to_vec(),
            ends: self.ends(now, max_age),
        };
        self.records.insert(key.clone(), record);
    }

    /// [`SessionStore::destroy`](session_store_api::SessionStore::destroy).
    pub fn destroy(&mut self, key: &SessionKey) {
        self.records.remove(key);
    }

    /// What [`AtomicSessionStore::set_if`](session_store_api::AtomicSessionStore::set_if) must answer.
    pub fn set_if(
        &mut self,
        now: Duration,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> bool {
        let live = self.get(now, key);
        let holds = match condition {
            Condition::Absent => live.is_none(),
            Condition::Present => live.is_some(),
            Condition::Unchanged(expected) => live == Some(expected),
        };
        if holds {
            self.set(now, key, value, max_age);
        }
        holds
    }

    /// What [`AtomicSessionStore::touch`](session_store_api::AtomicSessionStore::touch) must answer.
    pub fn touch(&mut self, now: Duration, key: &SessionKey, max_age: MaxAge) -> bool {
        let Some(value) = self.get(now, key).map(<[u8]>::to_vec) else {
            return false;
        };
        self.set(now, key, &value, max_age);
        true
    }

    fn ends(&self, now: Duration, max_age: MaxAge) -> Duration {
        now.saturating_add(max_age.to_duration(self.session_max_age))
    }
}

impl Default for Model {
    /// A model of an empty store with the default session lifetime.
    fn default() -> Self {
        Self::new(MaxAge::DEFAULT_SESSION)
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("session_max_age", &self.session_max_age)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::ZERO;
    const SECOND: Duration = Duration::from_secs(1);

    fn model() -> (Model, SessionKey) {
        (Model::new(SECOND), SessionKey::new("k").unwrap())
    }

    #[test]
    fn set_replaces_value_and_expiry() {
        let (mut model, key) = model();
        assert_eq!(model.get(START, &key), None);
        model.set(START, &key, b"old", MaxAge::After(9 * SECOND));
        model.set(START, &key, b"new", MaxAge::After(SECOND));
        assert_eq!(model.get(START, &key), Some(&b"new"[..]));
        assert_eq!(model.get(SECOND, &key), None);
    }

    #[test]
    fn a_record_is_live_before_its_end_and_not_at_it() {
        let (mut model, key) = model();
        let instant = Duration::from_nanos(1);
        for max_age in [MaxAge::Session, MaxAge::After(SECOND)] {
            model.set(START, &key, b"", max_age);
            assert_eq!(model.get(SECOND - instant, &key), Some(&b""[..]));
            assert_eq!(model.get(SECOND, &key), None);
        }
        model.set(START, &key, b"", MaxAge::After(Duration::ZERO));
        assert_eq!(model.get(START, &key), None);
        model.set(SECOND, &key, b"", MaxAge::After(Duration::MAX));
        assert!(model.get(u32::MAX * SECOND, &key).is_some());
    }

    #[test]
    fn destroy_leaves_nothing_and_minds_nothing() {
        let (mut model, key) = model();
        model.destroy(&key);
        model.set(START, &key, b"v", MaxAge::Session);
        model.destroy(&key);
        assert_eq!(model.get(START, &key), None);
    }

    #[test]
    fn set_if_writes_only_where_its_condition_holds() {
        use Condition::{Absent, Present, Unchanged};
        let before = [None, Some(&b"v"[..])];
        for (condition, holds) in [
            (Absent, [true, false]),
            (Present, [false, true]),
            (Unchanged(b"v"), [false, true]),
            (Unchanged(b""), [false, false]),
        ] {
            // A live record or none; and an expired one, which is none.
            for (live, holds) in before.into_iter().zip(holds) {
                let (mut model, key) = model();
                model.set(START, &key, b"v", MaxAge::After(2 * SECOND));
                let now = if live.is_some() { SECOND } else { 3 * SECOND };
                let after = if holds { Some(&b"new"[..]) } else { live };
                assert_eq!(
                    model.set_if(now, &key, condition, b"new", MaxAge::Session),
                    holds
                );
                assert_eq!(model.get(now, &key), after);
            }
        }
    }

    #[test]
    fn touch_renews_and_never_revives() {
        let (mut model, key) = model();
        assert!(!model.touch(START, &key, MaxAge::Session));
        model.set(START, &key, b"v", MaxAge::Session);
        assert!(model.touch(SECOND / 2, &key, MaxAge::Session));
        assert_eq!(model.get(SECOND, &key), Some(&b"v"[..]));
        assert!(!model.touch(2 * SECOND, &key, MaxAge::Session));
        assert_eq!(model.get(2 * SECOND, &key), None);
    }
}
