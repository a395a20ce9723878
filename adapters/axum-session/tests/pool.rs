//! What axum_session asks of a pool, asked of ours.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum_session::{DatabaseError, DatabasePool, SessionConfig, SessionStore};
use session_store_api::AtomicSessionStore;
use session_store_for_axum_session::AxumSessionPool;

const TABLE: &str = "sessions";
const SESSION: &str = r#"{"data":{"name":"\"Ada\""},"longterm":false}"#;

async fn store() -> Arc<dyn AtomicSessionStore> {
    session_store::connect("memory:").await.unwrap()
}

async fn pool() -> AxumSessionPool<Arc<dyn AtomicSessionStore>> {
    AxumSessionPool::new(store().await)
}

/// In so many seconds, as axum_session says it.
fn later(seconds: u64) -> i64 {
    let then = SystemTime::now() + Duration::from_secs(seconds);
    let since = then.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    (since.as_millis() / 1000).try_into().unwrap()
}

#[tokio::test]
async fn a_session_is_stored_replaced_and_deleted() {
    let pool = pool().await;
    assert_eq!(pool.load("id", TABLE).await.unwrap(), None);
    assert!(!pool.exists("id", TABLE).await.unwrap());
    pool.store("id", SESSION, later(60), TABLE).await.unwrap();
    assert_eq!(pool.load("id", TABLE).await.unwrap().unwrap(), SESSION);
    pool.store("id", "{}", later(60), TABLE).await.unwrap();
    assert_eq!(pool.load("id", TABLE).await.unwrap().unwrap(), "{}");
    assert!(pool.exists("id", TABLE).await.unwrap());
    pool.delete_one_by_id("id", TABLE).await.unwrap();
    assert_eq!(pool.load("id", TABLE).await.unwrap(), None);
    pool.delete_one_by_id("id", TABLE).await.unwrap();
}

#[tokio::test]
async fn tables_do_not_share() {
    let pool = pool().await;
    pool.store("id", SESSION, later(60), TABLE).await.unwrap();
    assert_eq!(pool.load("id", "others").await.unwrap(), None);
    pool.delete_one_by_id("id", "others").await.unwrap();
    assert!(pool.load("id", TABLE).await.unwrap().is_some());
}

#[tokio::test]
async fn what_was_deleted_is_not_stored_again_while_that_is_remembered() {
    let pool = pool().await;
    pool.store("id", SESSION, later(60), TABLE).await.unwrap();
    pool.delete_one_by_id("id", TABLE).await.unwrap();
    pool.store("id", SESSION, later(60), TABLE).await.unwrap();
    assert_eq!(pool.load("id", TABLE).await.unwrap(), None);
    assert!(pool.exists("id", TABLE).await.unwrap(), "it is not free");

    let forgetful = pool.with_remembered(Duration::ZERO);
    forgetful
        .store("b", SESSION, later(60), TABLE)
        .await
        .unwrap();
    forgetful.delete_one_by_id("b", TABLE).await.unwrap();
    forgetful
        .store("b", SESSION, later(60), TABLE)
        .await
        .unwrap();
    assert!(forgetful.load("b", TABLE).await.unwrap().is_some());
}

#[tokio::test]
async fn what_has_expired_is_not_loaded() {
    let pool = pool().await;
    pool.store("old", SESSION, later(0) - 5, TABLE)
        .await
        .unwrap();
    assert_eq!(pool.load("old", TABLE).await.unwrap(), None);
    pool.store("id", SESSION, later(60), TABLE).await.unwrap();
    pool.store("id", SESSION, later(0) - 5, TABLE)
        .await
        .unwrap();
    assert_eq!(pool.load("id", TABLE).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_not_supported_says_so() {
    let pool = pool().await;
    let answers = [
        pool.count(TABLE).await.map(drop),
        pool.delete_all(TABLE).await,
        pool.get_ids(TABLE).await.map(drop),
    ];
    for answer in answers {
        let error = answer.unwrap_err();
        assert!(
            matches!(error, DatabaseError::GenericNotSupportedError(_)),
            "{error}"
        );
    }
    // What it does in normal operation it may do.
    assert!(pool.auto_handles_expiry());
    let sessions = SessionStore::new(Some(pool), SessionConfig::default());
    let swept = sessions.await.unwrap().cleanup().await;
    assert_eq!(swept.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn names_that_cannot_be_are_refused_or_open_nothing() {
    let pool = pool().await;
    let config = SessionConfig::default().with_table_name("a:b");
    let refused = SessionStore::new(Some(pool.clone()), config).await;
    assert!(refused.unwrap_err().to_string().contains("table name"));
    assert!(pool.store("id", SESSION, later(60), "a b").await.is_err());
    let id = "two words";
    assert!(pool.store(id, SESSION, later(60), TABLE).await.is_err());
    assert_eq!(pool.load(id, TABLE).await.unwrap(), None);
    assert!(!pool.exists(id, TABLE).await.unwrap());
    pool.delete_one_by_id(id, TABLE).await.unwrap();
}

#[tokio::test]
async fn an_error_of_the_store_names_its_cause_and_no_value() {
    let store = session_store::connect("memory:?max_bytes=1MiB");
    let pool = AxumSessionPool::new(store.await.unwrap());
    let secret = "secret".repeat(400_000);
    let error = pool.store("id", &secret, later(60), TABLE).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("too large"), "{error}");
    assert!(!error.contains("secret"), "{error}");
}
