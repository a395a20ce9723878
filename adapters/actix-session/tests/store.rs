//! What actix-session asks of a store, asked of ours.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::collections::HashMap;
use std::sync::Arc;

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time::Duration;
use session_store_api::{AtomicSessionStore, MaxAge, SessionKey as OurKey};
use session_store_for_actix_session::{ActixSessionStore, LateSave};

type Store = Arc<dyn AtomicSessionStore>;

async fn open() -> (ActixSessionStore<Store>, Store) {
    let store = session_store::connect("memory:?max_bytes=1MiB")
        .await
        .unwrap();
    (ActixSessionStore::new(Arc::clone(&store)), store)
}

/// A state as actix-session has it: JSON texts.
fn state(name: &str) -> HashMap<String, String> {
    [("name".to_owned(), format!("{name:?}"))].into()
}

fn ours(key: &SessionKey) -> OurKey {
    OurKey::new(key.as_ref()).unwrap()
}

const HOUR: Duration = Duration::HOUR;

#[tokio::test]
async fn what_was_saved_is_loaded_as_it_was_under_a_key_of_its_own() {
    let (sessions, _) = open().await;
    let ada = sessions.save(state("Ada"), &HOUR).await.unwrap();
    let grace = sessions.save(state("Grace"), &HOUR).await.unwrap();
    assert_ne!(ada.as_ref(), grace.as_ref());
    assert_eq!(sessions.load(&ada).await.unwrap(), Some(state("Ada")));
    assert_eq!(sessions.load(&grace).await.unwrap(), Some(state("Grace")));
}

#[tokio::test]
async fn an_update_replaces_the_state_and_leaves_the_key() {
    let (sessions, _) = open().await;
    let key = sessions.save(state("Ada"), &HOUR).await.unwrap();
    let text = key.as_ref().to_owned();
    let key = sessions.update(key, state("Grace"), &HOUR).await.unwrap();
    assert_eq!(key.as_ref(), text);
    assert_eq!(sessions.load(&key).await.unwrap(), Some(state("Grace")));
}

#[tokio::test]
async fn an_update_of_nothing_writes_nothing_under_any_key() {
    let (sessions, store) = open().await;
    let key = sessions.save(state("Ada"), &HOUR).await.unwrap();
    sessions.delete(&key).await.unwrap();
    let text = key.as_ref().to_owned();
    let after = sessions.update(key, state("Ada"), &HOUR).await.unwrap();
    assert_eq!(after.as_ref(), text);
    assert_eq!(store.get(&ours(&after)).await.unwrap(), None);
    let strict = sessions.with_late_save(LateSave::Fail);
    let late = strict.update(after, state("Ada"), &HOUR).await;
    assert!(matches!(late.unwrap_err(), UpdateError::Other(_)));
}

#[tokio::test]
async fn what_has_no_time_left_is_not_loaded() {
    let (sessions, _) = open().await;
    for none in [Duration::ZERO, Duration::SECOND * -1] {
        let key = sessions.save(state("Ada"), &none).await.unwrap();
        assert_eq!(sessions.load(&key).await.unwrap(), None);
        let key = sessions.save(state("Ada"), &HOUR).await.unwrap();
        sessions.update_ttl(&key, &none).await.unwrap();
        assert_eq!(sessions.load(&key).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_renewal_keeps_the_state_and_revives_nothing() {
    let (sessions, _) = open().await;
    let key = sessions.save(state("Ada"), &HOUR).await.unwrap();
    sessions.update_ttl(&key, &(HOUR * 2)).await.unwrap();
    assert_eq!(sessions.load(&key).await.unwrap(), Some(state("Ada")));
    sessions.delete(&key).await.unwrap();
    sessions.update_ttl(&key, &HOUR).await.unwrap();
    assert_eq!(sessions.load(&key).await.unwrap(), None);
}

#[tokio::test]
async fn what_was_deleted_is_gone_and_deleting_nothing_is_no_error() {
    let (sessions, _) = open().await;
    let key = sessions.save(state("Ada"), &HOUR).await.unwrap();
    sessions.delete(&key).await.unwrap();
    assert_eq!(sessions.load(&key).await.unwrap(), None);
    sessions.delete(&key).await.unwrap();
}

#[tokio::test]
async fn a_key_that_cannot_be_ours_opens_nothing() {
    let (sessions, _) = open().await;
    for odd in [
        "k".repeat(4000),
        "two words".to_owned(),
        "caf\u{e9}".to_owned(),
    ] {
        let key = SessionKey::try_from(odd).unwrap();
        assert_eq!(sessions.load(&key).await.unwrap(), None);
        sessions.update_ttl(&key, &HOUR).await.unwrap();
        sessions.delete(&key).await.unwrap();
        let key = sessions.update(key, state("Ada"), &HOUR).await.unwrap();
        assert_eq!(sessions.load(&key).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_record_that_is_no_session_is_a_deserialization_error() {
    let (sessions, store) = open().await;
    let key = sessions.save(state("Ada"), &HOUR).await.unwrap();
    let hour = MaxAge::After(HOUR.unsigned_abs());
    store.set(&ours(&key), b"secret", hour).await.unwrap();
    let error = sessions.load(&key).await.unwrap_err();
    assert!(!format!("{error:?}").contains("secret"));
    assert!(matches!(error, LoadError::Deserialization(_)));
}

#[tokio::test]
async fn an_error_keeps_its_cause_and_shows_no_value() {
    let (sessions, _) = open().await;
    let large = state(&"secret".repeat(400_000));
    let error = sessions.save(large, &HOUR).await.unwrap_err();
    assert!(!format!("{error:?}").contains("secret"));
    let SaveError::Other(cause) = error else {
        panic!("{error}");
    };
    assert!(cause.is::<session_store_api::Error>());
}
