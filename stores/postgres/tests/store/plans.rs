//! What the server does for each statement, with a million live records.

use session_store_api::{AtomicSessionStore, Condition, SessionStore};
use session_store_postgres::PostgresStore;
use session_store_postgres::sqlx::{self, AssertSqlSafe, Executor as _, Row};

use crate::{LASTING, connect, count, key, pool, run, server, stranger};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_finds_its_records_by_an_index() {
    let server = server().await;
    let pool = pool(server.url(), "").await;
    let store = PostgresStore::new(pool.clone());
    store.migrate().await.unwrap();
    // All statements are prepared while the table is empty.
    let key = key("k");
    store.get(&key).await.unwrap();
    store.set(&key, b"v", LASTING).await.unwrap();
    store.touch(&key, LASTING).await.unwrap();
    for condition in [
        Condition::Absent,
        Condition::Present,
        Condition::Unchanged(b"v"),
    ] {
        store.set_if(&key, condition, b"v", LASTING).await.unwrap();
    }
    store.destroy(&key).await.unwrap();
    store.sweep(1).await.unwrap();
    let million = "INSERT INTO sessions (key, value, expires_at) \
                   SELECT 'key-' || lpad(number::text, 7, '0'), 'v', now() + interval '1 day' + number * interval '10 milliseconds' \
                   FROM generate_series(1, 1000000) AS number";
    run(&mut stranger(server.url()).await, million).await;

    let mut connection = pool.acquire().await.unwrap();
    let prepared = "SELECT name, statement, parameter_types::text FROM pg_prepared_statements \
                    WHERE statement LIKE '%\"sessions\"%'";
    let prepared = sqlx::raw_sql(prepared)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    assert_eq!(
        prepared.len(),
        8,
        "one for each verb and condition, and one that sweeps"
    );
    let keys: Vec<String> = (0..64)
        .map(|number| format!("'key-{:07}'", number * 9_999))
        .collect();
    let keys = format!("ARRAY[{}]", keys.join(","));
    for analyzed in [false, true] {
        if analyzed {
            connection.execute("ANALYZE sessions").await.unwrap();
        }
        for mode in ["force_custom_plan", "force_generic_plan"] {
            let mode = format!("SET plan_cache_mode = {mode}");
            connection
                .execute(sqlx::raw_sql(AssertSqlSafe(mode.clone())))
                .await
                .unwrap();
            for row in &prepared {
                let (name, statement): (&str, &str) = (row.get(0), row.get(1));
                let types = row.get::<&str, _>(2).trim_matches(['{', '}']).to_owned();
                let arguments: Vec<&str> = types
                    .split(',')
                    .map(|kind| match kind {
                        "text[]" => &keys,
                        "bytea[]" => "array_fill('w'::bytea, ARRAY[64])",
                        "bigint[]" => "array_fill(60000::bigint, ARRAY[64])",
                        "bigint" => "1000",
                        other => panic!("{other}"),
                    })
                    .collect();
                let explain = format!("EXPLAIN EXECUTE {name} ({})", arguments.join(", "));
                let plan = sqlx::raw_sql(AssertSqlSafe(explain))
                    .fetch_all(&mut *connection)
                    .await;
                let plan: Vec<String> = plan.unwrap().iter().map(|line| line.get(0)).collect();
                let plan = plan.join("\n");
                let sweeps = statement.contains("LIMIT");
                let index = if sweeps {
                    "using sessions_expires"
                } else {
                    "sessions_pkey"
                };
                // An insertion finds out by the index itself whether the key is there.
                let inserts = plan.starts_with("Insert on sessions");
                let arbiter = "Conflict Arbiter Indexes: sessions_pkey";
                let found = if inserts {
                    plan.contains(arbiter)
                } else {
                    plan.contains(index)
                };
                assert!(
                    found && !plan.contains("Seq Scan on sessions"),
                    "{mode}, analyzed: {analyzed}\n{statement}\n{plan}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_planned_for_an_empty_table_serves_a_full_one() {
    let server = server().await;
    let url = format!("{}?connections=2", server.url());
    let store = connect(&url).await;
    let mut stranger = stranger(server.url()).await;
    let many = "INSERT INTO sessions (key, value, expires_at) \
                SELECT 'key-' || number, 'v', now() + interval '1 day' FROM generate_series(1, 20000) AS number";
    for filled in [false, true] {
        if filled {
            run(&mut stranger, many).await;
        }
        for number in 0..100 {
            let key = key(number);
            store.set(&key, b"v", LASTING).await.unwrap();
            assert_eq!(store.get(&key).await.unwrap().unwrap(), b"v");
            assert!(store.touch(&key, LASTING).await.unwrap());
            let same = Condition::Unchanged(b"v");
            assert!(store.set_if(&key, same, b"w", LASTING).await.unwrap());
            store.destroy(&key).await.unwrap();
        }
    }
    // The server counts when a connection rests or ends; ours end with the store.
    drop(store);
    let scans = "SELECT idx_scan FROM pg_stat_user_tables WHERE relname = 'sessions'";
    while count(&mut stranger, scans).await < 600 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let scans = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'sessions'";
    let scans = count(&mut stranger, scans).await;
    // What is left is the creation of the table and the server's own care for it.
    assert!(scans < 10, "{scans}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_touch_writes_no_index() {
    const RECORDS: usize = 200;
    let server = server().await;
    let store = connect(server.url()).await;
    for number in 0..RECORDS {
        store.set(&key(number), &[7; 1024], LASTING).await.unwrap();
    }
    for _ in 0..20 {
        let touches = (0..RECORDS).map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.touch(&key(number), LASTING).await })
        });
        for touch in touches.collect::<Vec<_>>() {
            assert!(touch.await.unwrap().unwrap());
        }
    }
    let mut stranger = stranger(server.url()).await;
    let updates =
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'sessions'";
    let (updates, hot) = loop {
        let row = sqlx::raw_sql(updates)
            .fetch_one(&mut stranger)
            .await
            .unwrap();
        let (updates, hot): (i64, i64) = (row.get(0), row.get(1));
        // Told now and then, at the latest when connections end.
        if updates >= 20 * 200 {
            break (updates, hot);
        }
        store.get(&key(0)).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    println!("{hot} of {updates} updates were heap-only");
    // At the turn of an hour each record is written to the index once.
    assert!(hot * 10 >= updates * 8, "{hot} of {updates}");
}
