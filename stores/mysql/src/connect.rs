//! From a URL to connections.

use std::str::FromStr;
use std::time::Duration;

use session_store_api::{Result, StoreUrl};
use session_store_sql::{Connections, Settings, config};
use sqlx::ConnectOptions;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use crate::error::{STORE, is_fit};
use crate::store::{BOUNDS, MySqlConnections};

/// How a store reaches its table.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) connections: MySqlConnections,
    /// Where the server is, for errors.
    pub(crate) place: String,
    /// How many batches of reads, and how many of writes, run at once.
    pub(crate) in_flight: usize,
    /// Whether there is a connection for each of these batches, so that a caller who holds one and is not
    /// polled keeps nobody waiting.
    pub(crate) alone: bool,
}

/// Connects nowhere yet.
pub(crate) fn open(text: &str) -> Result<(Door, Settings)> {
    let mut url = StoreUrl::parse(STORE, text)?;
    let settings = Settings::take(BOUNDS, &mut url)?;
    let connections = Settings::take_connections(BOUNDS, &mut url)?;
    let options = server(text, &mut url)?;
    url.finish()?;

    let options = options
        .statement_cache_capacity(128)
        // Nothing here depends on what sqlx would set first.
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(false)
        .disable_statement_logging();
    let greeting = greeting(settings.timeout());
    let door = Door {
        place: place(&options),
        connections: Connections::own(options, Some(greeting), connections, is_fit),
        in_flight: connections.div_ceil(2),
        alone: connections.is_multiple_of(2),
    };
    Ok((door, settings))
}

/// Where the server is and how it is to be met.
fn server(text: &str, url: &mut StoreUrl) -> Result<MySqlConnectOptions> {
    let place = text.split(['?', '#']).next().unwrap_or_default();
    let mut options = MySqlConnectOptions::from_str(place).map_err(|cause| {
        config(
            STORE,
            "the URL must be mysql://user:password@host:port/database",
        )
        .with_source(cause)
    })?;
    if let Some(mode) = url.text("ssl-mode") {
        let mode = MySqlSslMode::from_str(&mode).map_err(|_| {
            config(
                STORE,
                "`ssl-mode` must be disabled, preferred, required, verify_ca or verify_identity",
            )
        })?;
        options = options.ssl_mode(mode);
    }
    if let Some(file) = url.text("ssl-ca") {
        options = options.ssl_ca(file);
    }
    if let Some(file) = url.text("ssl-cert") {
        options = options.ssl_client_cert(file);
    }
    if let Some(file) = url.text("ssl-key") {
        options = options.ssl_client_key(file);
    }
    if let Some(file) = url.text("socket") {
        options = options.socket(file);
    }
    Ok(options)
}

/// `host:port`, or a path: never a user or a password.
pub(crate) fn place(options: &MySqlConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// What a connection of ours is told first: to lock no gaps, which nothing here needs, and how many
/// seconds to wait for a row that somebody else has locked before its neighbours go without it.
fn greeting(timeout: Duration) -> String {
    let lock = (timeout.as_millis() / 10_000).clamp(1, 60);
    format!(
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
         SET SESSION innodb_lock_wait_timeout = {lock}"
    )
}
