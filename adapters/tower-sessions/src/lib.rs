#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(any(feature = "v0_14", feature = "v0_15")),
    allow(
        dead_code,
        unused_imports,
        reason = "without a version of tower-sessions there is nobody to serve"
    )
)]

mod fault;
mod middleware;
mod store;
mod sweep;

pub use self::store::{LateSave, TowerSessionsStore};
