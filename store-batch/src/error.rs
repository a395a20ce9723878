//! Why a call was not answered.

use std::error::Error as StdError;
use std::fmt;

/// Why a call was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// The queue was full for as long as a call waits for room. The call was not sent.
    QueueFull,
    /// No answer in time.
    Timeout {
        /// Whether the call had left the queue. If not it was never sent; if so it may have been
        /// applied, or be applied yet.
        sent: bool,
    },
    /// The batch ended without an answer: it panicked, or the runtime it ran on was shut down. The
    /// call may have been applied.
    Lost,
    /// [`Batch::run`](crate::Batch::run) broke its promise of one answer for each call, so it is
    /// unknown which belongs to whom. The call may have been applied.
    Miscount {
        /// How many calls it was given.
        calls: usize,
        /// How many answers it gave.
        answers: usize,
    },
    /// The batch failed, or within it this call.
    Failed(E),
}

impl<E> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QueueFull => f.write_str("the queue is full"),
            Self::Timeout { sent: false } => f.write_str("timed out before it was sent"),
            Self::Timeout { sent: true } => f.write_str("timed out waiting for the answer"),
            Self::Lost => f.write_str("the batch ended without an answer"),
            Self::Miscount { calls, answers } => {
                write!(f, "the batch gave {answers} answers to {calls} calls")
            }
            Self::Failed(_) => f.write_str("the batch failed"),
        }
    }
}

impl<E: StdError + 'static> StdError for Error<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Failed(cause) => Some(cause),
            _ => None,
        }
    }
}
