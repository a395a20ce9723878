//! A connection that the caller made.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use redis::aio::ConnectionLike;
use redis::{Cmd, RedisError, ServerError, Value};
use session_store_api::Result;
use tokio::time::timeout_at;

use crate::call::{Call, Trouble};
use crate::error::{no_answer, no_answer_in_time};

/// A connection that the caller made, whatever it is. Only its owner knows how to make another.
#[async_trait]
pub(crate) trait Theirs: Send + Sync {
    async fn send(&self, command: &Cmd) -> Result<Value, RedisError>;
}

/// Behind a lock, for not all of the driver's connections can be shared; a clone takes no time.
pub(crate) struct Cloned<C>(Mutex<C>);

impl<C> Cloned<C> {
    pub(crate) fn new(connection: C) -> Self {
        Self(Mutex::new(connection))
    }
}

#[async_trait]
impl<C: ConnectionLike + Clone + Send> Theirs for Cloned<C> {
    async fn send(&self, command: &Cmd) -> Result<Value, RedisError> {
        let mut connection = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        connection.req_packed_command(command).await
    }
}

/// Sends a command and waits for its answer, which may be an error of the server.
pub(crate) async fn call(connection: &dyn Theirs, call: &Call<'_>) -> Result<Value, Trouble> {
    let mut is_first = true;
    loop {
        let answer = timeout_at(call.patience.ends(), connection.send(call.command)).await;
        let Ok(answer) = answer else {
            return Err(Trouble::Unanswered(no_answer_in_time()));
        };
        // Some of the driver's connections answer with the server's errors, and some fail with them.
        match answer.or_else(|error| ServerError::try_from(error).map(Value::ServerError)) {
            Ok(answer) => return Ok(answer),
            Err(error) if call.is_read && is_first && error.is_connection_dropped() => {
                is_first = false;
            }
            Err(error) => return Err(Trouble::Unanswered(no_answer(error))),
        }
    }
}
