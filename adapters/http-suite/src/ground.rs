//! The stores that an app is tried over.

use std::error::Error;
use std::sync::Arc;

use session_store_api::AtomicSessionStore;
use test_servers::{Kind, StartError, TestServer};
use tokio::sync::OnceCell;

type BoxError = Box<dyn Error + Send + Sync>;

/// A store that apps are tried over.
#[derive(Clone)]
pub(crate) enum Ground {
    Memory,
    Redis(Arc<OnceCell<Shared>>),
}

/// The server that all cases share, or why there is none.
pub(crate) enum Shared {
    Server(TestServer),
    Unavailable(String),
}

/// Why a case cannot be tried.
pub(crate) enum Obstacle {
    /// It does not apply here, or its server is missing.
    Absent(String),
    Failed(BoxError),
}

impl<E: Into<BoxError>> From<E> for Obstacle {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// A store, and the server under it where it is a server of its own.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn AtomicSessionStore>,
    pub(crate) server: Option<TestServer>,
}

impl Ground {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis(_) => "redis",
        }
    }

    /// Opens a store in which nothing is too large that fits half a mebibyte.
    pub(crate) async fn open(&self) -> Result<Opened, Obstacle> {
        let url = match self {
            Self::Memory => "memory:?max_bytes=1MiB".to_owned(),
            Self::Redis(shared) => match shared.get_or_init(start).await {
                Shared::Server(server) => limited(server.url()),
                Shared::Unavailable(reason) => return Err(Obstacle::Absent(reason.clone())),
            },
        };
        Ok(Opened {
            store: session_store::connect(&url).await?,
            server: None,
        })
    }

    /// Opens a store on a server of its own, which keeps what it was told when it is killed.
    pub(crate) async fn open_breakable(&self) -> Result<Opened, Obstacle> {
        let Self::Redis(_) = self else {
            return Err(Obstacle::Absent(
                "this store has no server to go down".to_owned(),
            ));
        };
        let server = match TestServer::builder(Kind::Redis)
            .own()
            .durable()
            .start()
            .await
        {
            Ok(server) => server,
            Err(StartError::Unavailable(reason)) => {
                return Err(Obstacle::Absent(reason.to_string()));
            }
            Err(StartError::Failed(error)) => return Err(error.into()),
        };
        Ok(Opened {
            store: session_store::connect(&limited(server.url())).await?,
            server: Some(server),
        })
    }
}

async fn start() -> Shared {
    match TestServer::start(Kind::Redis).await {
        Ok(server) => Shared::Server(server),
        Err(error) => Shared::Unavailable(error.to_string()),
    }
}

fn limited(url: &str) -> String {
    format!("{url}?max_value=512KiB&timeout=2s")
}
