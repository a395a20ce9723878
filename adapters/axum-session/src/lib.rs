#![doc = include_str!("../README.md")]

mod key;
mod pool;

pub use self::pool::AxumSessionPool;
