//! How long a record must be there, and from when on it must not.

use std::time::{Duration, Instant};

use session_store_api::MaxAge;
use tokio::time::sleep;

use crate::case::Finding;
use crate::slot::{Slot, differs, shown};

/// A lifetime as seen from outside: it began at some moment of the call that gave it.
///
/// So the record must be there in every read that is answered within `max_age` of the *beginning* of that
/// call, and in none that begins later than `max_age` and the store's resolution after its *return*. In
/// between nobody can tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    began: Instant,
    returned: Instant,
    max_age: Duration,
}

/// What became of a [watch](Life::watch).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The record was there at the end of its life, and gone at once after it: both within a twentieth
    /// of that life.
    Whole,
    /// The reads at the end of the life came too late to prove so much.
    TooLate,
}

impl Life {
    pub(crate) fn new(began: Instant, returned: Instant, max_age: MaxAge) -> Self {
        Self {
            began,
            returned,
            max_age: max_age.to_duration(MaxAge::DEFAULT_SESSION),
        }
    }

    /// The same life, where the store's session lifetime is not the usual one.
    pub(crate) fn of(self, max_age: Duration) -> Self {
        Self { max_age, ..self }
    }

    /// A read answered before this must see the record.
    pub(crate) fn sure_until(&self) -> Instant {
        self.began + self.max_age - self.drift()
    }

    /// A read begun at this or later must not see the record.
    pub(crate) fn over_from(&self, resolution: Duration) -> Instant {
        // Lifetimes may be rounded up to a millisecond.
        let millis = MaxAge::After(self.max_age).to_millis(Duration::ZERO);
        self.returned + Duration::from_millis(millis) + resolution + self.drift()
    }

    /// Whether a read answered by now must have seen the record.
    pub(crate) fn is_sure(&self) -> bool {
        Instant::now() < self.sure_until()
    }

    /// Waits until no read may see the record any more.
    pub(crate) async fn over(&self, resolution: Duration) {
        until(self.over_from(resolution)).await;
    }

    /// Reads now and then until the life is over: the record must be there whenever it must, and not
    /// when it must not.
    pub(crate) async fn watch(&self, slot: &Slot, value: &[u8]) -> Result<Seen, String> {
        let edge = self.max_age / EDGE;
        for part in [0.0, 0.4, 0.8] {
            until(self.began + self.max_age.mul_f64(part)).await;
            self.check(slot, value).await?;
        }
        until(self.sure_until() - edge).await;
        let mut seen_last = false;
        while self.check(slot, value).await? {
            seen_last = true;
            sleep(Duration::from_millis(1)).await;
        }
        let over = self.over_from(slot.resolution());
        until(over).await;
        let seen_next = over.elapsed() < edge;
        self.is_over(slot).await?;
        Ok(match seen_last && seen_next {
            true => Seen::Whole,
            false => Seen::TooLate,
        })
    }

    /// Expects the record to be gone for good; to be asked when the life is over.
    pub(crate) async fn is_over(&self, slot: &Slot) -> Finding {
        let late = self.returned.elapsed().saturating_sub(self.max_age);
        match slot.get().await? {
            None => Ok(()),
            Some(value) => Err(format!(
                "expected None after a max age of {:?} (and a resolution of {:?}), saw {} {late:?} \
                 after its end",
                self.max_age,
                slot.resolution(),
                shown(&value),
            )),
        }
    }

    /// Reads once; says whether the answer came while the record must be there, in which case it was.
    pub(crate) async fn check(&self, slot: &Slot, value: &[u8]) -> Result<bool, String> {
        let answer = slot.get().await?;
        let answered = Instant::now();
        let sure = answered < self.sure_until();
        match answer {
            Some(seen) if seen != value => Err(differs(value, Some(&seen))),
            None if sure => Err(format!(
                "expected {} to live for {:?}, saw None {:?} after it was written",
                shown(value),
                self.max_age,
                answered - self.began,
            )),
            _ => Ok(sure),
        }
    }

    /// By how much the clocks of two machines may run apart in this time: a thousandth.
    fn drift(&self) -> Duration {
        self.max_age / 1000
    }
}

/// The part of a life, one in so many, to which its end is proved.
const EDGE: u32 = 20;

/// Waits until `moment`, never less.
pub(crate) async fn until(moment: Instant) {
    loop {
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        sleep(left).await;
    }
}
