//! Users who may not do everything, and servers that do not let anybody write.

use session_store_api::{AtomicSessionStore, Condition, ErrorKind, SessionStore};
use session_store_postgres::PostgresStore;

use crate::{LASTING, connect, key, pool, refused, run, server, stranger};

#[tokio::test]
async fn a_user_without_ddl_can_do_all_but_create() {
    let server = server().await;
    let mut owner = stranger(server.url()).await;
    run(
        &mut owner,
        "CREATE ROLE app LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    )
    .await;
    let app = server.url().replacen("postgres@", "app@", 1);
    refused(
        PostgresStore::connect(&app).await,
        ErrorKind::Config,
        "SELECT, INSERT, UPDATE and DELETE on the table are needed, and to create it CREATE on its schema",
    );

    connect(server.url()).await;
    run(
        &mut owner,
        "GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO app",
    )
    .await;
    let store = connect(&app).await;
    store.migrate().await.unwrap();
    let key = key("k");
    store.set(&key, b"1", LASTING).await.unwrap();
    assert!(store.touch(&key, LASTING).await.unwrap());
    for (condition, holds) in [
        (Condition::Absent, false),
        (Condition::Present, true),
        (Condition::Unchanged(b"2"), true),
    ] {
        assert_eq!(
            store.set_if(&key, condition, b"2", LASTING).await.unwrap(),
            holds
        );
    }
    assert_eq!(store.get(&key).await.unwrap().unwrap(), b"2");
    store.destroy(&key).await.unwrap();
    assert_eq!(store.sweep(10).await.unwrap(), 0);
}

#[tokio::test]
async fn a_user_without_any_right_is_told_so() {
    let server = server().await;
    connect(server.url()).await;
    let mut owner = stranger(server.url()).await;
    run(&mut owner, "CREATE ROLE nobody LOGIN; CREATE SCHEMA secret").await;
    let nobody = server.url().replacen("postgres@", "nobody@", 1);
    let store = connect(&nobody).await;
    let hint = "the user lacks a right";
    refused(store.get(&key("k")).await, ErrorKind::Config, hint);
    refused(
        store.set(&key("k"), b"v", LASTING).await,
        ErrorKind::Config,
        hint,
    );
    refused(
        store.touch(&key("k"), LASTING).await,
        ErrorKind::Config,
        hint,
    );
    refused(store.destroy(&key("k")).await, ErrorKind::Config, hint);
    refused(store.sweep(1).await, ErrorKind::Config, hint);
    let hidden = PostgresStore::connect(&format!("{nobody}?table=secret.sessions")).await;
    refused(hidden, ErrorKind::Config, hint);
}

#[tokio::test]
async fn a_schema_must_be_there_and_need_not_be_made() {
    let server = server().await;
    let missing = PostgresStore::connect(&format!("{}?table=auth.sessions", server.url())).await;
    refused(missing, ErrorKind::Config, "the schema is not there");
    let mut owner = stranger(server.url()).await;
    run(
        &mut owner,
        "CREATE ROLE app LOGIN; CREATE SCHEMA auth; GRANT USAGE, CREATE ON SCHEMA auth TO app",
    )
    .await;
    let app = server.url().replacen("postgres@", "app@", 1);
    let store = connect(&format!("{app}?table=auth.sessions")).await;
    store.set(&key("k"), b"v", LASTING).await.unwrap();
}

#[tokio::test]
async fn a_read_only_server_is_read_and_says_so() {
    let server = server().await;
    let store = connect(server.url()).await;
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    let first = "SET default_transaction_read_only = on";
    let standby = PostgresStore::new(pool(server.url(), first).await);
    standby.migrate().await.unwrap();
    assert_eq!(standby.get(&key("k")).await.unwrap().unwrap(), b"v");
    refused(
        standby.set(&key("k"), b"w", LASTING).await,
        ErrorKind::Unavailable,
        "must lead to a primary",
    );
    refused(
        standby.destroy(&key("k")).await,
        ErrorKind::Unavailable,
        "must lead to a primary",
    );
}
