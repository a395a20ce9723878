//! One call on its way.

use std::time::Duration;

use redis::Cmd;
use session_store_api::Error;
use tokio::time::Instant;

use crate::command::Name;

/// A command, and how long its caller waits for the answer.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) command: &'a Cmd,
    pub(crate) name: Name<'a>,
    /// It changes nothing, so it may be sent again when nobody knows whether it was carried out.
    pub(crate) is_read: bool,
    pub(crate) patience: Patience,
}

/// How long one waits.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) since: Instant,
    pub(crate) timeout: Duration,
}

/// Why a call has no answer.
pub(crate) enum Trouble {
    /// There was no connection: it was not sent, and may be sent again.
    NotSent(Error),
    /// It was sent, and may have been carried out.
    Unanswered(Error),
}

impl Patience {
    /// From now on.
    pub(crate) fn of(timeout: Duration) -> Self {
        Self {
            since: Instant::now(),
            timeout,
        }
    }

    pub(crate) fn ends(self) -> Instant {
        self.since + self.timeout
    }

    pub(crate) fn is_over(self) -> bool {
        Instant::now() >= self.ends()
    }
}

impl Trouble {
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::NotSent(error) | Self::Unanswered(error) => error,
        }
    }
}
