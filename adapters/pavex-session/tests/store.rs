//! What pavex_session asks of a store, asked of ours.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::borrow::Cow;
use std::collections::HashMap;
use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pavex_session::SessionId;
use pavex_session::store::errors::{
    ChangeIdError, CreateError, DeleteError, UpdateError, UpdateTtlError,
};
use pavex_session::store::{SessionRecordRef, SessionStorageBackend};
use serde_json::{Value, json};
use session_store_api::{AtomicSessionStore, MaxAge, SessionKey, SessionStore};
use session_store_for_pavex_session::PavexSessionStore;

type Store = Arc<dyn AtomicSessionStore>;
type State = HashMap<Cow<'static, str>, Value>;

const HOUR: Duration = Duration::from_secs(3600);

async fn open() -> (PavexSessionStore<Store>, Store) {
    let store = session_store::connect("memory:?max_bytes=1MiB")
        .await
        .unwrap();
    (PavexSessionStore::new(Arc::clone(&store)), store)
}

fn state(name: &str) -> State {
    HashMap::from([("name".into(), json!(name))])
}

fn record(name: &str, ttl: Duration) -> SessionRecordRef<'static> {
    SessionRecordRef {
        state: Cow::Owned(state(name)),
        ttl,
    }
}

async fn loaded(sessions: &PavexSessionStore<Store>, id: &SessionId) -> Option<State> {
    let record = sessions.load(id).await.unwrap();
    record.map(|record| record.state)
}

#[tokio::test]
async fn what_was_created_is_loaded_with_the_time_that_is_left() {
    let (sessions, _) = open().await;
    let id = SessionId::random();
    sessions.create(&id, record("Ada", HOUR)).await.unwrap();
    let found = sessions.load(&id).await.unwrap().unwrap();
    assert_eq!(found.state, state("Ada"));
    assert!(found.ttl <= HOUR + Duration::from_millis(1));
    assert!(found.ttl > HOUR / 2);
    assert_eq!(loaded(&sessions, &SessionId::random()).await, None);
}

#[tokio::test]
async fn an_id_that_is_taken_is_a_duplicate() {
    let (sessions, _) = open().await;
    let id = SessionId::random();
    sessions.create(&id, record("Ada", HOUR)).await.unwrap();
    let again = sessions.create(&id, record("Grace", HOUR)).await;
    assert!(matches!(again.unwrap_err(), CreateError::DuplicateId(_)));
    assert_eq!(loaded(&sessions, &id).await, Some(state("Ada")));
}

#[tokio::test]
async fn an_update_replaces_the_state_and_a_renewal_does_not() {
    let (sessions, _) = open().await;
    let id = SessionId::random();
    sessions.create(&id, record("Ada", HOUR)).await.unwrap();
    sessions.update(&id, record("Grace", HOUR)).await.unwrap();
    assert_eq!(loaded(&sessions, &id).await, Some(state("Grace")));
    sessions.update_ttl(&id, HOUR * 10).await.unwrap();
    let found = sessions.load(&id).await.unwrap().unwrap();
    assert_eq!(found.state, state("Grace"));
    assert!(found.ttl > HOUR * 9);
    sessions.update_ttl(&id, HOUR).await.unwrap();
    let found = sessions.load(&id).await.unwrap().unwrap();
    assert!(found.ttl < HOUR * 2);
}

#[tokio::test]
async fn what_is_not_there_is_unknown_to_every_operation() {
    let (sessions, _) = open().await;
    let (gone, deleted, expired) = (
        SessionId::random(),
        SessionId::random(),
        SessionId::random(),
    );
    sessions
        .create(&deleted, record("Ada", HOUR))
        .await
        .unwrap();
    sessions.delete(&deleted).await.unwrap();
    let at_once = record("Ada", Duration::ZERO);
    sessions.create(&expired, at_once).await.unwrap();
    for id in [gone, deleted, expired] {
        assert_eq!(loaded(&sessions, &id).await, None);
        let updated = sessions.update(&id, record("Ada", HOUR)).await;
        assert!(matches!(updated, Err(UpdateError::UnknownIdError(_))));
        let renewed = sessions.update_ttl(&id, HOUR).await;
        assert!(matches!(renewed, Err(UpdateTtlError::UnknownId(_))));
        let deleted = sessions.delete(&id).await;
        assert!(matches!(deleted, Err(DeleteError::UnknownId(_))));
        let new = SessionId::random();
        let changed = sessions.change_id(&id, &new).await;
        assert!(matches!(changed, Err(ChangeIdError::UnknownId(_))));
        assert_eq!(loaded(&sessions, &id).await, None);
        assert_eq!(loaded(&sessions, &new).await, None);
    }
}

#[tokio::test]
async fn a_changed_id_takes_state_and_end_along() {
    let (sessions, store) = open().await;
    let (old, new, taken) = (
        SessionId::random(),
        SessionId::random(),
        SessionId::random(),
    );
    sessions.create(&old, record("Ada", HOUR)).await.unwrap();
    sessions
        .create(&taken, record("Grace", HOUR))
        .await
        .unwrap();
    let refused = sessions.change_id(&old, &taken).await;
    assert!(matches!(refused, Err(ChangeIdError::DuplicateId(_))));
    assert_eq!(loaded(&sessions, &taken).await, Some(state("Grace")));

    let key = |id: SessionId| SessionKey::new(id.inner().to_string()).unwrap();
    let before = store.get(&key(old)).await.unwrap();
    sessions.change_id(&old, &new).await.unwrap();
    assert_eq!(store.get(&key(new)).await.unwrap(), before);
    assert_eq!(loaded(&sessions, &old).await, None);
    assert_eq!(loaded(&sessions, &new).await, Some(state("Ada")));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ids_changed_at_once_one_lives() {
    let (sessions, _) = open().await;
    let old = SessionId::random();
    sessions.create(&old, record("Ada", HOUR)).await.unwrap();
    let logins: Vec<_> = (0..16)
        .map(|_| {
            let (sessions, new) = (sessions.clone(), SessionId::random());
            tokio::spawn(async move { (sessions.change_id(&old, &new).await, new) })
        })
        .collect();
    let mut won = 0;
    for login in logins {
        let (changed, new) = login.await.unwrap();
        let lives = loaded(&sessions, &new).await.is_some();
        assert_eq!(changed.is_ok(), lives);
        won += usize::from(lives);
    }
    assert_eq!(won, 1);
    assert_eq!(loaded(&sessions, &old).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_id_loses_no_update_that_was_answered() {
    let (sessions, _) = open().await;
    for _ in 0..50 {
        let (old, new) = (SessionId::random(), SessionId::random());
        sessions.create(&old, record("before", HOUR)).await.unwrap();
        let other = sessions.clone();
        let update = tokio::spawn(async move { other.update(&old, record("after", HOUR)).await });
        sessions.change_id(&old, &new).await.unwrap();
        let expected = match update.await.unwrap() {
            Ok(()) => "after",
            Err(_) => "before",
        };
        assert_eq!(loaded(&sessions, &new).await, Some(state(expected)));
        assert_eq!(loaded(&sessions, &old).await, None);
    }
}

#[tokio::test]
async fn deleting_expired_sessions_is_the_store_s() {
    let (sessions, _) = open().await;
    assert_eq!(sessions.delete_expired(None).await.unwrap(), 0);
    let left = Arc::new(AtomicU64::new(2_500));
    let sessions = sessions.with_sweep(move |limit| {
        let swept = u64::from(limit).min(left.load(Ordering::SeqCst));
        left.fetch_sub(swept, Ordering::SeqCst);
        async move { Ok(swept) }
    });
    let few = NonZeroUsize::new(1_200);
    assert_eq!(sessions.delete_expired(few).await.unwrap(), 1_200);
    assert_eq!(sessions.delete_expired(None).await.unwrap(), 1_300);
    assert_eq!(sessions.delete_expired(few).await.unwrap(), 0);
}

#[tokio::test]
async fn a_record_that_does_not_say_when_it_ends_is_about_to() {
    let (sessions, store) = open().await;
    let id = SessionId::random();
    let key = SessionKey::new(id.inner().to_string()).unwrap();
    let endless = br#"{"name":"Ada","_session":true}"#;
    store.set(&key, endless, MaxAge::Session).await.unwrap();
    let found = sessions.load(&id).await.unwrap().unwrap();
    assert_eq!(found.state, state("Ada"));
    assert_eq!(found.ttl, Duration::ZERO);
    store.set(&key, b"[1]", MaxAge::Session).await.unwrap();
    assert!(sessions.load(&id).await.unwrap().is_none());
}

#[tokio::test]
async fn errors_keep_their_cause_and_show_no_value() {
    let (sessions, _) = open().await;
    let id = SessionId::random();
    let large = record(&"secret".repeat(400_000), HOUR);
    let error = sessions.create(&id, large).await.unwrap_err();
    assert!(!format!("{error:?}").contains("secret"));
    let cause = error
        .source()
        .unwrap()
        .downcast_ref::<session_store_api::Error>();
    assert!(cause.is_some(), "{error:?}");
    let odd = SessionRecordRef {
        state: Cow::Owned(HashMap::from([("_expire".into(), json!("secret"))])),
        ttl: HOUR,
    };
    let error = sessions.create(&id, odd).await.unwrap_err();
    assert!(matches!(error, CreateError::SerializationError(_)));
    assert!(!format!("{error:?}").contains("secret"));
}
