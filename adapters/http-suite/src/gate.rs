//! Where a slow request waits.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// A gate in the middle of a request: whoever comes to it waits until it is opened.
#[derive(Clone, Debug)]
pub struct Gate {
    arrived: Arc<Semaphore>,
    opened: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let shut = || Arc::new(Semaphore::new(0));
        Self {
            arrived: shut(),
            opened: shut(),
        }
    }

    /// Says that a request is here, and waits until it may go on.
    pub async fn pass(&self) {
        self.arrived.add_permits(1);
        take(&self.opened).await;
    }

    /// Waits until a request is here.
    pub(crate) async fn arrival(&self) {
        take(&self.arrived).await;
    }

    /// Lets one request go on.
    pub(crate) fn open(&self) {
        self.opened.add_permits(1);
    }
}

async fn take(semaphore: &Semaphore) {
    // It is never closed.
    if let Ok(permit) = semaphore.acquire().await {
        permit.forget();
    }
}
