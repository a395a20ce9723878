//! The store.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use session_store_api::{
    AtomicSessionStore, Condition, Error, ErrorKind, MaxAge, Result, SessionKey, SessionStore,
};
use tokio::time::timeout;

use crate::ServerStats;
use crate::call::{Action, Answer, Call, When, unexpected};
use crate::connect;
use crate::error::{STORE, late, no_cas};
use crate::life::Life;
use crate::servers::Servers;
use crate::settings::Settings;

/// Sessions in memcached, on one server or on several.
///
/// Cheap to clone; clones share the connections. See the [crate docs](crate) for layout, expiry, limits
/// and what is lost when.
#[derive(Clone)]
pub struct MemcachedStore {
    servers: Arc<Servers>,
    settings: Settings,
}

impl MemcachedStore {
    /// Opens the servers of a URL, and asks each for the largest value that it takes.
    ///
    /// `memcached://one.example,two.example:11212?prefix=shop:` are two servers. The [crate
    /// docs](crate#urls) list the parameters. Servers that are away may come back later, but one must
    /// answer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if the URL has a parameter that there is not, or a value that cannot be; if a
    /// server runs without CAS, or is Redis or a web server. [`ErrorKind::Unavailable`] or
    /// [`ErrorKind::Timeout`] if no server answers, or what answers is no memcached.
    pub async fn connect(url: &str) -> Result<Self> {
        connect::open(url).await
    }

    /// Keeps sessions on these servers, each `host` or `host:port`. Connects when it is first used.
    ///
    /// Their order does not matter. Nobody is asked for the largest value: it is that of a server with
    /// memcached's own settings, until [`with_max_value`](Self::with_max_value) says otherwise.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if there is no server, one twice, or one that is no address.
    pub fn new<S: AsRef<str>>(servers: impl IntoIterator<Item = S>) -> Result<Self> {
        let settings = Settings::default();
        Ok(Self::assemble(Servers::new(servers, &settings)?, settings))
    }

    /// What stands before each key in memcached. Default: `session:`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is longer than 50 bytes, or holds anything but visible ASCII.
    pub fn with_prefix(mut self, prefix: &str) -> Result<Self> {
        self.settings.set_prefix(prefix)?;
        Ok(self)
    }

    /// What [`MaxAge::Session`] means. Default: 24 hours.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is zero.
    pub fn with_session_max_age(mut self, session_max_age: Duration) -> Result<Self> {
        self.settings.set_session_max_age(session_max_age)?;
        Ok(self)
    }

    /// Within what time every call is answered. Default: 5 seconds.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is zero.
    pub fn with_timeout(mut self, timeout: Duration) -> Result<Self> {
        self.settings.set_timeout(timeout)?;
        // Clones may still use the connections that there are.
        let servers = Servers::new(self.servers.addresses(), &self.settings)?;
        Ok(Self::assemble(servers, self.settings))
    }

    /// The largest value in bytes; a larger one is [`ErrorKind::TooLarge`] and not sent. Default: 1 KiB
    /// less than the largest item of the servers, which is 1 MiB unless they were told otherwise.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is zero, or more than the servers were found to take.
    pub fn with_max_value(mut self, bytes: usize) -> Result<Self> {
        self.settings.set_max_value(bytes)?;
        Ok(self)
    }

    /// What each server says of itself, by its `host:port`: among other things how many live records it has
    /// dropped for want of memory.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn stats(&self) -> Vec<(String, Result<ServerStats>)> {
        let asked = self.servers.iter().map(async |server| {
            let stats = server.stats("").await;
            let stats = stats.and_then(|stats| ServerStats::read(&stats));
            (server.address().to_owned(), stats)
        });
        join_all(asked).await
    }

    pub(crate) fn assemble(servers: Servers, settings: Settings) -> Self {
        Self {
            servers: Arc::new(servers),
            settings,
        }
    }

    /// The value of the record, and its number if this is how it is asked for.
    async fn find(&self, key: String, get: Action) -> Result<Option<(Vec<u8>, Option<u64>)>> {
        match self.servers.call(Call { key, action: get }).await? {
            Answer::Found { value, cas } => Ok(Some((value, cas))),
            Answer::Not => Ok(None),
            Answer::Done | Answer::Changed => Err(unexpected()),
        }
    }

    /// Writes; `false` if the condition does not hold, and `None` if somebody has written since.
    async fn write(
        &self,
        key: String,
        value: &[u8],
        max_age: MaxAge,
        when: When,
    ) -> Result<Option<bool>> {
        let action = Action::Set {
            value: value.to_vec(),
            exptime: self.exptime(&key, max_age).await?,
            when,
        };
        match self.servers.call(Call { key, action }).await? {
            Answer::Done => Ok(Some(true)),
            Answer::Not => Ok(Some(false)),
            Answer::Changed => Ok(None),
            Answer::Found { .. } => Err(unexpected()),
        }
    }

    async fn write_unchanged(
        &self,
        key: String,
        old: &[u8],
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        loop {
            let cas = match self.find(key.clone(), Action::GetWithCas).await? {
                Some((_, None | Some(0))) => return Err(no_cas()),
                Some((found, Some(cas))) if found == old => cas,
                _ => return Ok(false),
            };
            let written = self.write(key.clone(), value, max_age, When::Unchanged(cas));
            // Whoever has written since may have written the same bytes.
            if let Some(written) = written.await? {
                return Ok(written);
            }
        }
    }

    async fn exptime(&self, key: &str, max_age: MaxAge) -> Result<i64> {
        let life = Life::new(max_age, self.settings.session_max_age);
        match life.exptime() {
            Some(exptime) => Ok(exptime),
            None => Ok(life.exptime_from(self.servers.of(key).date().await?)),
        }
    }

    /// A call that may take more than one round trip is answered in time all the same.
    async fn in_time<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        let answered = timeout(self.settings.timeout, answer).await;
        answered.unwrap_or_else(|_| Err(late()))
    }

    fn name(&self, key: &SessionKey) -> String {
        [&self.settings.prefix, key.as_str()].concat()
    }

    fn check_len(&self, value: &[u8]) -> Result<()> {
        let (len, most) = (value.len(), self.settings.max_value());
        if len > most {
            let message = format!("{len} bytes; `max_value` is {most}");
            return Err(Error::new(ErrorKind::TooLarge, STORE, message));
        }
        Ok(())
    }
}

#[async_trait]
impl SessionStore for MemcachedStore {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let found = self.find(self.name(key), Action::Get).await?;
        Ok(found.map(|(value, _)| value))
    }

    async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
        self.check_len(value)?;
        let written = self.write(self.name(key), value, max_age, When::Always);
        match self.in_time(written).await? {
            Some(true) => Ok(()),
            Some(false) | None => Err(unexpected()),
        }
    }

    async fn destroy(&self, key: &SessionKey) -> Result<()> {
        let (key, action) = (self.name(key), Action::Destroy);
        self.servers.call(Call { key, action }).await.map(drop)
    }
}

#[async_trait]
impl AtomicSessionStore for MemcachedStore {
    async fn set_if(
        &self,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        self.check_len(value)?;
        let name = self.name(key);
        let when = match condition {
            Condition::Absent => When::Absent,
            Condition::Present => When::Present,
            Condition::Unchanged(old) => {
                let written = self.write_unchanged(name, old, value, max_age);
                return self.in_time(written).await;
            }
        };
        let written = self.write(name, value, max_age, when);
        self.in_time(written).await?.ok_or_else(unexpected)
    }

    async fn touch(&self, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        let key = self.name(key);
        let touched = async {
            let exptime = self.exptime(&key, max_age).await?;
            let action = Action::Touch { exptime };
            self.servers.call(Call { key, action }).await
        };
        match self.in_time(touched).await? {
            Answer::Done => Ok(true),
            Answer::Not => Ok(false),
            Answer::Found { .. } | Answer::Changed => Err(unexpected()),
        }
    }
}

impl fmt::Debug for MemcachedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemcachedStore")
            .field("servers", &self.servers.addresses())
            .field("prefix", &self.settings.prefix)
            .finish_non_exhaustive()
    }
}
