//! Writing as koa writes: whatever the store has by now is replaced.

use session_store_api::SessionStore;

use super::Draft;
use crate::Result;
use crate::session::Shared;
use crate::state::{Outcome, Plan};

pub(crate) async fn write(
    store: &dyn SessionStore,
    shared: &Shared,
    plan: &Plan,
) -> Result<Outcome> {
    let (key, old) = match plan.key() {
        Some(key) if !plan.regenerate => (key.clone(), None),
        old => (shared.new_id().await?, old),
    };
    let draft = Draft::new(shared.config.max_age, plan)?;
    store.set(&key, &draft.bytes, draft.store_max_age()).await?;
    if let Some(old) = old {
        store.destroy(old).await?; // the new one stands, so nothing can be lost
    }
    Ok(Outcome::Saved(draft.stored_under(key)))
}
