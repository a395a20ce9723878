#![doc = include_str!("../README.md")]

mod error;
mod hashed;
mod shard;
mod stats;
mod store;

pub use self::stats::Stats;
pub use self::store::MemoryStore;
