//! One run of a suite: its own names on the backend, its store, its cases.

use std::env;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;
use tokio::task::{JoinError, JoinSet};

use crate::case::{Case, Needs};
use crate::context::Context;
use crate::remarks::Remarks;
use crate::report::{CaseReport, Verdict};
use crate::setup::Setup;
use crate::suite::{Handle, Suite};
use crate::tasks::within;

/// One run of a suite. Cheap to clone; clones share the store.
#[derive(Clone)]
pub(crate) struct Run {
    suite: Suite,
    /// Separates this run from every other on the same backend, also from one with the same seed.
    id: Arc<str>,
    store: Arc<OnceCell<Result<Handle, String>>>,
}

impl Run {
    pub(crate) fn new(suite: Suite) -> Self {
        let id = getrandom::u64().expect("the operating system gives random numbers");
        Self {
            suite,
            id: format!("{id:016x}").into(),
            store: Arc::default(),
        }
    }

    pub(crate) fn suite(&self) -> &Suite {
        &self.suite
    }

    /// The namespace of the store under test.
    pub(crate) fn setup(&self) -> Setup {
        Setup::new(format!("a{}", self.id))
    }

    /// A namespace that the store under test must not see.
    pub(crate) fn other_setup(&self) -> Setup {
        Setup::new(format!("b{}", self.id))
    }

    /// How the keys of a case begin; no other case and no other run has such keys.
    pub(crate) fn key_prefix(&self, case: &str) -> String {
        format!("{case}-{}-", self.id)
    }

    /// Runs one case. Neither its panic nor its hanging is more than a verdict.
    pub(crate) async fn case(&self, case: Case) -> CaseReport {
        if let Some(verdict) = self.settled(case) {
            return CaseReport::new(case.name, case.clause(), verdict, Duration::ZERO);
        }
        let store = self.store().await;
        let (began, remarks) = (Instant::now(), Remarks::default());
        let finding = match store {
            Ok(store) => {
                let cx = Context::new(self.clone(), store, case.name, remarks.clone());
                contain(
                    self.suite.case_deadline(),
                    async move { (case.run)(&cx).await },
                )
                .await
            }
            Err(reason) => Err(reason),
        };
        let verdict = match finding {
            Ok(()) => remarks.verdict(),
            // Not even the keys of a test: people paste reports.
            Err(reason) => Verdict::Failed(reason.replace(&self.key_prefix(case.name), "<key>")),
        };
        CaseReport::new(case.name, case.clause(), verdict, began.elapsed())
            .with_note(remarks.notes())
    }

    /// The verdict on a case that need not run: the store does not claim what it proves, or there is
    /// no backend here.
    pub(crate) fn settled(&self, case: Case) -> Option<Verdict> {
        if let Some(reason) = case.needs.iter().find_map(|need| self.lacks(*need)) {
            return Some(Verdict::Ignored(reason.to_owned()));
        }
        let reason = self.suite.absence()?.to_owned();
        Some(match env::var_os("SESSION_STORE_REQUIRE") {
            Some(required) if required == "1" => Verdict::Failed(reason),
            _ => Verdict::Ignored(reason),
        })
    }

    /// What the store or the suite lacks to run a case with this need.
    fn lacks(&self, need: Needs) -> Option<&'static str> {
        let facts = self.suite.facts();
        match need {
            Needs::Atomic if !self.suite.is_atomic() => Some("not an atomic store"),
            Needs::Limit if facts.max_value.is_none() => Some("declares no largest value"),
            Needs::Shared if !facts.shared => Some("not declared shared"),
            Needs::Durable if !facts.durable => Some("not declared durable"),
            Needs::Control if !self.suite.is_breakable() => Some(match self.suite.is_atomic() {
                true => "no power over the backend: add `Suite::breakable`",
                false => "no power over the backend: add `Suite::breakable_plain`",
            }),
            Needs::Skew if facts.own_clock => Some("declared to live by its process's own clock"),
            Needs::Skew if !self.suite.is_skewable() => {
                Some("no store under another clock: add `Suite::skewed`")
            }
            _ => None,
        }
    }

    /// The store that all cases share, opened by the first of them.
    async fn store(&self) -> Result<Handle, String> {
        let open = || {
            let (suite, setup) = (self.suite.clone(), self.setup());
            contain(self.suite.case_deadline(), async move {
                suite.open(setup).await
            })
        };
        self.store.get_or_init(open).await.clone()
    }
}

/// Runs `work` as a task of its own, so that a panic or an overrun is an error like any other.
///
/// Dropping the future ends the task.
async fn contain<T, F>(deadline: Duration, work: F) -> Result<T, String>
where
    T: Send + 'static,
    F: Future<Output = Result<T, String>> + Send + 'static,
{
    let mut task = JoinSet::new();
    task.spawn(work);
    match within(deadline, task.join_next()).await {
        Some(Some(Ok(answer))) => answer,
        Some(Some(Err(error))) => Err(panic_message(error)),
        Some(None) => unreachable!("one task was spawned"),
        None => Err(format!("came to no end within {deadline:?}")),
    }
}

fn panic_message(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "the runtime was shut down".to_owned();
    };
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("with something that is no text");
    format!("panicked: {message}")
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use session_store_api::SessionStore;

    use super::*;
    use crate::facts::Facts;

    const DEADLINE: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn a_panic_is_an_error_with_its_message() {
        let plain = contain::<(), _>(DEADLINE, async { panic!("plain") }).await;
        assert_eq!(plain, Err("panicked: plain".to_owned()));
        let formatted = contain::<(), _>(DEADLINE, async { panic!("number {}", 7) }).await;
        assert_eq!(formatted, Err("panicked: number 7".to_owned()));
    }

    #[tokio::test]
    async fn an_overrun_is_an_error() {
        let hung = contain::<(), _>(Duration::from_millis(1), pending()).await;
        assert_eq!(hung, Err("came to no end within 1ms".to_owned()));
    }

    #[tokio::test]
    async fn the_store_is_opened_once() {
        let opened = Arc::new(AtomicUsize::new(0));
        let count = opened.clone();
        let run = Run::new(closed(move || {
            count.fetch_add(1, Ordering::Relaxed);
        }));
        let (one, two) = tokio::join!(run.store(), run.store());
        let reason = Some("the store could not be opened: closed".to_owned());
        assert_eq!((one.err(), two.err()), (reason.clone(), reason));
        assert_eq!(opened.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn runs_of_one_seed_have_names_of_their_own() {
        let suite = closed(|| {}).seed(7);
        let (one, two) = (Run::new(suite.clone()), Run::new(suite));
        assert_ne!(one.key_prefix("c01_a"), two.key_prefix("c01_a"));
        let setups = [
            one.setup(),
            one.other_setup(),
            two.setup(),
            two.other_setup(),
        ];
        for (place, setup) in setups.iter().enumerate() {
            let name = setup.namespace();
            assert!(
                setups[..place]
                    .iter()
                    .all(|other| other.namespace() != name)
            );
            assert!(name.len() <= 32 && name.starts_with(|c: char| c.is_ascii_lowercase()));
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            );
        }
    }

    /// A suite whose store cannot be opened, and who is told of each attempt.
    fn closed(attempt: impl Fn() + Send + Sync + 'static) -> Suite {
        Suite::new::<Box<dyn SessionStore>, _, _>("closed", Facts::new(), move |_| {
            attempt();
            async { Err("closed".into()) }
        })
    }
}
