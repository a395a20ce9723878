//! The layer.

use std::future::Future;
use std::sync::Arc;

use http::request::Parts;
use session_store_api::{AtomicSessionStore, SessionStore};
use tower_layer::Layer;

use crate::config::Config;
use crate::hooks::Hook;
use crate::mode::{Source, Store};
use crate::{BoxError, Keys, SessionLayerBuilder, SessionService};

/// Gives every request a [`Session`](crate::Session), and writes it back when the response is ready.
///
/// Made by a [`SessionLayerBuilder`]. Cheap to clone. See the [crate docs](crate) for the life of a
/// session.
#[derive(Clone, Debug)]
pub struct SessionLayer {
    config: Arc<Config>,
}

impl SessionLayer {
    /// Sessions in any store, written as koa writes them: of two requests that change a session at
    /// once the later one wins, and a slow one can bring back a session that was destroyed meanwhile.
    ///
    /// Prefer [`atomic`](Self::atomic) where the store can do it.
    #[expect(
        clippy::new_ret_no_self,
        reason = "the name of every tower layer's constructor; only `build` can refuse"
    )]
    pub fn new(store: impl SessionStore + 'static, keys: Keys) -> SessionLayerBuilder {
        let store = Store::Plain(Arc::new(store));
        SessionLayerBuilder::new(Some(Source::Fixed(store)), keys)
    }

    /// Sessions in a store that can decide and write in one step: requests that run at once keep one
    /// another's changes, and a destroyed session stays destroyed.
    pub fn atomic(store: impl AtomicSessionStore + 'static, keys: Keys) -> SessionLayerBuilder {
        let store = Store::Atomic(Arc::new(store));
        SessionLayerBuilder::new(Some(Source::Fixed(store)), keys)
    }

    /// No store: a session lives in its cookie, so it is small, and a copy of an old cookie is an old
    /// session until it expires, also after a logout. Of two requests that change it at once, the browser
    /// keeps the session of the later response.
    pub fn cookie(keys: Keys) -> SessionLayerBuilder {
        SessionLayerBuilder::new(None, keys)
    }

    /// As [`new`](Self::new), in a store that is made for each request that uses its session, from the
    /// request's head: a tenant's, for instance. koa's `ContextStore`.
    pub fn per_request<F, R, S>(open: F, keys: Keys) -> SessionLayerBuilder
    where
        F: Fn(Arc<Parts>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<S, BoxError>> + Send + 'static,
        S: SessionStore + 'static,
    {
        let open = Hook::new("store", move |head, ()| {
            let opening = open(head);
            async move { Ok(Store::Plain(Arc::new(opening.await?))) }
        });
        SessionLayerBuilder::new(Some(Source::PerRequest(open)), keys)
    }

    /// As [`atomic`](Self::atomic), in a store that is made for each request that uses its session.
    pub fn atomic_per_request<F, R, S>(open: F, keys: Keys) -> SessionLayerBuilder
    where
        F: Fn(Arc<Parts>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<S, BoxError>> + Send + 'static,
        S: AtomicSessionStore + 'static,
    {
        let open = Hook::new("store", move |head, ()| {
            let opening = open(head);
            async move { Ok(Store::Atomic(Arc::new(opening.await?))) }
        });
        SessionLayerBuilder::new(Some(Source::PerRequest(open)), keys)
    }

    pub(crate) fn from_config(config: Config) -> Self {
        Self {
            config: Arc::new(config),
        }
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService::new(inner, Arc::clone(&self.config))
    }
}
