//! Users who may not do everything, and servers that do not let anybody write.

use session_store_api::{AtomicSessionStore, Condition, ErrorKind, SessionStore};
use session_store_mysql::MySqlStore;

use crate::{LASTING, connect, key, refused, run, server, stranger};

const APP: &str = "CREATE USER app@'%'; GRANT SELECT, INSERT, UPDATE, DELETE ON sessions.";

#[tokio::test]
async fn a_user_without_ddl_can_do_all_but_create() {
    let server = server().await;
    let mut owner = stranger(server.url()).await;
    run(&mut owner, format!("{APP}* TO app@'%'")).await;
    let app = server.url().replacen("root@", "app@", 1);
    refused(
        MySqlStore::connect(&app).await,
        ErrorKind::Config,
        "SELECT, INSERT, UPDATE and DELETE on the table are needed",
    );

    connect(server.url()).await;
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
    run(
        &mut owner,
        "CREATE USER nobody@'%'; CREATE USER reader@'%'; GRANT SELECT ON sessions.* TO reader@'%'",
    )
    .await;
    let nobody = server.url().replacen("root@", "nobody@", 1);
    let hint = "the user lacks a right";
    refused(MySqlStore::connect(&nobody).await, ErrorKind::Config, hint);
    let store = connect(&server.url().replacen("root@", "reader@", 1)).await;
    assert_eq!(store.get(&key("k")).await.unwrap(), None);
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
}

#[tokio::test]
async fn a_database_must_be_there_and_may_be_another() {
    let server = server().await;
    let missing = server.url().replace("/sessions", "/nowhere");
    refused(
        MySqlStore::connect(&missing).await,
        ErrorKind::Config,
        "the database is not there",
    );
    let missing = format!("{}?table=nowhere.sessions", server.url());
    refused(
        MySqlStore::connect(&missing).await,
        ErrorKind::Config,
        "the database is not there",
    );
    let none = server.url().replace("/sessions", "");
    refused(
        MySqlStore::connect(&none).await,
        ErrorKind::Config,
        "the URL names no database",
    );
    run(&mut stranger(server.url()).await, "CREATE DATABASE auth").await;
    let store = connect(&format!("{none}?table=auth.logins")).await;
    store.migrate().await.unwrap();
    store.set(&key("k"), b"v", LASTING).await.unwrap();
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap(), b"v");
}

#[tokio::test]
async fn a_read_only_server_is_read_and_says_so() {
    let server = server().await;
    connect(server.url())
        .await
        .set(&key("k"), b"v", LASTING)
        .await
        .unwrap();
    let mut owner = stranger(server.url()).await;
    run(
        &mut owner,
        format!("{APP}* TO app@'%'; SET GLOBAL read_only = ON"),
    )
    .await;
    let replica = connect(&server.url().replacen("root@", "app@", 1)).await;
    assert_eq!(replica.get(&key("k")).await.unwrap().unwrap(), b"v");
    let hint = "must lead to a primary";
    refused(
        replica.set(&key("k"), b"w", LASTING).await,
        ErrorKind::Unavailable,
        hint,
    );
    refused(
        replica.destroy(&key("k")).await,
        ErrorKind::Unavailable,
        hint,
    );
    run(&mut owner, "SET GLOBAL read_only = OFF").await;
    replica.set(&key("k"), b"w", LASTING).await.unwrap();
}
