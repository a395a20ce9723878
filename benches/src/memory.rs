//! Memory: ours beside bare moka and the memory store of tower-sessions.

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use session_store_api::{MaxAge, SessionKey, SessionStore};
use session_store_memory::MemoryStore;
use tower_sessions_core::SessionStore as _;
use tower_sessions_core::session::{Id, Record};

use crate::load::{self, KEYS, Plan, Subject, VALUE, Verb};
use crate::report::Table;

const HOUR: Duration = Duration::from_secs(3600);

pub async fn run(plan: &Plan) -> Result<Vec<Table>, Box<dyn Error>> {
    let bare = Arc::new(Bare::new());
    let ours = Arc::new(Ours::new(MemoryStore::new()));
    let tower = Arc::new(Tower::default());
    load::fill(&*bare).await;
    load::fill(&*ours).await;
    load::fill(&*tower).await;
    let mut tables = Vec::new();
    for (verb, name) in [(Verb::Get, "get"), (Verb::Set, "set")] {
        let (mut moka, mut memory, mut sessions) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            moka.push(load::measure(&bare, verb, 2, plan.window).await);
            memory.push(load::measure(&ours, verb, 2, plan.window).await);
            sessions.push(load::measure(&tower, verb, 2, plan.window).await);
        }
        let table = Table {
            title: format!("memory {name}, {VALUE} B, {KEYS} records, 2 callers on 2 threads"),
            rows: vec![
                ("moka alone (LRU, expiry of each entry)", moka),
                ("session-store-memory", memory),
                ("tower-sessions-memory-store", sessions),
            ],
        };
        println!("{}", table.text());
        tables.push(table);
    }
    Ok(tables)
}

/// Ours, through the trait.
pub struct Ours<S> {
    store: S,
    keys: Vec<SessionKey>,
}

impl<S> Ours<S> {
    pub fn new(store: S) -> Self {
        let keys = (0..KEYS)
            .map(|key| SessionKey::new(name(key)).expect("a valid key"))
            .collect();
        Self { store, keys }
    }
}

impl<S: SessionStore + 'static> Subject for Ours<S> {
    async fn get(&self, key: usize) -> usize {
        self.store
            .get(&self.keys[key])
            .await
            .expect("get")
            .map_or(0, |value| value.len())
    }

    async fn set(&self, key: usize, value: &[u8]) {
        self.store
            .set(&self.keys[key], value, MaxAge::After(HOUR))
            .await
            .expect("set");
    }
}

/// moka as one would set it up for sessions, called directly.
struct Bare {
    cache: Cache<String, (Instant, Arc<[u8]>)>,
    keys: Vec<String>,
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

impl Bare {
    fn new() -> Self {
        let cache = Cache::builder()
            .eviction_policy(EvictionPolicy::lru())
            .weigher(|key: &String, entry: &(Instant, Arc<[u8]>)| {
                u32::try_from(key.len() + entry.1.len()).unwrap_or(u32::MAX)
            })
            .max_capacity(64 << 20)
            .expire_after(Deadline)
            .build();
        Self {
            cache,
            keys: (0..KEYS).map(name).collect(),
        }
    }
}

impl Subject for Bare {
    async fn get(&self, key: usize) -> usize {
        self.cache
            .get(&self.keys[key])
            // A caller gets bytes of its own; without the black box the copy would be optimised away.
            .map_or(0, |(_, value)| black_box(value.to_vec()).len())
    }

    async fn set(&self, key: usize, value: &[u8]) {
        self.cache.insert(
            self.keys[key].clone(),
            (Instant::now() + HOUR, value.into()),
        );
    }
}

/// The memory store of tower-sessions, with one value of the same size in its record.
#[derive(Default)]
struct Tower(tower_sessions_memory_store::MemoryStore);

impl Subject for Tower {
    async fn get(&self, key: usize) -> usize {
        let record = self.0.load(&id(key)).await.expect("load");
        record
            .and_then(|record| Some(record.data.get("value")?.as_str()?.len()))
            .unwrap_or(0)
    }

    async fn set(&self, key: usize, value: &[u8]) {
        let text = "x".repeat(value.len());
        let record = Record {
            id: id(key),
            data: HashMap::from([("value".to_owned(), text.into())]),
            expiry_date: time::OffsetDateTime::now_utc() + HOUR,
        };
        self.0.save(&record).await.expect("save");
    }
}

/// 43 bytes, as a session id of 32 random bytes in base64url.
pub fn name(key: usize) -> String {
    format!("{key:043}")
}

fn id(key: usize) -> Id {
    Id(key as i128)
}
