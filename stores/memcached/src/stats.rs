//! What a server says of itself.

use std::collections::HashMap;

use session_store_api::Result;

use crate::error::other;

/// What a server says of itself, of all its records, whoever keeps them there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStats {
    /// Its version, for instance `1.6.18`.
    pub version: String,
    /// How many records it holds, those included that are over and were not looked at since.
    pub records: u64,
    /// The bytes of those records.
    pub bytes: u64,
    /// The bytes that it may use for records: its option `-m`.
    pub max_bytes: u64,
    /// How many live records it has dropped for want of memory since it was started.
    pub evictions: u64,
}

impl ServerStats {
    pub(crate) fn read(stats: &Stats) -> Result<Self> {
        Ok(Self {
            version: stats.text("version")?.to_owned(),
            records: stats.number("curr_items")?,
            bytes: stats.number("bytes")?,
            max_bytes: stats.number("limit_maxbytes")?,
            evictions: stats.number("evictions")?,
        })
    }
}

/// The answer to `stats`: values by name.
#[derive(Default)]
pub(crate) struct Stats(HashMap<String, String>);

impl Stats {
    pub(crate) fn insert(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn number(&self, name: &str) -> Result<u64> {
        self.text(name)?.parse().map_err(|_| unknown())
    }

    pub(crate) fn text(&self, name: &str) -> Result<&str> {
        self.0.get(name).map(String::as_str).ok_or_else(unknown)
    }
}

fn unknown() -> session_store_api::Error {
    other("the server's `stats` are not those of memcached 1.6")
}
