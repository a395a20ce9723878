//! A running server, as a test sees it.

use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use crate::builder::{Layout, TestServerBuilder};
use crate::error::StartError;
use crate::mongodb::replica_set;
use crate::node::{self, Node, Nodes};
use crate::proxy::FaultProxy;
use crate::redis::cluster;
use crate::report::report;
use crate::tls::Certificates;
use crate::{Kind, url};

/// How long a fail-over may take on a loaded machine. It takes seconds elsewhere.
const HEALTHY: Duration = Duration::from_secs(120);

/// A running server with no data in it, for one test binary or one test.
///
/// Dropping it ends it and removes its data, also after a panic; so does the death of this program,
/// whatever killed it.
#[derive(Debug)]
pub struct TestServer {
    kind: Kind,
    layout: Layout,
    nodes: Vec<Node>,
    doors: Range<usize>,
    url: String,
}

impl TestServer {
    /// A plain server: the one that `SESSION_STORE_<KIND>_URL` names, or one of its own.
    ///
    /// # Errors
    ///
    /// [`StartError::Unavailable`] if there is none on this machine, [`StartError::Failed`] if there is
    /// one and it does not work.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn start(kind: Kind) -> Result<Self, StartError> {
        Self::builder(kind).start().await
    }

    /// A server with settings.
    pub fn builder(kind: Kind) -> TestServerBuilder {
        TestServerBuilder::new(kind)
    }

    pub(crate) fn new(kind: Kind, layout: Layout, nodes: Nodes) -> io::Result<Self> {
        let Nodes { nodes, doors, url } = nodes;
        report(&nodes[doors.start])?;
        Ok(Self {
            url: url.unwrap_or_else(|| nodes[doors.start].url().to_owned()),
            kind,
            layout,
            nodes,
            doors,
        })
    }

    /// What kind of server it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where a client finds it: the first of [`urls`](Self::urls), or all of a replica set.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All the places where a client may ask, if it consists of several servers.
    #[must_use]
    pub fn urls(&self) -> Vec<&str> {
        self.nodes[self.doors.clone()]
            .iter()
            .map(Node::url)
            .collect()
    }

    /// The same URL, but through a proxy to its [`address`](Self::address).
    #[must_use]
    pub fn url_through(&self, proxy: &FaultProxy) -> String {
        url::with_address(self.url(), proxy.address())
    }

    /// Puts a proxy before each of the [`nodes`](Self::nodes) of a Redis Cluster, in the same order, and has
    /// the cluster tell clients of the proxies alone: who finds it through one of them stays behind them.
    /// So do replicas, on their way to their primaries.
    ///
    /// # Errors
    ///
    /// If a proxy cannot be opened, or if this is no cluster of ours, or one that speaks TLS.
    pub async fn behind_proxies(&self) -> io::Result<Vec<FaultProxy>> {
        if self.layout != Layout::Cluster || self.certificates().is_some() {
            let message = "only a cluster without TLS can be behind proxies";
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
        let proxies = self
            .nodes
            .iter()
            .map(|node| FaultProxy::start(node.address()));
        let proxies = proxies.collect::<io::Result<Vec<_>>>()?;
        cluster::announce(&self.nodes, &proxies).await?;
        let word_has_spread = async {
            while !cluster::announces(&self.nodes, &proxies).await? {
                sleep(Duration::from_millis(20)).await;
            }
            self.healthy().await
        };
        timeout(HEALTHY, word_has_spread).await??;
        Ok(proxies)
    }

    /// Its `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        self.door().address()
    }

    /// Its version, as it says itself.
    #[must_use]
    pub fn version(&self) -> &str {
        self.door().version()
    }

    /// The certificates of that server, if it speaks TLS. All of it has the same authority.
    #[must_use]
    pub fn certificates(&self) -> Option<&Certificates> {
        self.door().certificates()
    }

    /// The servers that it consists of.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Whether the methods below can do anything: not with a server that the environment names.
    #[must_use]
    pub fn has_control(&self) -> bool {
        self.nodes.iter().all(Node::has_control)
    }

    /// Whether all of it runs. A paused server does.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.nodes.iter().all(Node::is_running)
    }

    /// Waits until the servers that run have found together: after a primary died, until another one
    /// has taken its place.
    ///
    /// # Errors
    ///
    /// If they do not within two minutes, or are not ours.
    pub async fn healthy(&self) -> io::Result<()> {
        let began = Instant::now();
        loop {
            let is_healthy = self.layout.is_healthy(&self.nodes);
            let reason = match node::answer(is_healthy).await {
                Ok(true) => return Ok(()),
                Ok(false) => "not yet".to_owned(),
                Err(error) => error.to_string(),
            };
            if began.elapsed() > HEALTHY {
                let message = format!("{:?} is not healthy: {reason}", self.layout);
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The server that is primary now, in a replica set.
    ///
    /// # Errors
    ///
    /// If none is just now, or if this is no replica set of ours.
    pub async fn primary(&self) -> io::Result<&Node> {
        replica_set::primary(self.replica_set()?).await
    }

    /// Makes the primary of a replica set a secondary, which does not stand for election again within
    /// thirty seconds, or two if it is alone; [`healthy`](Self::healthy) waits for the next one.
    ///
    /// # Errors
    ///
    /// If none is primary just now, or if this is no replica set of ours.
    pub async fn step_down(&self) -> io::Result<()> {
        replica_set::step_down(self.replica_set()?).await
    }

    /// [`Node::pause`] for all of it.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn pause(&self) -> io::Result<()> {
        for node in &self.nodes {
            node.pause().await?;
        }
        Ok(())
    }

    /// [`Node::resume`] for all of it.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn resume(&self) -> io::Result<()> {
        for node in &self.nodes {
            node.resume().await?;
        }
        Ok(())
    }

    /// [`Node::kill`] for all of it.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn kill(&self) -> io::Result<()> {
        for node in &self.nodes {
            node.kill().await?;
        }
        Ok(())
    }

    /// [`Node::stop`] for all of it.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn stop(&self) -> io::Result<()> {
        for node in &self.nodes {
            node.stop().await?;
        }
        Ok(())
    }

    /// [`Node::restart`] for all of it.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn restart(&self) -> io::Result<()> {
        for node in &self.nodes {
            node.restart().await?;
        }
        Ok(())
    }

    fn replica_set(&self) -> io::Result<&[Node]> {
        match self.layout {
            Layout::ReplicaSet(_) => Ok(&self.nodes),
            _ => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "only a replica set has this",
            )),
        }
    }

    fn door(&self) -> &Node {
        &self.nodes[self.doors.start]
    }
}
