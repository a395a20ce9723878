//! All servers, and which of them keeps a record.

use memcache::exp::{Rendezvous, Router};
use session_store_api::{Error, Result};
use session_store_batch::{Batcher, Limits};

use crate::address::Address;
use crate::call::{Answer, Call};
use crate::error::{batch_error, config};
use crate::server::{LANES, Server};
use crate::settings::Settings;

/// All servers, each with a queue of its own: one that hangs holds up nobody else's.
pub(crate) struct Servers {
    addresses: Vec<String>,
    queues: Vec<Batcher<Server>>,
}

impl Servers {
    pub(crate) fn new<S: AsRef<str>>(
        servers: impl IntoIterator<Item = S>,
        settings: &Settings,
    ) -> Result<Self> {
        let mut addresses: Vec<String> = Vec::new();
        let mut queues = Vec::new();
        let limits = Limits::default()
            .with_in_flight(LANES)
            .with_timeout(settings.timeout);
        for server in servers {
            let address = Address::parse(server.as_ref())?;
            if addresses.iter().any(|other| other == address.as_str()) {
                return Err(config("a server is named twice"));
            }
            addresses.push(address.as_str().to_owned());
            queues.push(Batcher::new(Server::new(address, settings.timeout), limits));
        }
        if queues.is_empty() {
            return Err(config("no server is named"));
        }
        Ok(Self { addresses, queues })
    }

    /// `host:port` of each.
    pub(crate) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Server> {
        self.queues.iter().map(Batcher::batch)
    }

    /// The one that keeps the record under `key`.
    pub(crate) fn of(&self, key: &str) -> &Server {
        self.queue(key).batch()
    }

    /// Makes a call, together with others that are made at the same time.
    pub(crate) async fn call(&self, call: Call) -> Result<Answer, Error> {
        let queue = self.queue(&call.key);
        queue.call(call).await.map_err(batch_error)?
    }

    fn queue(&self, key: &str) -> &Batcher<Server> {
        let place = Rendezvous::new().route(key.as_bytes(), &self.addresses);
        &self.queues[place]
    }
}
