#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod commit;
mod config;
mod cookie;
mod error;
mod event;
#[cfg(feature = "axum")]
mod extract;
mod future;
mod id;
mod keys;
mod layer;
mod load;
mod record;
mod seal;
mod service;
mod session;
mod state;

pub use session_store_api::MaxAge;

pub use self::builder::{InvalidOption, SessionLayerBuilder};
pub use self::config::{SameSite, Secure};
pub use self::error::{Error, ErrorKind, Result};
pub use self::future::ResponseFuture;
pub use self::keys::{InvalidKeys, Keys};
pub use self::layer::SessionLayer;
pub use self::service::SessionService;
pub use self::session::Session;
