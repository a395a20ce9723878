//! Removing what has expired.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use session_store_api::SessionStore;
use session_store_postgres::sqlx::PgConnection;

use crate::{LASTING, connect, count, key, run, server, stranger};

/// Records that expired long ago, the first of them first.
async fn expired(connection: &mut PgConnection, records: u32) {
    let insert = format!(
        "INSERT INTO sessions (key, value, expires_at) \
         SELECT 'expired-' || number, 'v', '2000-01-01Z'::timestamptz + number * interval '1 minute' \
         FROM generate_series(1, {records}) AS number"
    );
    run(connection, insert).await;
}

/// Writes down how many rows each `DELETE` removes.
const COUNTED: &str = "CREATE TABLE deletes (removed bigint); \
    CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS \
        'BEGIN INSERT INTO public.deletes SELECT count(*) FROM gone; RETURN NULL; END'; \
    CREATE TRIGGER counted AFTER DELETE ON sessions REFERENCING OLD TABLE AS gone \
        FOR EACH STATEMENT EXECUTE FUNCTION counted()";

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
    let left = "SELECT count(*) FROM sessions WHERE key LIKE 'expired-%'";
    let late = "SELECT count(*) FROM sessions WHERE expires_at <= '2000-01-01Z'::timestamptz + interval '1 hour'";
    assert_eq!(count(&mut stranger, late).await, 0, "the oldest go first");

    for number in 0..300 {
        store.set(&key(number), b"live", LASTING).await.unwrap();
    }
    let left = count(&mut stranger, left).await;
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
        count(&mut stranger, "SELECT count(*) FROM sessions").await,
        300
    );
}

#[tokio::test]
async fn what_somebody_else_has_locked_is_passed_over() {
    let server = server().await;
    let store = connect(server.url()).await;
    let (mut writer, mut locker) = (stranger(server.url()).await, stranger(server.url()).await);
    expired(&mut writer, 100).await;
    run(
        &mut locker,
        "BEGIN; SELECT FROM sessions WHERE key = 'expired-1' FOR UPDATE",
    )
    .await;
    assert_eq!(store.sweep(1_000).await.unwrap(), 99);
    run(&mut locker, "ROLLBACK").await;
    assert_eq!(store.sweep(1_000).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_expired_records_go_in_small_pieces_while_others_write() {
    const EXPIRED: u32 = 1_000_000;
    let server = server().await;
    let store = connect(&format!("{}?timeout=60s", server.url())).await;
    let mut owner = stranger(server.url()).await;
    expired(&mut owner, EXPIRED).await;
    run(&mut owner, COUNTED).await;
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
    // Both who write and two who are asked to sweep, and nobody sweeps a record twice.
    let (one, other) = tokio::join!(store.sweep(u32::MAX), store.sweep(u32::MAX));
    let (one, other, took) = (one.unwrap(), other.unwrap(), began.elapsed());
    done.store(true, Ordering::Relaxed);
    let (mut writes, mut slowest) = (0, Duration::ZERO);
    for writer in writers {
        let (written, slow) = writer.await.unwrap();
        writes += written;
        slowest = slowest.max(slow);
    }
    let left = "SELECT count(*) FROM sessions WHERE key LIKE 'expired-%'";
    assert_eq!(count(&mut owner, left).await, 0);
    let removed = count(&mut owner, "SELECT sum(removed)::bigint FROM deletes").await;
    assert_eq!(removed, i64::from(EXPIRED));
    let most = count(&mut owner, "SELECT max(removed) FROM deletes").await;
    assert!(most <= 1024, "one statement removed {most}");
    println!(
        "{EXPIRED} removed in {took:.1?}, {} on request, at most {most} at once; \
         {writes} writes meanwhile, the slowest {slowest:.1?}",
        one + other
    );
}
