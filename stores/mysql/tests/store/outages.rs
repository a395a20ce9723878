//! Servers that die, connections that break, and what a call costs when nothing does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use session_store_api::{AtomicSessionStore, Condition, ErrorKind, SessionStore};
use session_store_mysql::sqlx;
use test_servers::FaultProxy;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::{LASTING, connect, key, own, refused, server, stranger};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_under_load_loses_nothing_acknowledged() {
    let server = own().durable().start().await.unwrap();
    let store = connect(server.url()).await;
    let (stop, failed) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let acknowledged = Arc::new(AtomicU64::new(0));
    let callers = (0..32).map(|caller| {
        let (store, stop, failed) = (store.clone(), stop.clone(), failed.clone());
        let acknowledged = acknowledged.clone();
        tokio::spawn(async move {
            let key = key(format_args!("caller-{caller}"));
            let (mut begun, mut kept) = (0_u64, 0);
            while !stop.load(Ordering::Relaxed) {
                begun += 1;
                match store.set(&key, begun.to_string().as_bytes(), LASTING).await {
                    Ok(()) => {
                        kept = begun;
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(error) => {
                        assert!(error.kind().is_transient(), "{error}: {error:?}");
                        failed.fetch_add(1, Ordering::Relaxed);
                        sleep(Duration::from_millis(20)).await;
                    }
                }
            }
            (key, begun, kept)
        })
    });
    let callers: Vec<_> = callers.collect();
    for _ in 0..3 {
        let enough = acknowledged.load(Ordering::Relaxed) + 300;
        while acknowledged.load(Ordering::Relaxed) < enough {
            sleep(Duration::from_millis(5)).await;
        }
        server.kill().await.unwrap();
        server.restart().await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        let (key, begun, kept) = caller.await.unwrap();
        let found = store.get(&key).await.unwrap().expect("the record");
        let found: u64 = String::from_utf8(found).unwrap().parse().unwrap();
        assert!(
            (kept..=begun).contains(&found),
            "{found} of {kept}..={begun}"
        );
    }
    let (acknowledged, failed) = (
        acknowledged.load(Ordering::Relaxed),
        failed.load(Ordering::Relaxed),
    );
    println!(
        "killed 3 times: {acknowledged} writes acknowledged, all there; {failed} calls failed"
    );
}

#[tokio::test]
async fn a_restart_while_the_store_rests_is_not_noticed() {
    let server = own().durable().start().await.unwrap();
    let store = connect(server.url()).await;
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    server.stop().await.unwrap();
    server.restart().await.unwrap();
    // A read is made again if its connection turns out to be dead.
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"v");
    server.stop().await.unwrap();
    server.restart().await.unwrap();
    // A write is not, but a connection that has rested is asked first.
    sleep(Duration::from_millis(1100)).await;
    store.set(&key("k"), b"w", LASTING).await.unwrap();
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"w");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_are_seen_by_no_reader() {
    let server = server().await;
    let store = connect(server.url()).await;
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let reads: Arc<[AtomicU64; 16]> = Arc::default();
    let readers: Vec<_> = (0..16)
        .map(|reader| {
            let (store, stop, reads) = (store.clone(), stop.clone(), reads.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"v");
                    reads[reader].fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut killer = stranger(server.url()).await;
    let mut cut = 0_u32;
    for _ in 0..10 {
        let others = "SELECT CAST(id AS SIGNED) FROM information_schema.processlist \
                      WHERE user = 'root' AND id <> CONNECTION_ID()";
        let others: Vec<i64> = sqlx::query_scalar(others)
            .fetch_all(&mut killer)
            .await
            .unwrap();
        for other in others {
            // Unless it has gone by itself.
            let kill = sqlx::AssertSqlSafe(format!("KILL {other}"));
            cut += u32::from(sqlx::raw_sql(kill).execute(&mut killer).await.is_ok());
        }
        // A read is made again once, so none must be cut twice: each reader is to be past this.
        for reads in &*reads {
            let enough = reads.load(Ordering::Relaxed) + 2;
            while reads.load(Ordering::Relaxed) < enough
                && !readers.iter().any(JoinHandle::is_finished)
            {
                sleep(Duration::from_millis(5)).await;
            }
        }
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    let reads: u64 = reads
        .iter()
        .map(|reads| reads.load(Ordering::Relaxed))
        .sum();
    assert!(cut > 0, "no connection was cut");
    println!("{cut} connections cut, {reads} reads, none failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_server_is_a_timeout_and_keeps_no_connection() {
    let server = server().await;
    let store = connect(&format!("{}?timeout=500ms&connections=2", server.url())).await;
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    server.pause().await.unwrap();
    for _ in 0..3 {
        refused(
            store.get(&key("k")).await,
            ErrorKind::Timeout,
            "no answer in time",
        );
        refused(
            store.touch(&key("k"), LASTING).await,
            ErrorKind::Timeout,
            "no answer in time",
        );
    }
    server.resume().await.unwrap();
    let store = store.with_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"v");
    store.set(&key("k"), b"w", LASTING).await.unwrap();
}

#[tokio::test]
async fn every_call_is_one_round_trip() {
    let server = server().await;
    let proxy = FaultProxy::start(server.address()).unwrap();
    let url = server.url_through(&proxy);
    let store = connect(&format!("{url}?connections=1&timeout=60s")).await;
    let key = key("k");
    let mut trips = Vec::new();
    // The first time statements are prepared.
    for _ in 0..2 {
        trips.clear();
        let mut before = proxy.counts().round_trips;
        let mut count = |verb: &'static str| {
            let now = proxy.counts().round_trips;
            trips.push((verb, now - before));
            before = now;
        };
        store.set(&key, b"v", LASTING).await.unwrap();
        count("set");
        store.get(&key).await.unwrap();
        count("get");
        store.touch(&key, LASTING).await.unwrap();
        count("touch");
        store
            .set_if(&key, Condition::Present, b"v", LASTING)
            .await
            .unwrap();
        count("present");
        store
            .set_if(&key, Condition::Unchanged(b"v"), b"w", LASTING)
            .await
            .unwrap();
        count("unchanged");
        store.destroy(&key).await.unwrap();
        count("destroy");
        store
            .set_if(&key, Condition::Absent, b"v", LASTING)
            .await
            .unwrap();
        count("absent");
    }
    assert!(trips.iter().all(|(_, trips)| *trips == 1), "{trips:?}");
}
