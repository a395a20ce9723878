//! What is asked of a server, and what it answers.

use memcache::exp::{MetaCommand, MetaOp, ReturnCode};
use session_store_api::{Error, Result};

use crate::connection::Reply;
use crate::error::{other, refused};

/// A command for the record under a key, prefix included.
pub(crate) struct Call {
    pub(crate) key: String,
    pub(crate) action: Action,
}

/// What to do with a record. An `exptime` is what memcached takes for one.
pub(crate) enum Action {
    Get,
    /// And say which number the record has until the next write.
    GetWithCas,
    Set {
        value: Vec<u8>,
        exptime: i64,
        when: When,
    },
    Touch {
        exptime: i64,
    },
    Destroy,
}

/// When to write.
#[derive(Clone, Copy)]
pub(crate) enum When {
    Always,
    Absent,
    Present,
    /// Nobody has written since the record had this number.
    Unchanged(u64),
}

/// What a server answers.
pub(crate) enum Answer {
    /// A live record, and its number if it was asked for.
    Found { value: Vec<u8>, cas: Option<u64> },
    /// It is done.
    Done,
    /// Not done, for there is no such record, or there is one.
    Not,
    /// Not done, for somebody has written since.
    Changed,
}

impl Call {
    pub(crate) fn is_read(&self) -> bool {
        matches!(self.action, Action::Get | Action::GetWithCas)
    }

    /// The bytes that it sends, about.
    pub(crate) fn weight(&self) -> usize {
        let value = match &self.action {
            Action::Set { value, .. } => value.len(),
            _ => 0,
        };
        self.key.len() + value
    }

    /// With a number, which the answer bears too.
    fn command(&self, number: usize) -> MetaCommand {
        let command = |op| MetaCommand::new(op, self.key.as_bytes());
        // As one text, for each word would be an allocation.
        match &self.action {
            Action::Get => command(MetaOp::Get).flag(format!("v O{number}")),
            Action::GetWithCas => command(MetaOp::Get).flag(format!("v c O{number}")),
            Action::Touch { exptime } => command(MetaOp::Get).flag(format!("T{exptime} O{number}")),
            Action::Destroy => command(MetaOp::Delete).flag(format!("O{number}")),
            Action::Set {
                value,
                exptime,
                when,
            } => {
                let set = command(MetaOp::Set).value(value.as_slice());
                let set = set.flag(format!("T{exptime} O{number}"));
                match when {
                    When::Always => set,
                    When::Absent => set.flag("ME"),
                    When::Present => set.flag("MR"),
                    When::Unchanged(cas) => set.flag(format!("C{cas}")),
                }
            }
        }
    }
}

/// The calls on the wire. Each is numbered, and so is its answer.
pub(crate) fn encode(calls: &[Call]) -> Result<Vec<u8>> {
    const LINE: usize = 300;
    let size = calls.iter().map(|call| call.weight() + LINE).sum();
    let mut requests = Vec::with_capacity(size);
    for (number, call) in calls.iter().enumerate() {
        let encoded = call.command(number).encode_into(&mut requests);
        encoded.map_err(|_| other("the driver takes no such command"))?;
    }
    Ok(requests)
}

impl TryFrom<Reply> for Answer {
    type Error = Error;

    fn try_from(reply: Reply) -> Result<Self> {
        match reply {
            Reply::Code {
                value: Some(value),
                cas,
                ..
            } => Ok(Self::Found { value, cas }),
            Reply::Code { code, .. } => match code {
                ReturnCode::Hd => Ok(Self::Done),
                ReturnCode::En | ReturnCode::Nf | ReturnCode::Ns => Ok(Self::Not),
                ReturnCode::Ex => Ok(Self::Changed),
                _ => Err(unexpected()),
            },
            Reply::Refused(message) => Err(refused(&message)),
        }
    }
}

/// An answer that is none to this command.
pub(crate) fn unexpected() -> Error {
    other("the server gave an answer that does not belong to the command")
}
