#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod connect;
mod error;
mod plan;
mod read;
mod reply;
mod retry;
mod schema;
mod settings;
mod statement;
mod store;
mod write;

pub use mongodb;
pub use session_store_api::{Error, ErrorKind};

pub use self::store::MongoDbStore;
