//! Writing: one statement for all calls of a batch that are of a kind.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use session_store_api::{Error, Result, SessionKey};
use session_store_batch::{Batch, Failure, Sharing};
use tokio::time::Instant;

use crate::database::{Database, Kind, Reaction, Row};
use crate::pace::Pace;
use crate::plan::{Group, Plan};
use crate::retry::{Patience, patiently};

/// From how many records due on, a batch removes expired ones: a piece, and more only while so many are
/// still due, so that a lone caller waits for no more than one.
const SWEEP_FROM: u32 = 256;

/// The most records that a batch removes; what is due beyond is forgotten.
const SWEEP_MOST: u32 = 1024;

/// A call that writes.
pub(crate) enum Write {
    /// To a record. Its caller may ask again.
    Record(SessionKey, Arc<Change>),
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

impl Change {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Set(_) => Kind::Set,
            Self::SetIfAbsent(_) => Kind::SetIfAbsent,
            Self::SetIfPresent(_) => Kind::SetIfPresent,
            Self::SetIfUnchanged(..) => Kind::SetIfUnchanged,
            Self::Touch(_) => Kind::Touch,
            Self::Destroy => Kind::Destroy,
        }
    }

    pub(crate) fn row<'a>(&'a self, key: &'a str) -> Row<'a> {
        let (value, life, old): (&[u8], i64, &[u8]) = match self {
            Self::Set(content) | Self::SetIfAbsent(content) | Self::SetIfPresent(content) => {
                (&content.value, content.life, &[])
            }
            Self::SetIfUnchanged(content, old) => (&content.value, content.life, old),
            Self::Touch(life) => (&[], *life, &[]),
            Self::Destroy => (&[], 0, &[]),
        };
        Row {
            key,
            value,
            life,
            old,
        }
    }
}

/// Why nothing came of a call.
#[derive(Clone)]
pub(crate) struct Refused {
    pub(crate) error: Error,
    /// Somebody else had the row locked, and the others of the batch were not to wait for it any longer.
    pub(crate) is_locked: bool,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self {
            error,
            is_locked: false,
        }
    }
}

/// How many records a call changed, as far as it is of interest.
type Written = Result<u64, Refused>;

/// What runs batches of writes.
pub(crate) struct Writes<D> {
    database: Arc<D>,
    /// How long a statement is tried that fails in passing.
    patience: Patience,
    /// How many expired records are due to be removed: two for each record written, less those removed.
    due: AtomicU32,
    pace: Pace,
}

impl<D: Database> Writes<D> {
    pub(crate) fn new(database: Arc<D>, patience: Patience) -> Self {
        Self {
            database,
            patience,
            due: AtomicU32::new(0),
            pace: Pace::new(),
        }
    }

    /// How many records one statement may remove now.
    pub(crate) fn piece(&self) -> u32 {
        self.pace.piece()
    }

    /// Runs the calls of one kind, in one statement if none of them spoils it for the others.
    async fn write(&self, group: &Group<'_>, until: Instant, answers: &mut [Written]) {
        let is_alone = answers.len() == 1;
        let rows = group.rows();
        let whole = 0..rows.len();
        let mut parts = VecDeque::from([whole]);
        while let Some(part) = parts.pop_front() {
            let several = part.len() > 1;
            let passes = |failure: &D::Failure| D::reaction(failure) == Reaction::Again;
            let attempt = || self.database.write(group.kind, &rows[part.clone()]);
            let failure = match patiently(until, passes, attempt).await {
                Ok(changed) => {
                    changed
                        .iter()
                        .filter_map(|key| group.place(key))
                        .for_each(|place| answers[place] = Ok(1));
                    continue;
                }
                Err(failure) => failure,
            };
            let reaction = D::reaction(&failure);
            match reaction {
                Reaction::Apart if several => {
                    let middle = part.start + part.len() / 2;
                    parts.push_front(middle..part.end);
                    parts.push_front(part.start..middle);
                }
                Reaction::Locked if several => parts.extend(part.map(|row| row..row + 1)),
                Reaction::Locked if is_alone && Instant::now() < until => parts.push_back(part),
                _ => {
                    let refused = Refused {
                        error: D::error(failure),
                        is_locked: reaction == Reaction::Locked,
                    };
                    group
                        .places(part)
                        .for_each(|place| answers[place] = Err(refused.clone()));
                }
            }
        }
    }

    /// Removes at most so many expired records, in one piece; says how many.
    async fn sweep(&self, piece: u32, until: Instant) -> Result<u64> {
        let began = Instant::now();
        let passes = |failure: &D::Failure| D::reaction(failure) == Reaction::Again;
        let swept = patiently(until, passes, || self.database.sweep(piece)).await;
        let removed = swept.as_ref().map_or(0, |removed| *removed);
        self.pace.note(removed, began.elapsed());
        swept.map_err(D::error)
    }

    /// Removes expired records, if enough has been written.
    async fn sweep_if_due(&self, written: usize, until: Instant) {
        let written = u32::try_from(written).unwrap_or(u32::MAX);
        let mut due = self
            .due
            .load(Ordering::Relaxed)
            .saturating_add(written.saturating_mul(2))
            .min(SWEEP_MOST);
        while due >= SWEEP_FROM && Instant::now() < until {
            let piece = due.min(self.piece());
            // If it fails, the writes that follow say why.
            let Ok(removed) = self.sweep(piece, until).await else {
                break;
            };
            due = if removed < u64::from(piece) {
                0
            } else {
                due - piece
            };
        }
        self.due.store(due, Ordering::Relaxed);
    }
}

impl<D: Database> Batch for Writes<D> {
    type Call = Write;
    type Answer = Written;
    type Error = Error;

    fn weight(&self, call: &Write) -> usize {
        let Write::Record(key, change) = call else {
            return 0;
        };
        let Row {
            key, value, old, ..
        } = change.row(key.as_str());
        key.len() + value.len() + old.len()
    }

    /// Conditional writes too may follow one another in a batch: its [`Plan`] keeps their order.
    fn sharing<'a>(&self, call: &'a Write) -> Sharing<'a> {
        match call {
            Write::Record(key, _) => Sharing::Key(key.as_bytes()),
            Write::Sweep(_) => Sharing::Free,
        }
    }

    async fn run(&self, calls: &[Write]) -> Result<Vec<Written>, Failure<Error>> {
        let until = self.patience.ends();
        let plan = Plan::new(calls);
        let mut answers = vec![Ok(0); calls.len()];
        for group in plan.groups() {
            self.write(group, until, &mut answers).await;
        }
        let mut written = calls.len();
        for (place, call) in calls.iter().enumerate() {
            if let Write::Sweep(limit) = call {
                answers[place] = self.sweep(*limit, until).await.map_err(Refused::from);
                written -= 1;
            }
        }
        plan.answer_overwritten(&mut answers);
        self.sweep_if_due(written, until).await;
        Ok(answers)
    }
}
