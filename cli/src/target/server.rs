//! Names of the check's own on a server, and their removal.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use session_store::mongodb::mongodb::Client;
use session_store::mysql::sqlx::MySqlConnection;
use session_store::postgres::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use session_store::{Result, StoreUrl};
use session_store_conformance::{BoxError, Facts};

/// A store on a server.
pub(crate) struct Server {
    kind: Kind,
    url: String,
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
        Ok(Some(Self {
            kind,
            url: url.to_owned(),
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
            Kind::Postgres | Kind::MySql => [("table", self.noted(name)), max_value],
            Kind::MongoDb => [("collection", self.noted(name)), max_value],
        }
    }

    /// Removes the tables and collections. Every store is closed by now.
    pub(crate) async fn clean(&self) -> Result<(), BoxError> {
        let names = self.names().clone();
        match self.kind {
            Kind::Redis | Kind::Memcached => {}
            Kind::Postgres => {
                let mut database = PgConnection::connect(&self.url).await?;
                for name in names {
                    let drop = format!("DROP TABLE IF EXISTS \"{name}\"");
                    let drop = sqlx::raw_sql(AssertSqlSafe(drop));
                    drop.execute(&mut database).await?;
                }
                database.close().await?;
            }
            Kind::MySql => {
                let url = self.url.replacen("mariadb:", "mysql:", 1);
                let mut database = MySqlConnection::connect(&url).await?;
                for name in names {
                    let drop = format!("DROP TABLE IF EXISTS `{name}`");
                    let drop = sqlx::raw_sql(AssertSqlSafe(drop));
                    drop.execute(&mut database).await?;
                }
                database.close().await?;
            }
            Kind::MongoDb => {
                let client = Client::with_uri_str(self.drivers_url()).await?;
                if let Some(database) = client.default_database() {
                    for name in names {
                        let collection = database.collection::<()>(&name);
                        collection.drop().await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The URL without the parameters that are the store's own.
    fn drivers_url(&self) -> String {
        const OURS: [&str; 4] = ["collection", "session_max_age", "timeout", "max_value"];
        let Some((place, query)) = self.url.split_once('?') else {
            return self.url.clone();
        };
        let theirs: Vec<_> = query
            .split('&')
            .filter(|parameter| !OURS.contains(&parameter.split('=').next().unwrap_or_default()))
            .collect();
        format!("{place}?{}", theirs.join("&"))
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
