//! Who runs a server, and so has power over it.

use std::fmt::Debug;
use std::io;
use std::path::PathBuf;

use async_trait::async_trait;

use crate::tls::Certificates;

/// Power over one server.
#[async_trait]
pub(crate) trait Engine: Debug + Send + Sync {
    /// What it was started with, if we started it.
    fn launch(&self) -> Option<&Launch>;

    /// Whether it is there, be it paused.
    fn is_running(&self) -> bool;

    /// Starts it; whether it is ready is another question.
    async fn start(&self) -> io::Result<()>;

    /// Stops it where it stands, and returns when it does.
    async fn pause(&self) -> io::Result<()>;

    async fn resume(&self) -> io::Result<()>;

    /// Ends it, paused or not, and returns when it has ended.
    async fn end(&self, ending: Ending) -> io::Result<()>;

    /// All that it has said.
    fn log(&self) -> String;
}

/// What a server is started with. A restart finds the same port and the same folder, so its data.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) port: u16,
    /// As the server sees it.
    pub(crate) folder: PathBuf,
    pub(crate) certificates: Option<Certificates>,
    /// The user it runs as, if not as ours. All in its folder is this user's.
    pub(crate) user: Option<u32>,
    /// It is in a container: of its folder nothing is seen here, and its loopback is another one.
    pub(crate) contained: bool,
}

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It may put its things in order.
    Ask,
    Kill,
}

/// A server that the environment names. Nothing can be done to it.
#[derive(Debug)]
pub(crate) struct External;

#[async_trait]
impl Engine for External {
    fn launch(&self) -> Option<&Launch> {
        None
    }

    fn is_running(&self) -> bool {
        true
    }

    async fn start(&self) -> io::Result<()> {
        Err(not_ours())
    }

    async fn pause(&self) -> io::Result<()> {
        Err(not_ours())
    }

    async fn resume(&self) -> io::Result<()> {
        Err(not_ours())
    }

    async fn end(&self, _: Ending) -> io::Result<()> {
        Err(not_ours())
    }

    fn log(&self) -> String {
        String::new()
    }
}

pub(crate) fn not_ours() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "the server is one that the environment names, not ours",
    )
}
