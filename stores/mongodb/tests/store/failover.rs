//! Replica sets: whoever is primary, no answer is wrong and nothing acknowledged is lost.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use session_store_api::{AtomicSessionStore, Condition, Error, SessionKey, SessionStore};
use session_store_mongodb::MongoDbStore;
use test_servers::TestServer;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::{LASTING, key, own, with};

const CALLERS: usize = 32;

/// What callers saw.
#[derive(Default)]
struct Seen {
    calls: usize,
    errors: usize,
    longest: Duration,
    kinds: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_steps_down_under_load_loses_nothing() {
    let set = own().replica_set(3).start().await.unwrap();
    let seen = under_load(&set, async || {
        for _ in 0..3 {
            let before = set.primary().await.unwrap().address().to_owned();
            set.step_down().await.unwrap();
            set.healthy().await.unwrap();
            let after = set.primary().await.unwrap().address();
            println!("primary {before}, then {after}");
            sleep(Duration::from_millis(500)).await;
        }
    })
    .await;
    seen.print("3 step-downs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_killed_under_load_loses_nothing() {
    let set = own().replica_set(3).start().await.unwrap();
    let seen = under_load(&set, async || {
        let primary = set.primary().await.unwrap();
        primary.kill().await.unwrap();
        set.healthy().await.unwrap();
        sleep(Duration::from_millis(500)).await;
        primary.restart().await.unwrap();
        set.healthy().await.unwrap();
    })
    .await;
    seen.print("a killed primary");
}

/// Lets callers write and read while `happens`. Each has a record of its own, and knows what may be there.
async fn under_load(set: &TestServer, happens: impl AsyncFnOnce()) -> Seen {
    let store = MongoDbStore::connect(&with(set.url(), "timeout=20s")).await;
    let store = Arc::new(store.unwrap());
    let over = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        callers.spawn(call(Arc::clone(&store), number, Arc::clone(&over)));
    }
    sleep(Duration::from_millis(500)).await;
    happens().await;
    over.store(true, Ordering::Relaxed);
    let mut all = Seen::default();
    let callers = timeout(Duration::from_secs(120), callers.join_all()).await;
    for seen in callers.expect("every caller to be answered") {
        all.calls += seen.calls;
        all.errors += seen.errors;
        all.longest = all.longest.max(seen.longest);
        all.kinds.extend(seen.kinds);
    }
    all.kinds.sort_unstable();
    all.kinds.dedup();
    all
}

/// Increments a counter by turns of `set`, `Unchanged`, `Present`, `touch`, and a record that comes and goes.
async fn call(store: Arc<MongoDbStore>, number: usize, over: Arc<AtomicBool>) -> Seen {
    let (counter, fleeting) = (
        key(format!("counter-{number}")),
        key(format!("fleeting-{number}")),
    );
    let mut seen = Seen::default();
    // What was acknowledged, and what failed since and may be there or come yet.
    let (mut kept, mut failed): (u32, Vec<u32>) = (0, Vec::new());
    let mut doubt = false;
    store.set(&counter, b"0", LASTING).await.unwrap();
    for write in 1.. {
        let value = write.to_string();
        let old = kept.to_string();
        let condition = match write % 3 {
            0 => None,
            1 => Some(Condition::Present),
            _ => Some(Condition::Unchanged(old.as_bytes())),
        };
        let answer = seen
            .note(written(&store, &counter, condition, &value))
            .await;
        match answer {
            Some(true) => (kept, failed) = (write, Vec::new()),
            // Somebody changed it: one of ours that failed.
            Some(false) => assert!(!failed.is_empty() && write % 3 == 2, "{write} was refused"),
            None => failed.push(write),
        }
        if let Some(read) = seen.note(store.get(&counter)).await {
            let read = read.expect("a record that was acknowledged");
            let read: u32 = str::from_utf8(&read).unwrap().parse().unwrap();
            assert!(
                read == kept || failed.contains(&read),
                "{read} is there, not {kept}"
            );
            if read != kept {
                // It was done after all, and so may those be that failed after it.
                kept = read;
            }
        }
        let errors = seen.errors;
        let absent = seen
            .note(store.set_if(&fleeting, Condition::Absent, b"v", LASTING))
            .await;
        assert!(
            absent != Some(false) || doubt,
            "a record that was destroyed is there"
        );
        let destroyed = seen.note(store.destroy(&fleeting)).await;
        let touched = seen.note(store.touch(&fleeting, LASTING)).await;
        let certain = absent.is_some() && destroyed.is_some();
        assert!(
            touched != Some(true) || !certain,
            "what was destroyed is there again"
        );
        // Whatever failed may have been done.
        doubt = seen.errors > errors;
        if over.load(Ordering::Relaxed) && answer == Some(true) {
            break;
        }
    }
    seen
}

async fn written(
    store: &MongoDbStore,
    key: &SessionKey,
    condition: Option<Condition<'_>>,
    value: &str,
) -> Result<bool, Error> {
    match condition {
        None => store
            .set(key, value.as_bytes(), LASTING)
            .await
            .map(|()| true),
        Some(condition) => {
            store
                .set_if(key, condition, value.as_bytes(), LASTING)
                .await
        }
    }
}

impl Seen {
    /// An answer; none if there is only an error, which must be one that passes.
    async fn note<T>(&mut self, call: impl Future<Output = Result<T, Error>>) -> Option<T> {
        let began = Instant::now();
        let answer = call.await;
        self.calls += 1;
        self.longest = self.longest.max(began.elapsed());
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                assert!(error.kind().is_transient(), "{error:?}");
                self.errors += 1;
                let cause = error.source().map(ToString::to_string);
                self.kinds
                    .push(format!("{error}: {}", cause.unwrap_or_default()));
                None
            }
        }
    }

    fn print(&self, what: &str) {
        let Self {
            calls,
            errors,
            longest,
            kinds,
        } = self;
        println!(
            "{what}: {calls} calls, {errors} errors, wrong 0, lost 0, longest {longest:?}; {kinds:?}"
        );
    }
}
