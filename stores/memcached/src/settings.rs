//! What can be set, by a method or in a URL.

use std::time::Duration;

use session_store_api::{MaxAge, Result, SessionKey, StoreUrl};

use crate::error::config;

/// What memcached takes for a key.
const MAX_KEY: usize = 250;

/// What a record takes besides its value, with room to spare: memcached's own header, and the key.
const OVERHEAD: usize = 1024;

/// The largest item of a memcached that was not told otherwise, and of any.
const USUAL_ITEM: usize = 1 << 20;
const LARGEST_ITEM: usize = 1 << 30;

/// What can be set. Every setter refuses what cannot be, by the setting's name.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) prefix: String,
    pub(crate) session_max_age: Duration,
    pub(crate) timeout: Duration,
    /// As it was set, if it was.
    max_value: Option<usize>,
    /// What the servers take, if they were asked.
    servers_take: Option<usize>,
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

    /// The largest value in bytes.
    pub(crate) fn max_value(&self) -> usize {
        let taken = self.servers_take.unwrap_or(USUAL_ITEM - OVERHEAD);
        self.max_value.unwrap_or(taken)
    }

    pub(crate) fn set_prefix(&mut self, prefix: &str) -> Result<()> {
        const LONGEST: usize = MAX_KEY - SessionKey::MAX_LEN;
        let visible = prefix.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible || prefix.len() > LONGEST {
            return Err(config(format!(
                "`prefix` must be at most {LONGEST} bytes of visible ASCII"
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
        if timeout.is_zero() {
            return Err(config("`timeout` must be more than zero"));
        }
        self.timeout = timeout;
        Ok(())
    }

    pub(crate) fn set_max_value(&mut self, bytes: usize) -> Result<()> {
        let most = self.servers_take.unwrap_or(LARGEST_ITEM - OVERHEAD);
        if !(1..=most).contains(&bytes) {
            return Err(config(format!(
                "`max_value` must be 1 to {most} bytes; memcached's own limit is its option -I"
            )));
        }
        self.max_value = Some(bytes);
        Ok(())
    }

    /// Learns the largest item that all servers take, in bytes.
    pub(crate) fn set_largest_item(&mut self, bytes: usize) -> Result<()> {
        self.servers_take = Some(bytes.saturating_sub(OVERHEAD).max(1));
        match self.max_value {
            Some(bytes) => self.set_max_value(bytes),
            None => Ok(()),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefix: "session:".to_owned(),
            session_max_age: MaxAge::DEFAULT_SESSION,
            timeout: Duration::from_secs(5),
            max_value: None,
            servers_take: None,
        }
    }
}
