//! The adapter.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use poem::error::InternalServerError;
use poem::session::SessionStorage;
use poem::{Error, Result};
use serde_json::Value;
use session_store_api::{AtomicSessionStore, Condition, MaxAge, SessionKey, SessionRecord};

/// How often a write tries again that others come before. Each time one of them has succeeded.
const ATTEMPTS: usize = 100;

/// What is left under the id of a session that was ended: bytes that are no session.
const ENDED: &[u8] = b"ended";

/// How long it is left there, unless told otherwise.
const REMEMBERED: Duration = Duration::from_secs(5 * 60);

/// An atomic session store as poem wants one.
///
/// See the [crate docs](crate) for what each operation does, and for the record that is kept.
#[derive(Clone, Debug)]
pub struct PoemSessionStore<S> {
    store: S,
    remembered: Duration,
}

impl<S: AtomicSessionStore> PoemSessionStore<S> {
    /// Keeps the sessions of poem in `store`.
    pub fn new(store: S) -> Self {
        Self {
            store,
            remembered: REMEMBERED,
        }
    }

    /// How long the store remembers that a session was ended, so that a request which read it before
    /// cannot bring it back: longer than a request takes. 5 minutes unless set; zero remembers nothing.
    #[must_use]
    pub fn with_remembered(mut self, remembered: Duration) -> Self {
        self.remembered = remembered;
        self
    }
}

impl<S: AtomicSessionStore> SessionStorage for PoemSessionStore<S> {
    async fn load_session<'a>(&'a self, id: &'a str) -> Result<Option<BTreeMap<String, Value>>> {
        // poem takes the id from the cookie as it comes. What is no key opens nothing.
        let Ok(key) = SessionKey::new(id) else {
            return Ok(None);
        };
        let Some(bytes) = self.store.get(&key).await.map_err(failed)? else {
            return Ok(None);
        };
        if bytes == ENDED {
            return Ok(None);
        }
        let Some(record) = SessionRecord::decode(&bytes) else {
            tracing::warn!("a record under a session's id is no session, and is not read");
            return Ok(None);
        };
        if record.is_expired(SystemTime::now()) {
            return Ok(None);
        }
        Ok(Some(record.into_values().into_iter().collect()))
    }

    async fn update_session<'a>(
        &'a self,
        id: &'a str,
        entries: &'a BTreeMap<String, Value>,
        expires: Option<Duration>,
    ) -> Result<()> {
        let key = SessionKey::new(id).map_err(InternalServerError)?;
        let max_age = expires.map_or(MaxAge::Session, MaxAge::After);
        let values = entries
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()));
        let record = SessionRecord::new(values.collect(), max_age, SystemTime::now());
        let record = record.map_err(InternalServerError)?.encode();
        for _ in 0..ATTEMPTS {
            let found = self.store.get(&key).await.map_err(failed)?;
            if found.as_deref() == Some(ENDED) {
                tracing::warn!("the session to update was ended meanwhile, and stays so");
                return Ok(());
            }
            let condition = match &found {
                Some(bytes) => Condition::Unchanged(bytes),
                None => Condition::Absent,
            };
            let written = self.store.set_if(&key, condition, &record, max_age).await;
            if written.map_err(failed)? {
                return Ok(());
            }
        }
        Err(Error::from_string(
            "a session is written by too many requests at once",
            poem::http::StatusCode::SERVICE_UNAVAILABLE,
        ))
    }

    async fn remove_session<'a>(&'a self, id: &'a str) -> Result<()> {
        let Ok(key) = SessionKey::new(id) else {
            return Ok(());
        };
        let remembered = MaxAge::After(self.remembered);
        let ended = self
            .store
            .set_if(&key, Condition::Present, ENDED, remembered);
        ended.await.map_err(failed)?;
        Ok(())
    }
}

/// A store's error as poem's, which a response of 500, or of 503 for what may work later, is made of.
fn failed(error: session_store_api::Error) -> Error {
    let status = if error.kind().is_transient() {
        poem::http::StatusCode::SERVICE_UNAVAILABLE
    } else {
        poem::http::StatusCode::INTERNAL_SERVER_ERROR
    };
    Error::new(error, status)
}
