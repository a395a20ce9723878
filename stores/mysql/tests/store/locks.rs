//! Rows that somebody else has locked, deadlocks, serialization.

use std::time::Duration;

use session_store_api::{AtomicSessionStore, Condition, ErrorKind, MaxAge, SessionStore};
use session_store_mysql::MySqlStore;
use session_store_mysql::sqlx::{self, MySqlConnection, Row};
use tokio::time::sleep;

use crate::{LASTING, NUMBERS, connect, count, key, pool, refused, run, server, stranger};

const LOCK: &str = "BEGIN; SELECT 1 FROM sessions WHERE `key` = 'k' FOR UPDATE";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_expires_while_its_row_is_locked_stays_expired() {
    let server = server().await;
    // With a long lock timeout, so that one statement waits all the time.
    let store = MySqlStore::new(pool(server.url(), "DO 0").await);
    store.migrate().await.unwrap();
    let store = store.with_timeout(Duration::from_secs(60)).unwrap();
    let mut locker = stranger(server.url()).await;
    let key = key("k");
    let conditions = [
        None,
        Some(Condition::Present),
        Some(Condition::Unchanged(b"v")),
    ];
    // Whoever held the lock has changed nothing, or has written the same again.
    for end in [
        "ROLLBACK",
        "UPDATE sessions SET `value` = 'w'; UPDATE sessions SET `value` = 'v'; COMMIT",
    ] {
        for condition in conditions {
            let life = MaxAge::After(Duration::from_millis(500));
            store.set(&key, b"v", life).await.unwrap();
            run(&mut locker, LOCK).await;
            let call = tokio::spawn({
                let (store, key) = (store.clone(), key.clone());
                async move {
                    match condition {
                        None => store.touch(&key, LASTING).await,
                        Some(condition) => store.set_if(&key, condition, b"new", LASTING).await,
                    }
                }
            });
            sleep(Duration::from_millis(200)).await;
            let waits = waiting(&mut locker).await;
            sleep(Duration::from_millis(400)).await;
            run(&mut locker, end).await;
            let written = call.await.unwrap().unwrap();
            // On a machine that took long to come here it may have been written before the lock.
            assert!(
                !written || waits == 0,
                "{condition:?} revived it after {end}"
            );
            if !written {
                assert_eq!(store.get(&key).await.unwrap(), None, "{condition:?}, {end}");
            }
        }
    }
}

/// How many transactions wait for a lock.
async fn waiting(connection: &mut MySqlConnection) -> i64 {
    transactions(connection, "trx_state = 'LOCK WAIT'").await
}

async fn transactions(connection: &mut MySqlConnection, of: &str) -> i64 {
    // The server looks anew only if nobody has asked for a tenth of a second.
    sleep(Duration::from_millis(120)).await;
    let count_them = format!("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE {of}");
    count(connection, &count_them).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_row_keeps_only_its_own_callers_waiting() {
    let server = server().await;
    let store = connect(&format!("{}?timeout=20s", server.url())).await;
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    let mut locker = stranger(server.url()).await;
    run(&mut locker, LOCK).await;

    let locked = tokio::spawn({
        let store = store.clone();
        async move { store.set(&key("k"), b"new", LASTING).await }
    });
    let neighbours = (0..100).map(|number| {
        let store = store.clone();
        tokio::spawn(async move { store.set(&key(number), b"v", LASTING).await })
    });
    for neighbour in neighbours.collect::<Vec<_>>() {
        neighbour.await.unwrap().unwrap();
    }
    run(&mut locker, "ROLLBACK").await;
    locked.await.unwrap().unwrap();

    let store = connect(server.url()).await;
    run(&mut locker, LOCK).await;
    refused(
        store.set(&key("k"), b"newer", LASTING).await,
        ErrorKind::Timeout,
        "",
    );
    run(&mut locker, "ROLLBACK").await;
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_tried_again() {
    let server = server().await;
    let store = MySqlStore::new(pool(server.url(), "DO 0").await);
    store.migrate().await.unwrap();
    let store = store.with_timeout(Duration::from_secs(60)).unwrap();
    // Somebody who locks the other way round, and has changed so much that it is not he who must give way.
    let mut other = stranger(server.url()).await;
    run(&mut other, "CREATE TABLE much (number INT)").await;
    let begin = format!(
        "BEGIN; INSERT INTO much SELECT number FROM {NUMBERS} WHERE number < 1000; \
         SELECT 1 FROM sessions WHERE `key` = 'b' FOR UPDATE"
    );
    let cross = "SELECT 1 FROM sessions WHERE `key` = 'a' FOR UPDATE";
    let mut watcher = stranger(server.url()).await;
    let (a, b, c) = (key("a"), key("b"), key("c"));
    for _ in 0..20 {
        store.set(&a, b"v", LASTING).await.unwrap();
        store.set(&b, b"v", LASTING).await.unwrap();
        run(&mut other, begin.as_str()).await;
        let both = async {
            // A first call, so that the next two share a batch.
            let (_, a, b) = tokio::join!(
                store.touch(&c, LASTING),
                store.touch(&a, LASTING),
                store.touch(&b, LASTING)
            );
            (a.unwrap(), b.unwrap())
        };
        let crossing = async {
            while waiting(&mut watcher).await == 0 {}
            run(&mut other, cross).await;
            run(&mut other, "COMMIT").await;
        };
        assert_eq!(tokio::join!(both, crossing).0, (true, true));
        let status = sqlx::raw_sql("SHOW ENGINE INNODB STATUS");
        let status = status.fetch_one(&mut watcher).await.unwrap();
        let status: String = status.try_get_unchecked(2).unwrap();
        // If the two calls shared a statement.
        if status.contains("LATEST DETECTED DEADLOCK") {
            return;
        }
    }
    panic!("there was no deadlock");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn serialization_failures_are_tried_again() {
    const CALLERS: u32 = 8;
    let server = server().await;
    let first = "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE";
    let mut stores = Vec::new();
    for _ in 0..4 {
        let store = MySqlStore::new(pool(server.url(), first).await);
        store.migrate().await.unwrap();
        stores.push(store.with_timeout(Duration::from_secs(60)).unwrap());
    }
    let key = key("counter");
    stores[0].set(&key, b"0", LASTING).await.unwrap();
    let callers = (0..CALLERS).map(|caller| {
        let (store, key) = (stores[caller as usize % 4].clone(), key.clone());
        tokio::spawn(async move {
            let mut added = 0;
            while added < 20 {
                let old = store.get(&key).await.unwrap().unwrap();
                let number: u32 = String::from_utf8(old.clone()).unwrap().parse().unwrap();
                let new = (number + 1).to_string();
                let unchanged = Condition::Unchanged(&old);
                if store
                    .set_if(&key, unchanged, new.as_bytes(), LASTING)
                    .await
                    .unwrap()
                {
                    added += 1;
                }
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    let sum = (CALLERS * 20).to_string();
    assert_eq!(stores[0].get(&key).await.unwrap().unwrap(), sum.as_bytes());
}

#[tokio::test]
async fn a_statement_timeout_of_the_server_is_a_timeout() {
    let server = server().await;
    // MariaDB gives up any statement; MySQL only waits so long for a lock.
    let first = "SET innodb_lock_wait_timeout = 1 /*M! , max_statement_time = 0.2 */";
    let store = MySqlStore::new(pool(server.url(), first).await);
    store.migrate().await.unwrap();
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    let mut locker = stranger(server.url()).await;
    run(&mut locker, LOCK).await;
    refused(
        store.set(&key("k"), b"new", LASTING).await,
        ErrorKind::Timeout,
        "",
    );
    run(&mut locker, "ROLLBACK").await;
    store.set(&key("k"), b"new", LASTING).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_its_caller_gave_up_is_not_done_later() {
    let server = server().await;
    let store = connect(&format!("{}?timeout=500ms", server.url())).await;
    let patient = connect(server.url()).await;
    patient.set(&key("k"), b"v", LASTING).await.unwrap();
    let mut locker = stranger(server.url()).await;
    run(&mut locker, LOCK).await;
    refused(
        store.set(&key("k"), b"too late", LASTING).await,
        ErrorKind::Timeout,
        "",
    );
    // Soon the server too has given it up.
    while waiting(&mut locker).await > 0 {}
    run(&mut locker, "ROLLBACK").await;
    assert_eq!(patient.get(&key("k")).await.unwrap().unwrap(), b"v");
    while transactions(&mut locker, "TRUE").await > 0 {}
}
