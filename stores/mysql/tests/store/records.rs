//! What calls do to records, beyond the contract.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use session_store_api::{AtomicSessionStore, Condition, MaxAge, SessionStore};
use session_store_mysql::MySqlStore;
use tokio::time::sleep;

use crate::{LASTING, connect, count, key, pool, run, server, stranger};

#[tokio::test]
async fn a_record_is_the_row_that_the_readme_shows() {
    let server = server().await;
    let store = connect(server.url()).await;
    store
        .set(&key("k"), b"v", MaxAge::After(Duration::from_secs(60)))
        .await
        .unwrap();
    let row = "SELECT COUNT(*) FROM sessions WHERE `key` = 'k' AND `value` = 'v' \
               AND expires_at DIV 1000 - UNIX_TIMESTAMP() BETWEEN 20 AND 61 \
               AND expires_hour = expires_at DIV 3600000";
    assert_eq!(count(&mut stranger(server.url()).await, row).await, 1);
    assert_eq!(
        format!("{store:?}"),
        "MySqlStore { table: \"sessions\", .. }"
    );
}

#[tokio::test]
async fn an_expired_row_that_nobody_swept_is_neither_renewed_nor_replaced() {
    let server = server().await;
    let store = connect(server.url()).await;
    let mut stranger = stranger(server.url()).await;
    let insert = "INSERT INTO sessions (`key`, `value`, expires_at) VALUES ('k', 'v', 1)";
    run(&mut stranger, insert).await;
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
    let row = "SELECT COUNT(*) FROM sessions WHERE `value` = 'v' AND expires_at = 1";
    assert_eq!(count(&mut stranger, row).await, 1, "the row is as it was");
    assert!(
        store
            .set_if(&key, Condition::Absent, b"new", LASTING)
            .await
            .unwrap()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_on_one_record_in_one_batch_keep_their_order() {
    let server = server().await;
    let store = connect(server.url()).await;
    let key = key("k");
    for round in 0..100 {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_nobody_polls_keeps_no_other_waiting() {
    let server = server().await;
    let of_pool = MySqlStore::new(pool(server.url(), "DO 0").await);
    of_pool.migrate().await.unwrap();
    let one = connect(&format!("{}?connections=1", server.url())).await;
    for store in [connect(server.url()).await, one, of_pool] {
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
