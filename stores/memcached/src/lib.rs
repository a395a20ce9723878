#![doc = include_str!("../README.md")]

mod address;
mod backoff;
mod call;
mod connect;
mod connection;
mod error;
mod life;
mod server;
mod servers;
mod settings;
mod stats;
mod store;

pub use memcache;
pub use session_store_api::{Error, ErrorKind};

pub use self::stats::ServerStats;
pub use self::store::MemcachedStore;
