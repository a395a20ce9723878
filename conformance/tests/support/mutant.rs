//! A store that is wrong in one way.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use session_store_api::{AtomicSessionStore, Condition, MaxAge, Result, SessionKey, SessionStore};
use session_store_conformance::{BoxError, Control, Fault, Setup, Skew, Suite};

use super::reference::{DEADLINE, Records, Reference, Server, Table, facts};

/// One way to be wrong. What a deviation does not override, it does right.
#[async_trait]
pub(crate) trait Deviation: Send + Sync + 'static {
    async fn get(&self, store: &Reference, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        store.get(key).await
    }

    async fn set(
        &self,
        store: &Reference,
        key: &SessionKey,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<()> {
        store.set(key, value, max_age).await
    }

    async fn destroy(&self, store: &Reference, key: &SessionKey) -> Result<()> {
        store.destroy(key).await
    }

    async fn set_if(
        &self,
        store: &Reference,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        store.set_if(key, condition, value, max_age).await
    }

    async fn touch(&self, store: &Reference, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        store.touch(key, max_age).await
    }

    /// The key under which every method works.
    fn key(&self, _namespace: &str, key: &SessionKey) -> SessionKey {
        key.clone()
    }

    /// Called for every handle.
    fn open(&self, server: &Server, setup: &Setup) -> Reference {
        Reference::open(server, setup)
    }

    /// Called when the process of a handle lives under this clock or time zone.
    fn skew(&self, _skew: Skew) {}

    /// Called when the server goes down.
    fn shut_down(&self, _records: &mut Records) {}

    /// What `Debug` of the store shows.
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutant").finish_non_exhaustive()
    }
}

/// A store that is wrong in one way, and where that must be seen.
#[derive(Clone)]
pub(crate) struct Mutant {
    /// Each of these clauses must have a case that fails; a name of a case stands for itself.
    pub(crate) breaks: Vec<&'static str>,
    /// What it does.
    pub(crate) does: &'static str,
    deadline: Duration,
    deviate: Arc<dyn Fn() -> Arc<dyn Deviation> + Send + Sync>,
}

impl Mutant {
    /// A store that breaks these clauses. `deviate` is called for every handle, which then has its own
    /// state.
    pub(crate) fn new<D: Deviation>(
        clauses: &'static str,
        does: &'static str,
        deviate: fn() -> D,
    ) -> Self {
        Self {
            breaks: clauses.split_whitespace().collect(),
            does,
            deadline: DEADLINE,
            deviate: Arc::new(move || Arc::new(deviate())),
        }
    }

    /// The same for a store that hangs, whose cases are given up soon.
    pub(crate) fn hanging<D: Deviation>(
        clauses: &'static str,
        does: &'static str,
        deviate: fn() -> D,
    ) -> Self {
        let deadline = Duration::from_secs(10);
        Self {
            deadline,
            ..Self::new(clauses, does, deviate)
        }
    }

    /// A suite for this store on a server of its own.
    pub(crate) fn suite(&self) -> Suite {
        let server = Server::start();
        let (plain, broken, skewed) = (self.clone(), self.clone(), self.clone());
        let skewed_server = server.clone();
        Suite::atomic(self.does, facts(), move |setup| {
            let store = plain.open(&server, &setup);
            async move { Ok(store) }
        })
        .breakable(move |setup| {
            let server = Server::start();
            let store = broken.open(&server, &setup);
            let power = store.power(server);
            async move { Ok((store, power)) }
        })
        .skewed(move |setup, skew| {
            let store = skewed.open(&skewed_server, &setup);
            store.deviation.skew(skew);
            async move { Ok(store) }
        })
        .deadline(self.deadline)
    }

    fn open(&self, server: &Server, setup: &Setup) -> Broken {
        let deviation = (self.deviate)();
        Broken {
            store: deviation.open(server, setup),
            deviation,
            namespace: setup.namespace().to_owned(),
        }
    }
}

/// The reference store, seen through a deviation.
struct Broken {
    store: Reference,
    deviation: Arc<dyn Deviation>,
    namespace: String,
}

impl Broken {
    fn power(&self, server: Server) -> Power {
        Power {
            table: server.table(&self.namespace),
            server,
            deviation: self.deviation.clone(),
        }
    }
}

#[async_trait]
impl SessionStore for Broken {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let key = self.deviation.key(&self.namespace, key);
        self.deviation.get(&self.store, &key).await
    }

    async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
        let key = self.deviation.key(&self.namespace, key);
        self.deviation.set(&self.store, &key, value, max_age).await
    }

    async fn destroy(&self, key: &SessionKey) -> Result<()> {
        let key = self.deviation.key(&self.namespace, key);
        self.deviation.destroy(&self.store, &key).await
    }
}

#[async_trait]
impl AtomicSessionStore for Broken {
    async fn set_if(
        &self,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        let key = self.deviation.key(&self.namespace, key);
        self.deviation
            .set_if(&self.store, &key, condition, value, max_age)
            .await
    }

    async fn touch(&self, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        let key = self.deviation.key(&self.namespace, key);
        self.deviation.touch(&self.store, &key, max_age).await
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deviation.debug(f)
    }
}

/// Power over the server of a mutant.
struct Power {
    server: Server,
    table: Table,
    deviation: Arc<dyn Deviation>,
}

#[async_trait]
impl Control for Power {
    fn faults(&self) -> &[Fault] {
        self.server.faults()
    }

    async fn cause(&self, fault: Fault) -> Result<(), BoxError> {
        if fault == Fault::Down {
            self.deviation.shut_down(&mut self.table.lock());
        }
        self.server.cause(fault).await
    }

    async fn heal(&self) -> Result<(), BoxError> {
        self.server.heal().await
    }

    fn connections(&self) -> Option<u64> {
        self.server.connections()
    }
}
