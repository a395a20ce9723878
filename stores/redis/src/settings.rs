//! What can be set, by a method or in a URL.

use std::time::Duration;

use session_store_api::{MaxAge, Result, StoreUrl};

use crate::error::config;

/// Redis's own limit, unless `proto-max-bulk-len` says otherwise.
const REDIS_MAX_VALUE: usize = 512 << 20;

/// The longest prefix, in bytes.
const MAX_PREFIX: usize = 100;

/// More than any call will ever wait, and no clock overflows with it.
const FOREVER: Duration = Duration::from_millis(366 * 24 * 60 * 60 * 1000);

/// What can be set. Every setter refuses what cannot be, by the setting's name.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) prefix: String,
    pub(crate) session_max_age: Duration,
    pub(crate) timeout: Duration,
    pub(crate) max_value: usize,
}

impl Settings {
    /// Takes the settings out of a URL; the defaults for what it does not say.
    pub(crate) fn take(url: &mut StoreUrl) -> Result<Self> {
        let mut settings = Self::default();
        if let Some(prefix) = url.text("prefix") {
            settings.set_prefix(&prefix)?;
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

    pub(crate) fn set_prefix(&mut self, prefix: &str) -> Result<()> {
        if prefix.len() > MAX_PREFIX || !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(config(format!(
                "`prefix` must be up to {MAX_PREFIX} bytes of visible ASCII"
            )));
        }
        prefix.clone_into(&mut self.prefix);
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
        self.timeout = positive("timeout", timeout)?;
        Ok(())
    }

    pub(crate) fn set_max_value(&mut self, bytes: usize) -> Result<()> {
        if !(1..=REDIS_MAX_VALUE).contains(&bytes) {
            return Err(config(format!(
                "`max_value` must be 1 to {REDIS_MAX_VALUE} bytes, which are 512 MiB"
            )));
        }
        self.max_value = bytes;
        Ok(())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefix: "sess:".to_owned(),
            session_max_age: MaxAge::DEFAULT_SESSION,
            timeout: Duration::from_secs(5),
            max_value: 16 << 20,
        }
    }
}

/// A time to wait that is not zero; over a year it is a year.
pub(crate) fn positive(name: &str, time: Duration) -> Result<Duration> {
    if time.is_zero() {
        return Err(config(format!("`{name}` must be more than zero")));
    }
    Ok(time.min(FOREVER))
}
