//! Breaking a backend on purpose.

use async_trait::async_trait;

use crate::suite::BoxError;

/// Power over the backend of one store: what the cases about faults need.
///
/// A suite takes it with [`Suite::breakable`](crate::Suite::breakable); without it those cases are
/// reported as ignored.
#[async_trait]
pub trait Control: Send + Sync {
    /// Which faults this control can cause.
    fn faults(&self) -> &[Fault];

    /// Causes a fault that lasts until [`heal`](Self::heal).
    ///
    /// # Errors
    ///
    /// If the backend could not be broken; the case then fails.
    async fn cause(&self, fault: Fault) -> Result<(), BoxError>;

    /// Ends the fault; on return the backend works again.
    ///
    /// # Errors
    ///
    /// If the backend could not be mended; the case then fails.
    async fn heal(&self) -> Result<(), BoxError>;

    /// How many connections the backend has accepted so far, also during a fault. `None`, unless
    /// overridden, for a control that does not count them, as a proxy does; the case about reconnecting
    /// is then ignored.
    fn connections(&self) -> Option<u64> {
        None
    }
}

/// A way for a backend to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It is gone: killed, and connections are refused. What is durable comes back when healed.
    Down,
    /// It takes connections and closes them at once, as a proxy does whose server is gone.
    Closed,
    /// It takes calls and does not answer them (paused, or locked by another process).
    Hung,
    /// It breaks each connection in the middle of an answer.
    Cut,
    /// It answers with bytes that are not of its protocol.
    Garbled,
    /// It carries calls out, and no answer arrives.
    Unheard,
    /// It answers each call with an error, as a server does that still loads its data.
    Refusing,
}
