//! The pages that all applications have, named as those of the koa application.

use std::sync::atomic::{AtomicU64, Ordering};

/// Does not use the session.
pub const IDLE: &str = "/idle";

/// Answers the session as JSON.
pub const VALUES: &str = "/values";

/// What is around the value in that JSON.
pub const AROUND: usize = r#"{"value":""}"#.len();

/// Puts a value of `len` characters into the session: another one each time, for one that is the same is
/// not written.
pub fn insert(len: usize) -> String {
    static CHANGES: AtomicU64 = AtomicU64::new(0);
    let change = CHANGES.fetch_add(1, Ordering::Relaxed);
    format!("/insert/value/{change:0>len$}")
}
