//! The store to check: what it declares, how to keep away from what is in it, how to leave no trace.

use std::sync::Arc;
use std::time::Duration;

use session_store::memory::MemoryStore;
use session_store::{AtomicSessionStore, Error, ErrorKind, Result};
use session_store_conformance::{BoxError, Facts};

use self::server::Server;
use self::sqlite::Sqlite;

mod server;
mod sqlite;

/// The store to check.
pub(crate) struct Target {
    url: String,
    kind: Kind,
}

enum Kind {
    Memory { max_value: usize },
    Sqlite(Sqlite),
    Server(Server),
}

impl Target {
    /// The store of a URL. Nothing is opened yet.
    pub(crate) async fn new(url: &str) -> Result<Self, BoxError> {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "memory" => {
                MemoryStore::from_url(url)?;
                let roomy = MemoryStore::from_url(&roomy(url))?;
                Kind::Memory {
                    max_value: roomy.max_value(),
                }
            }
            "sqlite" => Kind::Sqlite(Sqlite::new(url)?),
            scheme => match Server::new(scheme, url)? {
                Some(server) => Kind::Server(server),
                None => {
                    session_store::connect(url).await?; // knows best what is wrong with the URL
                    return Err("this kind of store cannot be checked yet".into());
                }
            },
        };
        Ok(Self {
            url: url.to_owned(),
            kind,
        })
    }

    /// The kind of store.
    pub(crate) fn name(&self) -> &'static str {
        match &self.kind {
            Kind::Memory { .. } => "memory",
            Kind::Sqlite(_) => "sqlite",
            Kind::Server(server) => server.name(),
        }
    }

    /// What such a store declares, as in the tests of its own crate.
    pub(crate) fn facts(&self) -> Facts {
        match &self.kind {
            Kind::Memory { max_value } => Facts::new().own_clock().evicts().max_value(*max_value),
            Kind::Sqlite(sqlite) => sqlite.facts(),
            Kind::Server(server) => server.facts(),
        }
    }

    /// Opens the store as `connect` does, but in a namespace of its own.
    pub(crate) async fn open(&self, namespace: &str) -> Result<Arc<dyn AtomicSessionStore>> {
        self.open_at(&self.url, namespace).await
    }

    /// Opens it so that [`MaxAge::Session`](session_store::MaxAge::Session) means this.
    pub(crate) async fn open_with(
        &self,
        namespace: &str,
        session_max_age: Duration,
    ) -> Result<Arc<dyn AtomicSessionStore>> {
        let life = format!("{}ms", session_max_age.as_nanos().div_ceil(1_000_000));
        let url = with_parameter(&self.url, "session_max_age", &life);
        self.open_at(&url, namespace).await
    }

    /// Whether what the URL names is there already, so that opening it makes nothing.
    pub(crate) async fn is_there(&self) -> Result<bool, BoxError> {
        match &self.kind {
            Kind::Memory { .. } => Ok(true),
            Kind::Sqlite(sqlite) => sqlite.is_there().await,
            Kind::Server(server) => server.is_there().await,
        }
    }

    /// Whether an error on opening says that nobody answers: then nothing of ours is there to be removed.
    pub(crate) fn is_silent(&self, error: &Error) -> bool {
        matches!(self.kind, Kind::Server(_))
            && matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout)
    }

    /// Removes what the check left behind. Every store is closed by now.
    pub(crate) async fn clean(&self) -> Result<(), BoxError> {
        match &self.kind {
            Kind::Memory { .. } => Ok(()),
            Kind::Server(server) => server.clean().await,
            Kind::Sqlite(sqlite) => sqlite.clean().await,
        }
    }

    async fn open_at(&self, url: &str, namespace: &str) -> Result<Arc<dyn AtomicSessionStore>> {
        let url = match &self.kind {
            Kind::Memory { .. } => roomy(url),
            Kind::Sqlite(sqlite) => with_parameter(url, "table", &sqlite.table(namespace)),
            Kind::Server(server) => server
                .parameters(namespace)
                .iter()
                .fold(url.to_owned(), |url, (name, value)| {
                    with_parameter(&url, name, value)
                }),
        };
        session_store::connect(&url).await
    }
}

/// The URL of a store in memory that has room for all cases, so that none evicts the records of another.
fn roomy(url: &str) -> String {
    let max_bytes: u64 = 16 << 30;
    with_parameter(url, "max_bytes", &max_bytes.to_string())
}

/// The URL with this parameter, in place of one of that name.
fn with_parameter(url: &str, name: &str, value: &str) -> String {
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let others = query
        .split('&')
        .filter(|parameter| parameter.split('=').next() != Some(name) && !parameter.is_empty());
    let ours = format!("{name}={value}");
    let query: Vec<_> = others.chain([ours.as_str()]).collect();
    format!("{place}?{}", query.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_added_or_replaced() {
        let with_table = |url| with_parameter(url, "table", "t");
        assert_eq!(with_table("sqlite:a.db"), "sqlite:a.db?table=t");
        assert_eq!(with_table("sqlite:a.db?"), "sqlite:a.db?table=t");
        assert_eq!(
            with_table("sqlite:a.db?table=mine&timeout=1s&tables=2"),
            "sqlite:a.db?timeout=1s&tables=2&table=t"
        );
    }
}
