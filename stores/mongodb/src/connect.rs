//! From a URL to a client.

use std::sync::Arc;

use mongodb::Client;
use mongodb::error::ErrorKind as DriverKind;
use mongodb::options::{ClientOptions, ConnectionString, ReadPreference, SelectionCriteria};
use session_store_api::{Error, ErrorKind, Result, StoreUrl};

use crate::MongoDbStore;
use crate::error::{STORE, config, error};
use crate::retry::Retries;
use crate::settings::{Settings, is_confirmed};
use crate::store::{IN_FLIGHT, within};

/// Makes a client, and asks a server what it is.
pub(crate) async fn open(url: &str) -> Result<MongoDbStore> {
    let Urls { ours, drivers } = Urls::split(url)?;
    let mut ours = StoreUrl::parse(STORE, &ours)?;
    let settings = Settings::take(&mut ours)?;
    ours.finish()?;

    let mut options = within(settings.timeout, async {
        let options = ClientOptions::parse(&drivers).await;
        options.map_err(|cause| refused(&drivers, &cause))
    })
    .await?;
    check(&options)?;
    let Some(database) = options.default_database.clone() else {
        return Err(config(
            "the URL names no database; write `mongodb://host/database`",
        ));
    };
    let patience = settings.patience();
    options.server_selection_timeout.get_or_insert(patience);
    options.connect_timeout.get_or_insert(patience);
    let name = || env!("CARGO_PKG_NAME").to_owned();
    options.app_name.get_or_insert_with(name);
    let retries = options.retry_writes != Some(false);
    let alone = has_room(options.max_pool_size);
    let client = Client::with_options(options).map_err(|cause| error(&cause))?;
    let database = client.database(&database);
    let retries = retries
        && within(settings.timeout, async {
            let possible = Retries::are_possible(&database).await;
            possible.map_err(|cause| error(&cause))
        })
        .await?;
    let retries = retries.then(|| Arc::new(Retries::new(client)));
    Ok(MongoDbStore::assemble(database, settings, retries, alone))
}

/// Whether a pool of this size has a connection for every batch that may run at once. The driver's own size is
/// 10.
fn has_room(pool: Option<u32>) -> bool {
    pool.is_none_or(|connections| connections as usize >= 2 * IN_FLIGHT)
}

/// A URL as two: one with our parameters, one for the driver with all others, which it knows or refuses.
struct Urls {
    ours: String,
    drivers: String,
}

impl Urls {
    fn split(url: &str) -> Result<Self> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(config("write `mongodb://host/database`"));
        };
        let scheme = scheme.to_ascii_lowercase();
        if scheme == "mongodb+srv" && !cfg!(feature = "srv") {
            let message = "this build does not look hosts up in DNS; enable the feature \"srv\" of the crate \
                           session-store-mongodb";
            return Err(Error::new(ErrorKind::Unsupported, STORE, message));
        }
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let is_ours = |parameter: &&str| {
            let name = parameter
                .split_once('=')
                .map_or(*parameter, |(name, _)| name);
            Settings::PARAMETERS.contains(&name)
        };
        let (ours, drivers): (Vec<_>, Vec<_>) = query
            .split('&')
            .filter(|parameter| !parameter.is_empty())
            .partition(is_ours);
        let query = if drivers.is_empty() { "" } else { "?" };
        Ok(Self {
            ours: format!("{STORE}:?{}", ours.join("&")),
            drivers: format!("{scheme}://{place}{query}{}", drivers.join("&")),
        })
    }
}

/// Refuses what would break the contract.
fn check(options: &ClientOptions) -> Result<()> {
    match &options.selection_criteria {
        None | Some(SelectionCriteria::ReadPreference(ReadPreference::Primary)) => {}
        Some(_) => {
            return Err(config(
                "`readPreference` must be primary: elsewhere a record may be missing that was just written",
            ));
        }
    }
    if !options.write_concern.as_ref().is_none_or(is_confirmed) {
        return Err(config(
            "`w` must be more than 0, so that the server confirms what it writes",
        ));
    }
    Ok(())
}

/// Why the driver refuses a URL.
///
/// It quotes what it cannot read, and that may be a password. So only what it says of the URL without the
/// credentials is shown.
fn refused(url: &str, cause: &mongodb::error::Error) -> Error {
    if !matches!(&*cause.kind, DriverKind::InvalidArgument { .. }) {
        return error(cause);
    }
    let bare = match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => url.to_owned(),
    };
    let ours = Settings::PARAMETERS.join(", ");
    match ConnectionString::parse(bare).map_err(|cause| *cause.kind) {
        Err(DriverKind::InvalidArgument { message, .. }) => config(format!(
            "{message} (besides the driver's options there are {ours})"
        )),
        _ => config("in the URL, user name and password must be percent-encoded"),
    }
}
