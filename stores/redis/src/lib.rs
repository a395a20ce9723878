#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod backend;
mod backoff;
mod call;
mod cluster;
mod command;
mod connect;
mod dial;
mod error;
mod link;
mod load;
mod sentinel;
mod settings;
mod store;
mod theirs;
mod tls;

pub use redis;
pub use session_store_api::{Error, ErrorKind};

pub use self::store::RedisStore;
