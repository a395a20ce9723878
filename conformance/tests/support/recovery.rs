//! Stores that are right while nothing breaks, and make it worse when something does.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use session_store_api::{
    AtomicSessionStore, Condition, ErrorKind, MaxAge, Result, SessionKey, SessionStore,
};
use session_store_conformance::{Fault, Setup};
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use super::mutant::{Deviation, Mutant};
use super::reference::{Records, Reference, Server, error};

pub(crate) fn mutants() -> Vec<Mutant> {
    vec![
        Mutant::new(
            "C13",
            "a call dropped while the server is broken keeps its connection",
            || LeaksWhenBroken {
                server: OnceLock::new(),
                connections: Semaphore::new(32),
            },
        ),
        Mutant::new("C14", "repeats a set behind the caller's back", || {
            RepeatsLater
        }),
        Mutant::new("C14", "keeps an answer that came too late", || {
            LateAnswers(Mutex::default())
        }),
        Mutant::new(
            "C14",
            "mixes up those who wait when the connection breaks",
            MixesUp::default,
        ),
        Mutant::new(
            "C14",
            "opens a connection for every call that fails",
            Stampedes::default,
        ),
        Mutant::new(
            "c14_reconnecting_is_no_stampede",
            "connects again without a pause",
            NoPause::default,
        ),
        Mutant::new("C16", "sends large values in two parts", || InTwoParts),
        Mutant::new(
            "C20",
            "forgets what it was writing with others when it was killed",
            ForgetsTheLast::default,
        ),
        Mutant::new("A06", "repeats a conditional write as a plain one", || {
            RepeatsAsSet
        }),
        Mutant::new(
            "a09_a_lost_answer_is_no_refusal a09_histories_through_faults",
            "repeats a conditional write that failed",
            || RepeatsCondition,
        ),
    ]
}

/// Gives a connection back when a call is done, or dropped while all is well.
struct LeaksWhenBroken {
    server: OnceLock<Server>,
    connections: Semaphore,
}

impl LeaksWhenBroken {
    fn is_broken(&self) -> bool {
        self.server
            .get()
            .is_some_and(|server| server.fault().is_some())
    }
}

#[async_trait]
impl Deviation for LeaksWhenBroken {
    fn open(&self, server: &Server, setup: &Setup) -> Reference {
        self.server.get_or_init(|| server.clone());
        Reference::open(server, setup)
    }

    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let permit = timeout(Duration::from_millis(500), self.connections.acquire()).await;
        let busy = |_| error(ErrorKind::Timeout, "no connection is free");
        permit.map_err(busy)?.unwrap().forget();
        let mut lent = Lent {
            by: self,
            is_done: false,
        };
        let found = store.get(key).await;
        lent.is_done = true;
        found
    }
}

/// A connection of [`LeaksWhenBroken`].
struct Lent<'a> {
    by: &'a LeaksWhenBroken,
    is_done: bool,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if self.is_done || !self.by.is_broken() {
            self.by.connections.add_permits(1);
        }
    }
}

struct RepeatsLater;

#[async_trait]
impl Deviation for RepeatsLater {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        let set = store.set(key, value, max_age).await;
        if set.is_err() {
            repeat(store, key, value, max_age);
        }
        set
    }
}

/// Sets until it has worked.
fn repeat(store: &Reference, key: &SessionKey, value: &[u8], max_age: MaxAge) {
    let (store, key, value) = (store.clone(), key.clone(), value.to_vec());
    tokio::spawn(async move {
        for _ in 0..20 {
            sleep(Duration::from_millis(700)).await;
            if store.set(&key, &value, max_age).await.is_ok() {
                break;
            }
        }
    });
}

/// The answers that are still in a connection: whoever comes next reads the first of them.
struct LateAnswers(Mutex<VecDeque<Option<Vec<u8>>>>);

#[async_trait]
impl Deviation for LateAnswers {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let found = store.get(key).await;
        let mut answers = self.0.lock().unwrap();
        match found {
            Ok(found) => {
                answers.push_back(found);
                Ok(answers.pop_front().flatten())
            }
            Err(error) => {
                if error.kind() == ErrorKind::Timeout {
                    answers.push_back(Some(b"late".to_vec()));
                }
                Err(error)
            }
        }
    }
}

/// Who waits for an answer when the connection breaks gets the last that came, whosever it is.
#[derive(Default)]
struct MixesUp {
    waiting: AtomicUsize,
    last: Mutex<Option<Vec<u8>>>,
}

#[async_trait]
impl Deviation for MixesUp {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let others = self.waiting.fetch_add(1, Ordering::Relaxed);
        let found = store.get(key).await;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        let mut last = self.last.lock().unwrap();
        match found {
            Ok(found) => {
                last.clone_from(&found);
                Ok(found)
            }
            Err(_) if others > 0 && last.is_some() => Ok(last.clone()),
            Err(error) => Err(error),
        }
    }
}

#[derive(Default)]
struct Stampedes(OnceLock<Server>);

#[async_trait]
impl Deviation for Stampedes {
    fn open(&self, server: &Server, setup: &Setup) -> Reference {
        self.0.get_or_init(|| server.clone());
        Reference::open(server, setup)
    }

    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let found = store.get(key).await;
        found.inspect_err(|_| self.0.get().unwrap().accept())
    }
}

/// Those who wait for a connection try to make it in turns.
#[derive(Default)]
struct NoPause {
    server: OnceLock<Server>,
    turn: tokio::sync::Mutex<()>,
}

#[async_trait]
impl Deviation for NoPause {
    fn open(&self, server: &Server, setup: &Setup) -> Reference {
        self.server.get_or_init(|| server.clone());
        Reference::open(server, setup)
    }

    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let server = self.server.get().unwrap();
        let mut found = store.get(key).await;
        while found.is_err() && server.fault() == Some(Fault::Closed) {
            let _turn = self.turn.lock().await;
            for _ in 0..100 {
                server.accept(); // it fails at once, so there is time for many
            }
            yield_now().await;
            found = store.get(key).await;
        }
        found
    }
}

struct InTwoParts;

#[async_trait]
impl Deviation for InTwoParts {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        if value.len() < 300 << 10 {
            return store.set(key, value, max_age).await;
        }
        store.set(key, &value[..value.len() / 2], max_age).await?;
        store.set(key, value, max_age).await
    }
}

/// What was written lately while others wrote.
#[derive(Default)]
struct ForgetsTheLast {
    writing: AtomicUsize,
    last: Mutex<Vec<(Instant, SessionKey)>>,
}

#[async_trait]
impl Deviation for ForgetsTheLast {
    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        let others = self.writing.fetch_add(1, Ordering::Relaxed);
        let set = store.set(key, value, max_age).await;
        self.writing.fetch_sub(1, Ordering::Relaxed);
        if others > 0 {
            let mut last = self.last.lock().unwrap();
            last.push((Instant::now(), key.clone()));
        }
        set
    }

    fn shut_down(&self, records: &mut Records) {
        for (written, key) in self.last.lock().unwrap().drain(..) {
            if written.elapsed() < Duration::from_millis(20) {
                records.remove(&key);
            }
        }
    }
}

struct RepeatsAsSet;

#[async_trait]
impl Deviation for RepeatsAsSet {
    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        let set = store.set_if(key, condition, value, max_age).await;
        if set.is_err() {
            repeat(store, key, value, max_age);
        }
        set
    }
}

/// Does not know that the first time it was done, and nobody heard of it.
struct RepeatsCondition;

#[async_trait]
impl Deviation for RepeatsCondition {
    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        let mut set = store.set_if(key, condition, value, max_age).await;
        for _ in 0..10 {
            if set.is_ok() {
                break;
            }
            sleep(Duration::from_millis(10)).await;
            set = store.set_if(key, condition, value, max_age).await;
        }
        set
    }
}
