//! The contract crate, used as a store author and as a user would.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::collections::HashMap;
use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, Mutex};

use session_store_api::{
    AtomicSessionStore, Condition, Error, ErrorKind, MaxAge, Result, SessionKey, SessionStore,
    async_trait,
};

/// A store without expiry: enough to see calls arrive.
#[derive(Default)]
struct Dummy(Mutex<HashMap<SessionKey, Vec<u8>>>);

impl fmt::Debug for Dummy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dummy")
    }
}

#[async_trait]
impl SessionStore for Dummy {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    async fn set(&self, key: &SessionKey, value: &[u8], _: MaxAge) -> Result<()> {
        self.0.lock().unwrap().insert(key.clone(), value.to_vec());
        Ok(())
    }

    async fn destroy(&self, key: &SessionKey) -> Result<()> {
        self.0.lock().unwrap().remove(key);
        Ok(())
    }
}

#[async_trait]
impl AtomicSessionStore for Dummy {
    async fn set_if(
        &self,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        _: MaxAge,
    ) -> Result<bool> {
        let mut records = self.0.lock().unwrap();
        let holds = match condition {
            Condition::Absent => !records.contains_key(key),
            Condition::Present => records.contains_key(key),
            Condition::Unchanged(old) => records.get(key).is_some_and(|now| now == old),
        };
        if holds {
            records.insert(key.clone(), value.to_vec());
        }
        Ok(holds)
    }

    async fn touch(&self, key: &SessionKey, _: MaxAge) -> Result<bool> {
        Ok(self.0.lock().unwrap().contains_key(key))
    }
}

fn key() -> SessionKey {
    SessionKey::new("k").unwrap()
}

/// Calls every method through whatever pointer it is given, and is a `Send` future.
async fn drive(store: impl AtomicSessionStore) {
    store.set(&key(), b"a", MaxAge::Session).await.unwrap();
    assert_eq!(store.get(&key()).await.unwrap().as_deref(), Some(&b"a"[..]));
    assert!(
        !store
            .set_if(&key(), Condition::Absent, b"b", MaxAge::Session)
            .await
            .unwrap()
    );
    assert!(
        store
            .set_if(&key(), Condition::Unchanged(b"a"), b"b", MaxAge::Session)
            .await
            .unwrap()
    );
    assert!(store.touch(&key(), MaxAge::Session).await.unwrap());
    store.destroy(&key()).await.unwrap();
    assert_eq!(store.get(&key()).await.unwrap(), None);
}

#[tokio::test]
async fn pointers_are_stores_and_forward_every_method() {
    let store = Dummy::default();
    drive(&store).await;
    drive(Box::new(&store)).await;
    let store: Arc<dyn AtomicSessionStore> = Arc::new(store);
    drive(&store).await;
    drive(Box::new(store.clone()) as Box<dyn AtomicSessionStore>).await;
    tokio::spawn(drive(store)).await.unwrap();
}

#[tokio::test]
async fn an_atomic_store_upcasts_to_a_plain_one() {
    let atomic: Arc<dyn AtomicSessionStore> = Arc::new(Dummy::default());
    let plain: Arc<dyn SessionStore> = atomic.clone();
    plain.set(&key(), b"a", MaxAge::Session).await.unwrap();
    assert!(atomic.touch(&key(), MaxAge::Session).await.unwrap());
}

#[test]
fn an_error_keeps_its_cause_and_does_not_repeat_it() {
    let cause = std::io::Error::other("the cause");
    let error = Error::new(ErrorKind::Timeout, "redis", "no answer within 2 s").with_source(cause);
    assert_eq!(
        error.to_string(),
        "redis session store did not answer in time: no answer within 2 s"
    );
    assert_eq!(error.source().unwrap().to_string(), "the cause");
    assert_eq!((error.kind(), error.store()), (ErrorKind::Timeout, "redis"));
    assert!(error.source().unwrap().is::<std::io::Error>());
}

#[test]
fn a_condition_does_not_show_its_bytes() {
    assert_eq!(
        format!("{:?}", Condition::Unchanged(b"secret")),
        "Unchanged(..)"
    );
}

#[cfg(feature = "json")]
#[tokio::test]
async fn json_values_work_behind_dyn_and_a_foreign_value_is_corrupt_but_not_shown() {
    use session_store_api::SessionStoreExt;

    let store: Arc<dyn SessionStore> = Arc::new(Dummy::default());
    store
        .set_as(&key(), &vec![1_u32, 2], MaxAge::Session)
        .await
        .unwrap();
    assert_eq!(
        store.get_as::<Vec<u32>>(&key()).await.unwrap(),
        Some(vec![1, 2])
    );
    store
        .set(&key(), b"\"topsecret\"", MaxAge::Session)
        .await
        .unwrap();
    let error = store.get_as::<Vec<u32>>(&key()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(!format!("{error:?} {error}").contains("topsecret"));
}
