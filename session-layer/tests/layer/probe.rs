//! A store around the real one that counts calls and fails on demand.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use session_store_api::{
    AtomicSessionStore, Condition, Error, ErrorKind, MaxAge, Result, SessionKey, SessionStore,
    async_trait,
};
use session_store_memory::MemoryStore;

/// Clones are the same store.
#[derive(Clone)]
pub(crate) struct Probe(Arc<Inner>);

struct Inner {
    store: MemoryStore,
    calls: Mutex<Vec<&'static str>>,
    keys: Mutex<Vec<SessionKey>>,
    refuses: Mutex<Option<Refusal>>,
    meddles: AtomicBool,
}

#[derive(Clone, Copy)]
struct Refusal {
    method: &'static str,
    kind: ErrorKind,
    /// So many calls still succeed.
    spared: usize,
}

impl Probe {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            store: MemoryStore::new(),
            calls: Mutex::default(),
            keys: Mutex::default(),
            refuses: Mutex::default(),
            meddles: AtomicBool::new(false),
        }))
    }

    /// The calls since the last time.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.calls.lock().unwrap())
    }

    /// From now on calls of `method` fail with `kind`; with `"all"`, every call.
    pub(crate) fn refuse(&self, method: &'static str, kind: ErrorKind) {
        self.refuse_after(0, method, kind);
    }

    /// The same, after `spared` more calls of `method`.
    pub(crate) fn refuse_after(&self, spared: usize, method: &'static str, kind: ErrorKind) {
        let refusal = Refusal {
            method,
            kind,
            spared,
        };
        *self.0.refuses.lock().unwrap() = Some(refusal);
    }

    pub(crate) fn recover(&self) {
        *self.0.refuses.lock().unwrap() = None;
    }

    /// From now on somebody else changes the session right before every `set_if`.
    pub(crate) fn meddle(&self) {
        self.0.meddles.store(true, Ordering::SeqCst);
    }

    /// Every key that was ever written and still has a record, with the record.
    pub(crate) async fn live(&self) -> Vec<(SessionKey, Vec<u8>)> {
        let mut keys = self.0.keys.lock().unwrap().clone();
        keys.sort();
        keys.dedup();
        let mut live = Vec::new();
        for key in keys {
            if let Some(value) = self.0.store.get(&key).await.unwrap() {
                live.push((key, value));
            }
        }
        live
    }

    /// The only live record, as JSON.
    pub(crate) async fn only(&self) -> serde_json::Value {
        let live = self.live().await;
        assert_eq!(live.len(), 1, "one live record");
        serde_json::from_slice(&live[0].1).unwrap()
    }

    /// Writes to the store without counting: another process.
    pub(crate) async fn put(&self, key: &SessionKey, value: impl AsRef<[u8]>, max_age: Duration) {
        let max_age = MaxAge::After(max_age);
        let store = &self.0.store;
        store.set(key, value.as_ref(), max_age).await.unwrap();
    }

    pub(crate) async fn wipe(&self, key: &SessionKey) {
        self.0.store.destroy(key).await.unwrap();
    }

    async fn call(&self, method: &'static str) -> Result<()> {
        self.0.calls.lock().unwrap().push(method);
        tokio::task::yield_now().await; // as a networked store would: others get their turn
        let mut refuses = self.0.refuses.lock().unwrap();
        match refuses.as_mut() {
            Some(refusal) if [method, "all"].contains(&refusal.method) => {
                if refusal.spared == 0 {
                    return Err(Error::new(refusal.kind, "probe", "told to fail"));
                }
                refusal.spared -= 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn remember(&self, key: &SessionKey) {
        self.0.keys.lock().unwrap().push(key.clone());
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}

#[async_trait]
impl SessionStore for Probe {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        self.call("get").await?;
        self.0.store.get(key).await
    }

    async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
        self.call("set").await?;
        self.remember(key);
        self.0.store.set(key, value, max_age).await
    }

    async fn destroy(&self, key: &SessionKey) -> Result<()> {
        self.call("destroy").await?;
        self.0.store.destroy(key).await
    }
}

#[async_trait]
impl AtomicSessionStore for Probe {
    async fn set_if(
        &self,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        self.call("set_if").await?;
        self.remember(key);
        if self.0.meddles.load(Ordering::SeqCst)
            && let Some(value) = self.0.store.get(key).await?
        {
            let mut theirs: serde_json::Value = serde_json::from_slice(&value).unwrap();
            let turn = theirs["turn"].as_u64().unwrap_or(0) + 1;
            theirs["turn"] = turn.into();
            let hour = Duration::from_secs(3600);
            self.put(key, theirs.to_string(), hour).await;
        }
        self.0.store.set_if(key, condition, value, max_age).await
    }

    async fn touch(&self, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        self.call("touch").await?;
        self.0.store.touch(key, max_age).await
    }
}
