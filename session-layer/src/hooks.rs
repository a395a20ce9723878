//! The functions an application can put into the layer.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::request::Parts;
use serde_json::{Map, Value};

use crate::event::SessionEvent;
use crate::{Error, ErrorKind, Result};

/// What a hook may fail with. An error of a store keeps its kind: if the store is down, that is 503.
pub type BoxError = Box<dyn StdError + Send + Sync>;

type Answer<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// A function of the request and something more, that may wait and may fail.
pub(crate) struct Hook<A, T> {
    name: &'static str,
    call: Arc<dyn Fn(Arc<Parts>, A) -> Answer<T> + Send + Sync>,
}

impl<A, T> Hook<A, T> {
    pub(crate) fn new<F, R>(name: &'static str, hook: F) -> Self
    where
        F: Fn(Arc<Parts>, A) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, BoxError>> + Send + 'static,
    {
        Self {
            name,
            call: Arc::new(move |head, given| Box::pin(hook(head, given))),
        }
    }

    pub(crate) async fn call(&self, head: Arc<Parts>, given: A) -> Result<T> {
        let answer = (self.call)(head, given).await;
        answer.map_err(|error| failed(self.name, error))
    }
}

impl<A, T> Clone for Hook<A, T> {
    fn clone(&self) -> Self {
        Self {
            name: self.name,
            call: Arc::clone(&self.call),
        }
    }
}

/// Told of every event, at once and without waiting.
pub(crate) type Listener = Arc<dyn Fn(&SessionEvent<'_>) + Send + Sync>;

/// Answers the cookie's domain for one request.
pub(crate) type DomainFor = Arc<dyn Fn(&Parts) -> Option<String> + Send + Sync>;

/// The hooks that any mode may have.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) genid: Option<Hook<(), String>>,
    pub(crate) valid: Option<Hook<Arc<Map<String, Value>>, bool>>,
    pub(crate) before_save: Option<Hook<Map<String, Value>, Map<String, Value>>>,
    pub(crate) encode: Option<Hook<Map<String, Value>, String>>,
    pub(crate) decode: Option<Hook<String, Option<Map<String, Value>>>>,
    pub(crate) domain_for: Option<DomainFor>,
    pub(crate) on_event: Option<Listener>,
}

impl Hooks {
    /// Whether one of them is given the request's head, which is then kept.
    pub(crate) fn want_head(&self) -> bool {
        self.genid.is_some()
            || self.valid.is_some()
            || self.before_save.is_some()
            || self.encode.is_some()
            || self.decode.is_some()
            || self.domain_for.is_some()
            || self.on_event.is_some()
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}

/// The error of the hook called `name`.
pub(crate) fn failed(name: &'static str, error: BoxError) -> Error {
    let error = match error.downcast::<session_store_api::Error>() {
        Ok(error) => return (*error).into(),
        Err(error) => error,
    };
    match error.downcast::<Error>() {
        Ok(error) => *error,
        Err(error) => {
            Error::new(ErrorKind::Hook, format!("the hook `{name}` failed")).with_boxed(error)
        }
    }
}
