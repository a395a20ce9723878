//! Trying again what failed in passing.

use std::future::Future;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

/// The waits before something is tried again.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(4);

/// How long something is tried again: less than a call takes at most, so that the last try ends in time and
/// its caller hears the reason.
#[derive(Clone, Copy, Debug)]
pub struct Patience(Duration);

impl Patience {
    /// For calls that take at most so long; more than a year is a year.
    #[must_use]
    pub fn within(timeout: Duration) -> Self {
        const YEAR: Duration = Duration::from_secs(366 * 24 * 60 * 60);
        Self(timeout.min(YEAR).mul_f64(0.75))
    }

    /// When it ends if it begins now.
    #[must_use]
    pub fn ends(self) -> Instant {
        Instant::now() + self.0
    }
}

/// Tries again and again while `passes` says so of the failure, until then.
///
/// Whatever is tried must have done nothing if it fails so, as a single statement has.
///
/// # Errors
///
/// The first failure that does not pass, or the last one in time.
pub async fn patiently<T, E, F>(
    until: Instant,
    passes: impl Fn(&E) -> bool + Send,
    mut attempt: impl FnMut() -> F + Send,
) -> Result<T, E>
where
    F: Future<Output = Result<T, E>> + Send,
    E: Send,
    T: Send,
{
    loop {
        match attempt().await {
            Err(failure) if passes(&failure) && Instant::now() < until => {
                sleep(between(SHORTEST, LONGEST)).await;
            }
            answer => return answer,
        }
    }
}

/// Some time from `least` to `most`, so that those who wait for one another do not try at the same moments.
pub(crate) fn between(least: Duration, most: Duration) -> Duration {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    least + (most - least).mul_f64(f64::from(now.subsec_micros() % 1000) / 1000.0)
}
