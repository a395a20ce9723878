//! The cases, a file for each group of clauses.
//!
//! A case is a function that answers a reason, and a line in its file's `CASES`:
//!
//! ```text
//! Case::new("c05_destroy_removes", |cx| Box::pin(destroy_removes(cx)))
//!
//! async fn destroy_removes(cx: &Context) -> Finding {
//!     let slot = cx.slot("record"); // a key that no other case has
//!     slot.set(b"value", LASTING).await?;
//!     slot.holds(b"value").await?; // without this line a store that keeps nothing would pass
//!     slot.destroy().await?;
//!     slot.is_gone().await.when("after destroy")
//! }
//! ```
//!
//! * Its name is the clause and what is proved. What it needs beyond a store stands in `needs`.
//! * It sees both sides: there before, gone after; refused here, done there.
//! * It asks about time through [`Slot::lives`](crate::slot::Slot::lives) and
//!   [`Life`](crate::life::Life) alone, which are exact on principle and patient with a slow machine.
//! * What is random comes from `cx.seed()`, and a reason about it names the seed. No reason shows a key.
//! * It leaves nothing for longer than [`LASTING`](crate::slot::LASTING), and writes a few MB at most.

use crate::case::Case;
use crate::clauses::CLAUSES;

mod basics;
mod cancellation;
mod clocks;
mod concurrency;
mod conditions;
mod durability;
mod durations;
mod expiry;
mod faults;
pub(crate) mod histories;
mod increments;
mod isolation;
mod keys;
mod limits;
mod logs;
mod precision;
mod recovery;
mod removal;
mod renewal;
mod runtimes;
mod secrecy;
mod sequences;
mod sessions;
mod sharing;
mod touch;
mod unheard;
mod values;

/// Every case, in the order of its clause.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = [
        basics::CASES,
        values::CASES,
        keys::CASES,
        sequences::CASES,
        expiry::CASES,
        precision::CASES,
        durations::CASES,
        sessions::CASES,
        sharing::CASES,
        concurrency::CASES,
        cancellation::CASES,
        faults::CASES,
        recovery::CASES,
        secrecy::CASES,
        logs::CASES,
        limits::CASES,
        isolation::CASES,
        runtimes::CASES,
        clocks::CASES,
        durability::CASES,
        conditions::CASES,
        increments::CASES,
        removal::CASES,
        touch::CASES,
        renewal::CASES,
        histories::CASES,
        unheard::CASES,
    ]
    .concat();
    let place = |case: &Case| CLAUSES.iter().position(|clause| clause.id == case.clause());
    cases.sort_by_key(place);
    cases
}
