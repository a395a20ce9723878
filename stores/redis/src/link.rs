//! One server, and the one connection to it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, Shared};
use redis::{Cmd, ServerErrorKind, Value};
use session_store_api::{Error, Result};
use tokio::time::{Instant, sleep, timeout_at};

use crate::backoff::pause;
use crate::call::{Patience, Trouble};
use crate::dial::{Connection, Dial};
use crate::error::{no_answer, no_answer_in_time, no_connection_in_time};

/// A connection on which nothing has come for so long while a call waited is given up: the server may
/// hang, or its host be gone.
const SILENCE: Duration = Duration::from_secs(1);

/// A connection to a replica is given up, for its host may be another by now, but not while it is younger.
const YOUNG: Duration = Duration::from_secs(1);

/// One server, and the one connection to it, which is made when a call needs it.
///
/// All calls that find none wait for the same attempt to make one, and each attempt but the first begins
/// with a pause: a server that comes back meets few clients at once. No task is started. Those who wait
/// drive the attempt, and if they all leave, the next to come finds it where they left it.
pub(crate) struct Link {
    dial: Arc<Dial>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<Arc<Connection>>,
    attempt: Option<Attempt>,
    /// There has been an attempt before.
    tried: bool,
    /// Attempts in a row that came to nothing.
    failures: u32,
    away: Option<Away>,
}

/// There is no connection, and the last attempt to make one failed.
struct Away {
    since: Instant,
    reason: Error,
}

type Attempt = Shared<BoxFuture<'static, Result<Arc<Connection>>>>;

impl Link {
    pub(crate) fn new(dial: Dial) -> Self {
        Self {
            dial: Arc::new(dial),
            state: Mutex::default(),
        }
    }

    /// Sends a command and waits for its answer, which may be an error of the server.
    ///
    /// `asking` tells a node of a cluster that it is about to take over the slot.
    ///
    /// # Cancel safety
    ///
    /// The answer to a call that was dropped is for nobody, and the connection is fit for the next.
    pub(crate) async fn call(
        &self,
        command: &Cmd,
        asking: bool,
        patience: Patience,
    ) -> Result<Value, Trouble> {
        let (connection, since) = match self.connection() {
            Ok(connection) => (connection, patience.since),
            Err(_) => (self.connect(patience).await?, Instant::now()),
        };
        let _watch = Watch {
            link: self,
            connection: &connection,
            answers: connection.answers(),
            silent_at: patience.ends().min(since + SILENCE),
        };
        match timeout_at(patience.ends(), connection.send(command, asking)).await {
            Ok(Ok(answer)) => {
                if is_read_only(&answer) && connection.age() > YOUNG {
                    self.give_up(&connection);
                }
                Ok(answer)
            }
            Ok(Err(cause)) => {
                self.give_up(&connection);
                Err(Trouble::Unanswered(no_answer(cause)))
            }
            Err(_) => Err(Trouble::Unanswered(no_answer_in_time())),
        }
    }

    /// Makes sure that there is a connection.
    pub(crate) async fn connect(&self, patience: Patience) -> Result<Arc<Connection>, Trouble> {
        loop {
            let attempt = match self.connection() {
                Ok(connection) => return Ok(connection),
                Err(attempt) => attempt,
            };
            let Ok(outcome) = timeout_at(patience.ends(), attempt.clone()).await else {
                // Why there is no connection says more than that there is none.
                let reason = self.state().away.as_ref().map(|away| away.reason.clone());
                return Err(Trouble::NotSent(
                    reason.unwrap_or_else(no_connection_in_time),
                ));
            };
            self.settle(&attempt, &outcome);
            match outcome {
                Ok(connection) if connection.has_ended() => {}
                Ok(connection) => return Ok(connection),
                Err(error) => return Err(Trouble::NotSent(error)),
            }
        }
    }

    /// For how long no connection could be made; zero while there is one.
    pub(crate) fn away_for(&self) -> Duration {
        let state = self.state();
        let away = state.away.as_ref();
        away.map_or(Duration::ZERO, |away| away.since.elapsed())
    }

    /// The connection, or the attempt to make one.
    fn connection(&self) -> Result<Arc<Connection>, Attempt> {
        let mut state = self.state();
        match &state.connection {
            Some(connection) if !connection.has_ended() => return Ok(Arc::clone(connection)),
            _ => state.connection = None,
        }
        if let Some(attempt) = &state.attempt {
            return Err(attempt.clone());
        }
        let pause = state.tried.then(|| pause(state.failures));
        let dial = Arc::clone(&self.dial);
        let attempt = async move {
            if let Some(pause) = pause {
                sleep(pause).await;
            }
            dial.connect().await.map(Arc::new)
        };
        let attempt = attempt.boxed().shared();
        state.tried = true;
        state.attempt = Some(attempt.clone());
        Err(attempt)
    }

    /// Remembers what came of an attempt. All who waited for it come here; the first counts.
    fn settle(&self, attempt: &Attempt, outcome: &Result<Arc<Connection>>) {
        let mut state = self.state();
        if !state
            .attempt
            .as_ref()
            .is_some_and(|current| current.ptr_eq(attempt))
        {
            return;
        }
        state.attempt = None;
        match outcome {
            Ok(connection) => {
                state.connection = Some(Arc::clone(connection));
                state.failures = 0;
                state.away = None;
            }
            Err(reason) => {
                state.failures = state.failures.saturating_add(1);
                let since = state
                    .away
                    .as_ref()
                    .map_or_else(Instant::now, |away| away.since);
                let reason = reason.clone();
                state.away = Some(Away { since, reason });
            }
        }
    }

    /// Sends no more calls on this connection. Those that are on it may still be answered.
    fn give_up(&self, connection: &Arc<Connection>) {
        let mut state = self.state();
        if state
            .connection
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, connection))
        {
            state.connection = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches a call that waits, so that a connection which is silent all the while is given up.
struct Watch<'a> {
    link: &'a Link,
    connection: &'a Arc<Connection>,
    /// How many answers it had brought when the call was sent.
    answers: u64,
    silent_at: Instant,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if self.connection.answers() == self.answers && Instant::now() >= self.silent_at {
            self.link.give_up(self.connection);
        }
    }
}

fn is_read_only(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.kind() == Some(ServerErrorKind::ReadOnly))
}
