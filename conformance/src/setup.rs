//! What the suite asks of a store that is being opened.

use std::time::Duration;

use session_store_api::MaxAge;

/// What the suite asks of a store that is being opened.
#[derive(Clone, Debug)]
pub struct Setup {
    namespace: String,
    session_max_age: Duration,
    connections: Option<u32>,
}

impl Setup {
    pub(crate) fn new(namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            session_max_age: MaxAge::DEFAULT_SESSION,
            connections: None,
        }
    }

    pub(crate) fn with_session_max_age(mut self, session_max_age: Duration) -> Self {
        self.session_max_age = session_max_age;
        self
    }

    pub(crate) fn with_connections(mut self, connections: u32) -> Self {
        self.connections = Some(connections);
        self
    }

    /// A namespace that begins with this one, and is another.
    pub(crate) fn beyond(mut self, more: &str) -> Self {
        self.namespace.push_str(more);
        self
    }

    /// What separates one store from another on the same backend: put it into the prefix, the table or
    /// the collection. 1 to 32 bytes of `a-z`, `0-9` and `_`, beginning with a letter.
    ///
    /// Stores opened under different namespaces must not see each other; stores opened under the same
    /// one must, if the store declares itself [shared](crate::Facts::shared).
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What [`MaxAge::Session`] must mean to this store.
    #[must_use]
    pub fn session_max_age(&self) -> Duration {
        self.session_max_age
    }

    /// At most how many connections the store may open, if the case cares and the store has any.
    #[must_use]
    pub fn connections(&self) -> Option<u32> {
        self.connections
    }
}
