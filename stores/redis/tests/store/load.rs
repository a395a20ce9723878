//! Callers without pause, and a record of what they were told.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use session_store_api::{AtomicSessionStore, Condition, Error, SessionStore};
use session_store_redis::RedisStore;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::{LASTING, connect, key, own};

/// Callers at work until told to stop.
pub(crate) struct Load {
    store: RedisStore,
    stop: Arc<AtomicBool>,
    tally: Arc<Tally>,
    callers: Vec<JoinHandle<Caller>>,
}

/// What all callers were told.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) calls: AtomicU64,
    pub(crate) errors: AtomicU64,
    /// Answers that no history explains.
    pub(crate) wrong: AtomicU64,
    /// Writes that were acknowledged and are not there.
    pub(crate) lost: AtomicU64,
}

/// One caller, who alone writes his record.
struct Caller {
    number: usize,
    store: RedisStore,
    tally: Arc<Tally>,
    /// How many writes he has begun.
    begun: u64,
    /// The last of them that was acknowledged.
    kept: u64,
}

impl Load {
    pub(crate) fn begin(store: &RedisStore, callers: usize) -> Self {
        let (stop, tally) = (Arc::new(AtomicBool::new(false)), Arc::new(Tally::default()));
        let told = Arc::clone(&stop);
        let callers = (0..callers).map(|number| {
            let caller = Caller {
                number,
                store: store.clone(),
                tally: Arc::clone(&tally),
                begun: 0,
                kept: 0,
            };
            tokio::spawn(caller.work(Arc::clone(&told)))
        });
        let callers = callers.collect();
        Self {
            store: store.clone(),
            stop,
            tally,
            callers,
        }
    }

    /// Waits until so many more calls were answered well.
    pub(crate) async fn goes_on(&self) {
        let good =
            || self.tally.calls.load(Ordering::Relaxed) - self.tally.errors.load(Ordering::Relaxed);
        let enough = good() + 500;
        while good() < enough {
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Stops the callers, and looks for what was acknowledged.
    pub(crate) async fn end(self) -> Arc<Tally> {
        self.stop.store(true, Ordering::Relaxed);
        for caller in self.callers {
            let caller = caller.await.unwrap();
            let found = loop {
                if let Ok(found) = self.store.get(&caller.key()).await {
                    break found;
                }
            };
            caller.check(found);
        }
        self.tally
    }
}

impl Tally {
    pub(crate) fn wrong(&self) -> u64 {
        self.wrong.load(Ordering::Relaxed)
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [calls, errors, wrong, lost] = [&self.calls, &self.errors, &self.wrong, &self.lost]
            .map(|count| count.load(Ordering::Relaxed));
        write!(
            f,
            "{calls} calls, {errors} errors, {wrong} wrong answers, {lost} acknowledged writes lost"
        )
    }
}

impl Caller {
    async fn work(mut self, stop: Arc<AtomicBool>) -> Self {
        while !stop.load(Ordering::Relaxed) {
            self.begun += 1;
            let (key, value) = (self.key(), self.value(self.begun));
            let set = self.store.set(&key, value.as_bytes(), LASTING).await;
            if self.told(set).is_some() {
                self.kept = self.begun;
            }
            if let Some(found) = self.told(self.store.get(&key).await) {
                self.check(found);
            }
            // Nobody else ever uses this name, so it is free, whatever happened.
            let fresh = crate::key(format_args!("{}-{}", self.number, self.begun));
            let create = self.store.set_if(&fresh, Condition::Absent, b"v", LASTING);
            if self.told(create.await) == Some(false) {
                self.tally.wrong.fetch_add(1, Ordering::Relaxed);
            }
        }
        self
    }

    fn key(&self) -> session_store_api::SessionKey {
        key(self.number)
    }

    fn value(&self, write: u64) -> String {
        format!("{}:{write}", self.number)
    }

    fn told<T>(&self, answer: Result<T, Error>) -> Option<T> {
        self.tally.calls.fetch_add(1, Ordering::Relaxed);
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                assert!(error.kind().is_transient(), "{error}: {error:?}");
                self.tally.errors.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// What is found is the last write that was acknowledged, or one that was begun after it.
    fn check(&self, found: Option<Vec<u8>>) {
        let found = found.map(|value| String::from_utf8(value).unwrap());
        let write = found.as_ref().and_then(|value| {
            let (number, write) = value.split_once(':')?;
            let write = write.parse().ok()?;
            (number == self.number.to_string()).then_some(write)
        });
        let count = match (found, write) {
            (None, _) if self.kept == 0 => return,
            (Some(_), Some(write)) if (self.kept..=self.begun).contains(&write) => return,
            (None, _) => &self.tally.lost,
            (Some(_), Some(write)) if write < self.kept => &self.tally.lost,
            _ => &self.tally.wrong,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_a_log_loses_nothing_when_it_is_killed() {
    let server = own().durable().start().await.unwrap();
    let store = connect(server.url()).await;
    let load = Load::begin(&store, 16);
    for _ in 0..3 {
        load.goes_on().await;
        server.kill().await.unwrap();
        sleep(Duration::from_millis(100)).await;
        server.restart().await.unwrap();
    }
    load.goes_on().await;
    let tally = load.end().await;
    println!("killed and restarted three times: {tally}");
    assert_eq!((tally.wrong(), tally.lost()), (0, 0), "{tally}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_paused_longer_than_calls_wait() {
    let server = own().start().await.unwrap();
    let store = connect(&format!("{}?timeout=300ms", server.url())).await;
    let load = Load::begin(&store, 16);
    for _ in 0..2 {
        load.goes_on().await;
        server.pause().await.unwrap();
        sleep(Duration::from_secs(1)).await;
        server.resume().await.unwrap();
    }
    load.goes_on().await;
    let tally = load.end().await;
    println!("paused twice: {tally}");
    assert_eq!(tally.wrong(), 0, "{tally}");
}
