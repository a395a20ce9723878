//! What saysion asks of a store, asked of ours.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::sync::Arc;
use std::time::Duration;

use saysion::{Session, SessionStore};
use session_store_api::{AtomicSessionStore, MaxAge, SessionKey, SessionStore as _};
use session_store_for_salvo::{LateSave, SalvoSessionStore};

type Store = Arc<dyn AtomicSessionStore>;

const HOUR: Duration = Duration::from_secs(3600);

async fn open() -> (SalvoSessionStore<Store>, Store) {
    let store = session_store::connect("memory:?max_bytes=1MiB")
        .await
        .unwrap();
    (SalvoSessionStore::new(Arc::clone(&store)), store)
}

/// Stores a new session of that name; answers its cookie.
async fn stored(sessions: &SalvoSessionStore<Store>, name: &str) -> String {
    let mut session = Session::new();
    session.insert("name", name).unwrap();
    session.expire_in(HOUR);
    sessions.store_session(session).await.unwrap().unwrap()
}

async fn load(sessions: &SalvoSessionStore<Store>, cookie: &str) -> Option<Session> {
    sessions.load_session(cookie.to_owned()).await.unwrap()
}

async fn name(sessions: &SalvoSessionStore<Store>, cookie: &str) -> Option<String> {
    load(sessions, cookie).await?.get("name")
}

#[tokio::test]
async fn what_was_stored_is_loaded_by_its_cookie_alone() {
    let (sessions, _) = open().await;
    let (ada, grace) = (
        stored(&sessions, "Ada").await,
        stored(&sessions, "Grace").await,
    );
    let session = load(&sessions, &ada).await.unwrap();
    assert_eq!(session.get::<String>("name").unwrap(), "Ada");
    assert_eq!(session.id(), Session::id_from_cookie_value(&ada).unwrap());
    assert!(!session.is_expired() && !session.data_changed());
    assert!(session.expiry().is_some());
    assert_eq!(name(&sessions, &grace).await.unwrap(), "Grace");
    let unknown = Session::new().into_cookie_value().unwrap();
    for cookie in [&*unknown, "", "no base64", "AAAA"] {
        assert!(load(&sessions, cookie).await.is_none(), "{cookie}");
    }
}

#[tokio::test]
async fn an_update_replaces_values_and_end_and_sets_no_cookie() {
    let (sessions, _) = open().await;
    let cookie = stored(&sessions, "Ada").await;
    let mut session = load(&sessions, &cookie).await.unwrap();
    session.insert("name", "Grace").unwrap();
    session.expire_in(HOUR * 2);
    let ends = *session.expiry().unwrap();
    assert_eq!(sessions.store_session(session).await.unwrap(), None);
    let session = load(&sessions, &cookie).await.unwrap();
    assert_eq!(session.get::<String>("name").unwrap(), "Grace");
    let later = *session.expiry().unwrap() - ends;
    assert!(!later.is_negative() && later.whole_milliseconds() <= 1);
}

#[tokio::test]
async fn what_has_no_time_left_is_not_loaded_and_what_has_no_end_is() {
    let (sessions, _) = open().await;
    let mut over = Session::new();
    over.set_expiry(saysion::time::OffsetDateTime::UNIX_EPOCH);
    let over = sessions.store_session(over).await.unwrap().unwrap();
    assert!(load(&sessions, &over).await.is_none());
    let endless = sessions.store_session(Session::new()).await.unwrap();
    let endless = load(&sessions, &endless.unwrap()).await.unwrap();
    assert_eq!(endless.expiry(), None);
}

#[tokio::test]
async fn what_was_destroyed_is_gone_and_no_late_save_brings_it_back() {
    let (sessions, _) = open().await;
    let cookie = stored(&sessions, "Ada").await;
    let slow = load(&sessions, &cookie).await.unwrap();
    let logout = load(&sessions, &cookie).await.unwrap();
    sessions.destroy_session(logout.clone()).await.unwrap();
    assert!(load(&sessions, &cookie).await.is_none());
    sessions.destroy_session(logout).await.unwrap();
    sessions.store_session(slow.clone()).await.unwrap();
    assert!(load(&sessions, &cookie).await.is_none());
    let strict = sessions.clone().with_late_save(LateSave::Fail);
    strict.store_session(slow).await.unwrap_err();
    assert!(load(&sessions, &cookie).await.is_none());
}

#[tokio::test]
async fn a_new_id_ends_the_old_one() {
    let (sessions, _) = open().await;
    let before = stored(&sessions, "Ada").await;
    let mut login = load(&sessions, &before).await.unwrap();
    login.regenerate();
    let after = sessions.store_session(login).await.unwrap().unwrap();
    assert_eq!(name(&sessions, &after).await.unwrap(), "Ada");
    assert!(load(&sessions, &before).await.is_none());

    let mut both = load(&sessions, &after).await.unwrap();
    both.regenerate();
    sessions.destroy_session(both).await.unwrap();
    assert!(load(&sessions, &after).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_logins_at_once_one_lives() {
    let (sessions, _) = open().await;
    let before = stored(&sessions, "Ada").await;
    let mut read = Vec::new();
    for _ in 0..16 {
        read.push(load(&sessions, &before).await.unwrap());
    }
    let logins: Vec<_> = read
        .into_iter()
        .map(|mut login| {
            login.regenerate();
            let sessions = sessions.clone();
            tokio::spawn(async move { sessions.store_session(login).await.unwrap() })
        })
        .collect();
    let mut won = 0;
    for login in logins {
        if let Some(cookie) = login.await.unwrap() {
            won += 1;
            assert!(load(&sessions, &cookie).await.is_some());
        }
    }
    assert_eq!(won, 1);
    assert!(load(&sessions, &before).await.is_none());
}

#[tokio::test]
async fn clearing_the_store_says_that_it_is_not_supported() {
    let (sessions, _) = open().await;
    let cookie = stored(&sessions, "Ada").await;
    let error = sessions.clear_store().await.unwrap_err();
    assert!(error.to_string().contains("not supported"), "{error}");
    assert!(load(&sessions, &cookie).await.is_some());
}

#[tokio::test]
async fn a_record_that_is_no_session_is_not_read() {
    let (sessions, store) = open().await;
    let cookie = stored(&sessions, "Ada").await;
    let id = Session::id_from_cookie_value(&cookie).unwrap();
    let key = SessionKey::new(id).unwrap();
    store.set(&key, b"[1]", MaxAge::After(HOUR)).await.unwrap();
    assert!(load(&sessions, &cookie).await.is_none());
}

#[tokio::test]
async fn an_error_keeps_its_cause_and_shows_no_value() {
    let (sessions, _) = open().await;
    let mut large = Session::new();
    large.insert("name", "secret".repeat(400_000)).unwrap();
    let error = sessions.store_session(large).await.unwrap_err();
    assert!(error.is::<session_store_api::Error>(), "{error}");
    assert!(!format!("{error:?}").contains("secret"));
}
