//! From a URL to a store.

use std::sync::Arc;

use session_store_api::{AtomicSessionStore, Error, ErrorKind, Result};

/// Opens the store that `url` names, so that the choice is a line of configuration.
///
/// The scheme picks the store, in upper or lower case; everything behind it is read by the store's own
/// `connect`. The [crate docs](crate) list the URLs with their parameters and defaults.
///
/// ```
/// # #[cfg(feature = "memory")]
/// # async fn run() -> session_store::Result<()> {
/// let url = std::env::var("SESSION_STORE_URL").unwrap_or("memory:".to_owned());
/// let store = session_store::connect(&url).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`ErrorKind::Config`] if the URL has no scheme or an unknown one, or if the store does not know a
/// parameter or cannot read its value. [`ErrorKind::Unsupported`] if the store is not in this build;
/// the message names the feature. Otherwise whatever the store answers when it cannot be opened.
/// The message never shows more of the URL than its scheme and the names of its parameters.
pub async fn connect(url: &str) -> Result<Arc<dyn AtomicSessionStore>> {
    let scheme = scheme(url)?;
    match scheme.as_str() {
        #[cfg(feature = "memory")]
        "memory" => Ok(Arc::new(session_store_memory::MemoryStore::from_url(url)?)),
        #[cfg(feature = "sqlite")]
        "sqlite" => Ok(Arc::new(
            session_store_sqlite::SqliteStore::connect(url).await?,
        )),
        #[cfg(feature = "redis")]
        scheme if REDIS.contains(&scheme) => Ok(Arc::new(
            session_store_redis::RedisStore::connect(url).await?,
        )),
        #[cfg(feature = "postgres")]
        scheme if POSTGRES.contains(&scheme) => Ok(Arc::new(
            session_store_postgres::PostgresStore::connect(url).await?,
        )),
        #[cfg(feature = "mysql")]
        scheme if MYSQL.contains(&scheme) => Ok(Arc::new(
            session_store_mysql::MySqlStore::connect(url).await?,
        )),
        #[cfg(feature = "memcached")]
        "memcached" => Ok(Arc::new(
            session_store_memcached::MemcachedStore::connect(url).await?,
        )),
        #[cfg(feature = "mongodb")]
        scheme if MONGODB.contains(&scheme) => Ok(Arc::new(
            session_store_mongodb::MongoDbStore::connect(url).await?,
        )),
        scheme => Err(not_built(scheme)),
    }
}

/// The stores there are: the feature that brings each, whether this build has it, and its schemes.
const STORES: &[(&str, bool, &[&str])] = &[
    ("memory", cfg!(feature = "memory"), &["memory"]),
    ("sqlite", cfg!(feature = "sqlite"), &["sqlite"]),
    ("redis", cfg!(feature = "redis"), REDIS),
    ("postgres", cfg!(feature = "postgres"), POSTGRES),
    ("mysql", cfg!(feature = "mysql"), MYSQL),
    ("memcached", cfg!(feature = "memcached"), &["memcached"]),
    ("mongodb", cfg!(feature = "mongodb"), MONGODB),
];

const POSTGRES: &[&str] = &["postgres", "postgresql"];

const MYSQL: &[&str] = &["mysql", "mariadb"];

const MONGODB: &[&str] = &["mongodb", "mongodb+srv"];

const REDIS: &[&str] = &[
    "redis",
    "rediss",
    "redis+unix",
    "redis-sentinel",
    "redis-sentinels",
    "redis-cluster",
    "redis-clusters",
];

/// The scheme of `url` in lower case.
fn scheme(url: &str) -> Result<String> {
    if url.is_empty() {
        return Err(refused("the URL is empty"));
    }
    match url.split_once(':') {
        Some((scheme, _)) if is_scheme(scheme) => Ok(scheme.to_ascii_lowercase()),
        _ => Err(refused(
            "the URL has no scheme (write `sqlite:sessions.db` for a file, `memory:` for none)",
        )),
    }
}

/// Whether `text` can be a scheme. A single letter is the drive of a path.
fn is_scheme(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// The error for a scheme that this build does not serve.
fn not_built(scheme: &str) -> Error {
    let store = STORES
        .iter()
        .find(|(_, _, schemes)| schemes.contains(&scheme));
    let Some((feature, _, _)) = store else {
        return refused(format!("no store has the scheme `{scheme}`"));
    };
    let message = format!(
        "it is not in this build; enable the feature \"{feature}\" of the crate session-store"
    );
    Error::new(ErrorKind::Unsupported, feature, message)
}

/// The error for a URL that leads to no store.
fn refused(reason: impl std::fmt::Display) -> Error {
    let built = STORES.iter().filter(|(_, is_built, _)| *is_built);
    let schemes: Vec<_> = built
        .flat_map(|(_, _, schemes)| schemes.iter().map(|scheme| format!("`{scheme}:`")))
        .collect();
    let known = if schemes.is_empty() {
        "none: enable a feature of the crate session-store".to_owned()
    } else {
        schemes.join(", ")
    };
    let message = format!("{reason}; the schemes of this build are {known}");
    Error::new(ErrorKind::Config, "chosen", message)
}
