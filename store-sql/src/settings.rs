//! What can be set, by a method or in a URL.

use std::time::Duration;

use session_store_api::{Error, ErrorKind, MaxAge, Result, StoreUrl};

use crate::error::config;
use crate::retry::Patience;
use crate::table::Table;

/// What every store over SQL lets its users set. Every setter refuses what cannot be, by the setting's
/// name.
#[derive(Clone, Debug)]
pub struct Settings {
    bounds: Bounds,
    table: Table,
    session_max_age: Duration,
    timeout: Duration,
    max_value: usize,
}

/// What a database can do.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "every store writes it down whole"
)]
pub struct Bounds {
    /// The name of the store in its errors.
    pub store: &'static str,
    /// The longest name of a table, in bytes.
    pub table: usize,
    /// Whether a table's name may have a schema's in front.
    pub schemas: bool,
    /// The largest value unless set, in bytes.
    pub usual_value: usize,
    /// The largest value that the database takes, in bytes.
    pub max_value: usize,
}

/// The longest life that is told from a longer one: ten thousand years, in milliseconds.
const LONGEST: i64 = 10_000 * 366 * 24 * 60 * 60 * 1000;

impl Settings {
    /// The defaults.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            table: Table::default(),
            session_max_age: MaxAge::DEFAULT_SESSION,
            timeout: Duration::from_secs(5),
            max_value: bounds.usual_value,
        }
    }

    /// Takes the settings out of a URL; the defaults for what it does not say.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for a value that cannot be.
    pub fn take(bounds: Bounds, url: &mut StoreUrl) -> Result<Self> {
        let mut settings = Self::new(bounds);
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

    /// Takes the number of connections out of a URL: half of them for reads. Four if it does not say.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] unless it is 1 to 64.
    pub fn take_connections(bounds: Bounds, url: &mut StoreUrl) -> Result<usize> {
        match url.text("connections").map(|text| text.parse()) {
            None => Ok(4),
            Some(Ok(connections @ 1..=64)) => Ok(connections),
            Some(_) => Err(config(bounds.store, "`connections` must be 1 to 64")),
        }
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Within what time every call is answered.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The largest value in bytes.
    #[must_use]
    pub fn max_value(&self) -> usize {
        self.max_value
    }

    /// How long something is tried again.
    #[must_use]
    pub fn patience(&self) -> Patience {
        Patience::within(self.timeout)
    }

    /// The table's name from text.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is none.
    pub fn parse_table(bounds: Bounds, name: &str) -> Result<Table> {
        let Bounds {
            store,
            table,
            schemas,
            ..
        } = bounds;
        if schemas {
            Table::qualified(store, name, table)
        } else {
            Table::new(store, name, table)
        }
    }

    /// Names the table.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if that is no name.
    pub fn set_table(&mut self, name: &str) -> Result<()> {
        self.table = Self::parse_table(self.bounds, name)?;
        Ok(())
    }

    /// Sets what [`MaxAge::Session`] means.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is zero.
    pub fn set_session_max_age(&mut self, session_max_age: Duration) -> Result<()> {
        self.check(
            !session_max_age.is_zero(),
            "`session_max_age` must be more than zero",
        )?;
        self.session_max_age = session_max_age;
        Ok(())
    }

    /// Sets within what time every call is answered.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is zero.
    pub fn set_timeout(&mut self, timeout: Duration) -> Result<()> {
        self.check(!timeout.is_zero(), "`timeout` must be more than zero")?;
        self.timeout = timeout;
        Ok(())
    }

    /// Sets the largest value.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is zero, or more than the database takes.
    pub fn set_max_value(&mut self, bytes: usize) -> Result<()> {
        let most = self.bounds.max_value;
        self.check(
            (1..=most).contains(&bytes),
            &format!("`max_value` must be 1 to {most} bytes"),
        )?;
        self.max_value = bytes;
        Ok(())
    }

    /// Refuses a value that is too large.
    pub(crate) fn check_len(&self, value: &[u8]) -> Result<()> {
        let (len, most) = (value.len(), self.max_value);
        if len > most {
            let message = format!("{len} bytes; `max_value` is {most}");
            return Err(Error::new(ErrorKind::TooLarge, self.bounds.store, message));
        }
        Ok(())
    }

    /// A life in milliseconds, rounded up.
    pub(crate) fn life(&self, max_age: MaxAge) -> i64 {
        let millis = max_age.to_millis(self.session_max_age);
        i64::try_from(millis).map_or(LONGEST, |millis| millis.min(LONGEST))
    }

    fn check(&self, holds: bool, message: &str) -> Result<()> {
        if holds {
            return Ok(());
        }
        Err(config(self.bounds.store, message))
    }
}
