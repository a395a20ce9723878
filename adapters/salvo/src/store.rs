//! The adapter.

use std::time::{Duration, SystemTime};

use anyhow::{Result, anyhow, bail};
use saysion::{Session, SessionStore, async_trait};
use session_store_api::{AtomicSessionStore, Condition, MaxAge, SessionKey};

use crate::record::{self, Kept};

/// An atomic session store as salvo wants one.
///
/// See the [crate docs](crate) for what each operation does, and for the record that is kept.
#[derive(Clone, Debug)]
pub struct SalvoSessionStore<S> {
    store: S,
    late_save: LateSave,
}

/// What to do about a request that saves a session which another has ended meanwhile, or which has expired.
///
/// Either way the session stays ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LateSave {
    /// Drops what was to be saved and tells the log. The response goes out as it is.
    #[default]
    Drop,
    /// Answers an error, of which salvo makes a 503.
    Fail,
}

impl<S: AtomicSessionStore> SalvoSessionStore<S> {
    /// Keeps the sessions of salvo in `store`.
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

    /// Keeps a session under an id that is not taken.
    async fn insert(&self, key: &SessionKey, kept: &Kept) -> Result<()> {
        let condition = Condition::Absent;
        let written = self
            .store
            .set_if(key, condition, &kept.bytes, kept.max_age)
            .await?;
        if written {
            Ok(())
        } else {
            // One in 2²⁵⁶ is.
            Err(anyhow!("a new session id is taken"))
        }
    }

    /// Removes a record; `false` if there was none.
    async fn end(&self, key: &SessionKey) -> Result<bool> {
        let at_once = MaxAge::After(Duration::ZERO);
        let ended = self.store.set_if(key, Condition::Present, b"", at_once);
        Ok(ended.await?)
    }

    /// Moves a session to its new id; `false` if it has ended meanwhile.
    async fn rotate(&self, old: &SessionKey, new: &SessionKey, kept: &Kept) -> Result<bool> {
        self.insert(new, kept).await?;
        if self.end(old).await? {
            return Ok(true);
        }
        self.store.destroy(new).await?;
        Ok(false)
    }
}

#[async_trait]
impl<S: AtomicSessionStore + 'static> SessionStore for SalvoSessionStore<S> {
    async fn load_session(&self, cookie_value: String) -> Result<Option<Session>> {
        let Ok(id) = Session::id_from_cookie_value(&cookie_value) else {
            return Ok(None);
        };
        let Some(bytes) = self.store.get(&SessionKey::new(id.as_str())?).await? else {
            return Ok(None);
        };
        let Some(session) = record::decode(&bytes, &id) else {
            tracing::warn!("a record under a session's id is no session, and is not read");
            return Ok(None);
        };
        Ok(session.validate())
    }

    async fn store_session(&self, session: Session) -> Result<Option<String>> {
        let key = SessionKey::new(session.id())?;
        let kept = record::encode(&session, SystemTime::now())?;
        let saved = match record::origin(&session) {
            None => {
                self.insert(&key, &kept).await?;
                true
            }
            Some(origin) if origin == session.id() => {
                let condition = Condition::Present;
                self.store
                    .set_if(&key, condition, &kept.bytes, kept.max_age)
                    .await?
            }
            Some(origin) => self.rotate(&SessionKey::new(origin)?, &key, &kept).await?,
        };
        if saved {
            session.reset_data_changed();
            return Ok(session.into_cookie_value());
        }
        let late = "the session to save has ended meanwhile, and stays so";
        match self.late_save {
            LateSave::Drop => {
                tracing::warn!("{late}");
                Ok(None)
            }
            LateSave::Fail => bail!(late),
        }
    }

    async fn destroy_session(&self, session: Session) -> Result<()> {
        if let Some(origin) = record::origin(&session) {
            self.store.destroy(&SessionKey::new(origin)?).await?;
        }
        let key = SessionKey::new(session.id())?;
        Ok(self.store.destroy(&key).await?)
    }

    async fn clear_store(&self) -> Result<()> {
        bail!("clearing the store is not supported: a session store knows no list of its sessions")
    }
}
