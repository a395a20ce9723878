//! What an app is made of.

use std::sync::Arc;
use std::time::Duration;

use session_store_api::AtomicSessionStore;

use crate::gate::Gate;

/// What the app of an adapter is given.
#[derive(Clone, Debug)]
pub struct Site {
    store: Arc<dyn AtomicSessionStore>,
    max_age: Duration,
    gate: Gate,
}

impl Site {
    pub(crate) fn new(store: Arc<dyn AtomicSessionStore>, max_age: Duration) -> Self {
        Self {
            store,
            max_age,
            gate: Gate::new(),
        }
    }

    /// Where the app keeps its sessions.
    #[must_use]
    pub fn store(&self) -> Arc<dyn AtomicSessionStore> {
        Arc::clone(&self.store)
    }

    /// How long a session lives after it was written.
    #[must_use]
    pub fn max_age(&self) -> Duration {
        self.max_age
    }

    /// What its cookies are signed with, where they are: the same at each server of the site.
    #[must_use]
    pub fn secret(&self) -> [u8; 64] {
        [b's'; 64]
    }

    /// What `PUT /slowly/{name}` awaits.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.gate
    }
}
