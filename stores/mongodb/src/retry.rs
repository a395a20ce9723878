//! Sending a command again of which nobody can say whether it was carried out.
//!
//! A member of a replica set remembers, by session and number, which statements it has carried out and what
//! came of them, and so does its successor. So a command that was lost on the way, or met a primary that is
//! none any more, can be sent again: no statement is done twice, and each gets its first answer. The driver
//! does the same for commands of its own making.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mongodb::bson::raw::cstr;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::error::{Error, ErrorKind, RETRYABLE_WRITE_ERROR, Result};
use mongodb::{Client, ClientSession, Database};

/// How often a command is sent. The driver waits for a primary before each time.
const ATTEMPTS: usize = 5;

/// The sessions in which commands can be sent again.
///
/// The numbers of their commands are ours, and a server takes none twice. So the client must be ours too: to
/// it the driver gives these sessions when they are dropped, and it counts commands by itself.
pub(crate) struct Retries {
    client: Client,
    /// Those in which no command runs.
    idle: Mutex<Vec<ClientSession>>,
    /// The number of the last command.
    last: AtomicI64,
}

impl Retries {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            idle: Mutex::new(Vec::new()),
            last: AtomicI64::new(0),
        }
    }

    /// Whether the servers remember what they have done: a standalone server does not.
    pub(crate) async fn are_possible(database: &Database) -> Result<bool> {
        let hello = match database.run_command(doc! { "hello": 1 }).await {
            Err(error) if matches!(*error.kind, ErrorKind::Command(_)) => return Ok(false),
            hello => hello?,
        };
        let is_router = hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
        Ok(is_router || hello.contains_key("setName"))
    }

    /// Runs a command with statements that each change one document at most.
    pub(crate) async fn run(
        &self,
        database: &Database,
        mut command: RawDocumentBuf,
    ) -> Result<Document> {
        let idle = self.idle().pop();
        let mut session = match idle {
            Some(session) => session,
            None => self.client.start_session().await?,
        };
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        command.append(cstr!("txnNumber"), number);
        let mut attempts = 1..ATTEMPTS;
        let reply = loop {
            let command = command.clone();
            let reply = database.run_raw_command(command).session(&mut session);
            let reply = reply.await;
            if !is_doubtful(&reply) || attempts.next().is_none() {
                break reply;
            }
        };
        self.idle().push(session);
        reply
    }

    fn idle(&self) -> MutexGuard<'_, Vec<ClientSession>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the command may or may not have been carried out, or was and may be undone.
fn is_doubtful(reply: &Result<Document>) -> bool {
    match reply {
        Err(error) => is_lost(error) || error.contains_label(RETRYABLE_WRITE_ERROR),
        Ok(reply) => {
            let labels = reply.get_array("errorLabels");
            labels.is_ok_and(|labels| labels.contains(&Bson::from(RETRYABLE_WRITE_ERROR)))
        }
    }
}

fn is_lost(error: &Error) -> bool {
    matches!(
        *error.kind,
        ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. }
    )
}
