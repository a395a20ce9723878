//! What is kept of a session: a JSON object of its values and when it ends, as koa and egg keep it.
//!
//! saysion has a map of JSON texts. They are put into the object as they are, unparsed, so no number changes on
//! the way.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use anyhow::{Result, anyhow, ensure};
use saysion::Session;
use saysion::time::{Duration, OffsetDateTime, PrimitiveDateTime};
use serde_json::value::RawValue;
use serde_json::{Map, json};
use session_store_api::{MaxAge, SessionRecord};

/// The names of what says when a session ends.
const OF_THE_END: [&str; 3] = ["_expire", "_maxAge", "_session"];

/// The name of a value that a session has while a request works on it, and never in the store: the id under
/// which it was read.
const ORIGIN: &str = "::session-store::origin";

/// A session to keep.
pub(crate) struct Kept {
    pub(crate) bytes: Vec<u8>,
    pub(crate) max_age: MaxAge,
}

/// The id under which the session was read; nothing for a new one.
pub(crate) fn origin(session: &Session) -> Option<String> {
    session.get_raw(ORIGIN)
}

/// The bytes to keep of a session, and how long.
pub(crate) fn encode(session: &Session, now: SystemTime) -> Result<Kept> {
    let max_age = match session.expiry() {
        // What has ended already has no life left, which leaves nothing in the store.
        Some(ends) => MaxAge::After(
            SystemTime::from(*ends)
                .duration_since(now)
                .unwrap_or_default(),
        ),
        None => MaxAge::Session,
    };
    let end = SessionRecord::new(Map::new(), max_age, now)?.encode();
    let mut record: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(&end)?;
    for (name, text) in data(session)? {
        if name == ORIGIN {
            continue;
        }
        ensure!(
            !OF_THE_END.contains(&name.as_str()),
            "a session keeps when it ends under `{name}`; name the value otherwise"
        );
        // serde_json quotes what it stumbles over, so its error is not kept.
        let value = RawValue::from_string(text)
            .map_err(|_| anyhow!("a value of the session is no JSON text"))?;
        record.insert(name, value);
    }
    Ok(Kept {
        bytes: serde_json::to_vec(&record)?,
        max_age,
    })
}

/// The session of this id in a record, whether or not it has ended; nothing if the record is no session.
pub(crate) fn decode(bytes: &[u8], id: &str) -> Option<Session> {
    if let Ok(session) = serde_json::from_slice::<Session>(bytes)
        && session.id() == id
    {
        // As saysion's own Redis store writes it.
        return build(id, data(&session).ok()?, session.expiry().copied());
    }
    let mut values: HashMap<String, Box<RawValue>> = serde_json::from_slice(bytes).ok()?;
    let end: BTreeMap<&str, Box<RawValue>> = OF_THE_END
        .into_iter()
        .filter_map(|name| Some((name, values.remove(name)?)))
        .collect();
    let end = SessionRecord::decode(&serde_json::to_vec(&end).ok()?)?;
    let text = |(name, value): (String, Box<RawValue>)| (name, value.get().to_owned());
    let texts = values.into_iter().map(text).collect();
    build(id, texts, end.expires_at().map(date))
}

/// What is in a session, which only its own JSON tells.
fn data(session: &Session) -> serde_json::Result<HashMap<String, String>> {
    serde_json::from_value(serde_json::to_value(session)?["data"].take())
}

fn build(
    id: &str,
    mut data: HashMap<String, String>,
    expiry: Option<OffsetDateTime>,
) -> Option<Session> {
    data.insert(ORIGIN.to_owned(), id.to_owned());
    let session = json!({ "id": id, "expiry": null, "data": data });
    let mut session: Session = serde_json::from_value(session).ok()?;
    if let Some(expiry) = expiry {
        session.set_expiry(expiry);
    }
    Some(session)
}

/// As a date, at the latest the end of the year 9999.
fn date(time: SystemTime) -> OffsetDateTime {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Duration::try_from(since)
        .ok()
        .and_then(|since| OffsetDateTime::UNIX_EPOCH.checked_add(since))
        .unwrap_or(PrimitiveDateTime::MAX.assume_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;
    const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);

    fn session(pairs: &[(&str, &str)]) -> Session {
        let mut session = Session::new();
        for (name, text) in pairs {
            session.insert_raw(name, (*text).to_owned());
        }
        session
    }

    #[test]
    fn values_are_plain_json_and_no_digit_is_lost() {
        let mut session = session(&[
            ("user", r#""Ada""#),
            ("big", "340282366920938463463374607431768211455"),
            ("list", "[1,2.50]"),
        ]);
        session.set_expiry(date(NOW + HOUR));
        let kept = encode(&session, NOW).unwrap();
        assert_eq!(
            String::from_utf8(kept.bytes.clone()).unwrap(),
            r#"{"_expire":3600000,"_maxAge":3600000,"big":340282366920938463463374607431768211455,"list":[1,2.50],"user":"Ada"}"#
        );
        assert_eq!(kept.max_age, MaxAge::After(HOUR));
        let read = decode(&kept.bytes, "id").unwrap();
        assert_eq!(origin(&read).as_deref(), Some("id"));
        assert_eq!(read.expiry(), session.expiry());
        assert!(!read.data_changed());
        for name in ["user", "big", "list"] {
            assert_eq!(read.get_raw(name), session.get_raw(name));
        }
        assert_eq!(encode(&read, NOW).unwrap().bytes, kept.bytes);
        assert!(read.is_expired());
    }

    #[test]
    fn what_saysion_s_redis_store_wrote_is_read() {
        let mut old = session(&[("user", r#""Ada""#)]);
        old.expire_in(HOUR);
        let bytes = serde_json::to_vec(&old).unwrap();
        let read = decode(&bytes, old.id()).unwrap();
        assert_eq!(read.get::<String>("user").unwrap(), "Ada");
        assert_eq!(read.expiry(), old.expiry());
    }

    #[test]
    fn a_session_without_an_end_lives_as_the_store_has_it() {
        let kept = encode(&session(&[]), NOW).unwrap();
        assert_eq!(kept.bytes, br#"{"_session":true}"#);
        assert_eq!(kept.max_age, MaxAge::Session);
        assert_eq!(decode(&kept.bytes, "id").unwrap().expiry(), None);
    }

    #[test]
    fn what_is_no_session_is_refused_and_shows_nothing() {
        for bytes in [b"secret".as_slice(), b"", b"[1]", b"\xff", b"{\"secret\":"] {
            assert!(decode(bytes, "id").is_none());
        }
        for odd in [
            session(&[("name", "secret")]),
            session(&[("_expire", "\"secret\"")]),
        ] {
            let error = encode(&odd, NOW).err().unwrap();
            assert!(!format!("{error:?}").contains("secret"));
        }
    }
}
