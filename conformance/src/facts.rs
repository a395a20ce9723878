//! What a store says of itself, and is held to.

use std::time::Duration;

/// What a store declares about itself. The suite holds it to every word.
///
/// ```
/// use std::time::Duration;
/// use session_store_conformance::Facts;
///
/// let facts = Facts::new().durable().shared().max_value(1 << 20);
/// assert_eq!(facts.resolution, Duration::from_millis(1));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Facts {
    /// How late an expiry may be noticed. 1 ms unless set.
    pub resolution: Duration,
    /// The largest value in bytes, if there is a limit. None unless set.
    pub max_value: Option<usize>,
    /// Within what time a call is answered, whatever the backend does. 10 s unless set.
    pub timeout: Duration,
    /// Records survive closing and reopening the store, and a restart of its server.
    pub durable: bool,
    /// Two stores opened under one namespace are two handles on the same records.
    pub shared: bool,
    /// Live records may be dropped under memory pressure.
    pub evicts: bool,
    /// Lifetimes are measured by the clock of the process itself, not by a backend's.
    pub own_clock: bool,
}

impl Facts {
    /// The facts of a store in memory that keeps everything: nothing declared.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An expiry may be noticed this late.
    #[must_use]
    pub fn resolution(mut self, resolution: Duration) -> Self {
        self.resolution = resolution;
        self
    }

    /// Values over this many bytes are `TooLarge`.
    #[must_use]
    pub fn max_value(mut self, bytes: usize) -> Self {
        self.max_value = Some(bytes);
        self
    }

    /// Every call is answered within this time.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Records survive closing, reopening and a server restart.
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Two handles on one backend are the same store.
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    /// Live records may be dropped under memory pressure.
    #[must_use]
    pub fn evicts(mut self) -> Self {
        self.evicts = true;
        self
    }

    /// The process's own clock measures lifetimes.
    #[must_use]
    pub fn own_clock(mut self) -> Self {
        self.own_clock = true;
        self
    }
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            resolution: Duration::from_millis(1),
            max_value: None,
            timeout: Duration::from_secs(10),
            durable: false,
            shared: false,
            evicts: false,
            own_clock: false,
        }
    }
}
