//! From a URL to connections.

use std::str::FromStr;
use std::time::Duration;

use session_store_api::{Result, StoreUrl};
use session_store_sql::{Connections, Settings, config};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::error::{STORE, is_fit};
use crate::store::{BOUNDS, PgConnections};

/// How a store reaches its table.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) connections: PgConnections,
    /// Where the server is, for errors.
    pub(crate) place: String,
    /// How many batches of reads, and how many of writes, run at once.
    pub(crate) in_flight: usize,
    /// Whether there is a connection for each of these batches, so that a caller who holds one and is not
    /// polled keeps nobody waiting.
    pub(crate) alone: bool,
    /// Statements hold their values as text instead of being prepared.
    pub(crate) inline: bool,
    /// The table is to be created unlogged.
    pub(crate) unlogged: bool,
}

/// Connects nowhere yet.
pub(crate) fn open(text: &str) -> Result<(Door, Settings)> {
    let mut url = StoreUrl::parse(STORE, text)?;
    let settings = Settings::take(BOUNDS, &mut url)?;
    let connections = Settings::take_connections(BOUNDS, &mut url)?;
    let unlogged = flag(&mut url, "unlogged")?;
    let pooler = flag(&mut url, "pooler")?;
    let commit = url.text("synchronous_commit");
    let options = server(text, &mut url)?;
    url.finish()?;

    let options = options
        // Off, for it would be sent as a setting that most poolers refuse, and nothing here is a float.
        .extra_float_digits(None)
        .disable_statement_logging();
    let options = match (pooler, commit) {
        (true, Some(_)) => {
            return Err(wrong(
                "`synchronous_commit` does not pass a pooler; say `ALTER ROLE … SET synchronous_commit = off` instead",
            ));
        }
        (true, None) => options,
        (false, commit) => guarded(options, settings.timeout(), commit)?,
    };
    let door = Door {
        place: place(&options),
        connections: Connections::own(options, None, connections, is_fit),
        in_flight: connections.div_ceil(2),
        alone: connections.is_multiple_of(2),
        inline: pooler,
        unlogged,
    };
    Ok((door, settings))
}

/// Where the server is and how it is to be met.
fn server(text: &str, url: &mut StoreUrl) -> Result<PgConnectOptions> {
    let place = text.split(['?', '#']).next().unwrap_or_default();
    let mut options = PgConnectOptions::from_str(place).map_err(|cause| {
        wrong("the URL must be postgres://user:password@host:port/database").with_source(cause)
    })?;
    if let Some(mode) = url.text("sslmode") {
        let mode = PgSslMode::from_str(&mode).map_err(|_| {
            wrong("`sslmode` must be disable, allow, prefer, require, verify-ca or verify-full")
        })?;
        options = options.ssl_mode(mode);
    }
    if let Some(file) = url.text("sslrootcert") {
        options = options.ssl_root_cert(file);
    }
    if let Some(file) = url.text("sslcert") {
        options = options.ssl_client_cert(file);
    }
    if let Some(file) = url.text("sslkey") {
        options = options.ssl_client_key(file);
    }
    if let Some(folder) = url.text("host") {
        options = options.socket(folder);
    }
    let name = url.text("application_name");
    Ok(options.application_name(name.as_deref().unwrap_or("session-store")))
}

/// `host:port`, or a directory: never a user or a password.
pub(crate) fn place(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// The server too gives up what its caller has given up, and tells apart which row of a statement is locked
/// by somebody else. These are settings of the connection from its start.
fn guarded(
    options: PgConnectOptions,
    timeout: Duration,
    commit: Option<String>,
) -> Result<PgConnectOptions> {
    let statement = timeout.as_millis().clamp(1, 24 * 60 * 60 * 1000);
    let lock = (statement / 10).max(1);
    let options = options.options([
        ("statement_timeout", format!("{statement}ms")),
        ("lock_timeout", format!("{lock}ms")),
        // Every statement finds its rows by an index, however many they are and whatever the table holds. So
        // it is planned once for a connection; left to itself the server plans anew for each array of keys.
        ("plan_cache_mode", "force_generic_plan".to_owned()),
        ("enable_seqscan", "off".to_owned()),
    ]);
    match commit.as_deref() {
        None => Ok(options),
        Some(commit @ ("on" | "off" | "local" | "remote_write" | "remote_apply")) => {
            Ok(options.options([("synchronous_commit", commit)]))
        }
        Some(_) => Err(wrong(
            "`synchronous_commit` must be on, off, local, remote_write or remote_apply",
        )),
    }
}

fn flag(url: &mut StoreUrl, name: &'static str) -> Result<bool> {
    match url.text(name).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(wrong(format!("`{name}` must be true or false"))),
    }
}

fn wrong(message: impl Into<String>) -> session_store_api::Error {
    config(STORE, message)
}
