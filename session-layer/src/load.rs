//! Reading the session, when it is first needed.

use session_store_api::SessionKey;

use crate::config::Store;
use crate::record::{self, Record};
use crate::session::Shared;
use crate::state::{CookieChange, Stored, View};
use crate::{Result, event};

/// What stands under an id.
pub(crate) enum Found {
    Live(Stored),
    Missed,
    Expired,
    Invalid,
}

/// Asks the store, whose error is not "nothing found".
pub(crate) async fn find(store: &Store, key: &SessionKey) -> Result<Found> {
    let Some(bytes) = store.plain().get(key).await? else {
        return Ok(Found::Missed);
    };
    Ok(match Record::decode(&bytes) {
        None => Found::Invalid,
        Some(record) if record.is_expired(record::now()) => Found::Expired,
        Some(record) => Found::Live(Stored {
            key: key.clone(),
            bytes,
            record,
        }),
    })
}

/// Reads the presented session unless that was done. The caller has the turn.
///
/// Whatever is not a live session becomes a new one, which never takes over the presented id. An error
/// leaves the session unread, so nothing is ever written over what could not be seen.
pub(crate) async fn load(shared: &Shared) -> Result<()> {
    if shared.state().view.is_some() {
        return Ok(());
    }
    let stored = match shared.presented() {
        Some(presented) => live(find(&shared.config.store, &presented.key).await?),
        None => None,
    };
    let by_old_key = shared.presented().is_some_and(|it| it.by_old_key);
    let reseal = stored.as_ref().filter(|_| by_old_key);
    let cookie = reseal.map(CookieChange::reseal);
    let mut state = shared.state();
    if state.view.is_none() {
        // not destroyed meanwhile
        state.cookie = cookie;
        state.view = Some(View::new(stored));
    }
    Ok(())
}

/// The session; or none, and a word to the log on why.
fn live(found: Found) -> Option<Stored> {
    match found {
        Found::Live(stored) => return Some(stored),
        Found::Missed => event::missed(),
        Found::Expired => event::expired(),
        Found::Invalid => event::invalid_record(),
    }
    None
}
