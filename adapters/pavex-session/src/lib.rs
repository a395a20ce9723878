#![doc = include_str!("../README.md")]

mod backend;
mod store;
mod sweep;

pub use self::store::PavexSessionStore;
