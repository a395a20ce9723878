//! What is kept of a session: a JSON object of its values, as koa and egg keep it.
//!
//! actix-session hands over a map of JSON texts. They are put into the object as they are, unparsed, so no number
//! changes on the way.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use serde_json::value::{RawValue, to_raw_value};
use session_store_api::{MaxAge, SessionRecord};

/// actix-session's state: JSON texts by name.
pub(crate) type State = HashMap<String, String>;

const EXPIRE: &str = "_expire";
const MAX_AGE: &str = "_maxAge";
const SESSION: &str = "_session";

/// The bytes to keep of a session that lives for `life`.
///
/// They do not say when it ends: `update_ttl` renews a session without writing it.
pub(crate) fn encode(state: &State, life: Duration) -> anyhow::Result<Vec<u8>> {
    let max_age = to_raw_value(&MaxAge::After(life).to_millis(Duration::ZERO))?;
    let mut record: BTreeMap<&str, &RawValue> = BTreeMap::from([(MAX_AGE, &*max_age)]);
    for (name, text) in state {
        anyhow::ensure!(
            ![EXPIRE, MAX_AGE, SESSION].contains(&name.as_str()),
            "a session keeps how long it lives under `{name}`; name the value otherwise"
        );
        // serde_json quotes what it stumbles over, so its error is not kept.
        let value = serde_json::from_str(text)
            .map_err(|_| anyhow::anyhow!("a value of the session is no JSON text"))?;
        record.insert(name, value);
    }
    Ok(serde_json::to_vec(&record)?)
}

/// The state in a record; nothing if it says that it has ended by `now`.
///
/// # Errors
///
/// If it is no JSON object.
pub(crate) fn decode(bytes: &[u8], now: SystemTime) -> anyhow::Result<Option<State>> {
    let no_session = || anyhow::anyhow!("the record is no session");
    let mut values: HashMap<String, Box<RawValue>> =
        serde_json::from_slice(bytes).map_err(|_| no_session())?;
    let end: BTreeMap<&str, Box<RawValue>> = [EXPIRE, MAX_AGE, SESSION]
        .into_iter()
        .filter_map(|name| Some((name, values.remove(name)?)))
        .collect();
    if end.is_empty()
        && let Ok(state) = serde_json::from_slice::<State>(bytes)
    {
        // As actix-session's own Redis store writes it: texts of JSON texts.
        return Ok(Some(state));
    }
    // The adapters of other middleware, `session-layer` and koa say when a session ends.
    let end = SessionRecord::decode(&serde_json::to_vec(&end)?).ok_or_else(no_session)?;
    if end.is_expired(now) {
        return Ok(None);
    }
    let text = |(name, value): (String, Box<RawValue>)| (name, value.get().to_owned());
    Ok(Some(values.into_iter().map(text).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;
    const HOUR: Duration = Duration::from_secs(3600);

    fn state(pairs: &[(&str, &str)]) -> State {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn values_are_plain_json_and_no_digit_is_lost() {
        let state = state(&[
            ("user", r#""Ada""#),
            ("big", "340282366920938463463374607431768211455"),
            ("list", "[1,2.50]"),
        ]);
        let record = encode(&state, HOUR).unwrap();
        let text = String::from_utf8(record.clone()).unwrap();
        assert_eq!(
            text,
            r#"{"_maxAge":3600000,"big":340282366920938463463374607431768211455,"list":[1,2.50],"user":"Ada"}"#
        );
        assert_eq!(decode(&record, NOW).unwrap(), Some(state));
    }

    #[test]
    fn what_actix_session_s_redis_store_wrote_is_read() {
        let old = br#"{"user":"\"Ada\"","visits":"3"}"#;
        let expected = state(&[("user", r#""Ada""#), ("visits", "3")]);
        assert_eq!(decode(old, NOW).unwrap(), Some(expected));
    }

    #[test]
    fn what_koa_wrote_is_read() {
        let koa = br#"{"user":{"name":"Ada"},"_expire":1,"_maxAge":1}"#;
        let expected = state(&[("user", r#"{"name":"Ada"}"#)]);
        assert_eq!(decode(koa, NOW).unwrap(), Some(expected));
        assert_eq!(decode(koa, NOW + HOUR).unwrap(), None);
    }

    #[test]
    fn what_is_no_session_is_an_error_that_shows_nothing() {
        for bytes in [b"secret".as_slice(), b"", b"[1]", b"\xff", b"{\"secret\":"] {
            let error = decode(bytes, NOW).unwrap_err();
            assert!(!format!("{error:?}").contains("secret"));
        }
        let odd = state(&[("name", "secret")]);
        let error = encode(&odd, HOUR).unwrap_err();
        assert!(!format!("{error:?}").contains("secret"));
        assert!(encode(&state(&[("_expire", "1")]), HOUR).is_err());
    }
}
