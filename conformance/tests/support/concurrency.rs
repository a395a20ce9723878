//! Stores that are right for one caller who waits for every answer.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Mutex as StdMutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use session_store_api::{
    AtomicSessionStore, Condition, ErrorKind, MaxAge, Result, SessionKey, SessionStore,
};
use session_store_conformance::Setup;
use tokio::sync::{Mutex, Semaphore};
use tokio::task;
use tokio::time::sleep;

use super::mutant::{Deviation, Mutant};
use super::reference::{Records, Reference, Server, error};

pub(crate) fn mutants() -> Vec<Mutant> {
    vec![
        Mutant::new("C12", "writes a value in two halves", || Halves),
        Mutant::new("C12", "shows half a value while it writes", || ShowsHalf),
        Mutant::new("C12", "writes the value, then the expiry", || {
            ValueThenExpiry
        }),
        Mutant::new(
            "C13",
            "a cancelled get leaves its answer to the next",
            SharedConnection::default,
        ),
        Mutant::new(
            "C13",
            "a cancelled set leaves half a value",
            HalfUnderLock::default,
        ),
        Mutant::new(
            "C13",
            "a cancelled set leaves nothing",
            DeletesThenWrites::default,
        ),
        Mutant::hanging("C13", "a cancelled call keeps its connection", || {
            KeepsConnection(Semaphore::new(16))
        }),
        Mutant::hanging("C18", "needs two connections for a set", || {
            NeedsTwo(Semaphore::new(16))
        }),
        Mutant::new("C18", "needs a runtime of many threads", || BlocksInPlace),
        Mutant::new("C18", "refuses callers when a hundred are there", || {
            RefusesCrowds(Semaphore::new(100))
        }),
        Mutant::new("C18", "starts a task that never ends", || StartsTask),
        Mutant::new(
            "A09",
            "set_if gives up where another caller is",
            GivesUp::default,
        ),
        Mutant::new(
            "A09",
            "fills a cache while another writes",
            CacheAside::default,
        ),
        Mutant::new("A09", "reads from a replica", || {
            ReadsReplica(StdMutex::new((Instant::now(), Records::default())))
        }),
        Mutant::new("A09", "answers before it has written", || WritesBehind),
    ]
}

struct Halves;

#[async_trait]
impl Deviation for Halves {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        let (first, second) = value.split_at(value.len() / 2);
        store.set(key, first, max_age).await?;
        store
            .ask(|records| {
                if let Some(record) = records.live(key) {
                    record.value.extend_from_slice(second);
                }
            })
            .await
    }
}

struct ShowsHalf;

#[async_trait]
impl Deviation for ShowsHalf {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        store.set(key, &value[..value.len() / 2], max_age).await?;
        store.set(key, value, max_age).await
    }
}

/// The longer the value, the later its expiry.
struct ValueThenExpiry;

#[async_trait]
impl Deviation for ValueThenExpiry {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        store.set(key, value, max_age).await?;
        for _ in value.iter().take(100) {
            task::yield_now().await;
        }
        store.touch(key, max_age).await?;
        Ok(())
    }
}

/// One connection for everybody: whoever comes next reads the next answer on it.
#[derive(Default)]
struct SharedConnection(Mutex<VecDeque<Option<Vec<u8>>>>);

#[async_trait]
impl Deviation for SharedConnection {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let mut answers = self.0.lock().await;
        answers.push_back(store.get(key).await?);
        task::yield_now().await;
        Ok(answers.pop_front().flatten())
    }
}

/// Nobody sees the half that a set has written so far, unless the caller goes away.
#[derive(Default)]
struct HalfUnderLock(Mutex<()>);

#[async_trait]
impl Deviation for HalfUnderLock {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let _guard = self.0.lock().await;
        store.get(key).await
    }

    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        let _guard = self.0.lock().await;
        store.set(key, &value[..value.len() / 2], max_age).await?;
        store.set(key, value, max_age).await
    }
}

/// Nobody sees that a set first deletes, unless the caller goes away.
#[derive(Default)]
struct DeletesThenWrites(Mutex<()>);

#[async_trait]
impl Deviation for DeletesThenWrites {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let _guard = self.0.lock().await;
        store.get(key).await
    }

    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        let _guard = self.0.lock().await;
        store.destroy(key).await?;
        store.set(key, value, max_age).await
    }
}

/// Gives a connection back when the call is done, which a cancelled one never is.
struct KeepsConnection(Semaphore);

#[async_trait]
impl Deviation for KeepsConnection {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        self.0.acquire().await.unwrap().forget();
        let found = store.get(key).await;
        self.0.add_permits(1);
        found
    }
}

/// Takes a second connection while it holds the first.
struct NeedsTwo(Semaphore);

#[async_trait]
impl Deviation for NeedsTwo {
    fn open(&self, server: &Server, setup: &Setup) -> Reference {
        let connections = setup
            .connections()
            .map_or(16, |connections| connections as usize);
        self.0.forget_permits(16usize.saturating_sub(connections));
        Reference::open(server, setup)
    }

    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        let _one = self.0.acquire().await.unwrap();
        task::yield_now().await;
        let _two = self.0.acquire().await.unwrap();
        store.set(key, value, max_age).await
    }
}

struct BlocksInPlace;

#[async_trait]
impl Deviation for BlocksInPlace {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        task::block_in_place(task::yield_now).await;
        store.get(key).await
    }
}

struct RefusesCrowds(Semaphore);

#[async_trait]
impl Deviation for RefusesCrowds {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        match self.0.try_acquire() {
            Ok(_permit) => store.get(key).await,
            Err(_) => Err(error(ErrorKind::Unavailable, "no connection is free")),
        }
    }
}

/// Sweeps an empty table until the end of time.
struct StartsTask;

impl Deviation for StartsTask {
    fn open(&self, server: &Server, setup: &Setup) -> Reference {
        tokio::spawn(async {
            loop {
                sleep(Duration::from_millis(100)).await;
            }
        });
        Reference::open(server, setup)
    }
}

/// Knows the keys on which a call is under way.
#[derive(Default)]
struct GivesUp(StdMutex<HashSet<SessionKey>>);

#[async_trait]
impl Deviation for GivesUp {
    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        if !self.0.lock().unwrap().insert(key.clone()) {
            return Ok(false);
        }
        let written = store.set_if(key, condition, value, max_age).await;
        self.0.lock().unwrap().remove(key);
        written
    }
}

/// Every write empties the cache of its key; a read that began before fills it after.
#[derive(Default)]
struct CacheAside(StdMutex<HashMap<SessionKey, Vec<u8>>>);

impl CacheAside {
    fn forget(&self, key: &SessionKey) {
        self.0.lock().unwrap().remove(key);
    }
}

#[async_trait]
impl Deviation for CacheAside {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let cached = self.0.lock().unwrap().get(key).cloned();
        if cached.is_some() {
            return Ok(cached);
        }
        let found = store.get(key).await?;
        if let Some(value) = &found {
            self.0.lock().unwrap().insert(key.clone(), value.clone());
        }
        Ok(found)
    }

    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        store.set(key, value, max_age).await?;
        self.forget(key);
        Ok(())
    }

    async fn destroy(&self, store: &Reference, key: &SessionKey) -> Result<()> {
        store.destroy(key).await?;
        self.forget(key);
        Ok(())
    }

    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        let written = store.set_if(key, condition, value, max_age).await?;
        self.forget(key);
        Ok(written)
    }
}

/// A copy that is a few milliseconds old, and when it was made.
struct ReadsReplica(StdMutex<(Instant, Records)>);

#[async_trait]
impl Deviation for ReadsReplica {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        store
            .ask(|records| {
                let mut replica = self.0.lock().unwrap();
                if replica.0.elapsed() > Duration::from_millis(5) {
                    *replica = (Instant::now(), Records(records.0.clone()));
                }
                replica.1.live(key).map(|record| record.value.clone())
            })
            .await
    }
}

struct WritesBehind;

#[async_trait]
impl Deviation for WritesBehind {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        let (store, key, value) = (store.clone(), key.clone(), value.to_vec());
        tokio::spawn(async move { store.set(&key, &value, max_age).await });
        Ok(())
    }
}
