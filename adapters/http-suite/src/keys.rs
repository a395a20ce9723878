//! A store that remembers under which keys it was written.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use session_store_api::{AtomicSessionStore, Condition, MaxAge, Result, SessionKey, SessionStore};

/// A real store, and the key that was written last: so a case can put under it what no middleware wrote.
#[derive(Clone, Debug)]
pub(crate) struct Remembering {
    store: Arc<dyn AtomicSessionStore>,
    last: Arc<Mutex<Option<SessionKey>>>,
}

impl Remembering {
    pub(crate) fn new(store: Arc<dyn AtomicSessionStore>) -> Self {
        Self {
            store,
            last: Arc::default(),
        }
    }

    /// The key under which the last record was written.
    pub(crate) fn last(&self) -> Option<SessionKey> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }

    fn remember(&self, key: &SessionKey) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(key.clone());
    }
}

#[async_trait]
impl SessionStore for Remembering {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        self.store.get(key).await
    }

    async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
        self.remember(key);
        self.store.set(key, value, max_age).await
    }

    async fn destroy(&self, key: &SessionKey) -> Result<()> {
        self.store.destroy(key).await
    }
}

#[async_trait]
impl AtomicSessionStore for Remembering {
    async fn set_if(
        &self,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        self.remember(key);
        self.store.set_if(key, condition, value, max_age).await
    }

    async fn touch(&self, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        self.store.touch(key, max_age).await
    }
}
