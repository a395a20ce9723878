//! Stores that hide or prolong a fault of their server, or say too much about it.

use std::fmt;
use std::future;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use session_store_api::{
    AtomicSessionStore, Condition, Error, ErrorKind, MaxAge, Result, SessionKey, SessionStore,
};

use super::mutant::{Deviation, Mutant};
use super::reference::{REFUSAL, Reference, error};

pub(crate) fn mutants() -> Vec<Mutant> {
    vec![
        Mutant::new("C14", "answers None for every error", || ErrorsAreNone),
        Mutant::new("C14", "answers None when the server hangs", || {
            TimeoutsAreNone
        }),
        Mutant::new("C14", "answers None when the server refuses", || {
            RefusalsAreNone
        }),
        Mutant::new("C14", "loses writes while the server is down", || {
            LosesWrites
        }),
        Mutant::new("C14", "destroys nothing while the server is down", || {
            LosesDestroys
        }),
        Mutant::new(
            "C14",
            "set_if answers false while the server is down",
            || SetIfSaysFalse,
        ),
        Mutant::new(
            "C14",
            "touch answers false while the server is down",
            || TouchSaysFalse,
        ),
        Mutant::new("C14", "waits for ever for a server", || Waits),
        Mutant::new("C14", "waits for ever for a set to a server", || SetWaits),
        Mutant::new("C14", "stays broken once it was", StaysBroken::default),
        Mutant::new(
            "C14",
            "gives the wrong kind when the server is down",
            || WrongKind,
        ),
        Mutant::new(
            "C14",
            "serves what it has seen while the server is down",
            ServesStale::default,
        ),
        Mutant::new(
            "C14",
            "lets callers wait for one another while the server hangs",
            OneByOne::default,
        ),
        Mutant::new("C14", "takes noise for a value", || TakesNoise),
        Mutant::new("C14", "takes half an answer for none", || HalfIsNone),
        Mutant::new("C14", "takes a set for done that nobody confirmed", || {
            TakesForDone
        }),
        Mutant::new("C15", "shows the key in an error", || {
            Tells(|error, key, _| {
                Error::new(error.kind(), "reference", format!("no answer about {key}"))
            })
        }),
        Mutant::new("C15", "shows the key in the source of an error", || {
            Tells(|error, key, _| error.with_source(format!("GET {key}")))
        }),
        Mutant::new("C15", "shows the value in an error", || {
            Tells(|error, _, value| {
                let value = String::from_utf8_lossy(value);
                Error::new(
                    error.kind(),
                    "reference",
                    format!("could not write {value}"),
                )
            })
        }),
        Mutant::new("C15", "shows the value as bytes in an error", || {
            Tells(|error, _, value| error.with_source(format!("{value:?}")))
        }),
        Mutant::new("C15", "logs keys", || {
            Logs(|key, _| key.as_str().to_owned())
        }),
        Mutant::new("C15", "logs values", || {
            Logs(|_, value| String::from_utf8_lossy(value).into_owned())
        }),
        Mutant::new("C15", "logs values as bytes", || {
            Logs(|_, value| format!("{value:?}"))
        }),
        Mutant::new("C15", "logs the key of a call that fails", || LogsFailures),
        Mutant::new("C15", "shows keys in Debug", || {
            Shows(Mutex::default(), |key, _| key.as_str().to_owned())
        }),
        Mutant::new("C15", "shows values in Debug", || {
            Shows(Mutex::default(), |_, value| {
                String::from_utf8_lossy(value).into_owned()
            })
        }),
        Mutant::new("C15", "shows values as bytes in Debug", || {
            Shows(Mutex::default(), |_, value| format!("{value:?}"))
        }),
    ]
}

struct ErrorsAreNone;

#[async_trait]
impl Deviation for ErrorsAreNone {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        Ok(store.get(key).await.unwrap_or_default())
    }
}

struct TimeoutsAreNone;

#[async_trait]
impl Deviation for TimeoutsAreNone {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        match store.get(key).await {
            Err(error) if error.kind() == ErrorKind::Timeout => Ok(None),
            answer => answer,
        }
    }
}

struct RefusalsAreNone;

#[async_trait]
impl Deviation for RefusalsAreNone {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        match store.get(key).await {
            Err(error) if error.to_string().ends_with(REFUSAL) => Ok(None),
            answer => answer,
        }
    }
}

struct LosesWrites;

#[async_trait]
impl Deviation for LosesWrites {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        match store.set(key, value, max_age).await {
            Err(error) if error.kind().is_transient() => Ok(()),
            answer => answer,
        }
    }
}

struct LosesDestroys;

#[async_trait]
impl Deviation for LosesDestroys {
    async fn destroy(&self, store: &Reference, key: &SessionKey) -> Result<()> {
        store.destroy(key).await.or(Ok(()))
    }
}

struct SetIfSaysFalse;

#[async_trait]
impl Deviation for SetIfSaysFalse {
    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        match store.set_if(key, condition, value, max_age).await {
            Err(error) if error.kind().is_transient() => Ok(false),
            answer => answer,
        }
    }
}

struct TouchSaysFalse;

#[async_trait]
impl Deviation for TouchSaysFalse {
    async fn touch(&self, store: &Reference, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        store.touch(key, max_age).await.or(Ok(false))
    }
}

struct Waits;

#[async_trait]
impl Deviation for Waits {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        match store.get(key).await {
            Err(_) => future::pending().await,
            found => found,
        }
    }
}

struct SetWaits;

#[async_trait]
impl Deviation for SetWaits {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        match store.set(key, value, max_age).await {
            Err(error) if error.kind().is_transient() => future::pending().await,
            answer => answer,
        }
    }
}

#[derive(Default)]
struct StaysBroken(AtomicBool);

#[async_trait]
impl Deviation for StaysBroken {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        if self.0.load(Ordering::Relaxed) {
            return Err(error(ErrorKind::Unavailable, "no connection"));
        }
        let found = store.get(key).await;
        self.0.store(found.is_err(), Ordering::Relaxed);
        found
    }
}

struct WrongKind;

#[async_trait]
impl Deviation for WrongKind {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let found = store.get(key).await;
        found.map_err(|_| error(ErrorKind::Other, "no connection"))
    }
}

/// Remembers the last thing that was read.
#[derive(Default)]
struct ServesStale(Mutex<Option<Vec<u8>>>);

#[async_trait]
impl Deviation for ServesStale {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let found = store.get(key).await;
        let mut last = self.0.lock().unwrap();
        if let Ok(found) = &found {
            last.clone_from(found);
        }
        Ok(last.clone())
    }
}

#[derive(Default)]
struct OneByOne(tokio::sync::Mutex<()>);

#[async_trait]
impl Deviation for OneByOne {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let _turn = self.0.lock().await;
        store.get(key).await
    }
}

struct TakesNoise;

#[async_trait]
impl Deviation for TakesNoise {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        match store.get(key).await {
            Err(error) if error.kind() == ErrorKind::Other => Ok(Some(b"noise".to_vec())),
            answer => answer,
        }
    }
}

struct HalfIsNone;

#[async_trait]
impl Deviation for HalfIsNone {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        match store.get(key).await {
            Err(error) if error.to_string().ends_with("the connection broke") => Ok(None),
            answer => answer,
        }
    }
}

struct TakesForDone;

#[async_trait]
impl Deviation for TakesForDone {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        match store.set(key, value, max_age).await {
            Err(error) if error.kind() == ErrorKind::Timeout => Ok(()),
            answer => answer,
        }
    }
}

/// Turns errors into such as say too much.
struct Tells(fn(Error, &str, &[u8]) -> Error);

#[async_trait]
impl Deviation for Tells {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let found = store.get(key).await;
        found.map_err(|error| self.0(error, key.as_str(), b""))
    }

    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        let set = store.set(key, value, max_age).await;
        set.map_err(|error| self.0(error, key.as_str(), value))
    }
}

/// Logs what it writes, at the lowest level.
struct Logs(fn(&SessionKey, &[u8]) -> String);

#[async_trait]
impl Deviation for Logs {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        tracing::trace!("set {}", self.0(key, value));
        store.set(key, value, max_age).await
    }
}

struct LogsFailures;

#[async_trait]
impl Deviation for LogsFailures {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let found = store.get(key).await;
        found.inspect_err(|error| tracing::warn!("get of {}: {error}", key.as_str()))
    }
}

/// Shows the last record that was written.
struct Shows(Mutex<String>, fn(&SessionKey, &[u8]) -> String);

#[async_trait]
impl Deviation for Shows {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        *self.0.lock().unwrap() = self.1(key, value);
        store.set(key, value, max_age).await
    }

    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.lock().unwrap())
    }
}
