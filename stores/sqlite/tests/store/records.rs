//! Rows, statements, sweeping.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use session_store_api::{AtomicSessionStore, Condition, MaxAge, SessionStore};
use session_store_sqlite::SqliteStore;
use session_store_sqlite::sqlx;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::{LASTING, count, key, run, stranger, url};

#[tokio::test]
async fn a_record_is_the_row_that_the_readme_shows() {
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    let store = SqliteStore::connect(&url).await.unwrap();
    store
        .set(&key("k"), b"v", MaxAge::After(Duration::from_secs(60)))
        .await
        .unwrap();
    let (key, value, left): (String, Vec<u8>, i64) = sqlx::query_as(
        "SELECT key, value, expires_at - CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER) FROM sessions",
    )
    .fetch_one(&mut stranger(&url).await)
    .await
    .unwrap();
    assert_eq!((key.as_str(), value.as_slice()), ("k", &b"v"[..]));
    assert!((1..=60_001).contains(&left), "{left} ms");
    assert_eq!(
        format!("{store:?}"),
        "SqliteStore { table: \"sessions\", .. }"
    );
}

#[tokio::test]
async fn writing_sweeps_twice_what_it_writes_and_sweep_is_bounded() {
    const EXPIRED: i64 = 1_000;
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    let store = SqliteStore::connect(&url).await.unwrap();
    for number in 0..EXPIRED {
        let sql = "INSERT INTO sessions (key, value, expires_at) VALUES (?, x'00', ?)";
        let insert = sqlx::query(sql)
            .bind(format!("expired-{number:04}"))
            .bind(number);
        insert.execute(&mut stranger(&url).await).await.unwrap();
    }
    let expired = async || {
        count(
            &url,
            "SELECT count(*) FROM sessions WHERE key LIKE 'expired%'",
        )
        .await
    };
    assert_eq!(
        store.get(&key("expired-0000")).await.unwrap(),
        None,
        "never read, swept or not"
    );

    assert_eq!(store.sweep(0).await.unwrap(), 0);
    assert_eq!(store.sweep(10).await.unwrap(), 10);
    let oldest = "SELECT min(expires_at) FROM sessions WHERE key LIKE 'expired%'";
    assert_eq!(count(&url, oldest).await, 10, "the oldest go first");

    for number in 0..300 {
        store.set(&key(number), b"live", LASTING).await.unwrap();
    }
    let left = expired().await;
    // Two for each write, but for those that are due yet.
    assert!(
        (EXPIRED - 10 - 600..=EXPIRED - 10 - 600 + 256).contains(&left),
        "{left} are left"
    );
    assert_eq!(
        store.sweep(u32::MAX).await.unwrap(),
        u64::try_from(left).unwrap()
    );
    assert_eq!(
        count(&url, "SELECT count(*) FROM sessions").await,
        300,
        "what lives stays"
    );
}

#[tokio::test]
async fn every_statement_finds_its_records_by_an_index() {
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    SqliteStore::connect(&url).await.unwrap();
    let mut connection = stranger(&url).await;
    for sql in [
        "SELECT key, value FROM sessions WHERE key IN (?, ?) AND expires_at > 1",
        "UPDATE sessions AS record SET value = new.column2 FROM (VALUES (?, ?), (?, ?)) AS new \
         WHERE record.key = new.column1 AND record.expires_at > 1",
        "DELETE FROM sessions WHERE key IN (?, ?)",
        "DELETE FROM sessions WHERE key IN (SELECT key FROM sessions WHERE expires_at <= 1 ORDER BY expires_at LIMIT 9)",
    ] {
        let explain = format!("EXPLAIN QUERY PLAN {sql}");
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(explain))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let scans = plan
            .iter()
            .filter(|(.., step)| step.starts_with("SCAN") && step.contains("sessions"));
        let sorts = plan
            .iter()
            .filter(|(.., step)| step.contains("TEMP B-TREE"));
        assert_eq!((scans.count(), sorts.count()), (0, 0), "{sql}: {plan:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_on_one_record_in_one_batch_keep_their_order() {
    let store = SqliteStore::connect("sqlite::memory:").await.unwrap();
    let key = key("k");
    for round in 0..200 {
        // Polled in this order, so queued in this order; most of them share batches.
        let (set, absent, present, unchanged, destroy, after) = tokio::join!(
            store.set(&key, b"1", LASTING),
            store.set_if(&key, Condition::Absent, b"no", LASTING),
            store.set_if(&key, Condition::Present, b"2", LASTING),
            store.set_if(&key, Condition::Unchanged(b"2"), b"3", LASTING),
            store.destroy(&key),
            store.touch(&key, LASTING),
        );
        set.unwrap();
        destroy.unwrap();
        let answers = (
            absent.unwrap(),
            present.unwrap(),
            unchanged.unwrap(),
            after.unwrap(),
        );
        assert_eq!(answers, (false, true, true, false), "round {round}");
        assert_eq!(store.get(&key).await.unwrap(), None, "round {round}");
    }
}

#[tokio::test]
async fn an_expired_row_that_nobody_swept_is_neither_renewed_nor_replaced() {
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    let store = SqliteStore::connect(&url).await.unwrap();
    run(
        &mut stranger(&url).await,
        "INSERT INTO sessions (key, value, expires_at) VALUES ('k', x'76', 1)",
    )
    .await;
    let key = key("k");
    let (present, unchanged) = (Condition::Present, Condition::Unchanged(b"v"));
    assert!(!store.touch(&key, LASTING).await.unwrap());
    assert!(!store.set_if(&key, present, b"new", LASTING).await.unwrap());
    assert!(
        !store
            .set_if(&key, unchanged, b"new", LASTING)
            .await
            .unwrap()
    );
    assert_eq!(store.get(&key).await.unwrap(), None);
    let row = "SELECT expires_at FROM sessions WHERE key = 'k' AND value = x'76'";
    assert_eq!(count(&url, row).await, 1, "the row is as it was");
    assert!(
        store
            .set_if(&key, Condition::Absent, b"new", LASTING)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn no_deadline_is_before_the_life_is_over() {
    let folder = TempDir::new().unwrap();
    let url = url(folder.path(), "a.db");
    let store = SqliteStore::connect(&url).await.unwrap();
    for _ in 0..20 {
        let before = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let life = Duration::from_millis(60_000);
        store
            .set(&key("k"), b"v", MaxAge::After(life))
            .await
            .unwrap();
        let ends = count(&url, "SELECT expires_at FROM sessions").await;
        let ends = Duration::from_millis(ends.try_into().unwrap());
        assert!(ends >= before + life, "{:?} early", before + life - ends);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_nobody_polls_keeps_no_other_waiting() {
    let folder = TempDir::new().unwrap();
    for url in ["sqlite::memory:".to_owned(), url(folder.path(), "a.db")] {
        let store = SqliteStore::connect(&url).await.unwrap();
        let (key, other) = (key("k"), key("other"));
        for polls in 1..4 {
            // Calls that come one by one before, so that the caller runs the batch itself if it may.
            store.set(&key, b"v", LASTING).await.unwrap();
            store.get(&key).await.unwrap();
            let mut read = store.get(&key);
            poll_times(&mut read, polls).await;
            store.set(&other, b"v", LASTING).await.unwrap();
            drop(read);
            let mut write = store.set(&key, b"v", LASTING);
            poll_times(&mut write, polls).await;
            assert!(store.get(&other).await.unwrap().is_some());
        }
    }
}

/// Polls so often, with pauses, and leaves off there.
async fn poll_times<F: Future + Unpin>(future: &mut F, times: usize) {
    for _ in 0..times {
        if poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx).is_ready())).await {
            return;
        }
        sleep(Duration::from_millis(1)).await;
    }
}
