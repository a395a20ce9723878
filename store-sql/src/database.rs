//! What differs from database to database.

use std::future::Future;

use session_store_api::Error;

/// A table of sessions in some database: one statement for many rows of a kind.
///
/// Every statement commits itself: it was applied as a whole or not at all, and nothing stays open behind
/// it, also if its future is dropped. Time is told by the database alone.
pub trait Database: Send + Sync + 'static {
    /// The name of the store in its errors.
    const NAME: &'static str;

    /// What the driver answers if it fails.
    type Failure: Send;

    /// Reads the live values under these keys. A key may stand there twice, and is answered once.
    fn get(
        &self,
        keys: &[&str],
    ) -> impl Future<Output = Result<Vec<(String, Vec<u8>)>, Self::Failure>> + Send;

    /// Does to all these records what `kind` says, and answers the keys of those whose condition held;
    /// kinds without a condition need answer none.
    ///
    /// The rows are at least one, in the order of their keys, and no key is there twice. Writers that lock
    /// in this order never wait for one another in a circle.
    fn write(
        &self,
        kind: Kind,
        rows: &[Row<'_>],
    ) -> impl Future<Output = Result<Vec<String>, Self::Failure>> + Send;

    /// Removes at most `limit` expired records, oldest first, and passes over those that somebody else
    /// has locked; says how many.
    fn sweep(&self, limit: u32) -> impl Future<Output = Result<u64, Self::Failure>> + Send;

    /// What is to be done about a failure.
    fn reaction(failure: &Self::Failure) -> Reaction;

    /// What the caller hears of it. It shows no key, value or password.
    fn error(failure: Self::Failure) -> Error;
}

/// What happens to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a new kind would be a new duty of every database"
)]
pub enum Kind {
    /// It is written, whatever stood there.
    Set,
    /// It is written if there is no live one.
    SetIfAbsent,
    /// It is written if there is a live one.
    SetIfPresent,
    /// It is written if there is a live one whose value is [`Row::old`].
    SetIfUnchanged,
    /// It begins a new life if it is live.
    Touch,
    /// It is removed.
    Destroy,
}

/// A record, as far as its [`Kind`] needs it.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Row<'a> {
    /// Its key: 1 to 200 bytes of visible ASCII.
    pub key: &'a str,
    /// The new value.
    pub value: &'a [u8],
    /// How long it is to live, in milliseconds: 0 for not at all, at most ten thousand years.
    pub life: i64,
    /// What must stand there.
    pub old: &'a [u8],
}

impl Row<'_> {
    /// Its life as added to a clock that shows whole milliseconds: the one that has begun does not count,
    /// so that no record ends early.
    #[must_use]
    pub fn life_from_this_millisecond(&self) -> i64 {
        match self.life {
            0 => 0,
            life => life + 1,
        }
    }
}

impl std::fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row")
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever sorts failures must know all the drawers"
)]
pub enum Reaction {
    /// Nothing was applied, and it passes by itself: run it again soon, as long as there is time.
    Again,
    /// Nothing was applied, and one of the rows may be at fault: run it in halves.
    Apart,
    /// Nothing was applied, for somebody else kept one of the rows locked too long: run the rows one by one,
    /// and that one again, by itself or in later batches. The database waits a while for it each time.
    Locked,
    /// The connection broke, and what was asked may have been done: read once more, but never write.
    Broken,
    /// Tell the caller.
    Fail,
}
