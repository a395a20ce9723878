//! Clocks and time zones that are not the usual ones.

use std::time::Duration;

/// A clock or a time zone under which records must live just as long as under any other.
///
/// A suite takes stores under these with [`Suite::skewed`](crate::Suite::skewed); without them the case
/// about clocks is reported as ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Skew {
    /// The clock of the process in which the store runs is ahead of the backend's by this.
    Ahead(Duration),
    /// It is behind by this.
    Behind(Duration),
    /// The time zone of the backend and of the store's process is so many hours east of UTC, or west
    /// of it if negative.
    Zone(i8),
}

impl Skew {
    /// What every store must bear: five minutes and a year either way, and the ends of the world.
    pub(crate) const ALL: [Self; 6] = [
        Self::Ahead(Duration::from_secs(5 * 60)),
        Self::Behind(Duration::from_secs(5 * 60)),
        Self::Ahead(Duration::from_secs(365 * 24 * 60 * 60)),
        Self::Behind(Duration::from_secs(365 * 24 * 60 * 60)),
        Self::Zone(-11),
        Self::Zone(14),
    ];
}
