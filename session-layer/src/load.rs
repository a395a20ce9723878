//! Reading the session, when it is first needed.

use std::sync::Arc;

use session_store_api::SessionKey;

use crate::config::Carrier;
use crate::event::{self, SessionEventKind};
use crate::mode::Store;
use crate::record::{self, Record};
use crate::session::{Presented, Shared};
use crate::state::{Change, Stored, Token, View};
use crate::{ErrorKind, OnStoreError, Result};

/// What a token leads to.
pub(crate) enum Found {
    Live(Stored),
    Missed,
    Expired(Record),
    Invalid,
}

/// Asks the store, whose error is not "nothing found".
pub(crate) async fn find(store: &Store, key: &SessionKey) -> Result<Found> {
    Ok(match store.plain().get(key).await? {
        None => Found::Missed,
        Some(bytes) => found(Some(key.clone()), Record::decode(&bytes), bytes),
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
    let read = read(shared).await;
    let (stored, read_only) = match read {
        Ok(stored) => (stored, shared.ignored),
        Err(error) if may_do_without(shared, error.kind()) => {
            error.log("the session could not be read; this request has an empty one");
            (None, true)
        }
        Err(error) => return Err(error),
    };
    let reseals = !read_only && shared.presented().await?.reseals;
    let change = stored.as_ref().filter(|_| reseals).map(Change::reseal);
    let mut state = shared.state();
    if state.view.is_none() {
        // not destroyed meanwhile
        state.change = change;
        state.view = Some(View::new(stored, read_only));
    }
    Ok(())
}

fn may_do_without(shared: &Shared, kind: ErrorKind) -> bool {
    let allowed = shared.config.on_store_error == OnStoreError::ReadOnly || shared.ignored;
    kind == ErrorKind::Unavailable && allowed
}

/// The presented session if it is live; or none, and a word to the log on why.
async fn read(shared: &Shared) -> Result<Option<Stored>> {
    let presented = shared.presented().await?;
    let Some(token) = &presented.token else {
        return Ok(None);
    };
    let (key, found) = match token {
        Token::Id(key) => (Some(key), find(shared.store().await?, key).await?),
        Token::Session(text) => (None, open(shared, presented, text).await?),
    };
    let tell = |kind, record: Option<&Record>| {
        let values = record.map(|record| &*record.data);
        event::tell(shared, kind, key, values);
    };
    match found {
        Found::Live(stored) if is_valid(shared, &stored).await? => return Ok(Some(stored)),
        Found::Live(stored) => tell(SessionEventKind::Invalid, Some(&stored.record)),
        Found::Missed => tell(SessionEventKind::Missed, None),
        Found::Expired(record) => tell(SessionEventKind::Expired, Some(&record)),
        Found::Invalid => tell(SessionEventKind::Invalid, None),
    }
    Ok(None)
}

/// The session in the cookie's text. If the application's `decode` fails, the cookie has to go, or the next
/// request would fail alike.
async fn open(shared: &Shared, presented: &Presented, text: &str) -> Result<Found> {
    let head = shared.head.as_ref();
    let (Some(encoding), Carrier::Cookie(carrier)) = (&presented.encoding, &shared.config.carrier)
    else {
        return Ok(Found::Invalid);
    };
    let decoded = encoding.decode(head, text).await;
    let record = decoded.inspect_err(|_| shared.state().change = Some(Change::Clear))?;
    let text = match &record {
        // It may have come in another form.
        Some(record) if presented.reseals => carrier.own.encoding().encode(head, record).await?,
        _ => text.to_owned(),
    };
    Ok(found(None, record, text.into_bytes()))
}

fn found(key: Option<SessionKey>, record: Option<Record>, bytes: Vec<u8>) -> Found {
    match record {
        None => Found::Invalid,
        Some(record) if record.is_expired(record::now()) => Found::Expired(record),
        Some(record) => Found::Live(Stored { key, bytes, record }),
    }
}

async fn is_valid(shared: &Shared, stored: &Stored) -> Result<bool> {
    match &shared.config.hooks.valid {
        None => Ok(true),
        Some(valid) => {
            valid
                .call(shared.kept_head(), Arc::clone(&stored.record.data))
                .await
        }
    }
}
