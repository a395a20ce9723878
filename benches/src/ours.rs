//! Any store of ours, through the trait.

use session_store_api::{MaxAge, SessionKey, SessionStore};

use crate::load::{HOUR, KEYS, Subject};

pub struct Ours<S> {
    store: S,
    keys: Vec<SessionKey>,
}

impl<S> Ours<S> {
    pub fn new(store: S) -> Self {
        Self::of(store, KEYS)
    }

    /// With so many records.
    pub fn of(store: S, keys: usize) -> Self {
        let key = |key| SessionKey::new(name(key)).expect("a valid key");
        let keys = (0..keys).map(key).collect();
        Self { store, keys }
    }
}

impl<S: SessionStore + 'static> Subject for Ours<S> {
    fn keys(&self) -> usize {
        self.keys.len()
    }

    async fn get(&self, key: usize) -> usize {
        let value = self.store.get(&self.keys[key]).await.expect("get");
        value.map_or(0, |value| value.len())
    }

    async fn set(&self, key: usize, value: &[u8]) {
        let set = self.store.set(&self.keys[key], value, MaxAge::After(HOUR));
        set.await.expect("set");
    }
}

/// What the records are called by others, after a prefix.
pub fn names(prefix: &str) -> Vec<String> {
    let name = |key| prefix.to_owned() + &name(key);
    (0..KEYS).map(name).collect()
}

/// 43 bytes, as a session id of 32 random bytes in base64url.
fn name(key: usize) -> String {
    format!("{key:043}")
}
