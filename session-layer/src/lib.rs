#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod accept;
mod builder;
mod commit;
mod config;
mod cookie;
mod error;
mod event;
mod external_key;
#[cfg(feature = "axum")]
mod extract;
mod filter;
mod future;
mod hooks;
mod id;
mod keys;
mod layer;
mod load;
mod mode;
mod options;
mod payload;
mod profile;
mod record;
mod service;
mod session;
mod state;

#[doc = include_str!("../PARITY.md")]
pub mod parity {}

pub use serde_json::{Map, Value};
pub use session_store_api::{MaxAge, SessionKey, async_trait};

pub use self::accept::Accept;
pub use self::builder::{InvalidOption, SessionLayerBuilder};
pub use self::error::{Error, ErrorKind, Result};
pub use self::event::{SessionEvent, SessionEventKind};
pub use self::external_key::ExternalKey;
pub use self::filter::RequestFilter;
pub use self::future::ResponseFuture;
pub use self::hooks::BoxError;
pub use self::keys::{InvalidKeys, Keys};
pub use self::layer::SessionLayer;
pub use self::options::{OnStoreError, Oversize, Priority, SameSite, Secure};
pub use self::profile::Profile;
pub use self::service::SessionService;
pub use self::session::Session;
