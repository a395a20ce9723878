//! Where calls go.

use std::sync::Arc;

use redis::{ServerErrorKind, Value};
use session_store_api::Result;

use crate::call::{Call, Patience, Trouble};
use crate::cluster::Cluster;
use crate::link::Link;
use crate::theirs::{self, Theirs};

/// Where calls go. Clones share the connections.
#[derive(Clone)]
pub(crate) enum Backend {
    /// One server, or whichever Sentinel says it is.
    Server(Arc<Link>),
    Cluster(Arc<Cluster>),
    /// A connection that the caller made.
    Theirs(Arc<dyn Theirs>),
}

impl Backend {
    /// Sends a command where it belongs. The answer may be an error of the server.
    pub(crate) async fn call(&self, call: &Call<'_>) -> Result<Value, Trouble> {
        match self {
            Self::Server(link) => server(link, call).await,
            Self::Cluster(cluster) => cluster.call(call).await,
            Self::Theirs(connection) => theirs::call(&**connection, call).await,
        }
    }

    /// Makes sure that there is somebody.
    pub(crate) async fn connect(&self, patience: Patience) -> Result<(), Trouble> {
        match self {
            Self::Server(link) => link.connect(patience).await.map(drop),
            Self::Cluster(cluster) => cluster.connect(patience).await,
            Self::Theirs(_) => Ok(()),
        }
    }
}

/// Sends a command to a server that may be away for a while, or not be the primary any more.
async fn server(link: &Link, call: &Call<'_>) -> Result<Value, Trouble> {
    let mut is_first = true;
    loop {
        match link.call(call.command, false, call.patience).await {
            // A short absence is a delay. In a long one nobody waits for more than the next attempt.
            Err(Trouble::NotSent(error))
                if error.kind().is_transient()
                    && link.away_for() < call.patience.timeout
                    && !call.patience.is_over() => {}
            Err(Trouble::Unanswered(error)) => {
                if !(call.is_read && is_first) || call.patience.is_over() {
                    return Err(Trouble::Unanswered(error));
                }
                is_first = false;
            }
            Ok(Value::ServerError(error))
                if is_first && error.kind() == Some(ServerErrorKind::ReadOnly) =>
            {
                is_first = false;
            }
            answer => return answer,
        }
    }
}
