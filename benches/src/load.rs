//! Closed-loop load: so many callers, each making its next call when the last was answered.

use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How many records each subject holds.
pub const KEYS: usize = 10_000;

/// The size of a value in bytes.
pub const VALUE: usize = 1024;

/// Something that keeps sessions. Keys are numbered; it makes its own names of them.
pub trait Subject: Send + Sync + 'static {
    /// Reads one record that is there.
    fn get(&self, key: usize) -> impl Future<Output = usize> + Send;
    /// Overwrites one record.
    fn set(&self, key: usize, value: &[u8]) -> impl Future<Output = ()> + Send;
}

/// What is measured.
#[derive(Clone, Copy)]
pub enum Verb {
    Get,
    Set,
}

/// How long is measured.
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

/// Writes every record once, and then measures `callers` of them for the time of the plan.
pub async fn fill(subject: &impl Subject) {
    let value = [0x5A; VALUE];
    for key in 0..KEYS {
        subject.set(key, &value).await;
    }
}

/// Measures `callers` callers for one window.
pub async fn measure(
    subject: &Arc<impl Subject>,
    verb: Verb,
    callers: usize,
    window: Duration,
) -> Sample {
    let stop = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let tasks: Vec<_> = (0..callers)
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
        latencies
            .get(latencies.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    Sample {
        per_second: calls as f64 / elapsed.as_secs_f64(),
        p50: at(50),
        p99: at(99),
    }
}

/// One caller: how many calls it made, and how long every eighth took.
async fn call(
    subject: Arc<impl Subject>,
    verb: Verb,
    caller: usize,
    stop: Arc<AtomicBool>,
) -> (u64, Vec<Duration>) {
    let value = [0xA5; VALUE];
    let (mut calls, mut latencies) = (0_u64, Vec::new());
    let mut key = caller * 7919;
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        for _ in 0..8 {
            // A stride that visits every key in an order no cache foresees.
            key = (key + 4_111) % KEYS;
            let began = Instant::now();
            match verb {
                Verb::Get => assert_eq!(black_box(subject.get(key).await), VALUE),
                Verb::Set => subject.set(key, &value).await,
            }
            calls += 1;
            if calls % 8 == 0 {
                latencies.push(began.elapsed());
            }
        }
        // A subject that never waits must let the clock and the other callers run.
        if began.elapsed() < Duration::from_micros(100) {
            tokio::task::yield_now().await;
        }
    }
    (calls, latencies)
}
