//! What a server should be like.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{StartError, Unavailable};
use crate::node::{Node, Nodes};
use crate::server::TestServer;
use crate::tls::Authority;
use crate::{Kind, source};

/// Settings of a [`TestServer`]; made by [`TestServer::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `start`"]
pub struct TestServerBuilder {
    kind: Kind,
    settings: Settings,
}

/// What was asked for. All of it is for one server, and a layout makes several of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) own: bool,
    pub(crate) process: bool,
    pub(crate) program: Option<PathBuf>,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) password: Option<String>,
    pub(crate) unix_socket: bool,
    pub(crate) durable: bool,
    pub(crate) tls: Tls,
    pub(crate) authority: Option<Arc<Authority>>,
    pub(crate) layout: Layout,
    pub(crate) role: Role,
}

/// Whether clients speak TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tls {
    #[default]
    None,
    /// The server shows a certificate.
    Server,
    /// The client too.
    Mutual,
}

/// How many servers there are, and how they stand to one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Layout {
    #[default]
    Single,
    Cluster,
    Sentinel,
    /// So many servers.
    ReplicaSet(usize),
}

/// What one server of a layout is there for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    /// It keeps data.
    #[default]
    Data,
    /// It watches the server at this port.
    Sentinel(u16),
}

impl TestServerBuilder {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            settings: Settings::default(),
        }
    }

    /// A server of its own, never one that the environment names: for tests that break it. Every other
    /// setting implies this.
    pub fn own(mut self) -> Self {
        self.settings.own = true;
        self
    }

    /// A process of this machine, never a container: for tests that look at its files.
    pub fn process(mut self) -> Self {
        self.settings.process = true;
        self.own()
    }

    /// The program to run, for instance another version. Otherwise the one that
    /// `SESSION_STORE_<KIND>_BIN` names, or the first one found.
    pub fn program(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.program = Some(path.into());
        self.process()
    }

    /// More words for the command line of the program.
    pub fn args<T: Into<String>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.settings.args.extend(args.into_iter().map(Into::into));
        self.own()
    }

    /// A variable in the environment of the program, for instance `TZ` for the time zone of its clients.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.env.push((name.into(), value.into()));
        self.own()
    }

    /// Clients must give this password; the URL has it.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.settings.password = Some(password.into());
        self.own()
    }

    /// The URL is that of a Unix socket.
    pub fn unix_socket(mut self) -> Self {
        self.settings.unix_socket = true;
        self.process()
    }

    /// What the server has confirmed survives [`TestServer::kill`], and the fall of the machine.
    /// Otherwise nothing need survive. MongoDB confirms what it was asked to, by the write concern.
    pub fn durable(mut self) -> Self {
        self.settings.durable = true;
        self.own()
    }

    /// Clients must speak TLS. The certificates are in [`TestServer::certificates`].
    pub fn tls(mut self) -> Self {
        self.settings.tls = self.settings.tls.max(Tls::Server);
        self.own()
    }

    /// Clients must speak TLS and show a certificate.
    pub fn mutual_tls(mut self) -> Self {
        self.settings.tls = Tls::Mutual;
        self.own()
    }

    /// A Redis Cluster: of [`TestServer::nodes`] the first three begin as primaries, and each of the
    /// other three as the replica of the one three places before. All are in [`TestServer::urls`].
    pub fn cluster(mut self) -> Self {
        self.settings.layout = Layout::Cluster;
        self.own()
    }

    /// Redis with Sentinel: of [`TestServer::nodes`] the first begins as primary, the second as its
    /// replica, and the other three watch them under the name
    /// [`SENTINEL_SERVICE`](crate::SENTINEL_SERVICE). Only these three are in [`TestServer::urls`].
    pub fn sentinel(mut self) -> Self {
        self.settings.layout = Layout::Sentinel;
        self.own()
    }

    /// A MongoDB replica set of so many servers; the first of [`TestServer::nodes`] begins as primary
    /// unless it is slow. The URL names them all, and each of [`TestServer::urls`] one alone.
    pub fn replica_set(mut self, size: usize) -> Self {
        self.settings.layout = Layout::ReplicaSet(size);
        self.own()
    }

    /// Starts it, and returns when it answers.
    ///
    /// # Errors
    ///
    /// [`StartError::Unavailable`] if there is none on this machine, or if this kind has no such thing;
    /// [`StartError::Failed`] if there is one and it does not work.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn start(self) -> Result<TestServer, StartError> {
        let Self { kind, mut settings } = self;
        if let Some(what) = kind.lacks(&settings) {
            return Err(Unavailable::lacking(kind, what).into());
        }
        if let Some(url) = kind.named_url() {
            if settings.own {
                return Err(Unavailable::not_ours(kind).into());
            }
            let node = Node::external(kind, url).await?;
            let nodes = Nodes::all_doors(vec![node]);
            return Ok(TestServer::new(kind, settings.layout, nodes)?);
        }
        let source = source::find(kind, &settings).await?;
        if settings.tls != Tls::None {
            settings.authority = Some(Arc::new(Authority::new()?));
        }
        let nodes = kind.assemble(&source, &settings).await?;
        let server = TestServer::new(kind, settings.layout, nodes)?;
        server.healthy().await?;
        Ok(server)
    }
}
