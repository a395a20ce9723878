#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
#[cfg(feature = "json")]
mod ext;
mod key;
mod max_age;
mod pointers;
#[cfg(feature = "json")]
mod record;
mod store;
mod url;

pub use async_trait::async_trait;

pub use self::error::{Error, ErrorKind, Result};
#[cfg(feature = "json")]
pub use self::ext::SessionStoreExt;
pub use self::key::{InvalidSessionKey, SessionKey};
pub use self::max_age::MaxAge;
#[cfg(feature = "json")]
pub use self::record::{ReservedName, SessionRecord};
pub use self::store::{AtomicSessionStore, Condition, SessionStore};
pub use self::url::StoreUrl;
