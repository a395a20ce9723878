//! One server: its connections, its date, and what runs its batches.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use session_store_api::{Error, Result};
use session_store_batch::{Batch, Failure, Sharing};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::{Instant, timeout_at};

use crate::address::Address;
use crate::backoff::Backoff;
use crate::call::{Answer, Call, encode};
use crate::connection::{Connection, Reply};
use crate::error::late_server;
use crate::life::Date;
use crate::stats::Stats;

/// How many batches are on their way to a server at once, each on a connection of its own.
pub(crate) const LANES: usize = 2;

/// One server.
pub(crate) struct Server {
    address: Address,
    /// A little less than a call takes at most, so that its caller hears the reason.
    patience: Duration,
    /// Connections that nobody uses, at most as many as there are lanes.
    idle: Mutex<Vec<Connection>>,
    backoff: Backoff,
    /// Held while it is asked for, so that one asks for all.
    date: AsyncMutex<Option<Date>>,
}

impl Server {
    /// A server that is given this long to answer a call. Nothing is connected yet.
    pub(crate) fn new(address: Address, timeout: Duration) -> Self {
        const YEAR: Duration = Duration::from_secs(366 * 24 * 60 * 60);
        Self {
            address,
            patience: timeout.min(YEAR).mul_f64(0.9),
            idle: Mutex::new(Vec::new()),
            backoff: Backoff::default(),
            date: AsyncMutex::new(None),
        }
    }

    pub(crate) fn address(&self) -> &str {
        self.address.as_str()
    }

    /// What its clock shows. Asks at most once a minute.
    pub(crate) async fn date(&self) -> Result<Date> {
        let mut known = self.date.lock().await;
        if let Some(date) = known.filter(|date| date.is_fresh()) {
            return Ok(date);
        }
        let asked = Instant::now();
        let seconds = self.stats("").await?.number("time")?;
        Ok(*known.insert(Date::new(seconds, asked)))
    }

    /// What it says of itself, asked on a fresh connection.
    pub(crate) async fn stats(&self, what: &str) -> Result<Stats> {
        self.in_time(async {
            let mut connection = self.connect().await?;
            let stats = connection.stats(what).await?;
            self.put_back(connection);
            Ok(stats)
        })
        .await
    }

    /// Makes the calls in one round trip. What was replied stands in `replies`, also after an error.
    async fn exchange(&self, calls: &[Call], replies: &mut Vec<Reply>) -> Result<()> {
        let requests = encode(calls)?;
        if let Some(connection) = self.take_idle() {
            let done = self
                .exchange_on(connection, &requests, calls, replies)
                .await;
            // It may have been dead all along. Reading again does no harm.
            let again = done.is_err() && replies.is_empty() && calls.iter().all(Call::is_read);
            if !again {
                return done;
            }
        }
        let connection = self.connect().await?;
        self.exchange_on(connection, &requests, calls, replies)
            .await
    }

    async fn exchange_on(
        &self,
        mut connection: Connection,
        requests: &[u8],
        calls: &[Call],
        replies: &mut Vec<Reply>,
    ) -> Result<()> {
        let done = connection.exchange(requests, calls.len(), replies).await;
        match done {
            Ok(()) => self.put_back(connection),
            Err(_) => self.failed(),
        }
        done
    }

    async fn connect(&self) -> Result<Connection> {
        self.backoff.wait().await;
        let connection = Connection::open(self.address()).await;
        if connection.is_err() {
            self.failed();
        }
        connection
    }

    /// Whatever else is connected to the server is as good as broken, and another may take its place.
    fn failed(&self) {
        self.idle().clear();
        if let Ok(mut date) = self.date.try_lock() {
            *date = None;
        }
        self.backoff.failed();
    }

    async fn in_time<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        let until = Instant::now() + self.patience;
        timeout_at(until, answer)
            .await
            .unwrap_or_else(|_| Err(late_server(self.address())))
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle();
        idle.retain(Connection::is_fit);
        idle.pop()
    }

    fn put_back(&self, connection: Connection) {
        self.backoff.worked();
        let mut idle = self.idle();
        if idle.len() < LANES {
            idle.push(connection);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch for Server {
    type Call = Call;
    type Answer = Result<Answer>;
    type Error = Error;

    fn weight(&self, call: &Call) -> usize {
        call.weight()
    }

    /// A pipeline is carried out in its order, so conditional writes to a record may follow one another.
    fn sharing<'a>(&self, call: &'a Call) -> Sharing<'a> {
        if call.is_read() {
            Sharing::Free
        } else {
            Sharing::Key(call.key.as_bytes())
        }
    }

    async fn run(&self, calls: &[Call]) -> Result<Vec<Result<Answer>>, Failure<Error>> {
        let mut replies = Vec::with_capacity(calls.len());
        let done = self.in_time(self.exchange(calls, &mut replies)).await;
        let mut answers: Vec<_> = replies.into_iter().map(Answer::try_from).collect();
        if let Err(error) = done {
            answers.resize_with(calls.len(), || Err(error.clone()));
        }
        Ok(answers)
    }
}
