#![doc = include_str!("../README.md")]

mod record;
mod store;

pub use self::store::{LateSave, SalvoSessionStore};
