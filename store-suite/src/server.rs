//! A server for several stores at once.

use std::sync::Arc;

use session_store_conformance::{BoxError, Suite};
use test_servers::{StartError, TestServer};

/// The server that the stores of a suite share, or why there is none. It lasts as long as a clone of this.
#[derive(Clone, Debug)]
pub struct SharedServer(Result<Arc<TestServer>, Arc<str>>);

impl SharedServer {
    /// Shares a server.
    ///
    /// # Panics
    ///
    /// If there is one on this machine and it does not work: that is no reason to ignore anything.
    #[must_use]
    pub fn new(started: Result<TestServer, StartError>) -> Self {
        Self(match started {
            Ok(server) => Ok(Arc::new(server)),
            Err(StartError::Unavailable(reason)) => Err(reason.to_string().into()),
            Err(StartError::Failed(error)) => panic!("the server does not work: {error}"),
        })
    }

    /// The server.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn get(&self) -> Result<&TestServer, BoxError> {
        self.0.as_deref().map_err(|reason| (**reason).into())
    }

    /// Where it is. Empty if there is none, for then nobody goes there.
    #[must_use]
    pub fn url(&self) -> String {
        self.get()
            .map_or_else(|_| String::new(), |server| server.url().to_owned())
    }

    /// Whether there may be more of them, for instance to break: not where the environment names one.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.get().is_ok_and(TestServer::has_control)
    }

    /// The suite of a store on this server: unavailable, and for the same reason, if there is none.
    #[must_use]
    pub fn serves(&self, suite: Suite) -> Suite {
        match &self.0 {
            Ok(_) => suite,
            Err(reason) => suite.unavailable(&**reason),
        }
    }
}
