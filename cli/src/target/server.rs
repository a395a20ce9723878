//! Names of the check's own on a server, and their removal.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use session_store::{Result, StoreUrl, mysql, postgres};
use session_store_conformance::{BoxError, Facts};

use self::database::Database;

mod database;

/// A store on a server.
pub(crate) struct Server {
    kind: Kind,
    url: String,
    /// The table or collection of the URL.
    theirs: String,
    max_value: u64,
    timeout: Duration,
    /// Tables and collections, which do not go by themselves.
    names: Mutex<BTreeSet<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Redis,
    Postgres,
    MySql,
    Memcached,
    MongoDb,
}

impl Server {
    /// The store of a URL whose scheme, in lower case, is this; nothing if it is on no server.
    ///
    /// # Errors
    ///
    /// If a parameter cannot be.
    pub(crate) fn new(scheme: &str, url: &str) -> Result<Option<Self>> {
        let Some(kind) = Kind::of(scheme) else {
            return Ok(None);
        };
        let mut parts = StoreUrl::parse(kind.name(), url)?;
        let theirs = parts.text(match kind {
            Kind::MongoDb => "collection",
            _ => "table",
        });
        let theirs = theirs.unwrap_or("sessions".to_owned());
        match kind {
            Kind::Postgres => drop(postgres::migration_sql(&theirs)?),
            Kind::MySql => drop(mysql::migration_sql(&theirs)?),
            Kind::Redis | Kind::Memcached | Kind::MongoDb => {} // whoever opens it is told
        }
        Ok(Some(Self {
            kind,
            url: url.to_owned(),
            theirs,
            max_value: parts.bytes("max_value")?.unwrap_or(kind.max_value()),
            timeout: parts.duration("timeout")?.unwrap_or(Duration::from_secs(5)),
            names: Mutex::default(),
        }))
    }

    pub(crate) fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// What the store declares in the tests of its own crate.
    pub(crate) fn facts(&self) -> Facts {
        let facts = Facts::new()
            .shared()
            .max_value(usize::try_from(self.max_value).unwrap_or(usize::MAX))
            .timeout(self.timeout);
        match self.kind {
            Kind::Redis | Kind::Postgres => facts.durable(),
            Kind::MySql | Kind::MongoDb => facts.durable().resolution(Duration::from_millis(2)),
            Kind::Memcached => facts.evicts().resolution(Duration::from_secs(4)),
        }
    }

    /// The parameters that make the store's names those of a namespace, and its limit the declared one.
    pub(crate) fn parameters(&self, namespace: &str) -> [(&'static str, String); 2] {
        let name = format!("session_store_check_{namespace}");
        let max_value = ("max_value", self.max_value.to_string());
        match self.kind {
            // What is left under a prefix expires by itself.
            Kind::Redis => [("prefix", format!("{name}:")), max_value],
            // A prefix has up to 50 bytes here.
            Kind::Memcached => [("prefix", format!("check_{namespace}:")), max_value],
            Kind::Postgres | Kind::MySql => {
                let name = match self.theirs.split_once('.') {
                    None => name,
                    Some((schema, _)) => format!("{schema}.{name}"),
                };
                [("table", self.noted(name)), max_value]
            }
            Kind::MongoDb => [("collection", self.noted(name)), max_value],
        }
    }

    /// Whether the table or collection of the URL is there; on servers that have neither, yes.
    pub(crate) async fn is_there(&self) -> Result<bool, BoxError> {
        let Some(mut database) = self.database().await? else {
            return Ok(true);
        };
        let is_there = database.has(&self.theirs).await;
        database.close().await?;
        is_there
    }

    /// Removes the tables and collections. Every store is closed by now.
    pub(crate) async fn clean(&self) -> Result<(), BoxError> {
        let Some(mut database) = self.database().await? else {
            return Ok(());
        };
        let names = self.names().clone();
        for name in names {
            database.remove(&name).await?;
        }
        database.close().await
    }

    async fn database(&self) -> Result<Option<Database>, BoxError> {
        Database::open(self.kind, &self.url, self.timeout).await
    }

    fn noted(&self, name: String) -> String {
        self.names().insert(name.clone());
        name
    }

    fn names(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kind {
    fn of(scheme: &str) -> Option<Self> {
        match scheme {
            "rediss" | "redis+unix" => Some(Self::Redis),
            "postgres" | "postgresql" => Some(Self::Postgres),
            "mysql" | "mariadb" => Some(Self::MySql),
            "memcached" => Some(Self::Memcached),
            "mongodb" | "mongodb+srv" => Some(Self::MongoDb),
            _ if scheme.split('-').next() == Some("redis") => Some(Self::Redis),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
            Self::Memcached => "memcached",
            Self::MongoDb => "mongodb",
        }
    }

    /// The largest value unless the URL says otherwise; for memcached that of a server as it comes.
    const fn max_value(self) -> u64 {
        match self {
            Self::Redis | Self::Postgres => 16 << 20,
            Self::MySql | Self::MongoDb => 4 << 20,
            Self::Memcached => (1 << 20) - (1 << 10),
        }
    }
}
