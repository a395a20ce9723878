#![doc = include_str!("../README.md")]

mod store;

pub use self::store::PoemSessionStore;
