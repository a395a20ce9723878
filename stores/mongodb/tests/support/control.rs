//! Power over a server, and over the network before it.

use session_store_api::async_trait;
use session_store_conformance::{BoxError, Control, Fault};
use test_servers::{FaultProxy, ProxyFault, TestServer};
use tokio::sync::SemaphorePermit;

/// How many bytes of answers come through before a connection is cut: within the header of the first.
const CUT: u64 = 10;

pub(crate) struct Power {
    pub(crate) server: TestServer,
    pub(crate) proxy: FaultProxy,
    /// Until this is dropped, another case waits to start its own server.
    pub(crate) _turn: SemaphorePermit<'static>,
}

#[async_trait]
impl Control for Power {
    fn faults(&self) -> &[Fault] {
        &[
            Fault::Down,
            Fault::Hung,
            Fault::Cut,
            Fault::Garbled,
            Fault::Unheard,
        ]
    }

    async fn cause(&self, fault: Fault) -> Result<(), BoxError> {
        match fault {
            Fault::Down => {
                self.server.kill().await?;
                self.proxy.set(ProxyFault::Refuse).await?;
            }
            Fault::Hung => self.server.pause().await?,
            Fault::Cut => self.proxy.set(ProxyFault::CutReplies(CUT)).await?,
            Fault::Garbled => self.proxy.set(ProxyFault::GarbleReplies).await?,
            Fault::Unheard => self.proxy.set(ProxyFault::DropReplies).await?,
            other => return Err(format!("{other:?} cannot be caused").into()),
        }
        Ok(())
    }

    async fn heal(&self) -> Result<(), BoxError> {
        if self.server.is_running() {
            self.server.resume().await?;
        } else {
            self.server.restart().await?;
        }
        self.server.healthy().await?;
        self.proxy.set(ProxyFault::None).await?;
        Ok(())
    }

    fn connections(&self) -> Option<u64> {
        Some(self.proxy.counts().connections)
    }
}
