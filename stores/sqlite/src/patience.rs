//! Waiting for a database that somebody else has locked.

use std::future::Future;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use crate::error::is_locked;

/// How long SQLite itself waits before each try says that the database is locked.
///
/// Its own waits grow to 100 ms, and under steady load from another process the lock is free for
/// moments only: who looks so seldom never meets one. So it gives up early, and we look again soon.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_millis(5);

/// How long one waits for a locked database: a little less than a call takes at most, so that its caller
/// hears the reason.
#[derive(Clone, Copy)]
pub(crate) struct Patience(Duration);

impl Patience {
    /// For calls that take at most so long; more than a year is a year.
    pub(crate) fn within(timeout: Duration) -> Self {
        const YEAR: Duration = Duration::from_secs(366 * 24 * 60 * 60);
        Self(timeout.min(YEAR).mul_f64(0.9))
    }

    /// When it ends if it begins now.
    pub(crate) fn ends(self) -> Instant {
        Instant::now() + self.0
    }
}

/// Tries again and again while the database is locked, until then.
///
/// Whatever is tried must have done nothing if it finds the database locked, as a single statement has.
pub(crate) async fn patiently<T, F>(
    until: Instant,
    mut attempt: impl FnMut() -> F + Send,
) -> sqlx::Result<T>
where
    F: Future<Output = sqlx::Result<T>> + Send,
{
    loop {
        match attempt().await {
            Err(error) if is_locked(&error) && Instant::now() < until => sleep(pause()).await,
            answer => return answer,
        }
    }
}

/// One to four milliseconds, so that those who wait do not look at the same moments.
fn pause() -> Duration {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Duration::from_millis(1 + u64::from(now.subsec_micros() % 4))
}
