//! What can be opened, what cannot, and why.

use std::env;
use std::time::Duration;

use session_store_api::{ErrorKind, SessionStore};
use session_store_postgres::sqlx::postgres::PgPoolOptions;
use session_store_postgres::sqlx::{self, AssertSqlSafe};
use session_store_postgres::{PostgresStore, migration_sql};
use tokio::time::timeout;

use crate::{LASTING, connect, count, key, own, pool, refused, run, server, stranger};

#[tokio::test]
async fn what_cannot_be_set_says_why() {
    let open = async |rest: &str| {
        PostgresStore::connect(&format!("postgres://127.0.0.1:1/d?{rest}")).await
    };
    for (parameter, hint) in [
        (
            "tabel=x",
            "no parameter `tabel`; there are table, session_max_age, timeout, max_value, connections, unlogged, \
             pooler, synchronous_commit, sslmode, sslrootcert, sslcert, sslkey, host, application_name",
        ),
        ("table=two words", "`table` must be"),
        ("table=", "`table` must be"),
        ("table=1st", "`table` must be"),
        ("table=a%22b", "`table` must be"),
        ("table=a.b.c", "`table` must be"),
        (
            "session_max_age=0s",
            "`session_max_age` must be more than zero",
        ),
        (
            "session_max_age=soon",
            "`session_max_age` is not a duration",
        ),
        ("timeout=0ms", "`timeout` must be more than zero"),
        ("max_value=0", "`max_value` must be"),
        ("max_value=1GB", "`max_value` must be"),
        ("connections=0", "`connections` must be 1 to 64"),
        ("connections=65", "`connections` must be 1 to 64"),
        ("connections=many", "`connections` must be 1 to 64"),
        ("unlogged=1", "`unlogged` must be true or false"),
        ("pooler=yes", "`pooler` must be true or false"),
        ("synchronous_commit=never", "`synchronous_commit` must be"),
        ("synchronous_commit=off&pooler=true", "ALTER ROLE"),
        ("sslmode=maybe", "`sslmode` must be disable, "),
    ] {
        refused(open(parameter).await, ErrorKind::Config, hint);
    }
    refused(
        PostgresStore::connect("postgres://host:port/d").await,
        ErrorKind::Config,
        "postgres://user:password@host:port/database",
    );
}

#[tokio::test]
async fn nobody_there_is_unavailable_and_no_password_is_shown() {
    let url = "postgres://user:hunter2@127.0.0.1:1/d";
    let shown = refused(
        PostgresStore::connect(url).await,
        ErrorKind::Unavailable,
        "the connection to 127.0.0.1:1 failed",
    );
    assert!(!shown.contains("hunter2"), "{shown}");

    let server = own().password("correct").start().await.unwrap();
    let url = server.url().replace("correct", "hunter2");
    let shown = refused(
        PostgresStore::connect(&url).await,
        ErrorKind::Config,
        "refuses the user or the password",
    );
    assert!(!shown.contains("hunter2"), "{shown}");
    let url = server.url().replace("/postgres", "/nowhere");
    let nowhere = url.replacen("postgres://nowhere", "postgres://postgres", 1);
    refused(
        PostgresStore::connect(&nowhere).await,
        ErrorKind::Config,
        "the database is not there",
    );
}

#[tokio::test]
async fn a_unix_socket_is_used_instead_of_the_host() {
    let server = server().await;
    let show = "SELECT current_setting('unix_socket_directories')";
    let folder = sqlx::query_scalar::<_, String>(show);
    let folder = folder.fetch_one(&mut stranger(server.url()).await).await;
    let elsewhere = server.url().replace("127.0.0.1", "nowhere.invalid");
    assert_ne!(elsewhere, server.url());
    let folder = folder.unwrap();
    // A container keeps its socket to itself.
    if env::var("SESSION_STORE_CONTAINERS").as_deref() != Ok("1") {
        let store = connect(&format!("{elsewhere}?host={folder}")).await;
        store.set(&key("k"), b"v", LASTING).await.unwrap();
    }

    let nobody = "postgres://user:hunter2@localhost/d?host=/no/such/folder";
    let shown = refused(
        PostgresStore::connect(nobody).await,
        ErrorKind::Unavailable,
        "the connection to /no/such/folder failed",
    );
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_may_migrate_at_once_and_again() {
    let server = server().await;
    for round in 0..5 {
        let url = format!("{}?connections=1&table=t{round}", server.url());
        let opening: Vec<_> = (0..10)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { PostgresStore::connect(&url).await })
            })
            .collect();
        for opened in opening {
            let store = opened.await.unwrap().unwrap();
            store.migrate().await.unwrap();
            store.set(&key("k"), b"v", LASTING).await.unwrap();
        }
    }
}

#[tokio::test]
async fn migration_sql_is_all_that_a_pool_of_ones_own_needs() {
    let server = server().await;
    let mut owner = stranger(server.url()).await;
    run(&mut owner, "CREATE SCHEMA auth").await;
    for _ in 0..2 {
        run(&mut owner, migration_sql("auth.logins").unwrap()).await;
    }
    let pool = pool(server.url(), "").await;
    let store = PostgresStore::new(pool.clone())
        .with_table("auth.logins")
        .unwrap();
    store.migrate().await.unwrap();
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    drop(store);
    let keys: Vec<String> = sqlx::query_scalar("SELECT key FROM auth.logins")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(keys, ["k"], "the caller's pool is still open");
    refused(
        migration_sql("a; DROP TABLE b"),
        ErrorKind::Config,
        "`table`",
    );
}

#[tokio::test]
async fn a_table_of_another_shape_is_refused_and_left_alone() {
    let server = server().await;
    let mut owner = stranger(server.url()).await;
    let shape = "value bytea NOT NULL, expires_at timestamptz NOT NULL, expires_hour timestamptz";
    run(
        &mut owner,
        "CREATE TABLE sessions (id text PRIMARY KEY, data text)",
    )
    .await;
    run(
        &mut owner,
        format!("CREATE TABLE folding (key text PRIMARY KEY, {shape})"),
    )
    .await;
    run(
        &mut owner,
        format!("CREATE TABLE keyless (key text COLLATE \"C\" NOT NULL, {shape})"),
    )
    .await;
    run(&mut owner, "CREATE VIEW view AS SELECT * FROM folding").await;
    let before = count(&mut owner, "SELECT count(*) FROM pg_class").await;
    for table in ["sessions", "folding", "keyless", "view"] {
        let opened = PostgresStore::connect(&format!("{}?table={table}", server.url())).await;
        refused(opened, ErrorKind::Config, "is there but has other columns");
    }
    assert_eq!(
        count(&mut owner, "SELECT count(*) FROM pg_class").await,
        before
    );

    let store = PostgresStore::new(pool(server.url(), "").await);
    refused(store.get(&key("k")).await, ErrorKind::Config, "`migrate()`");
    refused(
        store.set(&key("k"), b"v", LASTING).await,
        ErrorKind::Config,
        "`migrate()`",
    );
}

#[tokio::test]
async fn a_missing_index_is_made_again() {
    let server = server().await;
    connect(server.url()).await;
    let mut owner = stranger(server.url()).await;
    run(&mut owner, "DROP INDEX sessions_expires").await;
    connect(server.url()).await;
    let indices = "SELECT count(*) FROM pg_indexes WHERE indexname = 'sessions_expires'";
    assert_eq!(count(&mut owner, indices).await, 1);
}

#[tokio::test]
async fn a_table_dropped_under_us_names_migrate() {
    let server = server().await;
    let store = connect(server.url()).await;
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    run(&mut stranger(server.url()).await, "DROP TABLE sessions").await;
    refused(store.get(&key("k")).await, ErrorKind::Config, "`migrate()`");
    refused(
        store.set(&key("k"), b"v", LASTING).await,
        ErrorKind::Config,
        "`migrate()`",
    );
    store.migrate().await.unwrap();
    store.set(&key("k"), b"w", LASTING).await.unwrap();
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"w");
}

#[tokio::test]
async fn a_table_changed_under_us_is_planned_anew() {
    let server = server().await;
    let store = connect(server.url()).await;
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    store.get(&key("k")).await.unwrap();
    let change = "ALTER TABLE sessions ALTER key TYPE varchar(200) COLLATE \"C\"";
    run(&mut stranger(server.url()).await, change).await;
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"v");
}

#[tokio::test]
async fn an_unlogged_table_is_one_that_was_asked_for() {
    let server = server().await;
    let url = format!("{}?unlogged=true&synchronous_commit=off", server.url());
    connect(&url)
        .await
        .set(&key("k"), b"v", LASTING)
        .await
        .unwrap();
    PostgresStore::new(pool(server.url(), "").await)
        .with_table("logged")
        .unwrap()
        .migrate()
        .await
        .unwrap();
    let mut stranger = stranger(server.url()).await;
    let unlogged = "SELECT count(*) FROM pg_class WHERE relpersistence = 'u' AND relname";
    for (table, is_unlogged) in [("sessions", 1), ("logged", 0)] {
        let found = count(&mut stranger, format!("{unlogged} = '{table}'")).await;
        assert_eq!(found, is_unlogged, "{table}");
    }
}

#[tokio::test]
async fn tls_is_checked_against_the_authority_of_the_url() {
    let server = own().mutual_tls().start().await.unwrap();
    let store = connect(server.url()).await;
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    let (place, query) = server.url().split_once('?').unwrap();
    let without = |name: &str| {
        let rest: Vec<&str> = query
            .split('&')
            .filter(|pair| !pair.starts_with(name))
            .collect();
        format!("{place}?{}", rest.join("&"))
    };
    refused(
        PostgresStore::connect(&without("sslrootcert")).await,
        ErrorKind::Config,
        "TLS failed",
    );
    refused(
        PostgresStore::connect(&without("sslcert"))
            .await
            .and(Ok(())),
        ErrorKind::Config,
        "",
    );
    let plain = format!("{place}?sslmode=disable");
    refused(
        PostgresStore::connect(&plain).await,
        ErrorKind::Config,
        "refuses the user",
    );
}

#[tokio::test]
async fn what_is_asked_of_a_plain_server_is_never_sent_in_clear_if_tls_was_asked_for() {
    let server = server().await;
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = format!("{}?sslmode={mode}", server.url());
        refused(
            PostgresStore::connect(&url).await,
            ErrorKind::Config,
            "TLS failed",
        );
    }
}

#[tokio::test]
async fn a_pool_that_has_nothing_to_spare_is_a_timeout_in_time() {
    let server = server().await;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect(server.url())
        .await
        .unwrap();
    let store = PostgresStore::new(pool.clone());
    store.migrate().await.unwrap();
    let store = store.with_timeout(Duration::from_millis(300)).unwrap();
    let taken = pool.acquire().await.unwrap();
    let answer = timeout(Duration::from_secs(20), store.get(&key("k")))
        .await
        .unwrap();
    refused(answer, ErrorKind::Timeout, "no answer in time");
    drop(taken);
    let store = store.with_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(store.get(&key("k")).await.unwrap(), None);
}

#[tokio::test]
async fn prepared_statements_that_get_lost_are_prepared_again_or_explained() {
    let server = server().await;
    let pool = pool(server.url(), "").await;
    let store = PostgresStore::new(pool.clone());
    store.migrate().await.unwrap();
    store.get(&key("k")).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe("DEALLOCATE ALL"))
        .execute(&pool)
        .await
        .unwrap();
    refused(
        store.get(&key("k")).await,
        ErrorKind::Config,
        "`pooler=true`",
    );
    // The connection that had lost them is gone.
    store.get(&key("k")).await.unwrap();
}

#[tokio::test]
async fn for_a_pooler_nothing_is_prepared_and_nothing_set() {
    let server = server().await;
    let mut stranger = stranger(server.url()).await;
    let url = format!(
        "{}?pooler=true&connections=1&application_name=pooled",
        server.url()
    );
    let store = connect(&url).await;
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"v");
    // One that was prepared would show its placeholders.
    let last = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pooled' \
                AND query LIKE '%convert_from(decode(digits%' AND query NOT LIKE '%$1%'";
    assert_eq!(count(&mut stranger, last).await, 1);
}
