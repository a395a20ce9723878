//! A pointer to a store is a store.
#![deny(
    clippy::missing_trait_methods,
    reason = "a pointer forwards every method, also one that is provided one day"
)]

use std::sync::Arc;

use async_trait::async_trait;

use crate::{AtomicSessionStore, Condition, MaxAge, Result, SessionKey, SessionStore};

macro_rules! forward {
    ($($pointer:ty),+) => {$(
        #[async_trait]
        impl<S: SessionStore + ?Sized> SessionStore for $pointer {
            async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
                (**self).get(key).await
            }

            async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
                (**self).set(key, value, max_age).await
            }

            async fn destroy(&self, key: &SessionKey) -> Result<()> {
                (**self).destroy(key).await
            }
        }

        #[async_trait]
        impl<S: AtomicSessionStore + ?Sized> AtomicSessionStore for $pointer {
            async fn set_if(
                &self,
                key: &SessionKey,
                condition: Condition<'_>,
                value: &[u8],
                max_age: MaxAge,
            ) -> Result<bool> {
                (**self).set_if(key, condition, value, max_age).await
            }

            async fn touch(&self, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
                (**self).touch(key, max_age).await
            }
        }
    )+};
}

forward!(&S, Box<S>, Arc<S>);
