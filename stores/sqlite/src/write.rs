//! Writing: one statement for all calls of a batch that are of a kind.
//!
//! No transaction is ever left open, for none is begun: every statement commits itself, so a batch that
//! is given up in the middle has done some of its statements and none by half.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use session_store_api::{Error, Result, SessionKey};
use session_store_batch::{Batch, Failure, Sharing};
use sqlx::SqlitePool;
use tokio::time::Instant;

use crate::error::error;
use crate::patience::{Patience, patiently};
use crate::plan::{Group, Plan};
use crate::statements::Statements;

/// From how many records due on, a batch removes expired ones.
const SWEEP_FROM: u32 = 256;

/// The most records that a batch removes.
const SWEEP_MOST: u32 = 1024;

/// A call that writes.
pub(crate) enum Write {
    /// To a record.
    Record(SessionKey, Change),
    /// Removes at most so many expired records.
    Sweep(u32),
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
    pool: SqlitePool,
    statements: Arc<Statements>,
    /// How long a batch waits for a locked database.
    patience: Patience,
    /// How many expired records are due to be removed: two for each call since the last time.
    due: AtomicU32,
}

impl Writes {
    pub(crate) fn new(pool: SqlitePool, statements: Arc<Statements>, patience: Patience) -> Self {
        Self {
            pool,
            statements,
            patience,
            due: AtomicU32::new(0),
        }
    }

    /// Runs one statement for these calls; says at which places of the batch a condition held.
    async fn write(&self, group: &Group<'_>, until: Instant) -> sqlx::Result<Vec<usize>> {
        patiently(until, || async {
            let mut connection = self.pool.acquire().await?;
            group.run(&mut connection, &self.statements).await
        })
        .await
    }

    async fn sweep(&self, limit: u32, until: Instant) -> Result<u64> {
        let swept = patiently(until, || self.statements.sweep(&self.pool, limit)).await;
        swept.map_err(error)
    }

    /// Removes expired records, if enough has been written since the last time.
    async fn sweep_if_due(&self, written: usize, until: Instant) {
        let written = u32::try_from(written).unwrap_or(u32::MAX);
        let due = self
            .due
            .load(Ordering::Relaxed)
            .saturating_add(written.saturating_mul(2));
        let sweeps = due >= SWEEP_FROM;
        // If it fails, the writes that follow say why.
        let swept = sweeps && self.sweep(due.min(SWEEP_MOST), until).await.is_ok();
        self.due
            .store(if swept { 0 } else { due }, Ordering::Relaxed);
    }
}

impl Batch for Writes {
    type Call = Write;
    /// How many records the call changed, as far as it is of interest.
    type Answer = Result<u64>;
    type Error = Error;

    fn weight(&self, call: &Write) -> usize {
        let Write::Record(key, change) = call else {
            return 0;
        };
        let content = match change {
            Change::Set(content) | Change::SetIfAbsent(content) | Change::SetIfPresent(content) => {
                content.value.len()
            }
            Change::SetIfUnchanged(content, old) => content.value.len() + old.len(),
            Change::Touch(_) | Change::Destroy => 0,
        };
        key.as_bytes().len() + content
    }

    /// Conditional writes too may follow one another in a batch: its [`Plan`] keeps their order.
    fn sharing<'a>(&self, call: &'a Write) -> Sharing<'a> {
        match call {
            Write::Record(key, _) => Sharing::Key(key.as_bytes()),
            Write::Sweep(_) => Sharing::Free,
        }
    }

    async fn run(&self, calls: &[Write]) -> Result<Vec<Result<u64>>, Failure<Error>> {
        let until = self.patience.ends();
        let plan = Plan::new(calls);
        let mut answers = vec![Ok(0); calls.len()];
        for group in plan.groups() {
            match self.write(group, until).await {
                Ok(places) => places.into_iter().for_each(|place| answers[place] = Ok(1)),
                Err(cause) => {
                    let error = error(cause);
                    group
                        .places()
                        .for_each(|place| answers[place] = Err(error.clone()));
                }
            }
        }
        for (place, call) in calls.iter().enumerate() {
            if let Write::Sweep(limit) = call {
                answers[place] = self.sweep(*limit, until).await;
            }
        }
        plan.answer_overwritten(&mut answers);
        self.sweep_if_due(calls.len(), until).await;
        Ok(answers)
    }
}
