#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod connect;

#[cfg(feature = "json")]
pub use session_store_api::SessionStoreExt;
pub use session_store_api::{
    AtomicSessionStore, Condition, Error, ErrorKind, InvalidSessionKey, MaxAge, Result, SessionKey,
    SessionStore, StoreUrl, async_trait,
};
#[cfg(feature = "memory")]
pub use session_store_memory as memory;
#[cfg(feature = "redis")]
pub use session_store_redis as redis;
#[cfg(feature = "sqlite")]
pub use session_store_sqlite as sqlite;

pub use self::connect::connect;
