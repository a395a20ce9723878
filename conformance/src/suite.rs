//! The suite: a kind of store, its facts, and how to open one.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use session_store_api::{AtomicSessionStore, SessionStore};

use crate::case::Case;
use crate::cases;
use crate::control::Control;
use crate::facts::Facts;
use crate::progress::Progress;
use crate::report::Report;
use crate::run::Run;
use crate::seed;
use crate::setup::Setup;
use crate::skew::Skew;

/// Any error; what factories answer when a store cannot be opened.
pub type BoxError = Box<dyn StdError + Send + Sync>;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Open<T> = Arc<dyn Fn(Setup) -> BoxFuture<Result<T, BoxError>> + Send + Sync>;
type OpenSkewed = Arc<dyn Fn(Setup, Skew) -> BoxFuture<Result<Handle, BoxError>> + Send + Sync>;

/// Proves that one kind of store keeps the contract.
///
/// Cheap to clone; clones are the same suite.
#[derive(Clone)]
pub struct Suite {
    name: String,
    facts: Facts,
    atomic: bool,
    open: Open<Handle>,
    open_breakable: Option<Open<Breakable>>,
    open_skewed: Option<OpenSkewed>,
    /// Why there is no backend here.
    absence: Option<String>,
    /// How the names of the chosen cases begin; empty for all.
    only: Vec<String>,
    deadline: Duration,
    seed: u64,
}

/// An opened store, in both its shapes.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(crate) plain: Arc<dyn SessionStore>,
    pub(crate) atomic: Option<Arc<dyn AtomicSessionStore>>,
}

/// An opened store on a backend of its own, and power over that backend.
pub(crate) struct Breakable {
    pub(crate) handle: Handle,
    pub(crate) control: Arc<dyn Control>,
}

impl Suite {
    /// A suite for a store with three methods, opened by `open`.
    pub fn new<S, F, Fut>(name: impl Into<String>, facts: Facts, open: F) -> Self
    where
        S: SessionStore + 'static,
        F: Fn(Setup) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S, BoxError>> + Send + 'static,
    {
        let open: Open<Handle> = Arc::new(move |setup| {
            let store = open(setup);
            Box::pin(async move { Ok(plain_handle(store.await?)) })
        });
        Self::build(name.into(), facts, false, open)
    }

    /// A suite for an atomic store, opened by `open`.
    pub fn atomic<S, F, Fut>(name: impl Into<String>, facts: Facts, open: F) -> Self
    where
        S: AtomicSessionStore + 'static,
        F: Fn(Setup) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S, BoxError>> + Send + 'static,
    {
        let open: Open<Handle> = Arc::new(move |setup| {
            let store = open(setup);
            Box::pin(async move { Ok(atomic_handle(store.await?)) })
        });
        Self::build(name.into(), facts, true, open)
    }

    /// Adds the cases about faults: `open` makes an atomic store on a backend of its own, with power
    /// over that backend. Each of these cases opens one, and breaks it in every way that it can.
    #[must_use]
    pub fn breakable<S, C, F, Fut>(mut self, open: F) -> Self
    where
        S: AtomicSessionStore + 'static,
        C: Control + 'static,
        F: Fn(Setup) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(S, C), BoxError>> + Send + 'static,
    {
        self.open_breakable = Some(Arc::new(move |setup| {
            let opened = open(setup);
            Box::pin(async move {
                let (store, control) = opened.await?;
                Ok(Breakable {
                    handle: atomic_handle(store),
                    control: Arc::new(control),
                })
            })
        }));
        self
    }

    /// [`breakable`](Self::breakable) for a store with three methods.
    #[must_use]
    pub fn breakable_plain<S, C, F, Fut>(mut self, open: F) -> Self
    where
        S: SessionStore + 'static,
        C: Control + 'static,
        F: Fn(Setup) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(S, C), BoxError>> + Send + 'static,
    {
        self.open_breakable = Some(Arc::new(move |setup| {
            let opened = open(setup);
            Box::pin(async move {
                let (store, control) = opened.await?;
                Ok(Breakable {
                    handle: plain_handle(store),
                    control: Arc::new(control),
                })
            })
        }));
        self
    }

    /// Adds the case about clocks: `open` makes a store on the same backend that lives under another clock
    /// or time zone, for instance in a child process.
    #[must_use]
    pub fn skewed<S, F, Fut>(mut self, open: F) -> Self
    where
        S: SessionStore + 'static,
        F: Fn(Setup, Skew) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S, BoxError>> + Send + 'static,
    {
        self.open_skewed = Some(Arc::new(move |setup, skew| {
            let store = open(setup, skew);
            Box::pin(async move { Ok(plain_handle(store.await?)) })
        }));
        self
    }

    /// Says that the backend is not here, and in one line how to get it: no store is opened, and every
    /// case is reported as ignored, or as failed if the environment variable `SESSION_STORE_REQUIRE` is
    /// `1`. What does not apply to the store is ignored either way.
    #[must_use]
    pub fn unavailable(mut self, reason: impl Into<String>) -> Self {
        self.absence = Some(reason.into());
        self
    }

    /// Runs only the cases whose names begin so, in upper or lower case: `a` for all about atomic
    /// stores, `C07` for one clause, `c07_never_late` for one case. Again for more of them. All cases
    /// unless set.
    #[must_use]
    pub fn only(mut self, beginning: impl AsRef<str>) -> Self {
        self.only.push(beginning.as_ref().to_ascii_lowercase());
        self
    }

    /// Repeats the random choices of a run with this seed. Unless set it is taken from the environment
    /// variable `SESSION_STORE_SEED`, and is random without it.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Fails a case that has not ended after this time, so that a run always ends. 3 minutes unless
    /// set, and more on a machine that stands still meanwhile.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs the cases and reports. They run side by side, so that their waits overlap.
    ///
    /// Each run has names of its own on the backend. Dropping the future ends the run.
    pub async fn run(&self) -> Report {
        self.run_with(|_| {}).await
    }

    /// Like [`run`](Self::run), and tells the progress after each case, for instance to
    /// [`Progress::show`].
    pub async fn run_with(&self, mut tell: impl FnMut(&Progress) + Send) -> Report {
        let began = Instant::now();
        let run = Run::new(self.clone());
        let cases = self.cases().into_iter().enumerate();
        let mut running: FuturesUnordered<_> = cases
            .map(async |(place, case)| (place, run.case(case).await))
            .collect();
        let (mut reports, mut progress) = (Vec::new(), None);
        let total = running.len();
        while let Some((place, report)) = running.next().await {
            let now = Progress::after(progress, total, report.clone());
            tell(&now);
            progress = Some(now);
            reports.push((place, report));
        }
        reports.sort_by_key(|(place, _)| *place);
        let reports = reports.into_iter().map(|(_, report)| report).collect();
        Report::new(self.name.clone(), self.seed, began.elapsed(), reports)
    }

    /// The chosen cases.
    pub(crate) fn cases(&self) -> Vec<Case> {
        let mut cases = cases::all();
        let chosen = |name: &str| {
            self.only
                .iter()
                .any(|beginning| name.starts_with(beginning))
        };
        cases.retain(|case| self.only.is_empty() || chosen(case.name));
        cases
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(crate) fn is_atomic(&self) -> bool {
        self.atomic
    }

    pub(crate) fn is_breakable(&self) -> bool {
        self.open_breakable.is_some()
    }

    pub(crate) fn is_skewable(&self) -> bool {
        self.open_skewed.is_some()
    }

    pub(crate) fn absence(&self) -> Option<&str> {
        self.absence.as_deref()
    }

    pub(crate) fn case_deadline(&self) -> Duration {
        self.deadline
    }

    pub(crate) fn seed_number(&self) -> u64 {
        self.seed
    }

    pub(crate) async fn open(&self, setup: Setup) -> Result<Handle, String> {
        (self.open)(setup).await.map_err(not_opened)
    }

    pub(crate) async fn open_breakable(&self, setup: Setup) -> Result<Breakable, String> {
        let open = self
            .open_breakable
            .as_ref()
            .ok_or("the suite has no power over the backend")?;
        open(setup).await.map_err(not_opened)
    }

    pub(crate) async fn open_skewed(&self, setup: Setup, skew: Skew) -> Result<Handle, String> {
        let open = self
            .open_skewed
            .as_ref()
            .ok_or("the suite cannot set clocks")?;
        open(setup, skew)
            .await
            .map_err(|error| format!("the store could not be opened under {skew:?}: {error}"))
    }

    fn build(name: String, facts: Facts, atomic: bool, open: Open<Handle>) -> Self {
        Self {
            name,
            facts,
            atomic,
            open,
            open_breakable: None,
            open_skewed: None,
            absence: None,
            only: Vec::new(),
            deadline: Duration::from_secs(180),
            seed: seed::choose(),
        }
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite")
            .field("name", &self.name)
            .field("facts", &self.facts)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// The error with its causes: only they say what is wrong with a server or a file.
fn not_opened(error: BoxError) -> String {
    let mut reason = format!("the store could not be opened: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        reason.push_str(&format!(": {error}"));
        cause = error.source();
    }
    reason
}

fn plain_handle(store: impl SessionStore + 'static) -> Handle {
    Handle {
        plain: Arc::new(store),
        atomic: None,
    }
}

fn atomic_handle(store: impl AtomicSessionStore + 'static) -> Handle {
    let atomic: Arc<dyn AtomicSessionStore> = Arc::new(store);
    Handle {
        plain: atomic.clone(),
        atomic: Some(atomic),
    }
}
