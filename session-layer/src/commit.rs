//! Writing the session back.

use std::sync::Arc;

use serde_json::Map;

use crate::config::Carrier;
use crate::event::{self, SessionEventKind};
use crate::load::load;
use crate::mode::{self, Mode, Store};
use crate::session::Shared;
use crate::state::{Outcome, Plan, Token, read_only};
use crate::{Result, record};

/// Whether the session still is what the handlers think it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Committed {
    /// All of it is kept, or there was nothing to write.
    Kept,
    /// It was destroyed elsewhere; what this request did to it is dropped.
    Dropped,
}

/// Writes what has changed, or everything if `forced`.
///
/// Removing what was destroyed comes first: if that fails, nothing else is done.
pub(crate) async fn commit(shared: &Shared, forced: bool) -> Result<Committed> {
    if shared.ignored {
        return Err(read_only());
    }
    let _turn = shared.turn.lock().await;
    remove_doomed(shared).await?;
    if forced || shared.needs_record() {
        load(shared).await?;
    }
    let Some(mut plan) = shared.state().plan(&shared.config, forced)? else {
        return Ok(Committed::Kept);
    };
    if let Some(before_save) = &shared.config.hooks.before_save {
        let values = Map::clone(&plan.data);
        let values = before_save.call(shared.kept_head(), values).await?;
        plan.data = Arc::new(record::values(values, shared.config.shared_with_node)?);
    }
    let outcome = write(shared, &mut plan).await?;
    let committed = match &outcome {
        Outcome::Saved(_) => Committed::Kept,
        Outcome::Gone => {
            event::tell(shared, SessionEventKind::Conflict, plan.key(), None);
            Committed::Dropped
        }
    };
    shared.state().adopt(&plan, outcome);
    remove_doomed(shared).await?;
    Ok(committed)
}

async fn write(shared: &Shared, plan: &mut Plan) -> Result<Outcome> {
    match (&shared.config.mode, &shared.config.carrier) {
        (Mode::Cookie, Carrier::Cookie(carrier)) => {
            mode::cookie::write(carrier, shared, plan).await
        }
        _ => match shared.store().await? {
            Store::Plain(store) => mode::plain::write(&**store, shared, plan).await,
            Store::Atomic(store) => mode::atomic::write(&**store, shared, plan).await,
        },
    }
}

async fn remove_doomed(shared: &Shared) -> Result<()> {
    if shared.state().dooms_presented {
        let token = shared.presented().await?.token.clone();
        let mut state = shared.state();
        if let Some(Token::Id(key)) = token {
            state.doomed.push(key);
        }
        state.dooms_presented = false;
    }
    loop {
        let Some(key) = shared.state().doomed.last().cloned() else {
            return Ok(());
        };
        shared.store().await?.plain().destroy(&key).await?;
        shared.state().doomed.retain(|doomed| *doomed != key);
    }
}
