//! Power over a server and over the network before it.

use std::io;
use std::pin::Pin;

use session_store_api::async_trait;
use session_store_conformance::{BoxError, Control, Fault};
use test_servers::{FaultProxy, ProxyFault, TestServer};
use tokio::sync::SemaphorePermit;

/// How many bytes of answers come through before a connection is cut: fewer than the shortest answer of any
/// server.
const CUT: u64 = 3;

/// Power over the backend of one store: a server of its own, the network before a server, or both.
///
/// A server is killed and paused, and refuses if somebody knows how. A network can be away and hang as well,
/// and it closes connections, cuts, garbles and swallows answers, and counts connections.
#[derive(Debug)]
pub struct Power {
    server: Option<TestServer>,
    network: Option<FaultProxy>,
    refuse: Option<Refuse>,
    faults: Vec<Fault>,
    url: String,
    turn: Option<SemaphorePermit<'static>>,
}

/// Has a server refuse every call, or take calls again.
pub type Refuse =
    fn(&TestServer, bool) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + '_>>;

impl Power {
    /// Power over a server, which nobody else may use.
    #[must_use]
    pub fn over(server: TestServer) -> Self {
        Self {
            url: server.url().to_owned(),
            server: Some(server),
            network: None,
            refuse: None,
            faults: vec![Fault::Down, Fault::Hung],
            turn: None,
        }
    }

    /// Power over a network before a server, which others reach without it.
    ///
    /// # Errors
    ///
    /// If the network cannot be opened.
    pub fn over_network(server: &TestServer) -> io::Result<Self> {
        let network = FaultProxy::start(server.address())?;
        Ok(Self {
            url: server.url_through(&network),
            server: None,
            network: Some(network),
            refuse: None,
            faults: vec![
                Fault::Down,
                Fault::Closed,
                Fault::Hung,
                Fault::Cut,
                Fault::Garbled,
                Fault::Unheard,
            ],
            turn: None,
        })
    }

    /// Power over a server, which nobody else may use, and over the network before it.
    ///
    /// # Errors
    ///
    /// If the network cannot be opened.
    pub fn over_both(server: TestServer) -> io::Result<Self> {
        let mut power = Self::over_network(&server)?;
        power.server = Some(server);
        Ok(power)
    }

    /// Adds how the server is made to refuse.
    #[must_use]
    pub fn with_refusal(mut self, refuse: Refuse) -> Self {
        self.refuse = Some(refuse);
        self.faults.push(Fault::Refusing);
        self
    }

    /// Holds a turn for as long as this lasts, so that not too many servers run at once.
    #[must_use]
    pub fn with_turn(mut self, turn: SemaphorePermit<'static>) -> Self {
        self.turn = Some(turn);
        self
    }

    /// Where the store finds the server: through the network, if there is power over it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    async fn refuse(&self, refuses: bool) -> io::Result<()> {
        match (self.refuse, &self.server) {
            (Some(refuse), Some(server)) => refuse(server, refuses).await,
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Control for Power {
    fn faults(&self) -> &[Fault] {
        &self.faults
    }

    async fn cause(&self, fault: Fault) -> Result<(), BoxError> {
        let on_the_way = match fault {
            Fault::Down => {
                if let Some(server) = &self.server {
                    server.kill().await?;
                }
                ProxyFault::Refuse
            }
            Fault::Hung => match &self.server {
                Some(server) => {
                    server.pause().await?;
                    ProxyFault::None
                }
                None => ProxyFault::BlackHole,
            },
            Fault::Closed => ProxyFault::Reset,
            Fault::Refusing => {
                self.refuse(true).await?;
                ProxyFault::None
            }
            Fault::Cut => ProxyFault::CutReplies(CUT),
            Fault::Garbled => ProxyFault::GarbleReplies,
            Fault::Unheard => ProxyFault::DropReplies,
            other => return Err(format!("{other:?} cannot be caused").into()),
        };
        match &self.network {
            Some(network) => Ok(network.set(on_the_way).await?),
            None => Ok(()),
        }
    }

    async fn heal(&self) -> Result<(), BoxError> {
        if let Some(server) = &self.server {
            if server.is_running() {
                server.resume().await?;
            } else {
                server.restart().await?;
            }
            server.healthy().await?;
            self.refuse(false).await?;
        }
        match &self.network {
            Some(network) => Ok(network.set(ProxyFault::None).await?),
            None => Ok(()),
        }
    }

    fn connections(&self) -> Option<u64> {
        let network = self.network.as_ref()?;
        Some(network.counts().connections)
    }
}
