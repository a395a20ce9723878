//! The record as koa writes it: the session's fields and, beside them, when it ends.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value};
use session_store_api::MaxAge;

use crate::{Error, ErrorKind, Result};

/// The fields a handler sees. Shared until changed, so reading a session never copies it.
pub(crate) type Data = Arc<Map<String, Value>>;

const EXPIRE: &str = "_expire";
const MAX_AGE: &str = "_maxAge";
const SESSION: &str = "_session";

/// What koa-session's session object has members of.
const NODES_NAMES: [&str; 11] = [
    "commit",
    "externalKey",
    "inspect",
    "isNew",
    "length",
    "manuallyCommit",
    "maxAge",
    "populated",
    "regenerate",
    "save",
    "toJSON",
];

/// How much longer the store keeps a record, so that "expired" can be told from "missed".
const GRACE: Duration = Duration::from_secs(10);

/// JavaScript counts no further exactly: 2⁵³ − 1 milliseconds, some 285,000 years.
const MAX_MILLIS: u64 = (1 << 53) - 1;

/// The parser goes 128 levels deep; a record that goes deeper could never be read again.
const MAX_DEPTH: usize = 120;

/// A decoded record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) data: Data,
    /// The lifetime it was last written with, if it says so.
    pub(crate) max_age: Option<MaxAge>,
    /// When it ends, in milliseconds since 1970, if it does.
    pub(crate) expire: Option<u64>,
}

impl Record {
    /// A record written at `now` to live for `max_age`.
    pub(crate) fn new(data: Data, max_age: MaxAge, now: u64) -> Self {
        let (max_age, expire) = match max_age {
            MaxAge::Session => (max_age, None),
            MaxAge::After(_) => {
                let millis = max_age.to_millis(Duration::ZERO).min(MAX_MILLIS);
                let expire = now.saturating_add(millis).min(MAX_MILLIS);
                (MaxAge::After(Duration::from_millis(millis)), Some(expire))
            }
        };
        Self {
            data,
            max_age: Some(max_age),
            expire,
        }
    }

    /// Reads a record; nothing if it is not a JSON object, or nested too deeply to be one of ours.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().map(Self::from_object)
    }

    /// Takes the record's own fields out of `data`.
    pub(crate) fn from_object(mut data: Map<String, Value>) -> Self {
        let expire = data.remove(EXPIRE).as_ref().and_then(millis);
        let max_age = data.remove(MAX_AGE).as_ref().and_then(millis);
        let session = data.remove(SESSION).is_some_and(|flag| flag == true);
        let max_age = if session {
            Some(MaxAge::Session)
        } else {
            max_age.map(|millis| MaxAge::After(Duration::from_millis(millis)))
        };
        Self {
            data: Arc::new(data),
            max_age,
            expire,
        }
    }

    /// The values and the record's own fields in one object.
    pub(crate) fn to_object(&self) -> Map<String, Value> {
        let mut object = Map::clone(&self.data);
        match (self.expire, self.max_age) {
            (Some(expire), Some(max_age)) => {
                object.insert(EXPIRE.to_owned(), expire.into());
                let millis = max_age.to_millis(Duration::ZERO);
                object.insert(MAX_AGE.to_owned(), millis.into());
            }
            _ => {
                object.insert(SESSION.to_owned(), true.into());
            }
        }
        object
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self)
            .map_err(|_| Error::new(ErrorKind::Value, "the session has no JSON form"))
    }

    pub(crate) fn is_expired(&self, now: u64) -> bool {
        self.expire.is_some_and(|expire| expire < now)
    }

    /// What is left of its life at `now`; nothing if it does not end by itself.
    pub(crate) fn remaining(&self, now: u64) -> Option<Duration> {
        self.expire
            .map(|expire| Duration::from_millis(expire.saturating_sub(now)))
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.data.iter() {
            map.serialize_entry(name, value)?;
        }
        match (self.expire, self.max_age) {
            (Some(expire), Some(max_age)) => {
                map.serialize_entry(EXPIRE, &expire)?;
                map.serialize_entry(MAX_AGE, &max_age.to_millis(Duration::ZERO))?;
            }
            _ => map.serialize_entry(SESSION, &true)?,
        }
        map.end()
    }
}

/// How long the store keeps a record that lives for `max_age`.
pub(crate) fn store_max_age(max_age: MaxAge) -> MaxAge {
    match max_age {
        MaxAge::Session => MaxAge::Session,
        MaxAge::After(life) => MaxAge::After(life.saturating_add(GRACE)),
    }
}

/// Turns `value` into what a record can hold.
pub(crate) fn value(value: impl Serialize) -> Result<Value> {
    // serde_json quotes the value it stumbled over, so its error is not kept.
    let value = serde_json::to_value(value)
        .map_err(|_| Error::new(ErrorKind::Value, "the value has no JSON form"))?;
    if is_deeper(&value, MAX_DEPTH) {
        let message = format!("the value is nested more than {MAX_DEPTH} levels deep");
        return Err(Error::new(ErrorKind::Value, message));
    }
    Ok(value)
}

/// Turns `values` into all that a record holds.
pub(crate) fn values(values: impl Serialize, shared: bool) -> Result<Map<String, Value>> {
    match value(values)? {
        Value::Object(values) => {
            check_names(values.keys(), shared)?;
            Ok(values)
        }
        _ => Err(Error::new(
            ErrorKind::Value,
            "a session is replaced by values with names",
        )),
    }
}

/// Refuses names that a record cannot hold; if Node shares it, those that Node would take for its own.
pub(crate) fn check_names<'a>(
    names: impl IntoIterator<Item = &'a String>,
    shared: bool,
) -> Result<()> {
    names
        .into_iter()
        .try_for_each(|name| check_name(name, shared))
}

pub(crate) fn check_name(name: &str, shared: bool) -> Result<()> {
    if [EXPIRE, MAX_AGE, SESSION].contains(&name) {
        return Err(Error::new(
            ErrorKind::ReservedName,
            "`_expire`, `_maxAge` and `_session` are the session's own fields",
        ));
    }
    if shared && (name.starts_with('_') || NODES_NAMES.contains(&name)) {
        return Err(Error::new(
            ErrorKind::ReservedName,
            "koa-session keeps no value whose name begins with `_` or is that of one of its own members",
        ));
    }
    Ok(())
}

/// `theirs`, with the fields that changed from `base` to `ours` changed alike.
pub(crate) fn merge(base: &Data, ours: &Data, theirs: &Data) -> Data {
    let mut merged = Map::clone(theirs);
    for (name, value) in ours.iter() {
        if base.get(name) != Some(value) {
            merged.insert(name.clone(), value.clone());
        }
    }
    for name in base.keys() {
        if !ours.contains_key(name) {
            merged.remove(name);
        }
    }
    Arc::new(merged)
}

/// Milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A number of milliseconds as JavaScript writes it: maybe negative, maybe with a fraction.
fn millis(value: &Value) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped first"
    )]
    let rounded = |millis: f64| millis.ceil().clamp(0.0, 9_007_199_254_740_991.0) as u64;
    value
        .as_u64()
        .map(|millis| millis.min(MAX_MILLIS))
        .or_else(|| value.as_f64().map(rounded))
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    let Some(inside) = levels.checked_sub(1) else {
        return value.is_array() || value.is_object();
    };
    match value {
        Value::Array(values) => values.iter().any(|value| is_deeper(value, inside)),
        Value::Object(fields) => fields.values().any(|value| is_deeper(value, inside)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn data(value: &Value) -> Data {
        Arc::new(value.as_object().unwrap().clone())
    }

    fn written(max_age: MaxAge) -> String {
        let record = Record::new(data(&json!({"a": 1})), max_age, NOW);
        String::from_utf8(record.encode().unwrap()).unwrap()
    }

    #[test]
    fn the_record_is_koas() {
        assert_eq!(
            written(MaxAge::After(Duration::from_millis(86_400_000))),
            r#"{"a":1,"_expire":1700086400000,"_maxAge":86400000}"#
        );
        assert_eq!(written(MaxAge::Session), r#"{"a":1,"_session":true}"#);
    }

    #[test]
    fn a_lifetime_rounds_up_and_never_overflows() {
        assert!(written(MaxAge::After(Duration::from_nanos(1))).ends_with(r#""_maxAge":1}"#));
        assert_eq!(
            written(MaxAge::After(Duration::MAX)),
            r#"{"a":1,"_expire":9007199254740991,"_maxAge":9007199254740991}"#
        );
        let kept = store_max_age(MaxAge::After(Duration::from_secs(5)));
        assert_eq!(kept, MaxAge::After(Duration::from_secs(15)));
        let kept = store_max_age(MaxAge::After(Duration::MAX));
        assert_eq!(kept, MaxAge::After(Duration::MAX));
    }

    #[test]
    fn what_is_written_is_read() {
        for max_age in [MaxAge::Session, MaxAge::After(Duration::from_secs(5))] {
            let record = Record::new(data(&json!({"a": [0.1, null]})), max_age, NOW);
            let read = Record::decode(&record.encode().unwrap()).unwrap();
            assert_eq!(read.data, record.data);
            assert_eq!(
                Record::from_object(record.to_object()).expire,
                record.expire
            );
            assert_eq!(read.max_age, record.max_age);
            assert_eq!(read.expire, record.expire);
        }
    }

    #[test]
    fn anything_but_an_object_is_refused() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        for bytes in [
            "",
            "null",
            "1",
            "\"a\"",
            "[]",
            "{",
            "{} x",
            "\u{FEFF}{}",
            &deep,
        ] {
            assert!(Record::decode(bytes.as_bytes()).is_none());
        }
        assert!(Record::decode(b"{\"a\":\"\xFF\"}").is_none());
    }

    #[test]
    fn odd_times_are_read_as_javascript_would() {
        let decode = |json: &Value| Record::decode(json.to_string().as_bytes()).unwrap();
        assert_eq!(decode(&json!({"_expire": "soon"})).expire, None);
        assert_eq!(decode(&json!({"_expire": -5})).expire, Some(0));
        assert_eq!(decode(&json!({"_expire": 1.5})).expire, Some(2));
        assert_eq!(decode(&json!({"_expire": 1e300})).expire, Some(MAX_MILLIS));
        assert_eq!(decode(&json!({"_maxAge": null})).max_age, None);
        assert_eq!(decode(&json!({"_session": 1})).max_age, None);
        assert!(decode(&json!({"_expire": NOW - 1})).is_expired(NOW));
        assert!(!decode(&json!({"_expire": NOW})).is_expired(NOW));
    }

    #[test]
    fn a_field_that_could_not_be_read_again_is_refused() {
        let nested = |depth| (0..depth).fold(json!(0), |value, _| json!([value]));
        assert!(value(nested(MAX_DEPTH)).is_ok());
        assert!(value(nested(MAX_DEPTH + 1)).is_err());
        let deepest = Map::from_iter([("a".to_owned(), nested(MAX_DEPTH))]);
        let record = Record::new(Arc::new(deepest), MaxAge::Session, NOW);
        assert!(Record::decode(&record.encode().unwrap()).is_some());
    }

    #[test]
    fn a_merge_keeps_both_sides_and_ours_wins_a_tie() {
        let base = data(&json!({"gone": 1, "kept": 1, "tie": 1, "theirs": 1}));
        let ours = data(&json!({"kept": 1, "tie": 2, "theirs": 1, "mine": 2}));
        let theirs = data(&json!({"gone": 3, "kept": 1, "tie": 3, "added": 3}));
        let merged = data(&json!({"kept": 1, "tie": 2, "added": 3, "mine": 2}));
        assert_eq!(merge(&base, &ours, &theirs), merged);
    }
}
