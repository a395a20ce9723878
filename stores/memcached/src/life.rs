//! How long a record lives, in memcached's terms.

use std::time::Duration;

use session_store_api::MaxAge;
use tokio::time::Instant;

/// In seconds; memcached takes anything longer for a date.
const MONTH: u64 = 30 * 24 * 60 * 60;

/// 2038-01-19. memcached wraps later dates, or drops what has them.
const LAST_DATE: u64 = 0x7FFF_FFFF;

/// What is added to a life, in seconds.
///
/// memcached's clock shows whole seconds, and is moved on by a timer that fires a little more than a second
/// after it fired last: now and then it skips one. So `n` of its seconds last from `n - 2` to `n + 1`.
const GRACE: u64 = 2;

/// For how long a date that was read is counted on by our own clock.
const DATE_LASTS: Duration = Duration::from_secs(60);

/// How long a record lives.
#[derive(Clone, Copy)]
pub(crate) struct Life {
    millis: u64,
}

/// What a server's clock showed, and when we asked.
#[derive(Clone, Copy)]
pub(crate) struct Date {
    seconds: u64,
    asked: Instant,
}

impl Life {
    pub(crate) fn new(max_age: MaxAge, session: Duration) -> Self {
        Self {
            millis: max_age.to_millis(session),
        }
    }

    /// What memcached is told, or `None` if that takes its date.
    pub(crate) fn exptime(self) -> Option<i64> {
        if self.millis == 0 {
            return Some(-1); // over at once; 0 would be never
        }
        let seconds = self.millis.div_ceil(1000) + GRACE;
        (seconds <= MONTH).then_some(signed(seconds))
    }

    /// What memcached is told if it shows this date.
    pub(crate) fn exptime_from(self, date: Date) -> i64 {
        let now = date.now_millis();
        let ends = now.saturating_add(self.millis).div_ceil(1000) + GRACE;
        let ends = ends.min(LAST_DATE);
        // Where no date is left that is far enough, 30 days are the most.
        let is_date = ends > now.div_ceil(1000) + MONTH;
        self.exptime()
            .unwrap_or(signed(if is_date { ends } else { MONTH }))
    }
}

impl Date {
    /// A server's clock that showed `seconds` since 1970 at some moment after `asked`.
    pub(crate) fn new(seconds: u64, asked: Instant) -> Self {
        // So far in the future is no clock; the bound keeps sums small.
        let seconds = seconds.min(u64::from(u32::MAX));
        Self { seconds, asked }
    }

    pub(crate) fn is_fresh(self) -> bool {
        self.asked.elapsed() < DATE_LASTS
    }

    fn now_millis(self) -> u64 {
        let elapsed = u64::try_from(self.asked.elapsed().as_millis()).unwrap_or(u64::MAX);
        (self.seconds * 1000).saturating_add(elapsed)
    }
}

fn signed(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60;
    const MAY_2026: u64 = 1_780_000_000;

    fn life(max_age: Duration) -> Life {
        Life::new(max_age.into(), Duration::ZERO)
    }

    fn seconds(seconds: u64) -> Life {
        life(Duration::from_secs(seconds))
    }

    fn at(seconds: u64) -> Date {
        Date::new(seconds, Instant::now() + Duration::from_secs(3600)) // not yet elapsed
    }

    #[test]
    fn lives_round_up_and_last_two_seconds_more() {
        assert_eq!(life(Duration::ZERO).exptime(), Some(-1));
        assert_eq!(life(Duration::from_nanos(1)).exptime(), Some(3));
        assert_eq!(life(Duration::from_secs(1)).exptime(), Some(3));
        assert_eq!(life(Duration::from_millis(1001)).exptime(), Some(4));
    }

    #[test]
    fn a_life_of_over_thirty_days_is_a_date_of_the_server() {
        assert_eq!(seconds(30 * DAY - 2).exptime(), Some(2_592_000));
        let dated = [30 * DAY - 1, 30 * DAY, 30 * DAY + 1, 365 * DAY];
        for length in dated {
            assert_eq!(seconds(length).exptime(), None);
            let ends = seconds(length).exptime_from(at(MAY_2026));
            assert_eq!(ends, signed(MAY_2026 + length + 2));
        }
        // Short ones stay as they are.
        assert_eq!(seconds(60).exptime_from(at(MAY_2026)), 62);
    }

    #[test]
    fn no_date_is_past_2038_and_no_life_immortal() {
        let last = 2_147_483_647;
        for long in [
            Duration::from_secs(20 * 365 * DAY),
            Duration::from_secs(1 << 31),
            Duration::from_secs(1 << 32),
            Duration::from_millis(u64::MAX),
            Duration::MAX,
        ] {
            assert_eq!(life(long).exptime_from(at(MAY_2026)), last);
            // Near the end, thirty days are longer than any date; and so they are with a clock that is off.
            for near in [2_147_483_647 - 30 * DAY, 2_147_483_647, 1 << 32, u64::MAX] {
                assert_eq!(life(long).exptime_from(at(near)), 2_592_000);
            }
        }
    }
}
