//! Writing: one `update` command for all changes of a batch, one `delete` for all removals.

use std::sync::Arc;
use std::time::Duration;

use mongodb::Database;
use mongodb::bson::raw::{CStr, cstr};
use mongodb::bson::{Document, RawArrayBuf, RawDocumentBuf, serialize_to_raw_document_buf};
use mongodb::options::WriteConcern;
use session_store_api::{Error, Result, SessionKey};
use session_store_batch::{Batch, Failure, Sharing};

use crate::error::error;
use crate::plan::{Plan, Wave};
use crate::reply;
use crate::retry::Retries;
use crate::settings::millis;
use crate::statement::statement;

/// A call that writes.
pub(crate) struct Write {
    pub(crate) key: SessionKey,
    pub(crate) change: Change,
}

/// What a call does to a record. Lives are in milliseconds.
pub(crate) enum Change {
    Set(Content),
    SetIfAbsent(Content),
    SetIfPresent(Content),
    /// The bytes are those that must still stand there.
    SetIfUnchanged(Content, Vec<u8>),
    Touch(i64),
    Destroy,
}

/// What a record is to hold.
pub(crate) struct Content {
    pub(crate) value: Vec<u8>,
    pub(crate) life: i64,
}

/// What runs batches of writes.
pub(crate) struct Writes {
    pub(crate) database: Database,
    pub(crate) collection: Arc<str>,
    /// How a write is to be confirmed.
    pub(crate) concern: WriteConcern,
    /// How long the server may take.
    pub(crate) patience: Duration,
    /// Where what was lost on the way can be sent again.
    pub(crate) retries: Option<Arc<Retries>>,
}

impl Batch for Writes {
    type Call = Write;
    /// Whether the condition held.
    type Answer = Result<bool>;
    type Error = Error;

    fn weight(&self, call: &Write) -> usize {
        let content = match &call.change {
            Change::Set(content) | Change::SetIfAbsent(content) | Change::SetIfPresent(content) => {
                content.value.len()
            }
            Change::SetIfUnchanged(content, old) => content.value.len() + old.len(),
            Change::Touch(_) | Change::Destroy => 0,
        };
        call.key.as_bytes().len() + content
    }

    /// Conditional writes too may follow one another in a batch: its [`Plan`] keeps their order.
    fn sharing<'a>(&self, call: &'a Write) -> Sharing<'a> {
        Sharing::Key(call.key.as_bytes())
    }

    async fn run(&self, calls: &[Write]) -> Result<Vec<Result<bool>>, Failure<Error>> {
        let plan = Plan::new(calls);
        let mut answers = vec![Ok(true); calls.len()];
        for Wave { updates, deletes } in plan.waves() {
            let (updated, deleted) = tokio::join!(
                self.write(cstr!("update"), cstr!("updates"), calls, updates),
                self.write(cstr!("delete"), cstr!("deletes"), calls, deletes),
            );
            for (place, answer) in updates
                .iter()
                .zip(updated)
                .chain(deletes.iter().zip(deleted))
            {
                answers[*place] = answer;
            }
        }
        plan.answer_overwritten(&mut answers);
        Ok(answers)
    }
}

impl Writes {
    /// Sends the statements of the calls at these places in one command; answers each.
    async fn write(
        &self,
        command: &CStr,
        list: &CStr,
        calls: &[Write],
        places: &[usize],
    ) -> Vec<Result<bool>> {
        if places.is_empty() {
            return Vec::new();
        }
        let statements = places.iter().map(|place| statement(&calls[*place]));
        let reply = self.send(command, list, statements.collect()).await;
        let answers = match reply {
            Ok(reply) => reply::answers(&reply, places.len()),
            Err(cause) => Err(error(&cause)),
        };
        answers.unwrap_or_else(|error| vec![Err(error); places.len()])
    }

    /// One command; each of its statements is carried out whatever becomes of the others.
    async fn send(
        &self,
        name: &CStr,
        list: &CStr,
        statements: RawArrayBuf,
    ) -> mongodb::error::Result<Document> {
        let concern = serialize_to_raw_document_buf(&self.concern)?;
        let mut command = RawDocumentBuf::new();
        command.append(name, &*self.collection);
        command.append(list, statements);
        command.append(cstr!("ordered"), false);
        command.append(cstr!("writeConcern"), concern);
        command.append(cstr!("maxTimeMS"), millis(self.patience));
        match &self.retries {
            Some(retries) => retries.run(&self.database, command).await,
            None => self.database.run_raw_command(command).await,
        }
    }
}
