//! Values of any serde type.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, ErrorKind, MaxAge, Result, SessionKey, SessionStore};

/// Reads and writes values of any serde type, kept as JSON (feature `json`).
///
/// Implemented for every store, also behind `dyn`:
///
/// ```
/// use session_store_api::{MaxAge, Result, SessionKey, SessionStore, SessionStoreExt};
///
/// async fn count(store: &dyn SessionStore, key: &SessionKey) -> Result<u32> {
///     let n: u32 = store.get_as(key).await?.unwrap_or(0) + 1;
///     store.set_as(key, &n, MaxAge::Session).await?;
///     Ok(n)
/// }
/// ```
pub trait SessionStoreExt: SessionStore {
    /// [`get`](SessionStore::get), read as JSON.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the value is not JSON of a `T`; otherwise as `get`.
    fn get_as<T: DeserializeOwned>(
        &self,
        key: &SessionKey,
    ) -> impl Future<Output = Result<Option<T>>> + Send {
        async move {
            let Some(bytes) = self.get(key).await? else {
                return Ok(None);
            };
            // serde_json quotes the value it stumbled over, so only the place of the error is kept.
            serde_json::from_slice(&bytes).map(Some).map_err(|e| {
                let at = format!(
                    "not the expected JSON, at line {} column {}",
                    e.line(),
                    e.column()
                );
                Error::new(ErrorKind::Corrupt, "json", at)
            })
        }
    }

    /// [`set`](SessionStore::set), written as JSON.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Other`] if `value` has no JSON form, before anything is written; otherwise as `set`.
    fn set_as<T: Serialize + Sync>(
        &self,
        key: &SessionKey,
        value: &T,
        max_age: MaxAge,
    ) -> impl Future<Output = Result<()>> + Send {
        async move {
            let bytes = serde_json::to_vec(value)
                .map_err(|_| Error::new(ErrorKind::Other, "json", "the value has no JSON form"))?;
            self.set(key, &bytes, max_age).await
        }
    }
}

impl<S: SessionStore + ?Sized> SessionStoreExt for S {}
