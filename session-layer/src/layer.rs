//! The layer.

use std::sync::Arc;

use session_store_api::{AtomicSessionStore, SessionStore};
use tower_layer::Layer;

use crate::config::{Config, Store};
use crate::{Keys, SessionLayerBuilder, SessionService};

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
        SessionLayerBuilder::new(Store::Plain(Arc::new(store)), keys)
    }

    /// Sessions in a store that can decide and write in one step: requests that run at once keep one
    /// another's changes, and a destroyed session stays destroyed.
    pub fn atomic(store: impl AtomicSessionStore + 'static, keys: Keys) -> SessionLayerBuilder {
        SessionLayerBuilder::new(Store::Atomic(Arc::new(store)), keys)
    }

    pub(crate) fn from_config(config: Arc<Config>) -> Self {
        Self { config }
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService::new(inner, Arc::clone(&self.config))
    }
}
