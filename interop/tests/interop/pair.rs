//! Two applications, and what is tested of them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use interop::Gate;
use session_layer::Profile;
use tokio::sync::Mutex;

/// One Node application and one Rust one that share their sessions.
pub(crate) struct Pair {
    pub(crate) name: String,
    pub(crate) node: u16,
    pub(crate) rust: u16,
    /// The Rust application's `/slow` waits for it. For one test at a time.
    pub(crate) gate: Mutex<Gate>,
    pub(crate) profile: Profile,
    /// The Redis, and how the names of records begin.
    pub(crate) store: Option<(String, String)>,
    /// What is tested.
    pub(crate) cases: &'static [Cases],
}

pub(crate) type Case = fn(Arc<Pair>) -> Pin<Box<dyn Future<Output = ()>>>;

/// A name and what it tests.
pub(crate) type Cases = &'static [(&'static str, Case)];

impl Pair {
    /// Node first, and Rust first.
    pub(crate) fn both(&self) -> [(u16, u16); 2] {
        [(self.node, self.rust), (self.rust, self.node)]
    }

    /// The cookie's name.
    pub(crate) fn cookie(&self) -> &'static str {
        match self.profile {
            Profile::Koa => "koa.sess",
            _ => "EGG_SESS",
        }
    }
}
