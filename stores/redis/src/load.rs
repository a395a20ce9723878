//! How many calls may be under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use session_store_api::Result;

use crate::error::too_many_calls;

/// Many more than a server answers within a tenth of a second. Who comes then would only wait in vain.
const MOST: usize = 16_384;

/// Counts the calls under way, so that a server that answers none does not fill the memory.
#[derive(Clone, Default)]
pub(crate) struct Load(Arc<AtomicUsize>);

/// One call under way.
pub(crate) struct UnderWay<'a>(&'a AtomicUsize);

impl Load {
    /// Takes one more call, or refuses it at once.
    pub(crate) fn admit(&self) -> Result<UnderWay<'_>> {
        let admitted = UnderWay(&self.0);
        if self.0.fetch_add(1, Ordering::Relaxed) >= MOST {
            return Err(too_many_calls());
        }
        Ok(admitted)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
