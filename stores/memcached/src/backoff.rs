//! When to connect again to a server that failed.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How long is waited after the first failure; after each further one twice as long.
const SHORTEST: Duration = Duration::from_millis(10);

/// Soon enough to notice a server that is back.
const LONGEST: Duration = Duration::from_millis(160);

/// When to connect again to a server that failed, so that a server that comes back is not run over.
#[derive(Default)]
pub(crate) struct Backoff(Mutex<Option<Pause>>);

#[derive(Clone, Copy)]
struct Pause {
    length: Duration,
    ends: Instant,
}

impl Backoff {
    /// Waits until it is time. Callers that wait together go on one after the other.
    pub(crate) async fn wait(&self) {
        loop {
            let ends = match &mut *self.pause() {
                Some(pause) if pause.ends > Instant::now() => pause.ends,
                Some(pause) => {
                    pause.ends = Instant::now() + pause.length;
                    return;
                }
                None => return,
            };
            sleep_until(ends).await;
        }
    }

    /// The server failed.
    pub(crate) fn failed(&self) {
        let mut pause = self.pause();
        let length = pause.map_or(SHORTEST, |pause| (pause.length * 2).min(LONGEST));
        // Up to half as long again, so that those who lost it together do not come back together.
        let random = u32::try_from(RandomState::new().hash_one(()) % 512).unwrap_or(0);
        let ends = Instant::now() + length + length * random / 1024;
        *pause = Some(Pause { length, ends });
    }

    /// The server answered.
    pub(crate) fn worked(&self) {
        *self.pause() = None;
    }

    fn pause(&self) -> MutexGuard<'_, Option<Pause>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
