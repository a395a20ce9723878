//! What can be opened, what cannot, and why.

use std::env;
use std::time::Duration;

use session_store_api::{ErrorKind, SessionStore};
use session_store_mysql::sqlx;
use session_store_mysql::sqlx::mysql::MySqlPoolOptions;
use session_store_mysql::{MySqlStore, migration_sql};
use tokio::time::timeout;

use crate::{LASTING, connect, key, own, pool, refused, run, server, stranger};

#[tokio::test]
async fn what_cannot_be_set_says_why() {
    let open =
        async |rest: &str| MySqlStore::connect(&format!("mysql://127.0.0.1:1/d?{rest}")).await;
    for (parameter, hint) in [
        (
            "tabel=x",
            "no parameter `tabel`; there are table, session_max_age, timeout, max_value, connections, ssl-mode, ssl-ca, \
             ssl-cert, ssl-key, socket",
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
        ("ssl-mode=maybe", "`ssl-mode` must be disabled, "),
    ] {
        refused(open(parameter).await, ErrorKind::Config, hint);
    }
    refused(
        MySqlStore::connect("mysql://host:port/d").await,
        ErrorKind::Config,
        "mysql://user:password@host:port/database",
    );
}

#[tokio::test]
async fn nobody_there_is_unavailable_and_no_password_is_shown() {
    let url = "mysql://user:hunter2@127.0.0.1:1/d";
    let shown = refused(
        MySqlStore::connect(url).await,
        ErrorKind::Unavailable,
        "the connection to 127.0.0.1:1 failed",
    );
    assert!(!shown.contains("hunter2"), "{shown}");

    let server = own().password("correct").start().await.unwrap();
    let url = server.url().replace("correct", "hunter2");
    let shown = refused(
        MySqlStore::connect(&url).await,
        ErrorKind::Config,
        "refuses the user or the password",
    );
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn a_password_that_needs_tls_gets_it_or_is_not_sent() {
    let server = own().password("s3cret").start().await.unwrap();
    // Once it has seen the password, MySQL remembers it and is content with a hash.
    let clear = MySqlStore::connect(&format!("{}?ssl-mode=disabled", server.url())).await;
    if server.version().contains("MariaDB") {
        clear.unwrap(); // it never asks for more
    } else {
        refused(clear, ErrorKind::Config, "only be sent over TLS");
    }
    connect(server.url()).await;
}

#[tokio::test]
async fn a_unix_socket_is_used_instead_of_the_host() {
    let server = server().await;
    let socket = sqlx::query_scalar::<_, String>("SELECT @@socket");
    let socket = socket.fetch_one(&mut stranger(server.url()).await).await;
    let elsewhere = server.url().replace("127.0.0.1", "nowhere.invalid");
    assert_ne!(elsewhere, server.url());
    let socket = socket.unwrap();
    // A container keeps its socket to itself.
    if env::var("SESSION_STORE_CONTAINERS").as_deref() != Ok("1") {
        let store = connect(&format!("{elsewhere}?socket={socket}")).await;
        store.set(&key("k"), b"v", LASTING).await.unwrap();
    }

    let nobody = "mysql://user:hunter2@localhost/d?socket=/no/such/socket";
    let shown = refused(
        MySqlStore::connect(nobody).await,
        ErrorKind::Unavailable,
        "the connection to /no/such/socket failed",
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
                tokio::spawn(async move { MySqlStore::connect(&url).await })
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
    run(&mut owner, "CREATE DATABASE auth").await;
    for _ in 0..2 {
        run(&mut owner, migration_sql("auth.logins").unwrap()).await;
    }
    let pool = pool(server.url(), "DO 0").await;
    let store = MySqlStore::new(pool.clone())
        .with_table("auth.logins")
        .unwrap();
    store.migrate().await.unwrap();
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    drop(store);
    let keys: Vec<String> = sqlx::query_scalar("SELECT CAST(`key` AS CHAR) FROM auth.logins")
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
    let shape = "`value` LONGBLOB NOT NULL, expires_at BIGINT NOT NULL, \
                 expires_hour BIGINT AS (expires_at DIV 3600000) STORED";
    for table in [
        "sessions (id INT PRIMARY KEY, data TEXT)".to_owned(),
        format!("folding (`key` VARCHAR(200) PRIMARY KEY, {shape}, INDEX (expires_hour))"),
        format!("keyless (`key` VARBINARY(200) NOT NULL, {shape}, INDEX (expires_hour))"),
        format!("slow (`key` VARBINARY(200) PRIMARY KEY, {shape})"),
    ] {
        run(&mut owner, format!("CREATE TABLE {table}")).await;
    }
    for table in ["sessions", "folding", "keyless", "slow"] {
        let opened = MySqlStore::connect(&format!("{}?table={table}", server.url())).await;
        refused(opened, ErrorKind::Config, "is there but has other columns");
    }
    let store = MySqlStore::new(pool(server.url(), "DO 0").await);
    refused(store.get(&key("k")).await, ErrorKind::Config, "`migrate()`");
    refused(
        store.set(&key("k"), b"v", LASTING).await,
        ErrorKind::Config,
        "`migrate()`",
    );
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
    let change = "ALTER TABLE sessions MODIFY `key` VARBINARY(250) NOT NULL, ADD note INT";
    run(&mut stranger(server.url()).await, change).await;
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"v");
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
        MySqlStore::connect(&without("ssl-ca")).await,
        ErrorKind::Config,
        "TLS failed",
    );
    refused(
        MySqlStore::connect(&without("ssl-cert")).await.and(Ok(())),
        ErrorKind::Config,
        "",
    );
    let plain = format!("{place}?ssl-mode=disabled");
    refused(
        MySqlStore::connect(&plain).await,
        ErrorKind::Config,
        "refuses the user",
    );
}

#[tokio::test]
async fn what_is_asked_of_a_plain_server_is_never_sent_in_clear_if_tls_was_asked_for() {
    // Unless told so, MySQL speaks TLS, with certificates of its own.
    let server = own().args(["--tls-version="]).start().await.unwrap();
    for mode in ["required", "verify_ca", "verify_identity"] {
        let url = format!("{}?ssl-mode={mode}", server.url());
        refused(
            MySqlStore::connect(&url).await,
            ErrorKind::Config,
            "TLS failed",
        );
    }
}

#[tokio::test]
async fn a_pool_that_has_nothing_to_spare_is_a_timeout_in_time() {
    let server = server().await;
    let pool = MySqlPoolOptions::new()
        .max_connections(1)
        .connect(server.url())
        .await
        .unwrap();
    let store = MySqlStore::new(pool.clone());
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
