//! Closed-loop load: so many callers, each making its next call when the last was answered.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How many records a subject holds unless it says otherwise.
pub const KEYS: usize = 10_000;

/// The size of a value in bytes.
pub const VALUE: usize = 1024;

/// How long a record lives.
pub const HOUR: Duration = Duration::from_secs(3600);

/// How many tasks fill a subject.
const FILLERS: usize = 256;

/// From key to key: visits all of them, in an order no cache foresees.
const STRIDE: usize = 271_829;

/// Of so many calls one is timed.
const TIMED: u64 = 8;

/// Something that keeps sessions. Keys are numbered; it makes its own names of them.
pub trait Subject: Send + Sync + 'static {
    /// How many records it holds.
    fn keys(&self) -> usize {
        KEYS
    }

    /// How many records a call reads or writes. Then so many callers are one, and its call counts as theirs.
    fn records(&self) -> usize {
        1
    }

    /// Reads one record that is there: how long its value is.
    fn get(&self, key: usize) -> impl Future<Output = usize> + Send;

    /// Overwrites one record.
    fn set(&self, key: usize, value: &[u8]) -> impl Future<Output = ()> + Send;

    /// Writes a record that is not there yet; for those who do so in another way.
    fn create(&self, key: usize, value: &[u8]) -> impl Future<Output = ()> + Send {
        self.set(key, value)
    }
}

/// What is measured.
#[derive(Clone, Copy)]
pub enum Verb {
    Get,
    Set,
}

/// How long is measured.
#[derive(Clone, Copy)]
pub struct Plan {
    pub rounds: usize,
    pub window: Duration,
}

/// What one measurement found.
#[derive(Clone, Copy)]
pub struct Sample {
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
}

/// A subject under the name of its row.
pub struct Contestant {
    pub name: &'static str,
    subject: Box<dyn Measured>,
}

impl Contestant {
    /// One that finds its records in place.
    pub fn new(name: &'static str, subject: impl Subject) -> Self {
        let subject = Box::new(Arc::new(subject));
        Self { name, subject }
    }

    /// One that is given its records first.
    pub async fn filled(name: &'static str, subject: impl Subject) -> Self {
        let subject = Arc::new(subject);
        let fillers: Vec<_> = (0..FILLERS)
            .map(|first| tokio::spawn(fill(Arc::clone(&subject), first)))
            .collect();
        for filler in fillers {
            filler.await.expect("a filler does not panic");
        }
        let subject = Box::new(subject);
        Self { name, subject }
    }
}

/// Measures each contestant once a round. Each round begins with another, and every second one goes the
/// other way round, so that what changes with time, or is left to do for the next, meets all alike.
pub async fn compete(
    contestants: &[Contestant],
    verb: Verb,
    callers: usize,
    plan: Plan,
) -> Vec<Vec<Sample>> {
    let count = contestants.len();
    let mut samples = vec![Vec::with_capacity(plan.rounds); count];
    for round in 0..plan.rounds {
        for turn in 0..count {
            let turn = if round % 2 == 0 {
                turn
            } else {
                count - 1 - turn
            };
            let place = (round + turn) % count;
            let subject = &contestants[place].subject;
            samples[place].push(subject.measure(verb, callers, plan.window).await);
        }
    }
    samples
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A [`Subject`] of any type. Its calls are not boxed, only the whole measurement.
trait Measured: Send + Sync {
    fn measure(&self, verb: Verb, callers: usize, window: Duration) -> BoxFuture<'_, Sample>;
}

impl<S: Subject> Measured for Arc<S> {
    fn measure(&self, verb: Verb, callers: usize, window: Duration) -> BoxFuture<'_, Sample> {
        Box::pin(measure(self, verb, callers, window))
    }
}

async fn fill(subject: Arc<impl Subject>, first: usize) {
    let value = [0x5A; VALUE];
    for key in (first..subject.keys()).step_by(FILLERS) {
        subject.create(key, &value).await;
    }
}

async fn measure(
    subject: &Arc<impl Subject>,
    verb: Verb,
    callers: usize,
    window: Duration,
) -> Sample {
    let stop = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let tasks: Vec<_> = (0..callers / subject.records())
        .map(|caller| tokio::spawn(call(Arc::clone(subject), verb, caller, Arc::clone(&stop))))
        .collect();
    tokio::time::sleep(window).await;
    stop.store(true, Ordering::Relaxed);
    let (mut calls, mut latencies) = (0, Vec::new());
    for task in tasks {
        let (made, seen) = task.await.expect("a caller does not panic");
        calls += made;
        latencies.extend(seen);
    }
    let elapsed = began.elapsed();
    latencies.sort_unstable();
    let at = |share: usize| {
        let place = latencies.get(latencies.len() * share / 100);
        place.copied().unwrap_or_default()
    };
    Sample {
        per_second: (calls * subject.records() as u64) as f64 / elapsed.as_secs_f64(),
        p50: at(50),
        p99: at(99),
    }
}

/// One caller: how many calls it made, and how long those took that were timed.
async fn call(
    subject: Arc<impl Subject>,
    verb: Verb,
    caller: usize,
    stop: Arc<AtomicBool>,
) -> (u64, Vec<Duration>) {
    let value = [0xA5; VALUE];
    let (mut calls, mut latencies) = (0_u64, Vec::new());
    let mut key = caller * 7_919;
    let mut turn = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        // The first call is timed, so that there is a time even of one who makes few.
        key = (key + STRIDE) % subject.keys();
        let began = calls.is_multiple_of(TIMED).then(Instant::now);
        match verb {
            Verb::Get => assert_eq!(black_box(subject.get(key).await), VALUE),
            Verb::Set => subject.set(key, &value).await,
        }
        calls += 1;
        let Some(began) = began else { continue };
        latencies.push(began.elapsed());
        // A subject that never waits must let the clock and the other callers run.
        if turn.elapsed() < Duration::from_micros(100) {
            tokio::task::yield_now().await;
        }
        turn = Instant::now();
    }
    (calls, latencies)
}
