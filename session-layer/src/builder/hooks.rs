//! The setters of hooks.

use std::future::Future;
use std::sync::Arc;

use http::request::Parts;
use serde_json::{Map, Value};

use super::SessionLayerBuilder;
use crate::hooks::Hook;
use crate::{BoxError, SessionEvent};

impl SessionLayerBuilder {
    /// Makes the id of a new session, in place of 144 random bits. It has to be unguessable, and holds 1 to
    /// 200 characters of visible ASCII without quotes, commas, semicolons and backslashes; otherwise the
    /// write fails. Any such id is then recognised. Default: none.
    pub fn genid<F, R>(mut self, genid: F) -> Self
    where
        F: Fn(Arc<Parts>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<String, BoxError>> + Send + 'static,
    {
        self.hooks.genid = Some(Hook::new("genid", move |head, ()| genid(head)));
        self
    }

    /// Says whether a session that was read is good for this request. If not, the request gets a new one, and
    /// the event is `invalid`. Default: none.
    ///
    /// ```
    /// use session_layer::{Keys, SessionLayer};
    ///
    /// let layer = SessionLayer::cookie(Keys::generate()?)
    ///     .valid(|request, values| async move {
    ///         let agent = request.headers.get("user-agent").map(|agent| agent.as_bytes());
    ///         let known = values.get("agent").and_then(|agent| agent.as_str());
    ///         Ok(agent == known.map(str::as_bytes))
    ///     })
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn valid<F, R>(mut self, valid: F) -> Self
    where
        F: Fn(Arc<Parts>, Arc<Map<String, Value>>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<bool, BoxError>> + Send + 'static,
    {
        self.hooks.valid = Some(Hook::new("valid", valid));
        self
    }

    /// Changes the values of a session right before they are written. By itself this makes no session
    /// count as changed, and it is not called when a session is destroyed. Default: none.
    pub fn before_save<F, R>(mut self, before_save: F) -> Self
    where
        F: Fn(Arc<Parts>, Map<String, Value>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Map<String, Value>, BoxError>> + Send + 'static,
    {
        self.hooks.before_save = Some(Hook::new("before_save", before_save));
        self
    }

    /// Turns a session that lives in its cookie into text. It is given the values with `_expire` and
    /// `_maxAge`, or `_session`, among them. Needs [`decode`](Self::decode). Default: JSON, and base64 of it
    /// where Node shares the session.
    pub fn encode<F, R>(mut self, encode: F) -> Self
    where
        F: Fn(Arc<Parts>, Map<String, Value>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<String, BoxError>> + Send + 'static,
    {
        self.hooks.encode = Some(Hook::new("encode", encode));
        self
    }

    /// Turns the text back. `None` is a text that is no session, and leads to a new one; an error fails
    /// the request, and the cookie is cleared. Needs [`encode`](Self::encode).
    pub fn decode<F, R>(mut self, decode: F) -> Self
    where
        F: Fn(Arc<Parts>, String) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Option<Map<String, Value>>, BoxError>> + Send + 'static,
    {
        self.hooks.decode = Some(Hook::new("decode", decode));
        self
    }

    /// Answers the cookie's domain for one request, in place of [`domain`](Self::domain); `None` leaves the
    /// attribute out. What is no domain fails the request before anything is written. Default: none.
    pub fn domain_for(
        mut self,
        domain_for: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.hooks.domain_for = Some(Arc::new(domain_for));
        self
    }

    /// Is told of each event after the log was. It runs within the request, so it must not block.
    /// Default: none.
    pub fn on_event(
        mut self,
        on_event: impl Fn(&SessionEvent<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.on_event = Some(Arc::new(on_event));
        self
    }
}
