//! What can be set, by a method or in a URL.

use std::time::Duration;

use session_store_api::{MaxAge, Result, StoreUrl};

use crate::error::config;
use crate::patience::Patience;
use crate::schema::Table;

/// SQLite's own limit, unless it was compiled with another.
const SQLITE_MAX_LENGTH: usize = 1_000_000_000;

/// What can be set. Every setter refuses what cannot be, by the setting's name.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) table: Table,
    pub(crate) session_max_age: Duration,
    pub(crate) timeout: Duration,
    pub(crate) max_value: usize,
}

impl Settings {
    /// Takes the settings out of a URL; the defaults for what it does not say.
    pub(crate) fn take(url: &mut StoreUrl) -> Result<Self> {
        let mut settings = Self::default();
        if let Some(table) = url.text("table") {
            settings.set_table(&table)?;
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

    pub(crate) fn patience(&self) -> Patience {
        Patience::within(self.timeout)
    }

    pub(crate) fn set_table(&mut self, name: &str) -> Result<()> {
        self.table = Table::new(name)?;
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
        if !(1..=SQLITE_MAX_LENGTH).contains(&bytes) {
            return Err(config(format!(
                "`max_value` must be 1 to {SQLITE_MAX_LENGTH} bytes"
            )));
        }
        self.max_value = bytes;
        Ok(())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            table: Table::default(),
            session_max_age: MaxAge::DEFAULT_SESSION,
            timeout: Duration::from_secs(5),
            max_value: 16 << 20,
        }
    }
}
