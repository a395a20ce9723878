//! Memory: ours beside bare moka and the memory stores of tower-sessions.

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use session_store_memory::MemoryStore;
use tower_sessions_core::SessionStore as _;
use tower_sessions_core::session::{Id, Record};
use tower_sessions_moka_store::MokaStore;

use crate::load::{Contestant, HOUR, Plan, Subject, Verb};
use crate::ours::{Ours, names};
use crate::report::{Section, Table};
use crate::theirs::TowerSessions;

mod limits;

pub async fn run(plan: Plan) -> Result<Vec<Section>, Box<dyn Error>> {
    // First, while the process has freed nothing that could be used again.
    let limits = limits::run().await?;
    let note = "In the process, on 2 threads. No store of tower-sessions is bounded by bytes.";
    let mut table = Table::new("Memory", note);
    let moka = Bare::new();
    let ours = Ours::new(MemoryStore::new());
    let hash_map = Theirs::default();
    let theirs = TowerSessions(MokaStore::new(None));
    let contestants = [
        Contestant::filled("moka alone: LRU, expiry of each entry", moka).await,
        Contestant::filled("session-store-memory", ours).await,
        Contestant::filled("tower-sessions-memory-store", hash_map).await,
        Contestant::filled("tower-sessions-moka-store", theirs).await,
    ];
    for work in [("get", Verb::Get), ("set", Verb::Set)] {
        table.measure(plan, work, &[2, 64], &contestants).await;
    }
    Ok(vec![table.section(), limits])
}

/// Names, deadlines and values.
type Entries = Cache<String, (Instant, Arc<[u8]>)>;

/// moka as one would set it up for sessions, of so many bytes.
fn entries(max_bytes: u64) -> Entries {
    Cache::builder()
        .eviction_policy(EvictionPolicy::lru())
        .weigher(|key: &String, entry: &(Instant, Arc<[u8]>)| {
            u32::try_from(key.len() + entry.1.len()).unwrap_or(u32::MAX)
        })
        .max_capacity(max_bytes)
        .expire_after(Deadline)
        .build()
}

/// Each entry says itself when it ends.
struct Deadline;

impl Expiry<String, (Instant, Arc<[u8]>)> for Deadline {
    fn expire_after_create(
        &self,
        _: &String,
        entry: &(Instant, Arc<[u8]>),
        now: Instant,
    ) -> Option<Duration> {
        Some(entry.0.saturating_duration_since(now))
    }

    fn expire_after_update(
        &self,
        _: &String,
        entry: &(Instant, Arc<[u8]>),
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.0.saturating_duration_since(now))
    }
}

/// moka, called directly.
struct Bare {
    entries: Entries,
    names: Vec<String>,
}

impl Bare {
    fn new() -> Self {
        Self {
            entries: entries(64 << 20),
            names: names(""),
        }
    }
}

impl Subject for Bare {
    async fn get(&self, key: usize) -> usize {
        self.entries
            .get(&self.names[key])
            // A caller gets bytes of its own; without the black box the copy would be optimised away.
            .map_or(0, |(_, value)| black_box(value.to_vec()).len())
    }

    async fn set(&self, key: usize, value: &[u8]) {
        self.entries.insert(
            self.names[key].clone(),
            (Instant::now() + HOUR, value.into()),
        );
    }
}

/// The memory store of tower-sessions 0.15, with one value of the same size in its record.
#[derive(Default)]
struct Theirs(tower_sessions_memory_store::MemoryStore);

impl Subject for Theirs {
    async fn get(&self, key: usize) -> usize {
        let record = self.0.load(&Id(key as i128)).await.expect("load");
        record
            .and_then(|record| Some(record.data.get("value")?.as_str()?.len()))
            .unwrap_or(0)
    }

    async fn set(&self, key: usize, value: &[u8]) {
        let record = Record {
            id: Id(key as i128),
            data: HashMap::from([("value".to_owned(), "x".repeat(value.len()).into())]),
            expiry_date: time::OffsetDateTime::now_utc() + HOUR,
        };
        self.0.save(&record).await.expect("save");
    }
}
