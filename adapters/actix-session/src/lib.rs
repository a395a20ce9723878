#![doc = include_str!("../README.md")]

mod key;
mod record;
mod store;

pub use self::store::{ActixSessionStore, LateSave};
