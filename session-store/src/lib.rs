#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod connect;

#[cfg(feature = "json")]
pub use session_store_api::SessionStoreExt;
pub use session_store_api::{
    AtomicSessionStore, Condition, Error, ErrorKind, InvalidSessionKey, MaxAge, Result, SessionKey,
    SessionStore, StoreUrl, async_trait,
};
#[cfg(feature = "memcached")]
pub use session_store_memcached as memcached;
#[cfg(feature = "memory")]
pub use session_store_memory as memory;
#[cfg(feature = "mongodb")]
pub use session_store_mongodb as mongodb;
#[cfg(feature = "mysql")]
pub use session_store_mysql as mysql;
#[cfg(feature = "postgres")]
pub use session_store_postgres as postgres;
#[cfg(feature = "redis")]
pub use session_store_redis as redis;
#[cfg(feature = "sqlite")]
pub use session_store_sqlite as sqlite;

pub use self::connect::connect;
