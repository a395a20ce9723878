//! The store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::ConnectionLike;
use redis::{Cmd, ServerErrorKind, Value};
use session_store_api::{
    AtomicSessionStore, Condition, Error, ErrorKind, MaxAge, Result, SessionKey, SessionStore,
};

use crate::backend::Backend;
use crate::call::{Call, Patience, Trouble};
use crate::command::{self, Life, Name};
use crate::connect;
use crate::error::{STORE, refused};
use crate::load::Load;
use crate::settings::Settings;
use crate::theirs::Cloned;

/// Sessions in Redis: one string per session.
///
/// Cheap to clone; clones share the connections. See the [crate docs](crate) for layout, expiry, limits and
/// what survives what.
#[derive(Clone)]
pub struct RedisStore {
    backend: Backend,
    settings: Arc<Settings>,
    load: Load,
}

impl RedisStore {
    /// Connects to the server, the Sentinels or the cluster of a URL.
    ///
    /// `redis://127.0.0.1` is a server. The [crate docs](crate#urls) list the other forms and the
    /// parameters. The store has connections of its own, one to each server. When one breaks, it makes
    /// another as soon as a call needs it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if the URL has a parameter that there is not, or a value that cannot be; if
    /// the server refuses the user, the password or the database, or is no Redis.
    /// [`ErrorKind::Unavailable`] if it cannot be reached. [`ErrorKind::Unsupported`] for TLS in a build
    /// without the feature `tls`.
    pub async fn connect(url: &str) -> Result<Self> {
        connect::open(url).await
    }

    /// Keeps sessions through a connection of the caller's: a
    /// [`ConnectionManager`](redis::aio::ConnectionManager), a
    /// [`MultiplexedConnection`](redis::aio::MultiplexedConnection), a `ClusterConnection`, or whatever
    /// else of the driver's can be cloned and asked.
    ///
    /// What the connection does when the server is away is its own affair; the store adds its
    /// [timeout](Self::with_timeout). The driver's `ClusterConnection` repeats writes whose answer was
    /// lost, so that one which was carried out may be reported as refused; [`connect`](Self::connect) does
    /// not.
    #[must_use]
    pub fn new(connection: impl ConnectionLike + Clone + Send + 'static) -> Self {
        let backend = Backend::Theirs(Arc::new(Cloned::new(connection)));
        Self::assemble(backend, Settings::default())
    }

    /// Keeps sessions under names that begin so. Default: `sess:`.
    ///
    /// A key follows the prefix as it is, so of two stores on one database neither's prefix may begin with
    /// the other's: `web:` and `api:`, but not `web:` and `web:api:`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] unless it is up to 100 bytes of visible ASCII.
    pub fn with_prefix(mut self, prefix: &str) -> Result<Self> {
        self.settings_mut().set_prefix(prefix)?;
        Ok(self)
    }

    /// What [`MaxAge::Session`] means. Default: 24 hours.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is zero.
    pub fn with_session_max_age(mut self, session_max_age: Duration) -> Result<Self> {
        self.settings_mut().set_session_max_age(session_max_age)?;
        Ok(self)
    }

    /// Within what time every call is answered. Default: 5 seconds.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is zero.
    pub fn with_timeout(mut self, timeout: Duration) -> Result<Self> {
        self.settings_mut().set_timeout(timeout)?;
        Ok(self)
    }

    /// The largest value in bytes; a larger one is [`ErrorKind::TooLarge`]. Default: 16 MiB.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is zero or more than the 512 MiB that Redis takes.
    pub fn with_max_value(mut self, bytes: usize) -> Result<Self> {
        self.settings_mut().set_max_value(bytes)?;
        Ok(self)
    }

    pub(crate) fn assemble(backend: Backend, settings: Settings) -> Self {
        Self {
            backend,
            settings: Arc::new(settings),
            load: Load::default(),
        }
    }

    /// Other clones keep the settings that they have.
    fn settings_mut(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }

    fn name<'a>(&'a self, key: &'a SessionKey) -> Name<'a> {
        Name {
            prefix: &self.settings.prefix,
            key,
        }
    }

    fn life(&self, max_age: MaxAge) -> Life {
        Life::new(max_age.to_millis(self.settings.session_max_age))
    }

    fn check_len(&self, value: &[u8]) -> Result<()> {
        let (len, most) = (value.len(), self.settings.max_value);
        if len > most {
            let message = format!("{len} bytes; `max_value` is {most}");
            return Err(Error::new(ErrorKind::TooLarge, STORE, message));
        }
        Ok(())
    }

    /// Sends a command that may be sent again only if nobody carried it out.
    async fn write(&self, name: Name<'_>, command: &Cmd) -> Result<bool> {
        let patience = Patience::of(self.settings.timeout);
        let answer = self.call(name, command, false, patience).await?;
        self.accepted(answer)
            .and_then(|answer| command::done(&answer))
    }

    async fn write_if_unchanged(
        &self,
        name: Name<'_>,
        old: &[u8],
        value: &[u8],
        life: Life,
    ) -> Result<bool> {
        let patience = Patience::of(self.settings.timeout);
        let known = command::set_if_unchanged(name, old, value, life);
        let mut answer = self.call(name, &known, false, patience).await?;
        if is_no_script(&answer) {
            // The server has forgotten the script, or never knew it. It learns it by this.
            let anew = command::set_if_unchanged_anew(name, old, value, life);
            answer = self.call(name, &anew, false, patience).await?;
        }
        self.accepted(answer)
            .and_then(|answer| command::done(&answer))
    }

    /// The answer to a command, which may be an error of the server.
    async fn call(
        &self,
        name: Name<'_>,
        command: &Cmd,
        is_read: bool,
        patience: Patience,
    ) -> Result<Value> {
        let _under_way = self.load.admit()?;
        let call = Call {
            command,
            name,
            is_read,
            patience,
        };
        let answer = self.backend.call(&call).await;
        answer.map_err(Trouble::into_error)
    }

    /// An answer that is no error of the server.
    fn accepted(&self, answer: Value) -> Result<Value> {
        match answer {
            Value::ServerError(error) => Err(refused(&error, &self.settings.prefix)),
            answer => Ok(answer),
        }
    }
}

#[async_trait]
impl SessionStore for RedisStore {
    async fn get(&self, key: &SessionKey) -> Result<Option<Vec<u8>>> {
        let name = self.name(key);
        let patience = Patience::of(self.settings.timeout);
        let answer = self.call(name, &command::get(name), true, patience).await?;
        self.accepted(answer).and_then(command::value)
    }

    async fn set(&self, key: &SessionKey, value: &[u8], max_age: MaxAge) -> Result<()> {
        self.check_len(value)?;
        let name = self.name(key);
        let set = command::set(name, value, self.life(max_age));
        self.write(name, &set).await.map(drop)
    }

    async fn destroy(&self, key: &SessionKey) -> Result<()> {
        let name = self.name(key);
        self.write(name, &command::del(name)).await.map(drop)
    }
}

#[async_trait]
impl AtomicSessionStore for RedisStore {
    async fn set_if(
        &self,
        key: &SessionKey,
        condition: Condition<'_>,
        value: &[u8],
        max_age: MaxAge,
    ) -> Result<bool> {
        self.check_len(value)?;
        let (name, life) = (self.name(key), self.life(max_age));
        let set = match condition {
            Condition::Absent if life.is_over() => {
                // All that is left of such a write is its answer.
                return Ok(!self.write(name, &command::exists(name)).await?);
            }
            Condition::Absent => command::set_if_absent(name, value, life),
            Condition::Present => command::set_if_present(name, value, life),
            Condition::Unchanged(old) => {
                return self.write_if_unchanged(name, old, value, life).await;
            }
        };
        self.write(name, &set).await
    }

    async fn touch(&self, key: &SessionKey, max_age: MaxAge) -> Result<bool> {
        let name = self.name(key);
        let touch = command::touch(name, self.life(max_age));
        self.write(name, &touch).await
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.settings.prefix)
            .finish_non_exhaustive()
    }
}

fn is_no_script(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.kind() == Some(ServerErrorKind::NoScript))
}
