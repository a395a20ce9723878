//! The handle that handlers hold.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Uri, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use session_store_api::{MaxAge, SessionKey};

use crate::commit::{Committed, commit};
use crate::config::Config;
use crate::load::load;
use crate::state::{CookieChange, State, View};
use crate::{Error, ErrorKind, Result, cookie, event, id, record};

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
/// store cannot be read. The session in the store stays as it is, also if the handler goes on.
///
/// # Cancel safety
///
/// Dropping any future of these leaves the session readable and what was set before in place; only
/// [`save`](Self::save) writes.
#[derive(Clone)]
pub struct Session(Arc<Shared>);

/// What all clones share.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    cookies: Vec<HeaderValue>,
    https: bool,
    presented: OnceLock<Option<Presented>>,
    /// Held while the store is asked, so that it is asked once.
    pub(crate) turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

/// What the request's cookie says.
pub(crate) struct Presented {
    pub(crate) key: SessionKey,
    pub(crate) by_old_key: bool,
}

impl Session {
    pub(crate) fn new(config: Arc<Config>, uri: &Uri, headers: &HeaderMap) -> Self {
        Self(Arc::new(Shared {
            https: is_https(&config, uri, headers),
            config,
            cookies: headers.get_all(header::COOKIE).iter().cloned().collect(),
            presented: OnceLock::new(),
            turn: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        }))
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
    /// [`ErrorKind::ReservedName`] for `_expire`, `_maxAge` and `_session`.
    pub async fn insert<T: Serialize + Send>(&self, name: &str, value: T) -> Result<()> {
        let value = record::field(name, value)?;
        self.view(|view| {
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
        self.view(|view| {
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
        self.view(|view| view.data = Arc::default()).await
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

    /// Ends the session when the response is ready: its record goes, and so does the cookie.
    ///
    /// The session is empty from now on. Values inserted after this begin a new one.
    pub fn destroy(&self) {
        let presented = self.0.presented().map(|presented| &presented.key);
        self.0.state().destroy(presented);
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
        match commit(&self.0, true).await? {
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
        Ok(look(
            shared.state().view.get_or_insert_with(|| View::new(None)),
        ))
    }

    /// Nothing is to be done when the response is ready.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.state().view.is_none() && !self.0.needs_record()
    }

    /// Writes what has changed; answers the `Set-Cookie` line, if there is one to send.
    pub(crate) async fn commit(&self) -> Result<Option<HeaderValue>> {
        let shared = &*self.0;
        commit(shared, false).await?;
        let config = &*shared.config;
        let change = shared.state().cookie.clone();
        match change {
            None => Ok(None),
            Some(CookieChange::Clear) => cookie::clear(&config.cookie, shared.https).map(Some),
            Some(CookieChange::Set { key, max_age }) => {
                let value = config.seal.close(key.as_str())?;
                cookie::set(&config.cookie, value, max_age, shared.https).map(Some)
            }
        }
    }

    pub(crate) fn cookie_name(&self) -> &str {
        &self.0.config.cookie.name
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // No code of others runs under the lock, so a poisoned state is still a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id in the request's cookie, if there is exactly one cookie and it opens.
    pub(crate) fn presented(&self) -> Option<&Presented> {
        self.presented.get_or_init(|| self.open()).as_ref()
    }

    /// Committing takes a record that nobody has read yet.
    pub(crate) fn needs_record(&self) -> bool {
        let (unread, wanted) = {
            let state = self.state();
            (state.view.is_none(), state.wants_write())
        };
        let renews = self.config.rolling || self.config.renew;
        unread && (wanted || (renews && self.presented().is_some()))
    }

    fn open(&self) -> Option<Presented> {
        let mut values = cookie::values(&self.cookies, &self.config.cookie.name);
        let value = values.next()?;
        if values.next().is_some() {
            event::invalid_cookie(); // two, and nothing says which is ours
            return None;
        }
        let presented = self.config.seal.open(value).and_then(|opened| {
            Some(Presented {
                key: id::recognise(&self.config.prefix, &opened.id)?,
                by_old_key: opened.by_old_key,
            })
        });
        if presented.is_none() {
            event::invalid_cookie();
        }
        presented
    }
}

fn is_https(config: &Config, uri: &Uri, headers: &HeaderMap) -> bool {
    let proxied = || {
        let proto = headers.get("x-forwarded-proto")?.to_str().ok()?;
        let first = proto.split(',').next()?;
        Some(first.trim().eq_ignore_ascii_case("https"))
    };
    uri.scheme() == Some(&Scheme::HTTPS) || (config.trust_proxy && proxied() == Some(true))
}
