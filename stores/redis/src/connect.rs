//! From a URL to connections.

use std::sync::Arc;
use std::time::Duration;

use redis::ConnectionAddr;
use session_store_api::{Result, StoreUrl};

use crate::RedisStore;
use crate::address::{Place, Target};
use crate::backend::Backend;
use crate::call::{Patience, Trouble};
use crate::cluster::Cluster;
use crate::dial::{Dial, Manner};
use crate::error::STORE;
use crate::link::Link;
use crate::sentinel::Service;
use crate::settings::{Settings, positive};
use crate::tls::TlsFiles;

/// How long making a connection may take, TLS and password included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens the store of a URL, and makes its first connection.
pub(crate) async fn open(text: &str) -> Result<RedisStore> {
    let mut url = StoreUrl::parse(STORE, text)?;
    let target = Target::take(text, &mut url)?;
    let settings = Settings::take(&mut url)?;
    let connect_timeout = match url.duration("connect_timeout")? {
        Some(timeout) => positive("connect_timeout", timeout)?,
        None => CONNECT_TIMEOUT.min(settings.timeout),
    };
    let visitor = match target.place {
        Place::Sentinel(..) => {
            let user = url.text("sentinel_user").filter(|user| !user.is_empty());
            (user, url.text("sentinel_password"))
        }
        _ => (None, None),
    };
    let files = target.tls.then(|| TlsFiles::take(&mut url)).transpose()?;
    url.finish()?;

    let manner = Manner {
        user: target.user,
        password: target.password,
        database: target.database,
        tls: files.as_ref().map(TlsFiles::read).transpose()?,
        connect_timeout,
        silence: settings.timeout,
    };
    let backend = match target.place {
        Place::Server(address) => server(Dial::server(manner.client(&address)?, connect_timeout)),
        Place::Socket(path) => {
            let client = manner.client_at(ConnectionAddr::Unix(path))?;
            server(Dial::server(client, connect_timeout))
        }
        Place::Sentinel(sentinels, name) => {
            let (user, password) = visitor;
            let visitor = Manner {
                user,
                password,
                database: 0,
                ..manner.clone()
            };
            let service = Service::new(name, &sentinels, &visitor, manner)?;
            server(Dial::service(service, connect_timeout))
        }
        Place::Cluster(seeds) => Backend::Cluster(Arc::new(Cluster::new(manner, seeds))),
    };
    let patience = Patience::of(settings.timeout);
    backend
        .connect(patience)
        .await
        .map_err(Trouble::into_error)?;
    Ok(RedisStore::assemble(backend, settings))
}

fn server(dial: Dial) -> Backend {
    Backend::Server(Arc::new(Link::new(dial)))
}
