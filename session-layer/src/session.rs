//! The handle that handlers hold.

mod respond;
mod shared;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use session_store_api::{MaxAge, SessionKey};

pub(crate) use self::shared::{Presented, Shared};
use crate::commit::{Committed, commit};
use crate::config::Config;
use crate::load::load;
use crate::mode::Mode;
use crate::state::{View, read_only};
use crate::{Error, ErrorKind, Result, record};

/// The session of one request.
///
/// Cheap to clone; clones are the same session, and may be used from several tasks at once. It is read
/// from the store when a method first needs it, and written back when the response is ready, if it has
/// changed. Found by the axum extractor, or in the request's extensions by any tower service.
///
/// A handler that runs on after its response was sent can still read; what it changes then is kept
/// only if it calls [`save`](Self::save), and a session that began then has no cookie.
///
/// # Errors
///
/// Every method that may have to read answers [`ErrorKind::Unavailable`] or [`ErrorKind::Store`] if the
/// store cannot be read, and [`ErrorKind::Hook`] if a hook fails. The session in the store stays as it is,
/// also if the handler goes on. Every method that changes answers [`ErrorKind::ReadOnly`] if
/// [`is_read_only`](Self::is_read_only).
///
/// # Cancel safety
///
/// Dropping any future of these leaves the session readable and what was set before in place; only
/// [`save`](Self::save) and [`commit`](Self::commit) write.
#[derive(Clone)]
pub struct Session(Arc<Shared>);

impl Session {
    pub(crate) fn new(config: Arc<Config>, request: &Parts) -> Self {
        Self(Arc::new(Shared::new(config, request)))
    }

    /// Answers the value under `name`, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Value`] if the value is no `T`.
    pub async fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let value = self.view(|view| view.data.get(name).cloned()).await?;
        // serde quotes the value it stumbled over, so its error is not kept.
        value.map(serde_json::from_value).transpose().map_err(|_| {
            let wanted = std::any::type_name::<T>();
            Error::new(ErrorKind::Value, format!("the value is no `{wanted}`"))
        })
    }

    /// Puts `value` under `name`, in place of what was there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Value`] if the value has no JSON form or is nested more than 120 levels deep,
    /// [`ErrorKind::ReservedName`] for `_expire`, `_maxAge` and `_session`, and with
    /// [`Profile::Egg`](crate::Profile::Egg) and [`Profile::Koa`](crate::Profile::Koa) for every name that begins
    /// with `_` or is that of a member of koa's session: Node would not keep the value.
    pub async fn insert<T: Serialize + Send>(&self, name: &str, value: T) -> Result<()> {
        record::check_name(name, self.0.config.shared_with_node)?;
        let value = record::value(value)?;
        self.edit(|view| {
            if view.data.get(name) != Some(&value) {
                Arc::make_mut(&mut view.data).insert(name.to_owned(), value);
            }
        })
        .await
    }

    /// Removes the value under `name`; says whether there was one.
    ///
    /// # Errors
    ///
    /// Only as for every method, above.
    pub async fn remove(&self, name: &str) -> Result<bool> {
        self.edit(|view| {
            view.data.contains_key(name) && Arc::make_mut(&mut view.data).remove(name).is_some()
        })
        .await
    }

    /// Removes every value. The session goes on, empty.
    ///
    /// # Errors
    ///
    /// Only as for every method, above.
    pub async fn clear(&self) -> Result<()> {
        self.edit(|view| view.data = Arc::default()).await
    }

    /// Puts `values`, a struct or a map, in place of all there are.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert); [`ErrorKind::Value`] also if `values` has no names.
    pub async fn replace<T: Serialize + Send>(&self, values: T) -> Result<()> {
        let values = record::values(values, self.0.config.shared_with_node)?;
        self.edit(|view| view.data = Arc::new(values)).await
    }

    /// All values, with their names.
    ///
    /// # Errors
    ///
    /// Only as for every method, above.
    pub async fn values(&self) -> Result<Map<String, Value>> {
        self.view(|view| Map::clone(&view.data)).await
    }

    /// How many values there are.
    ///
    /// # Errors
    ///
    /// Only as for every method, above.
    pub async fn len(&self) -> Result<usize> {
        self.view(|view| view.data.len()).await
    }

    /// Whether there is no value.
    ///
    /// # Errors
    ///
    /// Only as for every method, above.
    pub async fn is_empty(&self) -> Result<bool> {
        self.view(|view| view.data.is_empty()).await
    }

    /// Whether the session began in this request: there was no cookie, or none that leads to a live
    /// session.
    ///
    /// # Errors
    ///
    /// Only as for every method, above.
    pub async fn is_new(&self) -> Result<bool> {
        self.view(|view| view.is_new).await
    }

    /// How long the session lives if nothing renews it; `None` if it ends with the browser session.
    ///
    /// # Errors
    ///
    /// Only as for every method, above.
    pub async fn expires_in(&self) -> Result<Option<Duration>> {
        let asked = self.0.state().max_age;
        let fresh = asked.unwrap_or(self.0.config.max_age);
        self.view(|view| match (&view.stored, asked, fresh) {
            (Some(stored), None, _) => stored.record.remaining(record::now()),
            (_, _, MaxAge::After(life)) => Some(life),
            (_, _, MaxAge::Session) => None,
        })
        .await
    }

    /// How long the session lives each time it is written: as it was set, or else as it was last written
    /// with, or else as the layer says.
    ///
    /// # Errors
    ///
    /// Only as for every method, above.
    pub async fn max_age(&self) -> Result<MaxAge> {
        let asked = self.0.state().max_age;
        let default = self.0.config.max_age;
        self.view(|view| {
            let stored = view.stored.as_ref();
            let own = stored.and_then(|stored| stored.record.max_age);
            asked.or(own).unwrap_or(default)
        })
        .await
    }

    /// Whether nothing can be changed: the store could not be read, and
    /// [`OnStoreError::ReadOnly`](crate::OnStoreError::ReadOnly) stands; or the layer does not serve this
    /// request. Changing something then fails with [`ErrorKind::ReadOnly`], and what is only done with the
    /// response, like [`regenerate`](Self::regenerate) and [`destroy`](Self::destroy), makes it a 503.
    ///
    /// # Errors
    ///
    /// Only as for every method, above.
    pub async fn is_read_only(&self) -> Result<bool> {
        self.view(|view| view.read_only).await
    }

    /// The id of the session in the store; `None` for a session that lives in its cookie, or was not read
    /// and cannot be written.
    ///
    /// That of a new session, and after [`regenerate`](Self::regenerate), is the one that it will be
    /// written under. Whoever knows it may be the client, so do not show it.
    ///
    /// # Errors
    ///
    /// As for every method, above; [`ErrorKind::Random`] or [`ErrorKind::Hook`] if an id cannot be made.
    pub async fn external_key(&self) -> Result<Option<SessionKey>> {
        let shared = &*self.0;
        if matches!(shared.config.mode, Mode::Cookie) {
            return Ok(None);
        }
        let read_only = self.view(|view| view.read_only).await?;
        let _turn = shared.turn.lock().await;
        let key = shared.state().key();
        if key.is_some() || read_only {
            return Ok(key);
        }
        let key = shared.new_id().await?;
        shared.state().reserved = Some(key.clone());
        Ok(Some(key))
    }

    /// Gives this session a life of its own from the next write on, which there will be. It keeps it
    /// when it is renewed. For "remember me".
    pub fn set_max_age(&self, max_age: impl Into<MaxAge>) {
        self.0.state().max_age = Some(max_age.into());
    }

    /// Moves the session to a new id when it is written, and ends the old one. The values stay.
    ///
    /// Call it at every login and whenever rights change, so that nobody who had the old id has the
    /// new rights.
    pub fn regenerate(&self) {
        self.0.state().regenerate = true;
    }

    /// Ends the session when the response is ready: its record goes, and so does the cookie if it came.
    ///
    /// The session is empty from now on. Values inserted after this begin a new one.
    pub fn destroy(&self) {
        self.0.state().destroy();
    }

    /// Writes the session now if the response would: if it has changed, or is to be renewed or moved.
    ///
    /// With [`auto_commit(false)`](crate::SessionLayerBuilder::auto_commit) nothing else does.
    ///
    /// # Errors
    ///
    /// As [`save`](Self::save).
    ///
    /// # Cancel safety
    ///
    /// As [`save`](Self::save).
    pub async fn commit(&self) -> Result<()> {
        self.write(false).await
    }

    /// Writes the session now, changed or not, empty or not. Its cookie goes out with the response.
    ///
    /// For handlers that need to know before they answer that the session is kept, or that go on after
    /// the response is ready (streams, WebSockets).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Destroyed`] if another request ended the session meanwhile;
    /// [`ErrorKind::Conflict`] if others kept changing it; otherwise as the store.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the session as it was or as written. If it was about to
    /// [`regenerate`](Self::regenerate), the session may be lost: the old id gone, the new one unknown.
    pub async fn save(&self) -> Result<()> {
        self.write(true).await
    }

    async fn write(&self, forced: bool) -> Result<()> {
        match commit(&self.0, forced).await? {
            Committed::Kept => Ok(()),
            Committed::Dropped => Err(Error::new(
                ErrorKind::Destroyed,
                "the session was destroyed by another request",
            )),
        }
    }

    /// Reads the session if that was not done yet, and shows it.
    async fn view<R>(&self, look: impl FnOnce(&mut View) -> R) -> Result<R> {
        let shared = &*self.0;
        if shared.state().view.is_none() {
            let _turn = shared.turn.lock().await;
            load(shared).await?;
        }
        let mut state = shared.state();
        Ok(look(
            state.view.get_or_insert_with(|| View::new(None, false)),
        ))
    }

    /// The same, for a change.
    async fn edit<R>(&self, change: impl FnOnce(&mut View) -> R) -> Result<R> {
        self.view(|view| (!view.read_only).then(|| change(view)))
            .await?
            .ok_or_else(read_only)
    }

    /// Nothing is to be done when the response is ready.
    pub(crate) fn is_idle(&self) -> bool {
        let shared = &*self.0;
        let untouched = {
            let state = shared.state();
            if shared.ignored {
                return !state.wants_write() && !state.dooms();
            }
            state.view.is_none() && state.change.is_none()
        };
        untouched && !shared.needs_record()
    }

    /// Writes what has changed, and tells the browser in `headers`.
    pub(crate) async fn respond(&self, headers: &mut HeaderMap) -> Result<()> {
        respond::respond(&self.0, headers).await
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
