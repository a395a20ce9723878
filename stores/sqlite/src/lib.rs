#![doc = include_str!("../README.md")]

mod connect;
mod error;
mod patience;
mod plan;
mod read;
mod schema;
mod settings;
mod statements;
mod store;
mod write;

pub use session_store_api::{Error, ErrorKind};
pub use sqlx;

pub use self::schema::migration_sql;
pub use self::store::SqliteStore;
