//! Names of the check's own on a Redis server. What it leaves there ends by itself.

use std::time::Duration;

use session_store::{Result, StoreUrl};
use session_store_conformance::Facts;

/// A server, the Sentinels of one, or a cluster.
pub(crate) struct Redis {
    max_value: u64,
    timeout: Duration,
}

impl Redis {
    /// Whether a URL of this scheme, in lower case, names one.
    pub(crate) fn has_scheme(scheme: &str) -> bool {
        matches!(scheme, "rediss" | "redis+unix") || scheme.split('-').next() == Some("redis")
    }

    pub(crate) fn new(url: &str) -> Result<Self> {
        let mut url = StoreUrl::parse("redis", url)?;
        Ok(Self {
            max_value: url.bytes("max_value")?.unwrap_or(16 << 20),
            timeout: url.duration("timeout")?.unwrap_or(Duration::from_secs(5)),
        })
    }

    pub(crate) fn facts(&self) -> Facts {
        Facts::new()
            .durable()
            .shared()
            .max_value(usize::try_from(self.max_value).unwrap_or(usize::MAX))
            .timeout(self.timeout)
    }

    /// The prefix for a namespace.
    pub(crate) fn prefix(namespace: &str) -> String {
        format!("session_store_check_{namespace}:")
    }
}
