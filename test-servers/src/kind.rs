//! The kinds of server: what they are called, and where they are found.

use std::path::Path;
use std::{env, fmt, io};

use rustix::process::Signal;

use crate::builder::{Layout, Settings, Tls};
use crate::engine::Launch;
use crate::mongodb::{self, replica_set};
use crate::node::{Node, Nodes};
use crate::redis::{self, cluster, sentinel};
use crate::source::Source;
use crate::tls::Certificates;
use crate::{memcached, mysql, postgres};

/// For each kind its image, pinned here and nowhere else.
#[cfg(feature = "containers")]
const IMAGES: &str = include_str!("../images.txt");

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Redis, or Valkey under the same protocol.
    Redis,
    /// Postgres.
    Postgres,
    /// MySQL, or MariaDB under the same protocol.
    MySql,
    /// memcached.
    Memcached,
    /// MongoDB.
    MongoDb,
}

impl Kind {
    /// Its name in lower case, as in URLs and feature names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
            Self::Memcached => "memcached",
            Self::MongoDb => "mongodb",
        }
    }

    /// The URL of a running server, if the environment names one.
    pub(crate) fn named_url(self) -> Option<String> {
        env::var(self.url_variable())
            .ok()
            .filter(|url| !url.is_empty())
    }

    /// The environment variable that names a running server.
    pub(crate) fn url_variable(self) -> String {
        format!("SESSION_STORE_{}_URL", self.name().to_uppercase())
    }

    /// The environment variable that names the program.
    pub(crate) fn program_variable(self) -> String {
        format!("SESSION_STORE_{}_BIN", self.name().to_uppercase())
    }

    /// What the program may be called, the best first.
    pub(crate) fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Redis => &["redis-server", "valkey-server"],
            Self::Postgres => &["postgres"],
            Self::MySql => &["mariadbd", "mysqld"],
            Self::Memcached => &["memcached"],
            Self::MongoDb => &["mongod"],
        }
    }

    /// The Debian package that holds it, or what else to install.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Redis => "redis-server",
            Self::Postgres => "postgresql",
            Self::MySql => "mariadb-server",
            Self::Memcached => "memcached",
            Self::MongoDb => "mongod",
        }
    }

    /// The official image, and its tag.
    #[cfg(feature = "containers")]
    pub(crate) fn image(self) -> (&'static str, &'static str) {
        let line = IMAGES
            .lines()
            .find_map(|line| line.strip_prefix(self.name()));
        let image = line.and_then(|image| image.trim().rsplit_once(':'));
        image.expect("images.txt has a line for each kind")
    }

    /// Whether the program does not run as root.
    pub(crate) fn refuses_root(self) -> bool {
        match self {
            Self::Redis | Self::MongoDb => false,
            Self::Postgres | Self::MySql | Self::Memcached => true,
        }
    }

    /// Whether the program answers by processes that it forks, so that they must share its fate.
    pub(crate) fn forks(self) -> bool {
        self == Self::Postgres
    }

    /// How it is asked to end without waiting for its clients.
    pub(crate) fn farewell(self) -> Signal {
        match self {
            Self::Postgres => Signal::INT,
            _ => Signal::TERM,
        }
    }

    /// The port in a URL that names none.
    pub(crate) fn default_port(self) -> u16 {
        match self {
            Self::Redis => 6379,
            Self::Postgres => 5432,
            Self::MySql => 3306,
            Self::Memcached => 11211,
            Self::MongoDb => 27017,
        }
    }

    /// What was asked for that servers of this kind do not have.
    pub(crate) fn lacks(self, settings: &Settings) -> Option<&'static str> {
        let is_memcached = self == Self::Memcached;
        let has_layout = match settings.layout {
            Layout::Single => true,
            Layout::Cluster | Layout::Sentinel => self == Self::Redis,
            Layout::ReplicaSet(_) => self == Self::MongoDb,
        };
        let lacking = [
            (!has_layout, "this layout"),
            (
                settings.unix_socket && self != Self::Redis,
                "a URL of a Unix socket",
            ),
            (settings.tls != Tls::None && is_memcached, "TLS"),
            (settings.password.is_some() && is_memcached, "a password"),
            (settings.durable && is_memcached, "durable data"),
            (
                // Its members would need a key to trust each other by.
                settings.password.is_some() && matches!(settings.layout, Layout::ReplicaSet(_)),
                "a password in a replica set",
            ),
        ];
        lacking
            .into_iter()
            .find_map(|(is, what)| is.then_some(what))
    }

    /// Puts into the folder what the server wants to find there.
    pub(crate) fn prepare(
        self,
        launch: &Launch,
        settings: &Settings,
        program: &Path,
    ) -> io::Result<()> {
        match self {
            Self::Redis => redis::prepare(launch, settings),
            Self::Postgres => postgres::prepare(launch, settings, program),
            Self::MySql => mysql::prepare(launch, settings, program),
            Self::Memcached => Ok(()),
            Self::MongoDb => mongodb::prepare(launch),
        }
    }

    /// The command line of one server.
    pub(crate) fn args(self, launch: &Launch, settings: &Settings) -> Vec<String> {
        match self {
            Self::Redis => redis::args(launch, settings),
            Self::Postgres => postgres::args(launch, settings),
            Self::MySql => mysql::args(launch, settings),
            Self::Memcached => memcached::args(launch, settings),
            Self::MongoDb => mongodb::args(launch, settings),
        }
    }

    /// What the official image wants to find in its environment.
    #[cfg(feature = "containers")]
    pub(crate) fn env(self, settings: &Settings) -> Vec<(String, String)> {
        match self {
            Self::Redis | Self::Memcached | Self::MongoDb => Vec::new(),
            Self::Postgres => vec![postgres::env(settings)],
            Self::MySql => mysql::env(settings),
        }
    }

    /// Where a client finds a server started so.
    pub(crate) fn url(
        self,
        launch: &Launch,
        settings: &Settings,
        certificates: Option<&Certificates>,
    ) -> String {
        match self {
            Self::Redis => redis::url(launch, settings),
            Self::Postgres => postgres::url(launch, settings, certificates),
            Self::MySql => mysql::url(launch, settings, certificates),
            Self::Memcached => memcached::url(launch),
            Self::MongoDb => mongodb::url(launch, settings, certificates),
        }
    }

    /// Starts all servers of a layout.
    pub(crate) async fn assemble(self, source: &Source, settings: &Settings) -> io::Result<Nodes> {
        match settings.layout {
            Layout::Single => {
                let node = Node::start_new(self, source, settings).await?;
                Ok(Nodes::all_doors(vec![node]))
            }
            Layout::Cluster => cluster::start(source, settings).await,
            Layout::Sentinel => sentinel::start(source, settings).await,
            Layout::ReplicaSet(size) => replica_set::start(source, settings, size).await,
        }
    }

    /// Asks a server that we started for its version: it answers when it is ready.
    pub(crate) async fn probe(self, launch: &Launch, settings: &Settings) -> io::Result<String> {
        match self {
            Self::Redis => redis::probe(launch, settings).await,
            Self::Postgres => postgres::probe(launch, settings).await,
            Self::MySql => mysql::probe(launch).await,
            Self::Memcached => memcached::probe(launch).await,
            Self::MongoDb => mongodb::probe(launch, settings).await,
        }
    }

    /// Asks a server that somebody else started for its version.
    pub(crate) async fn probe_url(self, url: &str) -> io::Result<String> {
        match self {
            Self::Redis => redis::probe_url(url).await,
            Self::Postgres => postgres::probe_url(url).await,
            Self::MySql => mysql::probe_url(url).await,
            Self::Memcached => memcached::probe_url(url).await,
            Self::MongoDb => mongodb::probe_url(url).await,
        }
    }

    /// Somebody answers who is no server of this kind.
    pub(crate) fn no_answer(self) -> io::Error {
        let message = format!("this is not an answer of {self}");
        io::Error::new(io::ErrorKind::InvalidData, message)
    }
}

impl Layout {
    /// Asks whether the servers that run have found together.
    pub(crate) async fn is_healthy(self, nodes: &[Node]) -> io::Result<bool> {
        match self {
            Self::Single => Ok(true),
            Self::Cluster => cluster::is_healthy(nodes).await,
            Self::Sentinel => sentinel::is_healthy(nodes).await,
            Self::ReplicaSet(_) => replica_set::is_healthy(nodes).await,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
