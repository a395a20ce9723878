//! The adapter.

use std::error::Error;
use std::fmt::Write;
use std::time::{Duration, SystemTime};

use axum_session::{DatabaseError, DatabasePool};
use session_store_api::{AtomicSessionStore, Condition, MaxAge, SessionKey, async_trait};

use crate::key;

/// How often a write tries again that others come before. Each time one of them has succeeded.
const ATTEMPTS: usize = 100;

/// What is left under the id of a session that was ended: bytes that are no session.
const ENDED: &[u8] = b"ended";

/// How long it is left there, unless told otherwise.
const REMEMBERED: Duration = Duration::from_secs(5 * 60);

/// An atomic session store as axum_session wants one.
///
/// See the [crate docs](crate) for what each operation does, and for the record that is kept.
#[derive(Clone, Debug)]
pub struct AxumSessionPool<S> {
    store: S,
    remembered: Duration,
}

impl<S: AtomicSessionStore> AxumSessionPool<S> {
    /// Keeps the sessions of axum_session in `store`.
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

    async fn write(
        &self,
        key: &SessionKey,
        session: &[u8],
        max_age: MaxAge,
    ) -> Result<(), DatabaseError> {
        let failed = |error| DatabaseError::GenericInsertError(text(&error));
        for _ in 0..ATTEMPTS {
            let found = self.store.get(key).await.map_err(failed)?;
            if found.as_deref() == Some(ENDED) {
                tracing::warn!("the session to store was ended meanwhile, and stays so");
                return Ok(());
            }
            let condition = match &found {
                Some(bytes) => Condition::Unchanged(bytes),
                None => Condition::Absent,
            };
            let written = self.store.set_if(key, condition, session, max_age).await;
            if written.map_err(failed)? {
                return Ok(());
            }
        }
        Err(DatabaseError::GenericInsertError(
            "a session is written by too many requests at once".to_owned(),
        ))
    }
}

#[async_trait]
impl<S: AtomicSessionStore> DatabasePool for AxumSessionPool<S> {
    async fn initiate(&self, table_name: &str) -> Result<(), DatabaseError> {
        key::check(table_name).map_err(|error| DatabaseError::GenericCreateError(error.to_string()))
    }

    async fn store(
        &self,
        id: &str,
        session: &str,
        expires: i64,
        table_name: &str,
    ) -> Result<(), DatabaseError> {
        let refused = |error: &dyn Error| DatabaseError::GenericInsertError(error.to_string());
        let key = key::key(id, table_name).map_err(|error| refused(&error))?;
        let Some(key) = key else {
            return Err(DatabaseError::GenericInsertError(
                "what the cookie holds cannot be a session's id".to_owned(),
            ));
        };
        let max_age = MaxAge::After(life(expires, SystemTime::now()));
        self.write(&key, session.as_bytes(), max_age).await
    }

    async fn load(&self, id: &str, table_name: &str) -> Result<Option<String>, DatabaseError> {
        let Some(key) = key::key(id, table_name).map_err(unreadable)? else {
            return Ok(None);
        };
        let found = self.store.get(&key).await.map_err(unreadable)?;
        let Some(bytes) = found.filter(|bytes| bytes != ENDED) else {
            return Ok(None);
        };
        let session = String::from_utf8(bytes).ok();
        if session.is_none() {
            tracing::warn!("a record under a session's id is no session, and is not read");
        }
        Ok(session)
    }

    async fn delete_one_by_id(&self, id: &str, table_name: &str) -> Result<(), DatabaseError> {
        let failed = |error: &dyn Error| DatabaseError::GenericDeleteError(text(error));
        let Some(key) = key::key(id, table_name).map_err(|error| failed(&error))? else {
            return Ok(());
        };
        let remembered = MaxAge::After(self.remembered);
        let ended = self
            .store
            .set_if(&key, Condition::Present, ENDED, remembered);
        ended.await.map_err(|error| failed(&error))?;
        Ok(())
    }

    /// An id of a session that was ended is taken too: axum_session asks for those it may give away.
    async fn exists(&self, id: &str, table_name: &str) -> Result<bool, DatabaseError> {
        let Some(key) = key::key(id, table_name).map_err(unreadable)? else {
            return Ok(false);
        };
        Ok(self.store.get(&key).await.map_err(unreadable)?.is_some())
    }

    /// Nothing: every store removes expired sessions by itself.
    async fn delete_by_expiry(&self, _table_name: &str) -> Result<Vec<String>, DatabaseError> {
        Ok(Vec::new())
    }

    async fn count(&self, _table_name: &str) -> Result<i64, DatabaseError> {
        Err(unsupported("sessions cannot be counted"))
    }

    async fn delete_all(&self, _table_name: &str) -> Result<(), DatabaseError> {
        Err(unsupported("sessions cannot be deleted all at once"))
    }

    async fn get_ids(&self, _table_name: &str) -> Result<Vec<String>, DatabaseError> {
        Err(unsupported(
            "sessions cannot be listed; with the feature `key-store` set `with_bloom_filter(false)`",
        ))
    }

    fn auto_handles_expiry(&self) -> bool {
        true
    }
}

/// The time from `now` to the end of the second `expires`: axum_session has cut off the fraction of a
/// second by which the session lives longer.
fn life(expires: i64, now: SystemTime) -> Duration {
    let ends = u64::try_from(expires.saturating_add(1)).unwrap_or_default();
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Duration::from_secs(ends).saturating_sub(now)
}

fn unreadable(error: impl Error) -> DatabaseError {
    DatabaseError::GenericSelectError(text(&error))
}

fn unsupported(what: &str) -> DatabaseError {
    DatabaseError::GenericNotSupportedError(format!(
        "{what}: a session store knows no list of them"
    ))
}

/// An error and its causes: axum_session keeps text alone.
fn text(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_session_ends_before_its_time() {
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        // Written at 10.9 s for 3 s: until 13.9 s, of which axum_session says 13.
        assert_eq!(life(13, at(10_900)), Duration::from_millis(3_100));
        assert_eq!(life(13, at(20_000)), Duration::ZERO);
        assert_eq!(life(-1, at(0)), Duration::ZERO);
        assert_eq!(life(i64::MIN, at(5)), Duration::ZERO);
        let longest = Duration::from_secs(i64::MAX.unsigned_abs());
        assert_eq!(life(i64::MAX, at(0)), longest);
    }
}
