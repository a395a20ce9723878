//! What tower-sessions asks of a store, asked of ours.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use session_store_api::{AtomicSessionStore, MaxAge, SessionKey, SessionStore as _};
use session_store_for_tower_sessions::{LateSave, TowerSessionsStore};
use time::{Duration, OffsetDateTime};
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, ExpiredDeletion};

type Store = Arc<dyn AtomicSessionStore>;

async fn open() -> (TowerSessionsStore<Store>, Store) {
    let store = session_store::connect("memory:?max_bytes=1MiB")
        .await
        .unwrap();
    (TowerSessionsStore::new(Arc::clone(&store)), store)
}

/// A record of that name which lives for an hour.
fn record(name: &str) -> Record {
    Record {
        id: Id::default(),
        data: [("name".to_owned(), json!(name))].into(),
        expiry_date: OffsetDateTime::now_utc() + Duration::hours(1),
    }
}

/// Loads the session of this record, and wants to see it as it was: its end at most rounded up.
async fn is_kept(sessions: &TowerSessionsStore<Store>, record: &Record) {
    let found = sessions.load(&record.id).await.unwrap().unwrap();
    assert_eq!((found.id, &found.data), (record.id, &record.data));
    let later = found.expiry_date - record.expiry_date;
    assert!(
        !later.is_negative() && later < Duration::milliseconds(3),
        "{later}"
    );
}

#[tokio::test]
async fn what_was_created_is_loaded_as_it_was() {
    let (sessions, _) = open().await;
    let mut ada = record("Ada");
    ada.data.insert("big".to_owned(), json!(u64::MAX));
    ada.data
        .insert("deep".to_owned(), json!({ "a": [null, 1.5, "\u{1f980}"] }));
    sessions.create(&mut ada).await.unwrap();
    is_kept(&sessions, &ada).await;
    assert_eq!(sessions.load(&Id::default()).await.unwrap(), None);
}

#[tokio::test]
async fn an_id_that_is_taken_is_drawn_anew() {
    let (sessions, _) = open().await;
    let mut ada = record("Ada");
    sessions.create(&mut ada).await.unwrap();
    let mut grace = Record {
        id: ada.id,
        ..record("Grace")
    };
    sessions.create(&mut grace).await.unwrap();
    assert_ne!(grace.id, ada.id);
    is_kept(&sessions, &ada).await;
    is_kept(&sessions, &grace).await;
}

#[tokio::test]
async fn a_save_replaces_values_and_end() {
    let (sessions, _) = open().await;
    let mut ada = record("Ada");
    sessions.create(&mut ada).await.unwrap();
    ada.data = [("place".to_owned(), json!("London"))].into();
    ada.expiry_date += Duration::hours(1);
    sessions.save(&ada).await.unwrap();
    is_kept(&sessions, &ada).await;
}

#[tokio::test]
async fn a_save_creates_nothing() {
    let (sessions, _) = open().await;
    let ada = record("Ada");
    sessions.save(&ada).await.unwrap();
    assert_eq!(sessions.load(&ada.id).await.unwrap(), None);
    let strict = sessions.with_late_save(LateSave::Fail);
    let late = strict.save(&ada).await.unwrap_err();
    assert!(matches!(late, Error::Backend(_)), "{late}");
}

#[tokio::test]
async fn what_has_expired_is_not_loaded_nor_saved_again() {
    let (sessions, _) = open().await;
    let mut ada = record("Ada");
    ada.expiry_date = OffsetDateTime::now_utc() - Duration::seconds(1);
    sessions.create(&mut ada).await.unwrap();
    assert_eq!(sessions.load(&ada.id).await.unwrap(), None);
    ada.expiry_date += Duration::hours(1);
    sessions.save(&ada).await.unwrap();
    assert_eq!(sessions.load(&ada.id).await.unwrap(), None);
}

/// The store may keep it longer; the date in it counts.
#[tokio::test]
async fn the_date_in_a_record_is_exact() {
    let (sessions, store) = open().await;
    let (id, day) = (Id::default(), std::time::Duration::from_secs(86_400));
    let key = SessionKey::new(id.to_string()).unwrap();
    let over = br#"{"name":"Ada","_expire":1,"_maxAge":1}"#;
    store.set(&key, over, MaxAge::After(day)).await.unwrap();
    assert_eq!(sessions.load(&id).await.unwrap(), None);
}

#[tokio::test]
async fn what_was_deleted_is_gone_and_deleting_nothing_is_no_error() {
    let (sessions, _) = open().await;
    let mut ada = record("Ada");
    sessions.create(&mut ada).await.unwrap();
    sessions.delete(&ada.id).await.unwrap();
    assert_eq!(sessions.load(&ada.id).await.unwrap(), None);
    sessions.delete(&ada.id).await.unwrap();
}

#[tokio::test]
async fn deleting_expired_sessions_is_the_store_s_or_says_that_it_is_not_needed() {
    let (sessions, _) = open().await;
    let error = sessions.delete_expired().await.unwrap_err();
    assert!(error.to_string().contains("nor needed"), "{error}");
    // 2,500 have expired, of which one call removes a thousand at most.
    let left = Arc::new(AtomicU64::new(2_500));
    let expired = Arc::clone(&left);
    let sessions = sessions.with_sweep(move |limit| {
        let swept = u64::from(limit).min(expired.load(Ordering::SeqCst));
        expired.fetch_sub(swept, Ordering::SeqCst);
        async move { Ok(swept) }
    });
    sessions.delete_expired().await.unwrap();
    assert_eq!(left.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn errors_name_their_cause_and_no_value() {
    let (sessions, _) = open().await;
    let mut large = record(&"secret".repeat(400_000));
    let error = sessions.create(&mut large).await.unwrap_err();
    assert!(matches!(error, Error::Backend(_)), "{error}");
    assert!(!error.to_string().contains("secret"));
    let mut odd = record("Ada");
    odd.data.insert("_expire".to_owned(), json!("secret"));
    let error = sessions.create(&mut odd).await.unwrap_err();
    assert!(matches!(error, Error::Encode(_)), "{error}");
    assert!(!error.to_string().contains("secret"));
}
