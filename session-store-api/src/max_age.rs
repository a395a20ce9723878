//! How long a record lives.

use std::time::Duration;

/// How long a record lives, counted from the moment it is written or touched.
///
/// Relative, so that the backend's clock decides and a wrong clock on one web server expires nobody.
///
/// ```
/// use std::time::Duration;
/// use session_store_api::MaxAge;
///
/// let day = Duration::from_secs(86_400);
/// assert_eq!(MaxAge::After(Duration::from_nanos(1)).to_millis(day), 1); // rounded up, never to zero
/// assert_eq!(MaxAge::Session.to_millis(day), 86_400_000);
/// assert_eq!(MaxAge::After(Duration::MAX).to_millis(day), u64::MAX); // clamped, never wrapped
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "koa's two cases; a third would be a new contract for every store"
)]
pub enum MaxAge {
    /// As long as a browser session: until the store's session lifetime has passed (24 hours unless
    /// the store was told otherwise). koa's `maxAge: 'session'`.
    Session,
    /// This long. Zero leaves nothing readable.
    After(Duration),
}

impl MaxAge {
    /// What [`MaxAge::Session`] means to a store that was not told otherwise: 24 hours.
    pub const DEFAULT_SESSION: Duration = Duration::from_secs(24 * 60 * 60);

    /// The lifetime as a duration, where `session` is what [`MaxAge::Session`] means.
    #[must_use]
    pub fn to_duration(self, session: Duration) -> Duration {
        match self {
            Self::Session => session,
            Self::After(duration) => duration,
        }
    }

    /// The lifetime in milliseconds, rounded up and clamped to [`u64::MAX`], where `session` is what
    /// [`MaxAge::Session`] means.
    #[must_use]
    pub fn to_millis(self, session: Duration) -> u64 {
        let nanos = self.to_duration(session).as_nanos();
        u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

impl From<Duration> for MaxAge {
    fn from(duration: Duration) -> Self {
        Self::After(duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_round_up() {
        let millis = |duration| MaxAge::After(duration).to_millis(Duration::ZERO);
        assert_eq!(millis(Duration::ZERO), 0);
        assert_eq!(millis(Duration::from_nanos(1)), 1);
        assert_eq!(millis(Duration::from_nanos(999_999)), 1);
        assert_eq!(millis(Duration::from_nanos(1_000_000)), 1);
        assert_eq!(millis(Duration::from_nanos(1_000_001)), 2);
        assert_eq!(millis(Duration::from_millis(u64::MAX)), u64::MAX);
        assert_eq!(millis(Duration::MAX), u64::MAX);
    }
}
