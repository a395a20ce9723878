//! What a memory store costs and how it behaves at its limits, beside bare moka.

use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use session_store_api::{MaxAge, SessionKey, SessionStore};
use session_store_memory::MemoryStore;

use crate::load::{HOUR, VALUE};
use crate::memory::{Entries, entries};
use crate::report::{Facts, Section};

/// How many records expire at once.
const EXPIRING: usize = 100_000;

/// How many inserts a bound has to hold.
const INSERTS: usize = 10_000_000;

/// What bounds the store of all these inserts.
const BOUND: u64 = 64 << 20;

const MOKA: &str = "moka alone";
const OURS: &str = "session-store-memory";

pub async fn run() -> Result<Section, Box<dyn Error>> {
    let mut facts = Facts::new(
        "Memory, at its limits",
        "Memory is what the process has from the system.",
    );
    let Grown { peak, record } = grow().await?;
    facts.push(
        "memory for a record of 43 B and 1 KiB",
        OURS,
        format!("{record} B"),
    );
    let share = 100.0 * peak as f64 / BOUND as f64;
    let what = "peak of 10,000,000 inserts, of the bound of 64 MiB";
    facts.push(what, OURS, format!("{share:.0} %"));
    let what = "longest call while 100,000 records expire";
    let cache = entries(1 << 30);
    facts.push(what, MOKA, millis(stall(cache).await));
    let store = MemoryStore::new().with_max_bytes(1 << 30)?;
    facts.push(what, OURS, millis(stall(store).await));
    Ok(facts.section())
}

/// By how much the process grew.
struct Grown {
    /// At most.
    peak: u64,
    /// In the end, for each record.
    record: u64,
}

/// Fills a store many times over.
async fn grow() -> Result<Grown, Box<dyn Error>> {
    let before = memory("VmRSS:")?;
    let store = MemoryStore::new().with_max_bytes(BOUND)?;
    let writers = [0, 1].map(|first| {
        let store = store.clone();
        tokio::spawn(async move {
            for number in (first..INSERTS).step_by(2) {
                store.put(number, Instant::now() + HOUR).await;
            }
        })
    });
    for writer in writers {
        writer.await?;
    }
    Ok(Grown {
        peak: memory("VmHWM:")?.saturating_sub(before),
        record: memory("VmRSS:")?.saturating_sub(before) / store.stats().entries.max(1),
    })
}

/// How long the slowest call takes when many records have expired and somebody has to remove them.
async fn stall(store: impl Store) -> Duration {
    let ends = Instant::now() + Duration::from_secs(4);
    for number in 0..EXPIRING {
        store.put(number, ends).await;
    }
    tokio::time::sleep_until(ends.into()).await;
    let (mut longest, until) = (Duration::ZERO, ends + Duration::from_secs(4));
    let mut number = EXPIRING;
    while Instant::now() < until {
        number += 1;
        let began = Instant::now();
        store.put(number % 1_000 + EXPIRING, began + HOUR).await;
        longest = longest.max(began.elapsed());
    }
    longest
}

/// What puts a record of [`VALUE`] bytes under a number until it ends.
trait Store {
    async fn put(&self, number: usize, ends: Instant);
}

impl Store for Entries {
    async fn put(&self, number: usize, ends: Instant) {
        self.insert(format!("{number:043}"), (ends, Arc::new([0; VALUE])));
    }
}

impl Store for MemoryStore {
    async fn put(&self, number: usize, ends: Instant) {
        let key = SessionKey::new(format!("{number:043}")).expect("a valid key");
        let life = MaxAge::After(ends.saturating_duration_since(Instant::now()));
        self.set(&key, &[0; VALUE], life).await.expect("set");
    }
}

/// Bytes of memory, as the system counts them.
fn memory(which: &str) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(which));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib.ok_or("no such line")?.parse::<u64>()? << 10)
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
