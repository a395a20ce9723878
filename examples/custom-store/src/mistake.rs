//! An optimisation that looks safe.

use custom_store::FileStore;
use session_store_api::{MaxAge, Result, SessionKey, SessionStore, async_trait};

/// Saves the write when the bytes have not changed, and so forgets to renew the expiry: who only reads
/// pages is logged out in the middle. C03 is about this.
#[derive(Debug)]
pub(crate) struct SkipsEqualWrites(pub(crate) FileStore);

#[async_trait]
impl SessionStore for SkipsEqualWrites {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        self.0.get(key).await
    }

    async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
        if self.0.get(key).await?.as_deref() == Some(value) {
            return Ok(());
        }
        self.0.set(key, value, max_age).await
    }

    async fn destroy(&self, key: &SessionKey) -> Result<()> {
        self.0.destroy(key).await
    }
}
