//! Asking Sentinels who is the primary.

use futures_util::future::{FutureExt, select_ok};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, Value};
use session_store_api::{Error, ErrorKind, Result};

use crate::address::Address;
use crate::dial::Manner;
use crate::error::{STORE, no_connection, refused, unexpected_answer};

/// A service, and the Sentinels that know its primary.
///
/// The driver's own client for Sentinel waits half a second for each answer, whatever it is told, and asks
/// one Sentinel after the other.
pub(crate) struct Service {
    name: String,
    sentinels: Vec<Client>,
    /// How one comes to the primary.
    manner: Manner,
}

impl Service {
    /// `visitor` is how one comes to the Sentinels, which have users of their own.
    pub(crate) fn new(
        name: String,
        sentinels: &[Address],
        visitor: &Manner,
        manner: Manner,
    ) -> Result<Self> {
        let sentinels = sentinels.iter().map(|address| visitor.client(address));
        Ok(Self {
            name,
            sentinels: sentinels.collect::<Result<_>>()?,
            manner,
        })
    }

    /// The server that some Sentinel calls the primary. All are asked at once, and the first answer counts.
    pub(crate) async fn primary(&self) -> Result<Client> {
        let questions = self.sentinels.iter().map(|at| self.ask(at).boxed());
        let (primary, _) = select_ok(questions).await?;
        self.manner.client(&primary)
    }

    async fn ask(&self, sentinel: &Client) -> Result<Address> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None) // whoever asks has a limit for all of it
            .set_response_timeout(None);
        let connection = sentinel.get_multiplexed_async_connection_with_config(&config);
        let connection = connection.await;
        let mut connection = connection.map_err(|cause| no_connection(Some(sentinel), cause))?;
        let mut question = Cmd::new();
        question.arg("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME");
        match send(sentinel, &mut connection, question.arg(&self.name)).await? {
            Value::Array(address) => read(&address).ok_or_else(unexpected_answer),
            Value::Nil => Err(unavailable("Sentinel knows no service of that name")),
            _ => Err(unexpected_answer()),
        }
    }
}

/// Makes sure that a server is what a Sentinel called it: that may have been a while ago.
pub(crate) async fn check_is_primary(
    server: &Client,
    connection: &mut MultiplexedConnection,
) -> Result<()> {
    let role = send(server, connection, Cmd::new().arg("ROLE")).await?;
    match &role {
        Value::Array(role)
            if role
                .first()
                .is_some_and(|role| text(role) == Some("master")) =>
        {
            Ok(())
        }
        _ => Err(unavailable("Sentinel has not agreed on a primary yet")),
    }
}

async fn send(to: &Client, connection: &mut MultiplexedConnection, command: &Cmd) -> Result<Value> {
    match connection.send_packed_command(command).await {
        Ok(Value::ServerError(error)) => Err(refused(&error, "")),
        answer => answer.map_err(|cause| no_connection(Some(to), cause)),
    }
}

/// An answer of the form `[host, port]`.
fn read(address: &[Value]) -> Option<Address> {
    let [host, port] = address else { return None };
    Some(Address {
        host: text(host)?.to_owned(),
        port: text(port)?.parse().ok()?,
    })
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(text) => std::str::from_utf8(text).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

fn unavailable(message: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, STORE, message)
}
