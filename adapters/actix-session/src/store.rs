//! The adapter.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use actix_session::storage::{
    LoadError, SaveError, SessionKey as TheirKey, SessionStore, UpdateError,
};
use actix_web::cookie::time;
use session_store_api::{AtomicSessionStore, Condition, MaxAge};

use crate::{key, record};

/// How often a key is drawn that is taken before that is called an error. One in 2²⁵⁶ is.
const DRAWS: usize = 8;

/// An atomic session store as actix-session wants one.
///
/// See the [crate docs](crate) for what each operation does, and for the record that is kept.
#[derive(Clone, Debug)]
pub struct ActixSessionStore<S> {
    store: S,
    late_save: LateSave,
}

/// What to do about a request that saves a session which another has ended meanwhile, or which has expired.
///
/// Either way the session stays ended, and nothing is written under another key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LateSave {
    /// Drops what was to be saved and tells the log. The response goes out as it is.
    #[default]
    Drop,
    /// Answers an error, of which actix-session makes a 500.
    Fail,
}

impl<S: AtomicSessionStore> ActixSessionStore<S> {
    /// Keeps the sessions of actix-session in `store`.
    pub fn new(store: S) -> Self {
        Self {
            store,
            late_save: LateSave::default(),
        }
    }

    /// What to do about a save that comes too late. [`LateSave::Drop`] unless set.
    #[must_use]
    pub fn with_late_save(mut self, late_save: LateSave) -> Self {
        self.late_save = late_save;
        self
    }

    /// What is answered about a save that comes too late.
    fn late(&self, key: TheirKey) -> Result<TheirKey, UpdateError> {
        let late = "the session to save has ended meanwhile, and stays so";
        match self.late_save {
            LateSave::Drop => {
                tracing::warn!("{late}");
                Ok(key)
            }
            LateSave::Fail => Err(UpdateError::Other(anyhow::anyhow!(late))),
        }
    }
}

impl<S: AtomicSessionStore> SessionStore for ActixSessionStore<S> {
    async fn load(&self, key: &TheirKey) -> Result<Option<HashMap<String, String>>, LoadError> {
        let Some(key) = key::ours(key) else {
            return Ok(None);
        };
        let bytes = self
            .store
            .get(&key)
            .await
            .map_err(|error| LoadError::Other(error.into()))?;
        match bytes {
            Some(bytes) => {
                record::decode(&bytes, SystemTime::now()).map_err(LoadError::Deserialization)
            }
            None => Ok(None),
        }
    }

    async fn save(
        &self,
        state: HashMap<String, String>,
        ttl: &time::Duration,
    ) -> Result<TheirKey, SaveError> {
        let life = life(*ttl);
        let record = record::encode(&state, life).map_err(SaveError::Serialization)?;
        for _ in 0..DRAWS {
            let (theirs, ours) = key::new().map_err(SaveError::Other)?;
            let written = self
                .store
                .set_if(&ours, Condition::Absent, &record, MaxAge::After(life));
            if written
                .await
                .map_err(|error| SaveError::Other(error.into()))?
            {
                return Ok(theirs);
            }
        }
        Err(SaveError::Other(anyhow::anyhow!(
            "{DRAWS} new session keys were all taken"
        )))
    }

    async fn update(
        &self,
        key: TheirKey,
        state: HashMap<String, String>,
        ttl: &time::Duration,
    ) -> Result<TheirKey, UpdateError> {
        let life = life(*ttl);
        let record = record::encode(&state, life).map_err(UpdateError::Serialization)?;
        let Some(ours) = key::ours(&key) else {
            return self.late(key);
        };
        let written = self
            .store
            .set_if(&ours, Condition::Present, &record, MaxAge::After(life));
        if written
            .await
            .map_err(|error| UpdateError::Other(error.into()))?
        {
            Ok(key)
        } else {
            self.late(key)
        }
    }

    /// Never revives: of a session that has ended there is nothing to renew.
    async fn update_ttl(&self, key: &TheirKey, ttl: &time::Duration) -> Result<(), anyhow::Error> {
        if let Some(key) = key::ours(key) {
            self.store.touch(&key, MaxAge::After(life(*ttl))).await?;
        }
        Ok(())
    }

    async fn delete(&self, key: &TheirKey) -> Result<(), anyhow::Error> {
        if let Some(key) = key::ours(key) {
            self.store.destroy(&key).await?;
        }
        Ok(())
    }
}

/// A lifetime, of which less than nothing is none.
fn life(ttl: time::Duration) -> Duration {
    ttl.try_into().unwrap_or_default()
}
