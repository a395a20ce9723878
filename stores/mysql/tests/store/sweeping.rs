//! Removing what has expired.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use session_store_api::SessionStore;
use session_store_mysql::sqlx::{self, MySqlConnection, Row};

use crate::{LASTING, NUMBERS, connect, count, key, run, server, stranger};

/// Records that expired long ago, one a minute, the first of them first.
async fn expired(connection: &mut MySqlConnection, records: u32) {
    let insert = format!(
        "INSERT INTO sessions (`key`, `value`, expires_at) \
         SELECT CONCAT('expired-', number), 'v', number * 60000 FROM {NUMBERS} WHERE number < {records}"
    );
    run(connection, insert).await;
}

/// How often somebody had to wait for a lock.
async fn lock_waits(connection: &mut MySqlConnection) -> u64 {
    let status = sqlx::raw_sql("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_waits'");
    let status = status.fetch_one(connection).await.unwrap();
    let waits: String = status.try_get_unchecked(1).unwrap();
    waits.parse().unwrap()
}

const LEFT: &str = "SELECT COUNT(*) FROM sessions WHERE `key` LIKE 'expired-%'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writing_sweeps_twice_what_it_writes_and_sweep_is_bounded() {
    const EXPIRED: i64 = 2_000;
    let server = server().await;
    let store = connect(server.url()).await;
    let mut stranger = stranger(server.url()).await;
    expired(&mut stranger, 2_000).await;
    assert_eq!(
        store.get(&key("expired-1")).await.unwrap(),
        None,
        "swept or not"
    );
    assert_eq!(store.sweep(0).await.unwrap(), 0);
    assert_eq!(store.sweep(120).await.unwrap(), 120);
    let late = "SELECT COUNT(*) FROM sessions WHERE expires_at < 120 * 60000";
    assert_eq!(count(&mut stranger, late).await, 0, "the oldest go first");

    for number in 0..300 {
        store.set(&key(number), b"live", LASTING).await.unwrap();
    }
    let left = count(&mut stranger, LEFT).await;
    // Two for each write, but for those that are due yet.
    assert!(
        (EXPIRED - 120 - 600..=EXPIRED - 120 - 600 + 256).contains(&left),
        "{left} are left"
    );
    assert_eq!(
        store.sweep(u32::MAX).await.unwrap(),
        u64::try_from(left).unwrap()
    );
    assert_eq!(
        count(&mut stranger, "SELECT COUNT(*) FROM sessions").await,
        300
    );
}

#[tokio::test]
async fn what_somebody_else_has_locked_is_passed_over() {
    let server = server().await;
    let store = connect(server.url()).await;
    let (mut writer, mut locker) = (stranger(server.url()).await, stranger(server.url()).await);
    expired(&mut writer, 3_000).await;
    run(
        &mut locker,
        "BEGIN; SELECT 1 FROM sessions WHERE `key` = 'expired-1' FOR UPDATE",
    )
    .await;
    assert_eq!(store.sweep(10_000).await.unwrap(), 2_999);
    run(&mut locker, "ROLLBACK").await;
    assert_eq!(store.sweep(1_000).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_expired_records_go_in_small_pieces_while_others_write() {
    // Ten times as many take ten times as long, with the small log of a test's server.
    const EXPIRED: u32 = 200_000;
    let server = server().await;
    let store = connect(&format!("{}?timeout=60s", server.url())).await;
    let mut owner = stranger(server.url()).await;
    expired(&mut owner, EXPIRED).await;
    let waits = lock_waits(&mut owner).await;
    let done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (store, done) = (store.clone(), done.clone());
            tokio::spawn(async move {
                let (mut writes, mut slowest) = (0, Duration::ZERO);
                while !done.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    let key = key(format_args!("{writer}-{}", writes % 100));
                    store.set(&key, b"live", LASTING).await.unwrap();
                    slowest = slowest.max(began.elapsed());
                    writes += 1;
                }
                (writes, slowest)
            })
        })
        .collect();
    let began = Instant::now();
    // Both who write and two who are asked to sweep.
    let (one, other) = tokio::join!(store.sweep(u32::MAX), store.sweep(u32::MAX));
    let (one, other, took) = (one.unwrap(), other.unwrap(), began.elapsed());
    done.store(true, Ordering::Relaxed);
    let (mut writes, mut slowest) = (0, Duration::ZERO);
    for writer in writers {
        let (written, slow) = writer.await.unwrap();
        writes += written;
        slowest = slowest.max(slow);
    }
    assert_eq!(count(&mut owner, LEFT).await, 0);
    assert_eq!(lock_waits(&mut owner).await, waits, "nobody waits for it");
    assert!(
        one + other <= u64::from(EXPIRED),
        "nobody sweeps a record twice"
    );
    println!(
        "{EXPIRED} removed in {took:.1?}, {} on request; {writes} writes meanwhile, the slowest {slowest:.1?}",
        one + other
    );
}
