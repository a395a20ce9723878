//! Removing expired sessions on request.

use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;

use session_store_api::Result;

/// How many records one statement removes, unless told otherwise.
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

    /// Removes up to so many that have expired, or all of them; answers how many it removed.
    pub(crate) async fn run(&self, limit: Option<NonZeroUsize>) -> Result<usize> {
        let mut removed = 0_usize;
        loop {
            let left = limit.map_or(usize::MAX, |limit| limit.get() - removed);
            let batch = u32::try_from(left).map_or(LIMIT, |left| left.min(LIMIT));
            let swept = (self.0)(batch).await?;
            removed = removed.saturating_add(usize::try_from(swept).unwrap_or(usize::MAX));
            if swept < u64::from(batch) || limit.is_some_and(|limit| removed >= limit.get()) {
                return Ok(removed);
            }
        }
    }
}

impl fmt::Debug for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sweep(..)")
    }
}
