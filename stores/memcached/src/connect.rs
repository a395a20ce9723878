//! From a URL to a store whose servers have been asked what they take.

use futures_util::future::join_all;
use session_store_api::{Result, StoreUrl};

use crate::MemcachedStore;
use crate::error::{STORE, config, no_cas};
use crate::server::Server;
use crate::servers::Servers;
use crate::settings::Settings;

pub(crate) async fn open(url: &str) -> Result<MemcachedStore> {
    let mut url = StoreUrl::parse(STORE, url)?;
    let mut settings = Settings::take(&mut url)?;
    let place = url.place()?;
    url.finish()?;

    let place = place.strip_prefix("//").unwrap_or(&place);
    let place = place.strip_suffix('/').unwrap_or(place);
    if place.contains('@') {
        return Err(config("this store has no user names and passwords"));
    }
    let servers = Servers::new(place.split(','), &settings)?;
    settings.set_largest_item(largest_item(&servers).await?)?;
    Ok(MemcachedStore::assemble(servers, settings))
}

/// The largest item that all servers take. Those that are away are passed over, unless all are.
async fn largest_item(servers: &Servers) -> Result<usize> {
    let mut largest: Option<usize> = None;
    let mut away = None;
    for asked in join_all(servers.iter().map(item_size_max)).await {
        match asked {
            Ok(bytes) => largest = Some(largest.map_or(bytes, |other| other.min(bytes))),
            Err(error) if error.kind().is_transient() => away = Some(error),
            Err(error) => return Err(error),
        }
    }
    match (largest, away) {
        (Some(bytes), _) => Ok(bytes),
        (None, Some(error)) => Err(error),
        (None, None) => Err(config("no server is named")),
    }
}

async fn item_size_max(server: &Server) -> Result<usize> {
    let settings = server.stats("settings").await?;
    if settings.text("cas_enabled")? != "yes" {
        return Err(no_cas());
    }
    let bytes = settings.number("item_size_max")?;
    Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
}
