//! One proof of one clause.

use std::future::Future;
use std::pin::Pin;

use crate::context::Context;

/// What a case finds: nothing wrong, or a reason that says what was expected and what was seen. The
/// reason never holds a key.
pub(crate) type Finding = Result<(), String>;

type Run = for<'a> fn(&'a Context) -> Pin<Box<dyn Future<Output = Finding> + Send + 'a>>;

/// One proof of one clause.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    /// The clause in lower case, an underscore, and what is proved: `c01_missing_is_none`.
    pub(crate) name: &'static str,
    /// All of these.
    pub(crate) needs: &'static [Needs],
    pub(crate) run: Run,
}

/// What a case needs beyond a store, and is ignored without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// An `AtomicSessionStore`.
    Atomic,
    /// A store that declares a largest value.
    Limit,
    Shared,
    Durable,
    /// Power over the backend.
    Control,
    /// Stores under other clocks, and one that does not live by its process's.
    Skew,
}

impl Case {
    pub(crate) const fn new(name: &'static str, run: Run) -> Self {
        Self {
            name,
            needs: &[],
            run,
        }
    }

    pub(crate) const fn needs(mut self, needs: &'static [Needs]) -> Self {
        self.needs = needs;
        self
    }

    /// The clause that this case proves: `C01`.
    pub(crate) fn clause(&self) -> String {
        self.name
            .split('_')
            .next()
            .unwrap_or_default()
            .to_uppercase()
    }
}
