//! What can be set, by a method or in a URL.

use std::sync::Arc;
use std::time::Duration;

use mongodb::options::{Acknowledgment, WriteConcern};
use session_store_api::{MaxAge, Result, StoreUrl};

use crate::error::config;

/// The largest value that can be allowed: `Condition::Unchanged` sends two, and a command holds 16 MiB.
const MOST_BYTES: usize = 8_000_000;

/// What can be set. Every setter refuses what cannot be, by the setting's name.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) collection: Arc<str>,
    pub(crate) session_max_age: Duration,
    pub(crate) timeout: Duration,
    pub(crate) max_value: usize,
}

impl Settings {
    /// The names of the parameters that [`take`](Self::take) takes.
    pub(crate) const PARAMETERS: [&str; 4] =
        ["collection", "session_max_age", "timeout", "max_value"];

    /// Takes the settings out of a URL; the defaults for what it does not say.
    pub(crate) fn take(url: &mut StoreUrl) -> Result<Self> {
        let mut settings = Self::default();
        if let Some(collection) = url.text("collection") {
            settings.set_collection(&collection)?;
        }
        if let Some(session_max_age) = url.duration("session_max_age")? {
            settings.set_session_max_age(session_max_age)?;
        }
        if let Some(timeout) = url.duration("timeout")? {
            settings.set_timeout(timeout)?;
        }
        if let Some(bytes) = url.bytes("max_value")? {
            settings.set_max_value(usize::try_from(bytes).unwrap_or(usize::MAX))?;
        }
        Ok(settings)
    }

    /// How long a server may take for a call: a little less than the call takes at most, so that its
    /// caller hears the reason, and nothing is done that nobody waits for any more.
    pub(crate) fn patience(&self) -> Duration {
        const MOST: Duration = Duration::from_secs(24 * 24 * 60 * 60); // 31 bits of milliseconds
        const LEAST: Duration = Duration::from_millis(1);
        self.timeout.min(MOST).mul_f64(0.9).max(LEAST)
    }

    pub(crate) fn set_collection(&mut self, name: &str) -> Result<()> {
        if name.is_empty()
            || name.len() > 120
            || name.contains(['$', '\0'])
            || name.starts_with("system.")
        {
            return Err(config(
                "`collection` must be 1 to 120 bytes without `$`, and not begin with `system.`",
            ));
        }
        self.collection = name.into();
        Ok(())
    }

    pub(crate) fn set_session_max_age(&mut self, session_max_age: Duration) -> Result<()> {
        if session_max_age.is_zero() {
            return Err(config("`session_max_age` must be more than zero"));
        }
        self.session_max_age = session_max_age;
        Ok(())
    }

    pub(crate) fn set_timeout(&mut self, timeout: Duration) -> Result<()> {
        if timeout.is_zero() {
            return Err(config("`timeout` must be more than zero"));
        }
        self.timeout = timeout;
        Ok(())
    }

    pub(crate) fn set_max_value(&mut self, bytes: usize) -> Result<()> {
        if !(1..=MOST_BYTES).contains(&bytes) {
            return Err(config(format!(
                "`max_value` must be 1 to {MOST_BYTES} bytes"
            )));
        }
        self.max_value = bytes;
        Ok(())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            collection: "sessions".into(),
            session_max_age: MaxAge::DEFAULT_SESSION,
            timeout: Duration::from_secs(5),
            max_value: 4 << 20,
        }
    }
}

pub(crate) fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

/// Whether writes that ask for this are confirmed at all.
pub(crate) fn is_confirmed(concern: &WriteConcern) -> bool {
    !matches!(concern.w, Some(Acknowledgment::Nodes(0)))
}

/// What writes ask for where the caller asks for `asked`: a majority unless they say otherwise, and to wait
/// for less than `patience`, at which the server gives up without saying what it waited for.
pub(crate) fn write_concern(asked: Option<&WriteConcern>, patience: Duration) -> WriteConcern {
    let mut concern = asked
        .filter(|concern| is_confirmed(concern))
        .cloned()
        .unwrap_or_default();
    concern.w.get_or_insert(Acknowledgment::Majority);
    concern.w_timeout.get_or_insert(patience.mul_f64(0.9));
    concern
}
