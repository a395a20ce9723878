//! Connections: of the caller's pool, or of the store's own.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Database, Error, Executor, Pool};
use tokio::runtime::{self, Handle};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};

use crate::retry::between;

/// How long a connection may have rested before it is asked whether it still lives.
const FRESH: Duration = Duration::from_secs(1);

/// How long it may take to say so.
const REPLY: Duration = Duration::from_secs(1);

/// How long a connection is used, so that servers may be replaced behind a name.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// How long a connection rests before it is closed: its runtime may be gone, and then nobody takes it up.
const RESTED: Duration = Duration::from_secs(5 * 60);

/// The first wait before another connection is opened, if those before it failed; and how often it doubles.
const PAUSE: Duration = Duration::from_millis(10);
const DOUBLINGS: u32 = 4;

type Options<DB> = <<DB as Database>::Connection as Connection>::Options;

/// Where statements get their connection. Cheap to clone; clones share the connections.
///
/// The store's own are used in turn without a word between two statements, where a pool would make a
/// round trip to test each connection that comes back to it. One that was broken off is closed, whether
/// by an error or because nobody waits for the answer any more; with the first broken one all that rest
/// are closed, for they broke too, and those in use are closed after it. While they keep breaking, or none can
/// be opened, there are pauses before the next.
///
/// A connection is used by the runtime that opened it, so each of several runtimes keeps its own. No more
/// are in use at once than the store may have.
pub struct Connections<DB: Database> {
    source: Source<DB>,
    is_fit: fn(&Error) -> bool,
    embedded: bool,
}

enum Source<DB: Database> {
    Pool(Pool<DB>),
    Own(Arc<Own<DB>>),
}

struct Own<DB: Database> {
    options: Options<DB>,
    /// What a new connection is told first.
    greeting: Option<String>,
    seats: Arc<Semaphore>,
    idle: Mutex<Idle<DB>>,
}

/// What nobody uses.
struct Idle<DB: Database> {
    /// The one that came last at the end.
    resting: Vec<Resting<DB>>,
    /// When a connection broke last: none that is older comes here any more.
    broke: Option<Instant>,
    /// How many broke or could not be opened since one was last good.
    failures: u32,
    /// Until when none is opened.
    pause: Option<Instant>,
}

/// A connection of the store's own.
struct Member<DB: Database> {
    connection: DB::Connection,
    opened: Instant,
    /// Where it was opened: on another runtime nobody may be there to hear the answers.
    runtime: runtime::Id,
}

struct Resting<DB: Database> {
    member: Member<DB>,
    since: Instant,
}

/// A connection for one statement or one transaction.
///
/// Unless it [ends](Self::end) well the connection is closed, so that nothing half done is ever met by
/// the next who gets it.
pub struct Lease<DB: Database> {
    held: Option<Held<DB>>,
    is_fit: fn(&Error) -> bool,
    embedded: bool,
}

enum Held<DB: Database> {
    Pool(PoolConnection<DB>),
    Own {
        own: Arc<Own<DB>>,
        member: Member<DB>,
        seat: OwnedSemaphorePermit,
    },
}

impl<DB: Database> Connections<DB> {
    /// Connections of the caller's pool. `is_fit` says whether a connection is still good after an error.
    pub fn of_pool(pool: Pool<DB>, is_fit: fn(&Error) -> bool) -> Self {
        Self::of(Source::Pool(pool), is_fit)
    }

    /// Connections of the store's own, opened when they are needed, at most so many in use at once.
    /// `greeting` is a statement that each runs first.
    pub fn own(
        options: Options<DB>,
        greeting: Option<String>,
        most: usize,
        is_fit: fn(&Error) -> bool,
    ) -> Self {
        let own = Own {
            options,
            greeting,
            seats: Arc::new(Semaphore::new(most)),
            idle: Mutex::new(Idle {
                resting: Vec::new(),
                broke: None,
                failures: 0,
                pause: None,
            }),
        };
        Self::of(Source::Own(Arc::new(own)), is_fit)
    }

    /// Of a database in this process, which always answers in the end: a connection whose answer nobody waits
    /// for any more is not given up. It goes back to its pool, for it may be all that the database lives by;
    /// and one of the store's own keeps its seat until it is done, so that nothing overtakes it.
    #[must_use]
    pub fn embedded(mut self) -> Self {
        self.embedded = true;
        self
    }

    fn of(source: Source<DB>, is_fit: fn(&Error) -> bool) -> Self {
        Self {
            source,
            is_fit,
            embedded: false,
        }
    }
}

impl<DB: Database> Connections<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// A connection, once one is free.
    ///
    /// # Errors
    ///
    /// If none can be opened, or the pool has none to give.
    pub async fn lease(&self) -> Result<Lease<DB>, Error> {
        let held = match &self.source {
            Source::Pool(pool) => Held::Pool(pool.acquire().await?),
            Source::Own(own) => {
                let seat = Arc::clone(&own.seats).acquire_owned().await;
                let seat = seat.map_err(|_| Error::PoolClosed)?;
                if let Some(until) = own.pause().filter(|_| !self.embedded) {
                    sleep_until(until).await;
                }
                let member = own.member().await.inspect_err(|_| own.fail())?;
                let own = Arc::clone(own);
                Held::Own { own, member, seat }
            }
        };
        Ok(Lease {
            held: Some(held),
            is_fit: self.is_fit,
            embedded: self.embedded,
        })
    }
}

impl<DB: Database> Own<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    async fn member(&self) -> Result<Member<DB>, Error> {
        let runtime = Handle::current().id();
        while let Some(mut resting) = self.wake(runtime) {
            if resting.since.elapsed() < FRESH {
                return Ok(resting.member);
            }
            let ping = resting.member.connection.ping();
            if let Ok(Ok(())) = timeout(REPLY, ping).await {
                return Ok(resting.member);
            }
            // The others have rested longer.
            self.idle().resting.clear();
        }
        let mut connection = self.options.connect().await?;
        if let Some(greeting) = &self.greeting {
            let greeting = sqlx::raw_sql(AssertSqlSafe(greeting.as_str()));
            greeting.execute(&mut connection).await?;
        }
        Ok(Member {
            connection,
            opened: Instant::now(),
            runtime,
        })
    }
}

impl<DB: Database> Own<DB> {
    /// The connection of this runtime that came last.
    fn wake(&self, runtime: runtime::Id) -> Option<Resting<DB>> {
        let resting = &mut self.idle().resting;
        let at = resting
            .iter()
            .rposition(|resting| resting.member.runtime == runtime)?;
        Some(resting.remove(at))
    }

    fn rest(&self, member: Member<DB>) {
        let since = Instant::now();
        let mut idle = self.idle();
        let has_broken = idle.broke.is_some_and(|broke| member.opened <= broke);
        if has_broken || since - member.opened > LONGEST {
            return;
        }
        idle.failures = 0;
        idle.pause = None;
        idle.resting
            .retain(|resting| since - resting.since < RESTED);
        idle.resting.push(Resting { member, since });
    }

    /// Closes all there are, now or when their work is done.
    fn close(&self) {
        let mut idle = self.idle();
        idle.resting.clear();
        idle.broke = Some(Instant::now());
        drop(idle);
        self.fail();
    }

    /// Puts off the next that is opened.
    fn fail(&self) {
        let mut idle = self.idle();
        idle.failures = idle.failures.saturating_add(1);
        idle.pause = Some(Instant::now() + pause(idle.failures));
    }

    /// Until when no connection is to be opened.
    fn pause(&self) -> Option<Instant> {
        let idle = self.idle();
        idle.pause.filter(|_| idle.resting.is_empty())
    }

    fn idle(&self) -> MutexGuard<'_, Idle<DB>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<DB: Database> Lease<DB> {
    /// Gives the connection back, if what happened last leaves it good for the next.
    ///
    /// # Errors
    ///
    /// The answer's.
    pub fn end<T>(mut self, answer: Result<T, Error>) -> Result<T, Error> {
        let fit = answer.as_ref().err().is_none_or(self.is_fit);
        match self.held.take() {
            Some(Held::Pool(connection)) if fit => drop(connection),
            Some(Held::Own { own, member, .. }) if fit => own.rest(member),
            held => {
                if let Some(Held::Own { own, .. }) = &held {
                    own.close();
                }
                self.held = held;
            }
        }
        answer
    }

    /// The same at the end of a transaction: after any error the connection is closed, and with it the
    /// transaction.
    ///
    /// # Errors
    ///
    /// The answer's.
    pub fn end_transaction<T>(self, answer: Result<T, Error>) -> Result<T, Error> {
        match answer {
            Err(error) if (self.is_fit)(&error) => Err(error),
            answer => self.end(answer),
        }
    }
}

impl<DB: Database> Deref for Lease<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        match self.held.as_ref().expect(HELD) {
            Held::Pool(connection) => connection,
            Held::Own { member, .. } => &member.connection,
        }
    }
}

impl<DB: Database> DerefMut for Lease<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        match self.held.as_mut().expect(HELD) {
            Held::Pool(connection) => connection,
            Held::Own { member, .. } => &mut member.connection,
        }
    }
}

/// Only its end takes the connection out of a lease.
const HELD: &str = "a lease holds a connection";

impl<DB: Database> Drop for Lease<DB> {
    fn drop(&mut self) {
        match self.held.take() {
            // Back in the pool it would be tested first, and a server that hangs never answers.
            Some(Held::Pool(connection)) if !self.embedded => drop(connection.detach()),
            Some(Held::Own {
                mut member, seat, ..
            }) if self.embedded => {
                let Ok(runtime) = Handle::try_current() else {
                    return;
                };
                runtime.spawn(async move {
                    let _ = member.connection.ping().await;
                    drop(seat);
                });
            }
            _ => {}
        }
    }
}

impl<DB: Database> Clone for Connections<DB> {
    fn clone(&self) -> Self {
        let source = match &self.source {
            Source::Pool(pool) => Source::Pool(pool.clone()),
            Source::Own(own) => Source::Own(Arc::clone(own)),
        };
        Self { source, ..*self }
    }
}

impl<DB: Database> fmt::Debug for Connections<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

impl<DB: Database> fmt::Debug for Lease<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
    }
}

/// None after the first failure, which may be that of a connection that rested while the server was started
/// anew. Then longer and longer, and never the same for two who wait.
fn pause(failures: u32) -> Duration {
    let Some(doublings) = failures.checked_sub(2) else {
        return Duration::ZERO;
    };
    let longest = PAUSE * (1 << doublings.min(DOUBLINGS));
    between(longest / 2, longest)
}
