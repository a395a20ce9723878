//! What the contract does not say: the bound, eviction, counters, settings.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use session_store_api::{
    AtomicSessionStore, Condition, ErrorKind, MaxAge, SessionKey, SessionStore,
};
use session_store_memory::MemoryStore;

const HOUR: MaxAge = MaxAge::After(Duration::from_secs(3600));
const MIB: u64 = 1 << 20;

fn key(number: usize) -> SessionKey {
    SessionKey::new(format!("session-{number}")).unwrap()
}

#[tokio::test]
async fn the_bound_holds_at_every_moment_and_evictions_are_counted() {
    let store = MemoryStore::new().with_max_bytes(2 * MIB).unwrap();
    for number in 0..20_000 {
        let value = vec![0; number % 2_000];
        store.set(&key(number), &value, HOUR).await.unwrap();
        if number % 1_000 == 0 {
            assert!(store.stats().bytes <= 2 * MIB);
        }
    }
    let give_up = Instant::now() + Duration::from_secs(60);
    let mut stats = store.stats();
    // The last of them are freed, and so counted, a moment later.
    while stats.entries + stats.evicted < 20_000 && Instant::now() < give_up {
        stats = store.stats();
    }
    assert!(stats.bytes > MIB, "{stats:?}");
    assert_eq!(stats.entries + stats.evicted, 20_000);
    assert_eq!(stats.expired, 0);
}

#[tokio::test]
async fn what_is_read_stays_and_what_is_new_is_admitted() {
    let store = MemoryStore::new().with_max_bytes(MIB).unwrap();
    let active = key(0);
    store.set(&active, &[0; 1024], HOUR).await.unwrap();
    for number in 1..5_000 {
        store.set(&key(number), &[0; 1024], HOUR).await.unwrap();
        assert!(store.get(&active).await.unwrap().is_some(), "{number}");
        assert!(store.get(&key(number)).await.unwrap().is_some(), "{number}");
    }
    assert!(store.get(&key(1)).await.unwrap().is_none());
}

#[tokio::test]
async fn the_largest_value_fits_and_stays() {
    for store in [
        MemoryStore::new().with_max_bytes(MIB).unwrap(),
        MemoryStore::new(),
    ] {
        let long = SessionKey::new("k".repeat(SessionKey::MAX_LEN)).unwrap();
        let largest = vec![7; store.max_value()];
        store.set(&long, &largest, HOUR).await.unwrap();
        assert_eq!(store.stats().entries, 1);
        assert_eq!(store.get(&long).await.unwrap(), Some(largest));

        let too_large = vec![7; store.max_value() + 1];
        let refused = store.set(&long, &too_large, HOUR).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TooLarge);
        assert!(store.get(&long).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn expired_records_are_freed_and_counted() {
    let store = MemoryStore::new();
    for number in 0..1_000 {
        let moment = MaxAge::After(Duration::from_millis(1));
        store.set(&key(number), b"gone soon", moment).await.unwrap();
    }
    let give_up = Instant::now() + Duration::from_secs(60);
    while store.stats().entries > 0 {
        assert!(Instant::now() < give_up, "{:?}", store.stats());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    while store.stats().expired < 1_000 && Instant::now() < give_up {}
    let stats = store.stats();
    assert_eq!((stats.expired, stats.evicted, stats.bytes), (1_000, 0, 0));
}

#[tokio::test]
async fn a_later_deadline_frees_later_and_an_earlier_one_earlier() {
    let store = MemoryStore::new();
    let moment = MaxAge::After(Duration::from_millis(20));
    store.set(&key(1), b"v", moment).await.unwrap();
    assert!(store.touch(&key(1), HOUR).await.unwrap());
    store.set(&key(2), b"v", HOUR).await.unwrap();
    assert!(store.touch(&key(2), moment).await.unwrap());
    let give_up = Instant::now() + Duration::from_secs(60);
    while store.stats().expired == 0 {
        assert!(Instant::now() < give_up, "{:?}", store.stats());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(store.stats().entries, 1);
    assert!(store.get(&key(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_value_may_change_its_size_at_every_write() {
    let store = MemoryStore::new();
    for size in [1000, 1000, 990, 1010, 0, 1, 3, 100_000, 99_000, 20] {
        let value = vec![7; size];
        store.set(&key(1), &value, HOUR).await.unwrap();
        assert_eq!(store.get(&key(1)).await.unwrap(), Some(value));
    }
    assert!(store.touch(&key(1), HOUR).await.unwrap());
    let condition = Condition::Unchanged(&[7; 20]);
    assert!(
        store
            .set_if(&key(1), condition, &[8; 20], HOUR)
            .await
            .unwrap()
    );
    assert_eq!(store.get(&key(1)).await.unwrap(), Some(vec![8; 20]));
    let stats = store.stats();
    assert_eq!((stats.entries, stats.evicted, stats.expired), (1, 0, 0));
}

#[test]
fn a_reader_never_sees_half_of_a_write() {
    let store = MemoryStore::new();
    let runtime = || tokio::runtime::Builder::new_current_thread().build();
    let written = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            runtime().unwrap().block_on(async {
                for round in 0..20_000_usize {
                    let value = vec![round.to_le_bytes()[0]; 1000 + round % 7];
                    store.set(&key(1), &value, HOUR).await.unwrap();
                }
            });
            written.store(true, Ordering::Relaxed);
        });
        for _ in 0..2 {
            scope.spawn(|| {
                runtime().unwrap().block_on(async {
                    while !written.load(Ordering::Relaxed) {
                        let value = store.get(&key(1)).await.unwrap().unwrap_or_default();
                        let first = value.first();
                        assert!(value.iter().all(|byte| Some(byte) == first));
                    }
                });
            });
        }
    });
}

#[test]
fn a_destroyed_record_is_not_brought_back_by_a_write_that_saw_it() {
    let store = Arc::new(MemoryStore::new());
    let block_on = |future: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future);
    };
    for round in 0..2_000 {
        let key = key(round);
        thread::scope(|scope| {
            let (writer, destroyer) = (Arc::clone(&store), Arc::clone(&store));
            let (written, destroyed) = (key.clone(), key.clone());
            block_on(Box::pin({
                let (store, key) = (Arc::clone(&store), key.clone());
                async move { store.set(&key, b"v", HOUR).await.unwrap() }
            }));
            scope.spawn(move || {
                block_on(Box::pin(async move {
                    let condition = Condition::Unchanged(b"v");
                    writer
                        .set_if(&written, condition, b"w", HOUR)
                        .await
                        .unwrap();
                    writer.touch(&written, HOUR).await.unwrap();
                }));
            });
            scope.spawn(move || {
                block_on(Box::pin(async move {
                    destroyer.destroy(&destroyed).await.unwrap();
                }));
            });
        });
        block_on(Box::pin({
            let store = Arc::clone(&store);
            async move { assert_eq!(store.get(&key).await.unwrap(), None) }
        }));
    }
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    let shown = |refused: session_store_api::Result<MemoryStore>| {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        error.to_string()
    };
    let store = MemoryStore::new;
    assert!(shown(store().with_max_bytes(0)).contains("max_bytes"));
    assert!(shown(store().with_session_max_age(Duration::ZERO)).contains("session_max_age"));
    for (url, named) in [
        ("memory:?max_bytes=5", "`max_bytes`"),
        ("memory:?max_bytes=lots", "`max_bytes`"),
        ("memory:?session_max_age=60", "`session_max_age`"),
        ("memory:?session_max_age=0s", "`session_max_age`"),
        (
            "memory:?size=5",
            "no parameter `size`; there are max_bytes, session_max_age",
        ),
        ("sqlite::memory:", "place"),
        ("memory", "scheme"),
    ] {
        let shown = shown(MemoryStore::from_url(url));
        assert!(shown.contains(named), "{url}: {shown}");
    }
    for store in [
        store().with_max_bytes(u64::MAX),
        store().with_session_max_age(Duration::MAX),
        MemoryStore::from_url("memory:"),
        MemoryStore::from_url("memory://?max_bytes=1MiB&session_max_age=12h"),
    ] {
        let shown = format!("{:?}", store.unwrap());
        assert!(shown.starts_with("MemoryStore { max_bytes: "), "{shown}");
    }
}
