#![doc = include_str!("../README.md")]

mod error;
mod hashed;
mod record;
mod shard;
mod spare;
mod stats;
mod store;

pub use self::stats::Stats;
pub use self::store::MemoryStore;
