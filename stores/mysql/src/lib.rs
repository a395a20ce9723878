#![doc = include_str!("../README.md")]

mod connect;
mod error;
mod records;
mod schema;
mod statements;
mod store;

pub use session_store_api::{Error, ErrorKind};
pub use sqlx;

pub use self::schema::migration_sql;
pub use self::store::MySqlStore;
