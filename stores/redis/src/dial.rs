//! How a connection is made.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, IntoConnectionInfo, ProtocolVersion,
    PushInfo, RedisConnectionInfo, RedisResult, Value,
};
use session_store_api::Result;
use tokio::time::{Instant, timeout};

use crate::address::Address;
use crate::error::{bad_settings, no_connection};
use crate::sentinel::{Service, check_is_primary};
use crate::tls::Tls;

/// After this long without a word the system asks whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How many calls the driver takes before it writes them out. Its default is 50.
const PIPELINE: usize = 1024;

/// As whom, and how, one comes to a server.
#[derive(Clone)]
pub(crate) struct Manner {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) database: i64,
    pub(crate) tls: Option<Tls>,
    pub(crate) connect_timeout: Duration,
    /// How long the system keeps a connection on which nothing gets through.
    pub(crate) silence: Duration,
}

/// How to make a connection, again and again.
pub(crate) struct Dial {
    to: To,
    /// For all of it: TCP, TLS, password, and whatever Sentinels are asked.
    connect_timeout: Duration,
}

enum To {
    Server(Box<Client>),
    /// Whichever server is its primary then.
    Service(Box<Service>),
}

/// A connection, for any number of calls at once.
pub(crate) struct Connection {
    driver: MultiplexedConnection,
    ended: Arc<AtomicBool>,
    answers: AtomicU64,
    since: Instant,
}

impl Manner {
    /// What the driver knows of a server at this address.
    pub(crate) fn client(&self, address: &Address) -> Result<Client> {
        let (host, port) = (address.host.clone(), address.port);
        self.client_at(match self.tls {
            None => ConnectionAddr::Tcp(host, port),
            Some(_) => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            },
        })
    }

    /// The same for any kind of place.
    pub(crate) fn client_at(&self, place: ConnectionAddr) -> Result<Client> {
        let mut redis = RedisConnectionInfo::default()
            .set_db(self.database)
            // So that the driver takes what is to be told when a connection ends.
            .set_protocol(ProtocolVersion::RESP3)
            .set_skip_set_lib_name();
        if let Some(user) = &self.user {
            redis = redis.set_username(user);
        }
        if self.user.is_some() || self.password.is_some() {
            // Without a password the driver would name no user either, and be let in as the default one.
            redis = redis.set_password(self.password.as_deref().unwrap_or_default());
        }
        let info = place.into_connection_info().map_err(bad_settings)?;
        let info = info.set_redis_settings(redis).set_tcp_settings(self.tcp());
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return Client::build_with_tls(info, tls.certificates()).map_err(bad_settings);
        }
        Client::open(info).map_err(bad_settings)
    }

    fn tcp(&self) -> TcpSettings {
        let settings = TcpSettings::default()
            // A command waits for no other to share a packet with.
            .set_nodelay(true)
            .set_keepalive(TcpKeepalive::new().with_time(KEEPALIVE));
        #[cfg(target_os = "linux")]
        let settings = settings.set_user_timeout(self.silence);
        settings
    }
}

impl Dial {
    pub(crate) fn server(client: Client, connect_timeout: Duration) -> Self {
        Self {
            to: To::Server(Box::new(client)),
            connect_timeout,
        }
    }

    pub(crate) fn service(service: Service, connect_timeout: Duration) -> Self {
        Self {
            to: To::Service(Box::new(service)),
            connect_timeout,
        }
    }

    /// Makes a connection.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        let ended = Arc::new(AtomicBool::new(false));
        let end = End(Arc::clone(&ended));
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None) // all of it has one
            .set_response_timeout(None) // each call has its own
            .set_pipeline_buffer_size(PIPELINE)
            .set_push_sender(move |_: PushInfo| end.wait());
        let connect = async |client: &Client| {
            let driver = client.get_multiplexed_async_connection_with_config(&config);
            driver
                .await
                .map_err(|cause| no_connection(Some(client), cause))
        };
        let connected = timeout(self.connect_timeout, async {
            match &self.to {
                To::Server(client) => connect(client).await,
                To::Service(service) => {
                    let primary = service.primary().await?;
                    let mut driver = connect(&primary).await?;
                    check_is_primary(&primary, &mut driver).await?;
                    Ok(driver)
                }
            }
        });
        let late = |_| {
            no_connection(
                self.server_itself(),
                io::Error::from(io::ErrorKind::TimedOut).into(),
            )
        };
        Ok(Connection {
            driver: connected.await.map_err(late)??,
            ended,
            answers: AtomicU64::new(0),
            since: Instant::now(),
        })
    }

    /// The server, if it is always the same.
    fn server_itself(&self) -> Option<&Client> {
        match &self.to {
            To::Server(client) => Some(client),
            To::Service(_) => None,
        }
    }
}

impl Connection {
    /// Sends a command and waits for its answer, which may be an error of the server.
    ///
    /// `asking` tells a node of a cluster that it is about to take over the slot.
    pub(crate) async fn send(&self, command: &Cmd, asking: bool) -> RedisResult<Value> {
        let mut driver = self.driver.clone();
        let answer = if asking {
            let mut both = redis::pipe();
            both.cmd("ASKING").add_command(command.clone());
            let answers = driver.send_packed_commands(&both, 0, 2).await;
            answers.map(|mut answers| answers.pop().unwrap_or_default())
        } else {
            driver.send_packed_command(command).await
        };
        if answer.is_ok() {
            self.answers.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    /// Whether it is known to be of no more use.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// How many answers it has brought.
    pub(crate) fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    pub(crate) fn age(&self) -> Duration {
        self.since.elapsed()
    }
}

/// Tells, when it is dropped, that a connection has ended.
///
/// The task that drives a connection holds it, so it is dropped with the task: when the server hangs up,
/// and also when the runtime goes that the connection was made on.
struct End(Arc<AtomicBool>);

impl End {
    /// Nothing that a server says unasked is of interest.
    #[expect(clippy::unnecessary_wraps, reason = "as the driver wants it")]
    fn wait(&self) -> Result<(), ()> {
        Ok(())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
