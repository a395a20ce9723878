#![doc = include_str!("../README.md")]

mod connections;
mod database;
mod error;
mod pace;
mod plan;
mod read;
mod retry;
mod sessions;
mod settings;
mod table;
mod write;

pub use self::connections::{Connections, Lease};
pub use self::database::{Database, Kind, Reaction, Row};
pub use self::error::{ServerError, config};
pub use self::retry::{Patience, patiently};
pub use self::sessions::Sessions;
pub use self::settings::{Bounds, Settings};
pub use self::table::Table;
