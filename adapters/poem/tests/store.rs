//! What poem asks of a storage, asked of ours.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use poem::http::StatusCode;
use poem::session::SessionStorage;
use serde_json::{Value, json};
use session_store_api::{AtomicSessionStore, ErrorKind};
use session_store_for_poem::PoemSessionStore;

const HOUR: Option<Duration> = Some(Duration::from_secs(3600));

async fn open() -> PoemSessionStore<Arc<dyn AtomicSessionStore>> {
    PoemSessionStore::new(
        session_store::connect("memory:?max_bytes=1MiB")
            .await
            .unwrap(),
    )
}

fn entries(name: &str) -> BTreeMap<String, Value> {
    BTreeMap::from([("name".to_owned(), json!(name))])
}

#[tokio::test]
async fn a_session_is_written_replaced_and_removed() {
    let sessions = open().await;
    assert_eq!(sessions.load_session("id").await.unwrap(), None);
    for name in ["Ada", "Grace"] {
        let entries = entries(name);
        sessions.update_session("id", &entries, HOUR).await.unwrap();
        assert_eq!(sessions.load_session("id").await.unwrap(), Some(entries));
    }
    sessions.remove_session("id").await.unwrap();
    assert_eq!(sessions.load_session("id").await.unwrap(), None);
    sessions.remove_session("id").await.unwrap();
    sessions.remove_session("never there").await.unwrap();
}

#[tokio::test]
async fn what_was_removed_is_not_written_again_while_that_is_remembered() {
    let sessions = open().await;
    let ada = entries("Ada");
    sessions.update_session("id", &ada, HOUR).await.unwrap();
    sessions.remove_session("id").await.unwrap();
    sessions.update_session("id", &ada, HOUR).await.unwrap();
    assert_eq!(sessions.load_session("id").await.unwrap(), None);

    let forgetful = sessions.with_remembered(Duration::ZERO);
    forgetful.update_session("b", &ada, HOUR).await.unwrap();
    forgetful.remove_session("b").await.unwrap();
    forgetful.update_session("b", &ada, HOUR).await.unwrap();
    assert_eq!(forgetful.load_session("b").await.unwrap(), Some(ada));
}

#[tokio::test]
async fn what_has_no_time_left_is_not_loaded_and_what_has_no_end_is() {
    let sessions = open().await;
    let ada = entries("Ada");
    let none = Some(Duration::ZERO);
    sessions.update_session("id", &ada, none).await.unwrap();
    assert_eq!(sessions.load_session("id").await.unwrap(), None);
    sessions.update_session("id", &ada, None).await.unwrap();
    assert_eq!(sessions.load_session("id").await.unwrap(), Some(ada));
}

#[tokio::test]
async fn an_id_that_cannot_be_is_not_loaded_and_not_written() {
    let sessions = open().await;
    for odd in ["", "two words", &"i".repeat(201)] {
        assert_eq!(sessions.load_session(odd).await.unwrap(), None);
        let written = sessions.update_session(odd, &entries("Ada"), HOUR).await;
        assert!(written.is_err(), "{odd}");
    }
}

#[tokio::test]
async fn an_error_keeps_its_cause_and_shows_no_value() {
    let sessions = open().await;
    let large = entries(&"secret".repeat(400_000));
    let error = sessions.update_session("id", &large, HOUR).await;
    let error = error.unwrap_err();
    assert!(!format!("{error:?}").contains("secret"));
    let cause = error.downcast_ref::<session_store_api::Error>().unwrap();
    assert_eq!(cause.kind(), ErrorKind::TooLarge);
    let status = error.into_response().status();
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
}
