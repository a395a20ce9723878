//! A correct store, small enough to be seen to be right, and the server that it keeps its records on.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use session_store_api::{
    AtomicSessionStore, Condition, Error, ErrorKind, MaxAge, Result, SessionKey, SessionStore,
};
use session_store_conformance::{BoxError, Control, Facts, Fault, Setup};
use tokio::sync::watch;
use tokio::task;
use tokio::time::{sleep, timeout};

/// The largest value that the reference store takes.
pub(crate) const MAX_VALUE: usize = 1 << 20;

/// How long a request or an answer waits for a server that hangs.
const TIMEOUT: Duration = Duration::from_millis(500);

/// After a connection broke it is not opened again for so long.
const BACK_OFF: Duration = Duration::from_millis(25);

/// What a server says that refuses.
pub(crate) const REFUSAL: &str = "not now";

/// What is declared leaves room for a machine that is busy with many suites.
const DECLARED_TIMEOUT: Duration = Duration::from_secs(6);

/// After this time a case hangs, however busy the machine is.
pub(crate) const DEADLINE: Duration = Duration::from_secs(300);

/// What the reference store declares.
pub(crate) fn facts() -> Facts {
    Facts::new()
        .durable()
        .shared()
        .max_value(MAX_VALUE)
        .timeout(DECLARED_TIMEOUT)
}

/// A correct store: a table of records, every call one step under the table's lock. Cheap to clone;
/// clones are the same store.
#[derive(Clone)]
pub(crate) struct Reference {
    server: Server,
    table: Table,
    connection: Arc<Mutex<Connection>>,
    session_max_age: Duration,
    resolution: Duration,
}

/// The one connection of a store.
#[derive(Clone, Copy, Default)]
enum Connection {
    #[default]
    Unopened,
    Open,
    /// Since then.
    Broken(Instant),
}

impl Reference {
    /// Opens the store of a namespace.
    pub(crate) fn open(server: &Server, setup: &Setup) -> Self {
        Self::over(server, server.table(setup.namespace()), setup)
    }

    /// Opens a store over any table.
    pub(crate) fn over(server: &Server, table: Table, setup: &Setup) -> Self {
        Self {
            server: server.clone(),
            table,
            connection: Arc::default(),
            session_max_age: setup.session_max_age(),
            resolution: Duration::from_nanos(1),
        }
    }

    /// Expiries are rounded up to whole multiples of `resolution`. 1 ns unless set.
    pub(crate) fn with_resolution(mut self, resolution: Duration) -> Self {
        self.resolution = resolution;
        self
    }

    /// One round trip: the request travels, is carried out in one step, and its answer travels back.
    pub(crate) async fn ask<T: Send>(
        &self,
        step: impl FnOnce(&mut Records) -> T + Send,
    ) -> Result<T> {
        self.connect()?;
        let answered = async {
            self.server.carry_request().await?;
            let answer = step(&mut self.table.lock());
            self.server.carry_answer().await?;
            Ok(answer)
        };
        let answered: Result<T> = answered.await;
        if let Err(error) = &answered
            && error.kind() != ErrorKind::Timeout
            && self.server.fault() != Some(Fault::Refusing)
        {
            *lock(&self.connection) = Connection::Broken(Instant::now());
        }
        answered
    }

    /// Opens the connection, unless it has been tried just now.
    fn connect(&self) -> Result<()> {
        let mut connection = lock(&self.connection);
        match *connection {
            Connection::Open => {}
            Connection::Broken(since) if since.elapsed() < BACK_OFF => {
                return Err(error(ErrorKind::Unavailable, "no connection just now"));
            }
            Connection::Unopened | Connection::Broken(_) => {
                self.server.accept();
                *connection = Connection::Open;
            }
        }
        Ok(())
    }

    /// How long a record with this max age lives.
    pub(crate) fn life(&self, max_age: MaxAge) -> Duration {
        max_age.to_duration(self.session_max_age)
    }

    /// When a record ends that is written now; never, if that is past the end of the clock.
    pub(crate) fn ends(&self, max_age: MaxAge) -> Option<Instant> {
        let now = Instant::now();
        let life = self.life(max_age);
        if life.is_zero() {
            return Some(now);
        }
        let ends = now.checked_add(life)?;
        let beyond = (ends - self.server.0.began).as_nanos() % self.resolution.as_nanos();
        let missing = (self.resolution.as_nanos() - beyond) % self.resolution.as_nanos();
        ends.checked_add(Duration::from_nanos(u64::try_from(missing).ok()?))
    }
}

#[async_trait]
impl SessionStore for Reference {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        self.ask(|records| records.live(key).map(|record| record.value.clone()))
            .await
    }

    async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
        check_len(value)?;
        self.ask(|records| records.put(key, value, self.ends(max_age)))
            .await
    }

    async fn destroy(&self, key: &SessionKey) -> Result<()> {
        self.ask(|records| records.remove(key)).await
    }
}

#[async_trait]
impl AtomicSessionStore for Reference {
    async fn set_if(
        &self,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        check_len(value)?;
        self.ask(|records| {
            let holds = holds(condition, records.live(key));
            if holds {
                records.put(key, value, self.ends(max_age));
            }
            holds
        })
        .await
    }

    async fn touch(&self, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        self.ask(|records| {
            let live = records.live(key);
            live.map(|record| record.ends = self.ends(max_age))
                .is_some()
        })
        .await
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reference").finish_non_exhaustive()
    }
}

/// Where the records stay while no store is open. Cheap to clone; clones are the same server.
#[derive(Clone)]
pub(crate) struct Server(Arc<State>);

struct State {
    began: Instant,
    /// How long a request travels, and an answer.
    distance: Duration,
    tables: Mutex<HashMap<String, Table>>,
    fault: watch::Sender<Option<Fault>>,
    connections: AtomicU64,
}

impl Server {
    /// An empty server that works.
    pub(crate) fn start() -> Self {
        Self::start_at(Duration::ZERO)
    }

    /// The same, with this way to it and back from it.
    pub(crate) fn start_at(distance: Duration) -> Self {
        Self(Arc::new(State {
            began: Instant::now(),
            distance,
            tables: Mutex::default(),
            fault: watch::Sender::new(None),
            connections: AtomicU64::new(0),
        }))
    }

    /// The table of this name, made when it is first asked for.
    pub(crate) fn table(&self, name: &str) -> Table {
        let mut tables = lock(&self.0.tables);
        tables.entry(name.to_owned()).or_default().clone()
    }

    /// What is wrong with it now.
    pub(crate) fn fault(&self) -> Option<Fault> {
        *self.0.fault.borrow()
    }

    /// Takes a connection, if it is there.
    pub(crate) fn accept(&self) {
        if self.fault() != Some(Fault::Down) {
            self.0.connections.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The way to the server.
    async fn carry_request(&self) -> Result<()> {
        self.travel().await;
        let not_hung = self.fault_other_than(Fault::Hung).await;
        match not_hung {
            Some(Some(Fault::Down | Fault::Closed)) => {
                Err(error(ErrorKind::Unavailable, "no connection"))
            }
            Some(Some(Fault::Refusing)) => Err(error(ErrorKind::Unavailable, REFUSAL)),
            Some(_) => Ok(()),
            None => Err(error(ErrorKind::Timeout, "no answer")),
        }
    }

    /// The way back. An answer that is lost does not come when the fault is over.
    async fn carry_answer(&self) -> Result<()> {
        self.travel().await;
        if self.fault() == Some(Fault::Unheard) {
            return Err(match self.fault_other_than(Fault::Unheard).await {
                Some(_) => error(ErrorKind::Unavailable, "the connection was reset"),
                None => error(ErrorKind::Timeout, "no answer"),
            });
        }
        match self.fault_other_than(Fault::Hung).await {
            Some(None | Some(Fault::Refusing)) => Ok(()),
            Some(Some(Fault::Garbled)) => Err(error(ErrorKind::Other, "no answer, but noise")),
            Some(Some(_)) => Err(error(ErrorKind::Unavailable, "the connection broke")),
            None => Err(error(ErrorKind::Timeout, "no answer")),
        }
    }

    /// A distance on which other callers may overtake.
    async fn travel(&self) {
        match self.0.distance {
            Duration::ZERO => task::yield_now().await,
            distance => sleep(distance).await,
        }
    }

    /// Waits while there is this fault, and answers which there is then; nothing if it takes too long.
    async fn fault_other_than(&self, fault: Fault) -> Option<Option<Fault>> {
        let mut faults = self.0.fault.subscribe();
        let other = faults.wait_for(|now| *now != Some(fault));
        timeout(TIMEOUT, other).await.ok()?.ok().map(|now| *now)
    }
}

#[async_trait]
impl Control for Server {
    fn faults(&self) -> &[Fault] {
        use Fault::{Closed, Cut, Down, Garbled, Hung, Refusing, Unheard};
        &[Down, Closed, Hung, Cut, Garbled, Unheard, Refusing]
    }

    async fn cause(&self, fault: Fault) -> Result<(), BoxError> {
        self.0.fault.send_replace(Some(fault));
        Ok(())
    }

    async fn heal(&self) -> Result<(), BoxError> {
        self.0.fault.send_replace(None);
        Ok(())
    }

    fn connections(&self) -> Option<u64> {
        Some(self.0.connections.load(Ordering::Relaxed))
    }
}

/// The records of one namespace. Cheap to clone; clones are the same table.
#[derive(Clone, Default)]
pub(crate) struct Table(Arc<Mutex<Records>>);

impl Table {
    /// Nobody else reads or writes until the guard is dropped.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Records> {
        lock(&self.0)
    }
}

/// Records by key, also such as have ended.
#[derive(Default)]
pub(crate) struct Records(pub(crate) HashMap<SessionKey, Record>);

/// A value, and when it ends, if it does.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) value: Vec<u8>,
    pub(crate) ends: Option<Instant>,
}

impl Records {
    /// The live record under this key.
    pub(crate) fn live(&mut self, key: &SessionKey) -> Option<&mut Record> {
        live(self.0.get_mut(key))
    }

    /// Writes a record, whatever stood there.
    pub(crate) fn put(&mut self, key: &SessionKey, value: &[u8], ends: Option<Instant>) {
        let value = value.to_vec();
        self.0.insert(key.clone(), Record { value, ends });
    }

    /// Removes a record, if there is one.
    pub(crate) fn remove(&mut self, key: &SessionKey) {
        self.0.remove(key);
    }
}

impl Record {
    pub(crate) fn is_live(&self) -> bool {
        self.ends.is_none_or(|ends| Instant::now() < ends)
    }
}

/// The record, if it is live.
pub(crate) fn live(record: Option<&mut Record>) -> Option<&mut Record> {
    record.filter(|record| record.is_live())
}

/// An error of the reference store.
pub(crate) fn error(kind: ErrorKind, message: &'static str) -> Error {
    Error::new(kind, "reference", message)
}

/// Whether a condition holds for the live record that is there or not.
pub(crate) fn holds(condition: Condition<'_>, live: Option<&mut Record>) -> bool {
    match condition {
        Condition::Absent => live.is_none(),
        Condition::Present => live.is_some(),
        Condition::Unchanged(bytes) => live.is_some_and(|record| record.value == bytes),
    }
}

fn check_len(value: &[u8]) -> Result<()> {
    if value.len() > MAX_VALUE {
        return Err(error(ErrorKind::TooLarge, "over 1 MiB"));
    }
    Ok(())
}

/// A case that panics while it holds a lock fails alone.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
