#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod admission;
mod batch;
mod batcher;
mod carried;
mod error;
mod lane;
mod limits;
mod queue;
mod schedule;

pub use self::batch::{Batch, Failure, Sharing};
pub use self::batcher::Batcher;
pub use self::error::Error;
pub use self::limits::Limits;
