//! Writing so that nothing is lost and nothing comes back.
//!
//! A write says what it expects to replace, so it is refused when somebody else was faster, and looks
//! again:
//!
//! * gone: the session was destroyed elsewhere and stays so; our changes are dropped.
//! * changed: our changes are put on top of theirs and the write is tried again.
//!
//! # Moving to a new id
//!
//! Two records cannot be changed in one step, so the old one decides:
//!
//! 1. The record is written under the new id. Nobody knows this id yet.
//! 2. The old record is removed *if it is unchanged*: a conditional write that leaves nothing readable.
//!    Whoever's removal is accepted has moved the session; of two that move it at once, one.
//! 3. Refused: the record under the new id is removed again, and the outcome is as above: a session
//!    destroyed or moved elsewhere is not carried on, a changed one is merged and moved in a new try.
//!
//! A crash or an error between the steps leaves the old session as it was (after a timeout in step 2 it may
//! be gone), and at worst a record whose id was never given to anybody and which ends by itself.

use std::time::Duration;

use session_store_api::{AtomicSessionStore, Condition, MaxAge, SessionKey};

use super::Draft;
use crate::load::{Found, find};
use crate::session::Shared;
use crate::state::{Outcome, Plan, Stored};
use crate::{Error, ErrorKind, Result};

/// A try is only lost to somebody else's success, so this many requests may change one session at once.
const TRIES: usize = 100;

pub(crate) async fn write(
    store: &dyn AtomicSessionStore,
    shared: &Shared,
    plan: &mut Plan,
) -> Result<Outcome> {
    for _ in 0..TRIES {
        let Some(key) = plan.key() else {
            return create(store, shared, plan).await.map(Outcome::Saved);
        };
        let saved = if plan.regenerate {
            relocate(store, shared, plan, key).await?
        } else {
            update(store, shared, plan, key).await?
        };
        if let Some(saved) = saved {
            return Ok(Outcome::Saved(saved));
        }
        let Found::Live(theirs) = find(shared.store().await?, key).await? else {
            return Ok(Outcome::Gone);
        };
        if plan.is_renewal() {
            return Ok(Outcome::Saved(theirs)); // their write has renewed it
        }
        plan.rebase(theirs);
    }
    Err(crowded())
}

/// A new record under an id that was free.
async fn create(store: &dyn AtomicSessionStore, shared: &Shared, plan: &Plan) -> Result<Stored> {
    let draft = Draft::new(shared.config.max_age, plan)?;
    for _ in 0..TRIES {
        let key = shared.new_id().await?;
        let max_age = draft.store_max_age();
        if store
            .set_if(&key, Condition::Absent, &draft.bytes, max_age)
            .await?
        {
            return Ok(draft.stored_under(key));
        }
        shared.state().reserved = None; // taken
    }
    Err(crowded())
}

/// The record in place of the one that was read; nothing if that one has changed.
async fn update(
    store: &dyn AtomicSessionStore,
    shared: &Shared,
    plan: &Plan,
    key: &SessionKey,
) -> Result<Option<Stored>> {
    let draft = Draft::new(shared.config.max_age, plan)?;
    let max_age = draft.store_max_age();
    // A renewal too: `touch` would give our life to a record that somebody has given another one meanwhile.
    let unchanged = Condition::Unchanged(old_bytes(plan));
    let written = store.set_if(key, unchanged, &draft.bytes, max_age).await?;
    Ok(written.then(|| draft.stored_under(key.clone())))
}

/// The record under a new id and none under the old; nothing if the old one has changed.
async fn relocate(
    store: &dyn AtomicSessionStore,
    shared: &Shared,
    plan: &Plan,
    key: &SessionKey,
) -> Result<Option<Stored>> {
    let new = create(store, shared, plan).await?;
    let unchanged = Condition::Unchanged(old_bytes(plan));
    let nothing = MaxAge::After(Duration::ZERO);
    if store.set_if(key, unchanged, b"", nothing).await? {
        return Ok(Some(new));
    }
    if let Some(new) = &new.key {
        store.destroy(new).await?;
    }
    Ok(None)
}

/// What the store had when it was read.
fn old_bytes(plan: &Plan) -> &[u8] {
    plan.stored.as_ref().map_or(&[], |stored| &stored.bytes)
}

fn crowded() -> Error {
    Error::new(
        ErrorKind::Conflict,
        "other requests kept changing the session",
    )
}
