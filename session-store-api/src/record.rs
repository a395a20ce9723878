//! The record in which a session's values are kept as JSON.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value};

use crate::MaxAge;

const EXPIRE: &str = "_expire";
const MAX_AGE: &str = "_maxAge";
const SESSION: &str = "_session";

/// JavaScript counts no further exactly: 2⁵³ − 1 milliseconds, some 285,000 years.
const MAX_MILLIS: u64 = (1 << 53) - 1;

/// A session's values and when it ends, in koa's form: a JSON object of the values with `_expire` (milliseconds
/// since 1970) and `_maxAge` (milliseconds) beside them, or `_session: true` for a session that ends with the
/// browser's.
///
/// Whoever keeps sessions in this form can read those of another, a Node process among them.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use session_store_api::{MaxAge, SessionRecord};
///
/// let values = serde_json::Map::from_iter([("visits".to_owned(), 3.into())]);
/// let now = SystemTime::UNIX_EPOCH;
/// let record = SessionRecord::new(values, MaxAge::After(Duration::from_secs(60)), now)?;
/// assert_eq!(record.encode(), br#"{"visits":3,"_expire":60000,"_maxAge":60000}"#);
/// assert_eq!(SessionRecord::decode(&record.encode()), Some(record));
/// # Ok::<(), session_store_api::ReservedName>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct SessionRecord {
    values: Map<String, Value>,
    max_age: Option<MaxAge>,
    /// In milliseconds since 1970.
    expire: Option<u64>,
}

impl SessionRecord {
    /// A record written at `now`, on the clock of whoever writes it. It ends with the millisecond in which
    /// `max_age` has passed, never before.
    ///
    /// # Errors
    ///
    /// [`ReservedName`] if one of the values has a name that the record needs for itself.
    pub fn new(
        values: Map<String, Value>,
        max_age: MaxAge,
        now: SystemTime,
    ) -> Result<Self, ReservedName> {
        if let Some(name) = [EXPIRE, MAX_AGE, SESSION]
            .into_iter()
            .find(|name| values.contains_key(*name))
        {
            return Err(ReservedName(name));
        }
        let (max_age, expire) = match max_age {
            MaxAge::Session => (MaxAge::Session, None),
            MaxAge::After(_) => {
                let life = max_age.to_millis(Duration::ZERO).min(MAX_MILLIS);
                let expire = millis(now).saturating_add(life).min(MAX_MILLIS);
                (MaxAge::After(Duration::from_millis(life)), Some(expire))
            }
        };
        Ok(Self {
            values,
            max_age: Some(max_age),
            expire,
        })
    }

    /// Reads a record; nothing if it is not a JSON object, or nested more than 120 or so levels deep.
    ///
    /// What does not say when it ends is a record all the same.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut values: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
        let expire = values.remove(EXPIRE).as_ref().and_then(whole);
        let max_age = values.remove(MAX_AGE).as_ref().and_then(whole);
        let session = values.remove(SESSION).is_some_and(|flag| flag == true);
        let max_age = if session {
            Some(MaxAge::Session)
        } else {
            max_age.map(|millis| MaxAge::After(Duration::from_millis(millis)))
        };
        Some(Self {
            values,
            max_age,
            expire,
        })
    }

    /// The bytes to keep.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "JSON values, by names that are text, always have a JSON form"
    )]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("JSON has a JSON form")
    }

    /// The session's values by name.
    #[must_use]
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// The session's values by name.
    #[must_use]
    pub fn into_values(self) -> Map<String, Value> {
        self.values
    }

    /// The lifetime that it was last written with, if it says so.
    #[must_use]
    pub fn max_age(&self) -> Option<MaxAge> {
        self.max_age
    }

    /// When it ends, on the clock of whoever wrote it; nothing if it does not say.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        let expire = Duration::from_millis(self.expire?);
        SystemTime::UNIX_EPOCH.checked_add(expire)
    }

    /// Whether it has ended by `now`. One that does not say when it ends has not.
    #[must_use]
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.expires_at().is_some_and(|ends| ends <= now)
    }
}

impl Serialize for SessionRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.values {
            map.serialize_entry(name, value)?;
        }
        if let Some(expire) = self.expire {
            map.serialize_entry(EXPIRE, &expire)?;
        }
        match self.max_age {
            Some(MaxAge::Session) => map.serialize_entry(SESSION, &true)?,
            Some(max_age) => map.serialize_entry(MAX_AGE, &max_age.to_millis(Duration::ZERO))?,
            None => {}
        }
        map.end()
    }
}

/// Shows when it ends, and no value.
impl fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRecord")
            .field("max_age", &self.max_age)
            .field("expire", &self.expire)
            .finish_non_exhaustive()
    }
}

/// A value's name is one that a [`SessionRecord`] needs for itself: `_expire`, `_maxAge` or `_session`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReservedName(&'static str);

impl fmt::Display for ReservedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a session keeps when it ends under `{}`; name the value otherwise",
            self.0
        )
    }
}

impl Error for ReservedName {}

/// Milliseconds since 1970, rounded up.
fn millis(time: SystemTime) -> u64 {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    MaxAge::After(since).to_millis(Duration::ZERO)
}

/// A number of milliseconds as JavaScript may have written it: possibly a fraction, never negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked against both ends, and rounded up before"
)]
fn whole(value: &Value) -> Option<u64> {
    if let Some(whole) = value.as_u64() {
        return Some(whole.min(MAX_MILLIS));
    }
    let number = value.as_f64()?.ceil();
    (0.0..=MAX_MILLIS as f64)
        .contains(&number)
        .then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Option<SessionRecord> {
        SessionRecord::decode(text.as_bytes())
    }

    #[test]
    fn what_is_no_object_is_no_record() {
        let deep = format!("{}{}", "{\"a\":".repeat(200), "}".repeat(200));
        for text in [
            "", "[]", "1", "null", "\"text\"", "{", "{}x", "\u{1}", &deep,
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn koa_s_numbers_are_read_whatever_they_look_like() {
        let ends = |text: &str| decode(text).unwrap().expire;
        assert_eq!(ends(r#"{"_expire":1}"#), Some(1));
        assert_eq!(ends(r#"{"_expire":1.5}"#), Some(2));
        assert_eq!(ends(r#"{"_expire":1e3}"#), Some(1000));
        for odd in ["-1", "null", "\"1\"", "1e300", "{}"] {
            assert_eq!(ends(&format!("{{\"_expire\":{odd}}}")), None, "{odd}");
        }
    }

    #[test]
    fn a_session_cookie_s_record_has_no_end_of_its_own() {
        let record = SessionRecord::new(Map::new(), MaxAge::Session, SystemTime::now()).unwrap();
        assert_eq!(record.encode(), br#"{"_session":true}"#);
        assert_eq!(record.expires_at(), None);
        assert!(!record.is_expired(SystemTime::now()));
    }

    #[test]
    fn it_never_ends_early() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_900_000);
        let life = MaxAge::After(Duration::from_nanos(200_000));
        let record = SessionRecord::new(Map::new(), life, now).unwrap();
        assert_eq!(record.expire, Some(3));
        let forever = SessionRecord::new(Map::new(), Duration::MAX.into(), now).unwrap();
        assert_eq!(
            decode(std::str::from_utf8(&forever.encode()).unwrap()),
            Some(forever)
        );
    }

    #[test]
    fn its_own_names_are_refused_and_no_value_is_shown() {
        for name in ["_expire", "_maxAge", "_session"] {
            let values = Map::from_iter([(name.to_owned(), "secret".into())]);
            let refused = SessionRecord::new(values, MaxAge::Session, SystemTime::now());
            assert!(refused.unwrap_err().to_string().contains(name));
        }
        let record = decode(r#"{"name":"secret"}"#).unwrap();
        assert!(!format!("{record:?}").contains("secret"));
    }
}
