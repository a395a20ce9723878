//! What pavex_session asks of a store.

use std::num::NonZeroUsize;
use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use pavex_session::SessionId;
use pavex_session::store::errors::{
    ChangeIdError, CreateError, DeleteError, DeleteExpiredError, DuplicateIdError, LoadError,
    UnknownIdError, UpdateError, UpdateTtlError,
};
use pavex_session::store::{SessionRecord as TheirRecord, SessionRecordRef, SessionStorageBackend};
use serde::ser::Error as _;
use session_store_api::{AtomicSessionStore, Condition, MaxAge, SessionRecord, async_trait};

use crate::store::{PavexSessionStore, encode, key};

/// How often a write tries again that others come before. Each time one of them has succeeded.
const ATTEMPTS: usize = 100;

/// What is said when it has tried often enough.
const BUSY: &str = "a session is written by too many requests at once";

#[async_trait]
impl<S: AtomicSessionStore> SessionStorageBackend for PavexSessionStore<S> {
    async fn create(
        &self,
        id: &SessionId,
        record: SessionRecordRef<'_>,
    ) -> Result<(), CreateError> {
        let key = key(id).map_err(|error| CreateError::Other(error.into()))?;
        let (bytes, max_age) = encode(&record).map_err(serde_json::Error::custom)?;
        let written = self
            .store
            .set_if(&key, Condition::Absent, &bytes, max_age)
            .await;
        match written {
            Ok(true) => Ok(()),
            Ok(false) => Err(DuplicateIdError { id: *id }.into()),
            Err(error) => Err(CreateError::Other(error.into())),
        }
    }

    async fn update(
        &self,
        id: &SessionId,
        record: SessionRecordRef<'_>,
    ) -> Result<(), UpdateError> {
        let key = key(id).map_err(|error| UpdateError::Other(error.into()))?;
        let (bytes, max_age) = encode(&record).map_err(serde_json::Error::custom)?;
        let written = self
            .store
            .set_if(&key, Condition::Present, &bytes, max_age)
            .await;
        match written {
            Ok(true) => Ok(()),
            Ok(false) => Err(UnknownIdError { id: *id }.into()),
            Err(error) => Err(UpdateError::Other(error.into())),
        }
    }

    /// Writes the record anew, for it says itself when it ends.
    async fn update_ttl(&self, id: &SessionId, ttl: Duration) -> Result<(), UpdateTtlError> {
        let failed = |error: session_store_api::Error| UpdateTtlError::Other(error.into());
        let key = key(id).map_err(|error| UpdateTtlError::Other(error.into()))?;
        let max_age = MaxAge::After(ttl);
        for _ in 0..ATTEMPTS {
            let Some(found) = self.find(&key).await.map_err(failed)? else {
                return Err(UnknownIdError { id: *id }.into());
            };
            let values = found.record.into_values();
            let renewed = SessionRecord::new(values, max_age, SystemTime::now())
                .map_err(|error| UpdateTtlError::Other(error.into()))?
                .encode();
            let unchanged = Condition::Unchanged(&found.bytes);
            let written = self.store.set_if(&key, unchanged, &renewed, max_age);
            if written.await.map_err(failed)? {
                return Ok(());
            }
        }
        Err(UpdateTtlError::Other(anyhow!(BUSY)))
    }

    async fn load(&self, id: &SessionId) -> Result<Option<TheirRecord>, LoadError> {
        let key = key(id).map_err(|error| LoadError::Other(error.into()))?;
        match self.find(&key).await {
            Ok(found) => Ok(found.map(|found| found.into_theirs())),
            Err(error) => Err(LoadError::Other(error.into())),
        }
    }

    async fn delete(&self, id: &SessionId) -> Result<(), DeleteError> {
        let key = key(id).map_err(|error| DeleteError::Other(error.into()))?;
        match self.end(&key, Condition::Present).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(UnknownIdError { id: *id }.into()),
            Err(error) => Err(DeleteError::Other(error.into())),
        }
    }

    /// Copies the record to the new id, then ends the old one as it was copied: what another request writes in
    /// between is copied too, and if another ends the session in between, its copy goes.
    async fn change_id(&self, old_id: &SessionId, new_id: &SessionId) -> Result<(), ChangeIdError> {
        let failed = |error: session_store_api::Error| ChangeIdError::Other(error.into());
        let invalid =
            |error: session_store_api::InvalidSessionKey| ChangeIdError::Other(error.into());
        let (old, new) = (key(old_id).map_err(invalid)?, key(new_id).map_err(invalid)?);
        let mut copied = false;
        for _ in 0..ATTEMPTS {
            let Some(found) = self.find(&old).await.map_err(failed)? else {
                if copied {
                    self.store.destroy(&new).await.map_err(failed)?;
                }
                return Err(UnknownIdError { id: *old_id }.into());
            };
            let max_age = found.remaining().map_or(MaxAge::Session, MaxAge::After);
            if copied {
                let written = self.store.set(&new, &found.bytes, max_age);
                written.await.map_err(failed)?;
            } else {
                let written = self
                    .store
                    .set_if(&new, Condition::Absent, &found.bytes, max_age);
                if !written.await.map_err(failed)? {
                    return Err(DuplicateIdError { id: *new_id }.into());
                }
                copied = true;
            }
            let ended = self.end(&old, Condition::Unchanged(&found.bytes)).await;
            if ended.map_err(failed)? {
                return Ok(());
            }
        }
        self.store.destroy(&new).await.map_err(failed)?;
        Err(ChangeIdError::Other(anyhow!(BUSY)))
    }

    async fn delete_expired(
        &self,
        batch_size: Option<NonZeroUsize>,
    ) -> Result<usize, DeleteExpiredError> {
        match &self.sweep {
            Some(sweep) => Ok(sweep.run(batch_size).await.map_err(anyhow::Error::from)?),
            None => Ok(0),
        }
    }
}
