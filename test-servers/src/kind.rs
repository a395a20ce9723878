//! The kinds of server: what they are called, and where they are found.

use std::{fmt, io};

use crate::builder::{Layout, Settings};
use crate::engine::Launch;
use crate::node::{Node, Nodes};
use crate::redis::{self, cluster, sentinel};
use crate::source::Source;

/// For each kind its image, pinned here and nowhere else.
#[cfg(feature = "containers")]
const IMAGES: &str = include_str!("../images.txt");

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Redis, or Valkey under the same protocol.
    Redis,
}

impl Kind {
    /// Its name in lower case, as in URLs and feature names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
        }
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
        }
    }

    /// The Debian package that holds it.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Redis => "redis-server",
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
            Self::Redis => false,
        }
    }

    /// The port in a URL that names none.
    pub(crate) fn default_port(self) -> u16 {
        match self {
            Self::Redis => 6379,
        }
    }

    /// Puts into the folder what the server wants to find there.
    pub(crate) fn prepare(self, launch: &Launch, settings: &Settings) -> io::Result<()> {
        match self {
            Self::Redis => redis::prepare(launch, settings),
        }
    }

    /// The command line of one server.
    pub(crate) fn args(self, launch: &Launch, settings: &Settings) -> Vec<String> {
        match self {
            Self::Redis => redis::args(launch, settings),
        }
    }

    /// Where a client finds a server started so.
    pub(crate) fn url(self, launch: &Launch, settings: &Settings) -> String {
        match self {
            Self::Redis => redis::url(launch, settings),
        }
    }

    /// Starts all servers of a layout.
    pub(crate) async fn assemble(self, source: &Source, settings: &Settings) -> io::Result<Nodes> {
        match (self, settings.layout) {
            (_, Layout::Single) => {
                let node = Node::start_new(self, source, settings).await?;
                Ok(Nodes::all_doors(vec![node]))
            }
            (Self::Redis, Layout::Cluster) => cluster::start(source, settings).await,
            (Self::Redis, Layout::Sentinel) => sentinel::start(source, settings).await,
        }
    }

    /// Asks whether the servers of a layout that run have found together.
    pub(crate) async fn is_healthy(self, layout: Layout, nodes: &[Node]) -> io::Result<bool> {
        match (self, layout) {
            (_, Layout::Single) => Ok(true),
            (Self::Redis, Layout::Cluster) => cluster::is_healthy(nodes).await,
            (Self::Redis, Layout::Sentinel) => sentinel::is_healthy(nodes).await,
        }
    }

    /// Asks a server that we started for its version: it answers when it is ready.
    pub(crate) async fn probe(self, launch: &Launch, settings: &Settings) -> io::Result<String> {
        match self {
            Self::Redis => redis::probe(launch, settings).await,
        }
    }

    /// Asks a server that somebody else started for its version.
    pub(crate) async fn probe_url(self, url: &str) -> io::Result<String> {
        match self {
            Self::Redis => redis::probe_url(url).await,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
