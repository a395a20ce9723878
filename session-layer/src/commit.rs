//! Writing the session back.

mod atomic;

use session_store_api::{MaxAge, SessionKey, SessionStore};

use crate::config::{Config, Store};
use crate::load::load;
use crate::record::{self, Record};
use crate::session::Shared;
use crate::state::{Outcome, Plan, Stored};
use crate::{Result, event, id};

/// Whether the session still is what the handlers think it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Committed {
    /// All of it is in the store, or there was nothing to write.
    Kept,
    /// It was destroyed elsewhere; what this request did to it is dropped.
    Dropped,
}

/// Writes what has changed, or everything if `forced`.
///
/// Removing what was destroyed comes first: if that fails, nothing else is done.
pub(crate) async fn commit(shared: &Shared, forced: bool) -> Result<Committed> {
    let _turn = shared.turn.lock().await;
    remove_doomed(shared).await?;
    if forced || shared.needs_record() {
        load(shared).await?;
    }
    let Some(mut plan) = shared.state().plan(&shared.config, forced) else {
        return Ok(Committed::Kept);
    };
    let outcome = match &shared.config.store {
        Store::Plain(store) => write(&**store, &shared.config, &plan).await?,
        Store::Atomic(store) => atomic::write(&**store, &shared.config, &mut plan).await?,
    };
    let committed = match outcome {
        Outcome::Saved(_) => Committed::Kept,
        Outcome::Gone => {
            event::conflict();
            Committed::Dropped
        }
    };
    shared.state().adopt(&plan, outcome);
    remove_doomed(shared).await?;
    Ok(committed)
}

async fn remove_doomed(shared: &Shared) -> Result<()> {
    loop {
        let Some(key) = shared.state().doomed.last().cloned() else {
            return Ok(());
        };
        shared.config.store.plain().destroy(&key).await?;
        shared.state().doomed.retain(|doomed| *doomed != key);
    }
}

/// As koa writes: whatever the store has by now is replaced.
async fn write(store: &dyn SessionStore, config: &Config, plan: &Plan) -> Result<Outcome> {
    let (key, old) = match &plan.stored {
        Some(stored) if !plan.regenerate => (stored.key.clone(), None),
        stored => (id::generate(&config.prefix)?, stored.as_ref()),
    };
    let draft = Draft::new(config, plan)?;
    store.set(&key, &draft.bytes, draft.store_max_age()).await?;
    if let Some(old) = old {
        store.destroy(&old.key).await?;
    }
    Ok(Outcome::Saved(draft.stored_under(key)))
}

/// A record ready to be written.
struct Draft {
    record: Record,
    bytes: Vec<u8>,
}

impl Draft {
    fn new(config: &Config, plan: &Plan) -> Result<Self> {
        let record = plan.record(config);
        let bytes = record.encode()?;
        Ok(Self { record, bytes })
    }

    fn store_max_age(&self) -> MaxAge {
        record::store_max_age(self.record.max_age.unwrap_or(MaxAge::Session))
    }

    fn stored_under(self, key: SessionKey) -> Stored {
        Stored {
            key,
            bytes: self.bytes,
            record: self.record,
        }
    }
}
