//! Stores that change values.

use async_trait::async_trait;
use session_store_api::{
    AtomicSessionStore, Condition, ErrorKind, MaxAge, Result, SessionKey, SessionStore,
};

use super::mutant::{Deviation, Mutant};
use super::reference::{MAX_VALUE, Reference, error};

pub(crate) fn mutants() -> Vec<Mutant> {
    vec![
        Mutant::new("C01", "reads a missing record as empty", || {
            ReadsMissingAsEmpty
        }),
        Mutant::new("C01", "answers an error for a missing record", || {
            MissingIsError
        }),
        Mutant::new("C02", "cuts values at 64 KiB less one byte", || {
            Stores(|value| value[..value.len().min(65_535)].to_vec())
        }),
        Mutant::new("C02", "cuts values at 512 KiB", || {
            Stores(|value| value[..value.len().min(512 * 1024)].to_vec())
        }),
        Mutant::new("C02", "stops at the first NUL", || {
            Stores(|value| value.split(|byte| *byte == 0).next().unwrap().to_vec())
        }),
        Mutant::new("C02", "loses NULs", || {
            Stores(|value| value.iter().copied().filter(|byte| *byte != 0).collect())
        }),
        Mutant::new("C02", "keeps text only: UTF-8, lossy", || {
            Stores(|value| String::from_utf8_lossy(value).into_owned().into_bytes())
        }),
        Mutant::new("C02", "drops a line end at the end", || {
            Stores(|value| value.strip_suffix(b"\n").unwrap_or(value).to_vec())
        }),
        Mutant::new("C02", "trims white space at the end", || {
            Stores(|value| value.trim_ascii_end().to_vec())
        }),
        Mutant::new("C02", "turns CR LF into LF", || {
            Stores(|value| {
                let pairs = value.iter().zip(value.iter().skip(1).chain([&0]));
                let kept = pairs.filter(|pair| *pair != (&b'\r', &b'\n'));
                kept.map(|(byte, _)| *byte).collect()
            })
        }),
        Mutant::new("C02", "clears the top bit of each byte", || {
            Stores(|value| value.iter().map(|byte| byte & 0x7F).collect())
        }),
        Mutant::new("C02", "reads an empty value as None", || ReadsEmptyAsNone),
        Mutant::new("C02", "reads the word END as None", || ReadsProtocolWords),
        Mutant::new("C16", "cuts a value over the limit and says Ok", || {
            Stores(|value| value[..value.len().min(MAX_VALUE)].to_vec())
        }),
        Mutant::new("C16", "leaves half of a refused value", || LeavesHalf),
        Mutant::new("C16", "stores a refused value all the same", || {
            StoresRefused
        }),
        Mutant::new("C16", "gives the wrong kind for too large", || WrongKind),
        Mutant::new("C16", "refuses a value of exactly the limit", || {
            RefusesLimit
        }),
        Mutant::new("C16", "set_if knows no limit", || UnlimitedSetIf),
    ]
}

/// Stores other bytes than it was given.
struct Stores(fn(&[u8]) -> Vec<u8>);

#[async_trait]
impl Deviation for Stores {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        store.set(key, &self.0(value), max_age).await
    }

    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        let value = self.0(value);
        store.set_if(key, condition, &value, max_age).await
    }
}

struct ReadsMissingAsEmpty;

#[async_trait]
impl Deviation for ReadsMissingAsEmpty {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        Ok(Some(store.get(key).await?.unwrap_or_default()))
    }
}

struct MissingIsError;

#[async_trait]
impl Deviation for MissingIsError {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        match store.get(key).await? {
            None => Err(error(ErrorKind::Corrupt, "no such record")),
            found => Ok(found),
        }
    }
}

struct ReadsEmptyAsNone;

#[async_trait]
impl Deviation for ReadsEmptyAsNone {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let value = store.get(key).await?;
        Ok(value.filter(|value| !value.is_empty()))
    }
}

struct ReadsProtocolWords;

#[async_trait]
impl Deviation for ReadsProtocolWords {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let value = store.get(key).await?;
        Ok(value.filter(|value| !value.starts_with(b"END\r\n")))
    }
}

struct LeavesHalf;

#[async_trait]
impl Deviation for LeavesHalf {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        let set = store.set(key, value, max_age).await;
        if set.is_err() {
            let half = &value[..value.len() / 2];
            store.set(key, half, max_age).await?;
        }
        set
    }
}

struct StoresRefused;

#[async_trait]
impl Deviation for StoresRefused {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        let set = store.set(key, value, max_age).await;
        if set.is_err() {
            let ends = store.ends(max_age);
            store.ask(|records| records.put(key, value, ends)).await?;
        }
        set
    }
}

struct WrongKind;

#[async_trait]
impl Deviation for WrongKind {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        if value.len() > MAX_VALUE {
            return Err(error(ErrorKind::Other, "protocol error"));
        }
        store.set(key, value, max_age).await
    }
}

struct RefusesLimit;

#[async_trait]
impl Deviation for RefusesLimit {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        if value.len() == MAX_VALUE {
            return Err(error(ErrorKind::TooLarge, "over 1 MiB"));
        }
        store.set(key, value, max_age).await
    }
}

struct UnlimitedSetIf;

#[async_trait]
impl Deviation for UnlimitedSetIf {
    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        let known = &value[..value.len().min(MAX_VALUE)];
        store.set_if(key, condition, known, max_age).await
    }
}
