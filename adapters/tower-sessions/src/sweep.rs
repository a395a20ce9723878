//! Removing expired sessions on request.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use session_store_api::Result;

/// How many records one statement removes.
const LIMIT: u32 = 1000;

type Swept = Pin<Box<dyn Future<Output = Result<u64>> + Send>>;

/// A store's own way to remove expired records, so many at a time.
#[derive(Clone)]
pub(crate) struct Sweep(Arc<dyn Fn(u32) -> Swept + Send + Sync>);

impl Sweep {
    pub(crate) fn new<F, Fut>(sweep: F) -> Self
    where
        F: Fn(u32) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<u64>> + Send + 'static,
    {
        Self(Arc::new(move |limit| Box::pin(sweep(limit))))
    }

    /// Removes all that have expired.
    pub(crate) async fn run(&self) -> Result<()> {
        while (self.0)(LIMIT).await? >= u64::from(LIMIT) {}
        Ok(())
    }
}

impl fmt::Debug for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sweep(..)")
    }
}
